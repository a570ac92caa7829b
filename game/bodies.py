"""Readers and writers of inputs and events generated per class, as attrs generates ``__init__``: at most one call per value.

A *body* is one quantized value per field, in order; `game.codec` has the names under which others call these.
"""

import struct
from collections.abc import Callable, Sequence
from typing import Any

from attrs import frozen

from game.binary import BadBytes, Reader, column_code, put_text
from game.fields import FieldSpec, Kind
from game.quantize import Quantized


@frozen
class BodyCode:
    """``put(out, values)`` appends bytes, ``read(reader)`` takes them, within each field's range or BadBytes.

    ``build(values)`` makes the instance of the class that was given, or a dict without one.
    """

    put: Callable[[bytearray, Sequence[Any]], None]
    read: Callable[[Reader], Sequence[Quantized]]
    build: Callable[[Sequence[Quantized]], Any]


def compile_body(fields: Sequence[tuple[str, FieldSpec]], cls: type | None) -> BodyCode:
    """The code of one class of inputs or events."""
    names: dict[str, Any] = {"BadBytes": BadBytes, "put_text": put_text, "make": dict if cls is None else cls}
    specs = [spec for _, spec in fields]
    for i, spec in enumerate(specs):
        names[f"choices{i}"] = spec.choices
    for i, run in _runs(specs):
        names[f"pack{i}"] = struct.Struct("<" + "".join(column_code(spec.steps)[0] for spec in run)).pack
    source = "\n".join([*_put(specs), *_read(fields), *_build(fields)])
    exec(compile(source, f"<body of {cls.__name__ if cls else 'a message'}>", "exec"), names)
    return BodyCode(names["put"], names["read"], names["build"])


def _runs(specs: Sequence[FieldSpec]) -> list[tuple[int, list[FieldSpec]]]:
    """Neighbours that are numbers, with the place of the first: they are packed at once."""
    runs: list[tuple[int, list[FieldSpec]]] = []
    for i, spec in enumerate(specs):
        if spec.kind is Kind.TEXT:
            continue
        if runs and runs[-1][0] + len(runs[-1][1]) == i:
            runs[-1][1].append(spec)
        else:
            runs.append((i, [spec]))
    return runs


def _unpacked(count: int) -> str:
    return "".join(f"v{i}, " for i in range(count))


def _put(specs: Sequence[FieldSpec]) -> list[str]:
    lines = ["def put(out, values):", f"    ({_unpacked(len(specs))}) = values"]
    runs = dict(_runs(specs))
    for i, spec in enumerate(specs):
        if spec.kind is Kind.TEXT:
            lines.append(f"    put_text(out, v{i})")
        elif i in runs:
            lines.append(f"    out += pack{i}({', '.join(f'v{i + n}' for n in range(len(runs[i])))})")
    return lines


def _read(fields: Sequence[tuple[str, FieldSpec]]) -> list[str]:
    lines = ["def read(reader):"]
    runs = dict(_runs([spec for _, spec in fields]))
    for i, (_, spec) in enumerate(fields):
        if spec.kind is Kind.TEXT:
            lines.append(f"    v{i} = reader.text({spec.max_bytes})")
        elif i in runs:
            codes = "".join(column_code(each.steps)[0] for each in runs[i])
            taken = "".join(f"v{i + n}, " for n in range(len(runs[i])))
            lines.append(f"    {taken} = reader.row('<{codes}', {struct.calcsize('<' + codes)})")
            for n, each in enumerate(runs[i]):
                if each.steps not in (0xFF, 0xFFFF, 0xFFFF_FFFF):
                    wrong = f"{fields[i + n][0]}: expected at most {each.steps}, got "
                    lines.append(f"    if v{i + n} > {each.steps}: raise BadBytes({wrong!r} + str(v{i + n}))")
    return [*lines, f"    return [{_unpacked(len(fields))}]"]


def _build(fields: Sequence[tuple[str, FieldSpec]]) -> list[str]:
    arguments = ", ".join(f"{name}={_seen(i, spec)}" for i, (name, spec) in enumerate(fields))
    return ["def build(values):", f"    ({_unpacked(len(fields))}) = values", f"    return make({arguments})"]


def _seen(i: int, spec: FieldSpec) -> str:
    """What `game.quantize.dequantize` computes."""
    match spec.kind:
        case Kind.NUM:
            return f"{spec.min!r} + v{i} * {spec.step!r}"
        case Kind.WHOLE:
            return f"{int(spec.min)} + v{i}"
        case Kind.FLAG:
            return f"v{i} != 0"
        case Kind.CHOICE:
            return f"choices{i}[v{i}]"
        case Kind.TEXT:
            return f"v{i}"
