"""Values to whole numbers and back: ``q = floor((value - min) * (1 / step) + 0.5)``, clamped to 0…steps.

The same formula stands in the browser's codec, in double precision on both sides, so both get the same whole number.
"""

import math
from typing import Any

from game.fields import FieldSpec, Kind, Overflow

Quantized = int | str


class WireOverflow(Exception):
    """A value outside its declared range in a field that declares this to be an incident."""


def quantize(spec: FieldSpec, value: Any) -> Quantized:
    """The wire's form of a value. Out of range, NaN and infinity are clamped (NaN to the minimum).

    Raises WireOverflow where the field declares an incident, TypeError or ValueError for a value of another type.
    """
    match spec.kind:
        case Kind.NUM | Kind.WHOLE:
            return _quantize_number(spec, value)
        case Kind.FLAG:
            return 1 if value else 0
        case Kind.CHOICE:
            return spec.choices.index(value)
        case Kind.TEXT:
            return clip_text(value, spec.max_bytes)


def dequantize(spec: FieldSpec, q: Any) -> Any:
    """The value that a receiver sees."""
    match spec.kind:
        case Kind.NUM:
            return spec.min + q * spec.step
        case Kind.WHOLE:
            return int(spec.min) + q
        case Kind.FLAG:
            return q != 0
        case Kind.CHOICE:
            return spec.choices[q]
        case Kind.TEXT:
            return q


def is_within(spec: FieldSpec, value: float) -> bool:
    """Whether a number quantizes without being clamped; what JSON inputs must be."""
    return 0 <= _scaled(spec, value) < spec.steps + 1


def clip_text(value: str, max_bytes: int) -> str:
    """The longest prefix that fits into ``max_bytes`` of UTF-8; lone surrogates become question marks."""
    raw = value.encode("utf-8", "replace")
    if len(raw) <= max_bytes:
        return raw.decode("utf-8")
    return raw[:max_bytes].decode("utf-8", "ignore")


def _scaled(spec: FieldSpec, value: float) -> float:
    try:
        return (value - spec.min) * (1.0 / spec.step) + 0.5
    except OverflowError:  # an int beyond every float
        return math.inf if value > 0 else -math.inf


def _quantize_number(spec: FieldSpec, value: float) -> int:
    if not isinstance(value, int | float):
        raise TypeError(f"expected a number, got {type(value).__name__} {value!r}")
    scaled = _scaled(spec, value)
    if 0 <= scaled < spec.steps + 1:
        return int(scaled)
    if spec.overflow is Overflow.INCIDENT:
        raise WireOverflow(f"{value!r} is outside {spec.min} … {spec.min + spec.steps * spec.step}")
    return spec.steps if scaled > 0 else 0
