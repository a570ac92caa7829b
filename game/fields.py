"""Wire fields: how an author says what travels, how exactly, and who may see it.

Each function here makes an ``attrs`` field that carries a :class:`FieldSpec` in its metadata. A field without one (a
plain ``attrs`` field) never leaves the server, and a wire field without an audience is hidden too: what an author
forgot is hidden, not leaked. `game.schema` reads these; nothing here encodes.
"""

import math
from enum import Enum
from typing import Any

from attrs import Attribute, field, frozen

METADATA_KEY = "roomwright"
_FINEST = 1.0 / (1 << 50)  # of a double's size; a step must be larger, or neighbours become one


class Audience(Enum):
    """Who may see a field, an entity or an event."""

    PUBLIC = "public"
    TEAM = "team"
    SEAT = "seat"
    SPECTATORS = "spectators"
    NOBODY = "nobody"


PUBLIC, TEAM, SEAT, SPECTATORS, NOBODY = Audience


class Kind(Enum):
    """The shape of one value on the wire."""

    NUM = "num"
    WHOLE = "whole"
    FLAG = "flag"
    CHOICE = "choice"
    TEXT = "text"


class Overflow(Enum):
    """What happens to a value outside its declared range: clamped and counted, or the room's end with an incident."""

    CLAMP = "clamp"
    INCIDENT = "incident"


@frozen
class FieldSpec:
    """One wire field. ``steps`` is the largest quantized value: 0…steps travel, and ``value = min + q * step``.

    ``rate`` names the field that this one moves by, and ``tolerance`` says how many steps it may then be off.
    """

    kind: Kind
    audience: Audience = NOBODY
    min: float = 0.0
    step: float = 1.0
    steps: int = 0
    choices: tuple[str, ...] = ()
    max_bytes: int = 0
    overflow: Overflow = Overflow.CLAMP
    rate: str | None = None
    tolerance: int = 0


@frozen
class EntitiesSpec:
    """A collection ``dict[int, entity]`` of the world: who may know that its members exist, and whose they are.

    ``owner`` and ``team`` name attributes of the entity that hold its seat and team number (or None).
    ``audience_of`` names an attribute that holds an :class:`Audience`, for entities that are revealed or hidden in
    mid-match; ``audience`` then is only the default of the documentation.
    """

    entity: type
    audience: Audience = NOBODY
    owner: str | None = None
    team: str | None = None
    audience_of: str | None = None


def num(
    low: float,
    high: float,
    *,
    step: float,
    audience: Audience = NOBODY,
    default: float | None = None,
    overflow: Overflow = Overflow.CLAMP,
    rate: str | None = None,
    tolerance: float | None = None,
) -> Any:
    """A float that travels as ``floor((value - low) / step + 0.5)``; the rules keep it unquantized.

    ``rate`` names another wire field of the class, of the same audience, that says how fast this one moves, in units a
    second. Receivers then move it on by themselves, and it is sent only where they would miss it by more than ``tolerance``.

    Raises ValueError where the range is empty or not finite, needs more than 32 bits, where a double could not tell
    its neighbours apart so far from 0, or where the tolerance is below a step.
    """
    if not (math.isfinite(low) and math.isfinite(high - low) and math.isfinite(step) and step > 0 and high > low):
        raise ValueError(f"num() expected finite low < high and step > 0, got low={low}, high={high}, step={step}")
    if (high - low) / step > 1e10 or step < max(abs(low), abs(high)) * _FINEST or not math.isfinite(1 / step):
        raise ValueError(
            f"num({low}, {high}, step={step}) has steps too fine for its range: choose another step or range"
        )
    steps = _fitting(round((high - low) / step), f"num({low}, {high}, step={step})")
    slack = _slack(rate, tolerance, step)
    spec = FieldSpec(Kind.NUM, audience, float(low), float(step), steps, (), 0, overflow, rate, slack)
    return _wire(spec, low if default is None and low > 0 else default if default is not None else 0.0)


def whole(
    low: int, high: int, *, audience: Audience = NOBODY, default: int | None = None, overflow: Overflow = Overflow.CLAMP
) -> Any:
    """An int from low to high inclusive. Raises ValueError where the range is empty or needs more than 32 bits."""
    if high <= low:
        raise ValueError(f"whole() expected low < high, got low={low}, high={high}")
    steps = _fitting(high - low, f"whole({low}, {high})")
    spec = FieldSpec(Kind.WHOLE, audience, low, 1, steps, overflow=overflow)
    return _wire(spec, max(low, 0) if default is None else default)


def flag(*, audience: Audience = NOBODY, default: bool = False) -> Any:
    """True or false."""
    return _wire(FieldSpec(Kind.FLAG, audience, steps=1), default)


def choice(options: tuple[str, ...], *, audience: Audience = NOBODY, default: str | None = None) -> Any:
    """One of a fixed tuple of strings; the first is the default. Raises ValueError for an empty or repeated option."""
    if not options or len(set(options)) != len(options) or len(options) > 256:
        raise ValueError(f"choice() expected 1 to 256 different strings, got {options!r}")
    spec = FieldSpec(Kind.CHOICE, audience, steps=len(options) - 1, choices=tuple(options))
    return _wire(spec, options[0] if default is None else default)


def text(max_bytes: int, *, audience: Audience = NOBODY, default: str = "") -> Any:
    """A string of at most ``max_bytes`` UTF-8 bytes (1…65535); a longer one is cut at a character, and counted."""
    if not 1 <= max_bytes <= 65_535:
        raise ValueError(f"text() expected 1 to 65535 bytes, got {max_bytes}")
    return _wire(FieldSpec(Kind.TEXT, audience, max_bytes=max_bytes), default)


def entities(
    entity: type,
    *,
    audience: Audience = NOBODY,
    owner: str | None = None,
    team: str | None = None,
    audience_of: str | None = None,
) -> Any:
    """A collection of entities by a number of the author's choice, empty at first."""
    spec = EntitiesSpec(entity, audience, owner, team, audience_of)
    return field(factory=dict, metadata={METADATA_KEY: spec})


def spec_of(attribute: "Attribute[Any]") -> FieldSpec | EntitiesSpec | None:
    """The wire spec of an attrs field, or None for a field that never travels."""
    found = attribute.metadata.get(METADATA_KEY)
    return found if isinstance(found, FieldSpec | EntitiesSpec) else None


def _wire(spec: FieldSpec, default: object) -> Any:
    return field(default=default, metadata={METADATA_KEY: spec})


def _slack(rate: str | None, tolerance: float | None, step: float) -> int:
    if (rate is None) != (tolerance is None):
        raise ValueError(f"num() expected rate= and tolerance= together, got rate={rate!r}, tolerance={tolerance}")
    if tolerance is None:
        return 0
    if not step <= tolerance < math.inf:
        raise ValueError(
            f"num() expected a finite tolerance of at least a step, got tolerance={tolerance}, step={step}"
        )
    return math.floor(tolerance / step + 1e-9)  # 0.3 is three steps of 0.1, whatever a double says


def _fitting(steps: int, what: str) -> int:
    if not 1 <= steps <= 0xFFFF_FFFF:
        raise ValueError(f"{what} has {steps} steps; expected 1 to 4294967295: choose another step or range")
    return steps
