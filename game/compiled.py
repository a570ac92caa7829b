"""Row updaters and mask readers generated per table, as attrs generates ``__init__``: no per-field dispatch on the
tick path.

A *row* is a list ``[wire_id, born_seq, last_seq, q0, seq0, q1, seq1, …]``: each field's quantized value beside the seq
at which it last changed. `game.tracker` owns the rows.
"""

from collections.abc import Callable, Sequence
from typing import Any

from attrs import frozen

from game.fields import FieldSpec, Kind
from game.quantize import quantize
from game.schema import Table

Row = list[Any]
BORN, LAST, FIRST_FIELD = 1, 2, 3


@frozen
class TableCode:
    """The generated functions of one table.

    ``update(row, entity, seq)`` writes what changed; ``mask(row, base)`` says which fields changed after ``base``.
    """

    update: Callable[[Row, Any, int], None]
    mask: Callable[[Row, int], int]


class _Choices(dict[str, int]):
    """The numbers of a field's choices."""

    def __init__(self, where: str, choices: Sequence[str]) -> None:
        super().__init__({value: n for n, value in enumerate(choices)})
        self.where = where

    def __missing__(self, value: object) -> int:
        raise ValueError(f"{self.where}: expected one of {list(self)}, got {value!r}")


def compile_table(table: Table, out_of_range: Callable[[str, str], None]) -> TableCode:
    """Generates a table's functions. ``out_of_range(collection, field)`` is called for each clamped or cut value.

    ``update`` raises WireOverflow where a field declares that to be an incident, ValueError for a foreign choice.
    """

    def careful(position: int, value: Any) -> Any:
        wire = table.fields[position]
        q = quantize(wire.spec, value)
        if wire.spec.kind is not Kind.TEXT or q != value:
            out_of_range(table.collection, wire.name)
        return q

    names: dict[str, Any] = {"careful": careful}
    for i, wire in enumerate(table.fields):
        names[f"index{i}"] = _Choices(f"{table.collection}.{wire.name}", wire.spec.choices)
    exec(compile(_source(table), f"<rows of {table.collection} for {table.section.value}>", "exec"), names)
    return TableCode(names["update"], names["mask"])


def _source(table: Table) -> str:
    update = ["def update(row, entity, seq):"]
    terms = []
    for i, wire in enumerate(table.fields):
        at = FIRST_FIELD + 2 * i
        update += [f"    {line}" for line in _quantizing(i, wire.name, wire.spec)]
        update += [f"    if q != row[{at}]:", f"        row[{at}] = q", f"        row[{at + 1}] = row[{LAST}] = seq"]
        terms.append(f"(row[{at + 1}] > base) << {i}")
    update += ["    return None"]
    mask = [
        "def mask(row, base):",
        f"    if row[{BORN}] > base:",
        f"        return {table.full_mask}",
        f"    return {' | '.join(terms) or '0'}",
    ]
    return "\n".join(update + mask)


def _quantizing(i: int, name: str, spec: FieldSpec) -> list[str]:
    match spec.kind:
        case Kind.FLAG:
            return [f"q = 1 if entity.{name} else 0"]
        case Kind.CHOICE:
            return [f"q = index{i}[entity.{name}]"]
        case Kind.TEXT:
            return [
                f"q = entity.{name}",
                f"if len(q) > {spec.max_bytes} or not q.isascii():",
                f"    q = careful({i}, q)",
            ]
        case Kind.NUM | Kind.WHOLE:
            # Compared before int() cuts towards zero: what is just below the range is out of it too.
            return [
                "try:",
                f"    q = (entity.{name} - {spec.min!r}) * {1.0 / spec.step!r} + 0.5",
                f"    q = int(q) if 0 <= q < {spec.steps + 1} else careful({i}, entity.{name})",
                "except OverflowError:",
                f"    q = careful({i}, entity.{name})",
            ]
