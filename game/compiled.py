"""Scans generated per table, as attrs generates ``__init__``: no per-field dispatch on the tick path.

A scan reads all entities of a table at once, is done where nothing is new, and goes on column by column: each is skipped
or quantized as a whole. `game.columns` holds what it finds, `game.tracker` calls it.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import sub
from typing import Any, Protocol

from game.fields import FieldSpec, Kind
from game.quantize import Quantized, is_within, quantize
from game.schema import Table

OutOfRange = Callable[[str, str], None]  # the collection and the field of a value that was clamped or cut


class Columns(Protocol):
    """What a scan reads and writes: what it read last, the quantized values, and when each last changed.

    ``rows`` and ``raw[i]`` are None where all must be read again even if nothing is new: something is out of range.
    """

    rows: list[tuple[Any, ...]] | None
    raw: list[tuple[Any, ...] | None]
    q: list[list[Any]]
    at: list[list[int]]
    newest: list[int]
    goals: list[list[int]]

    def moved(self, n: int, seq: int) -> list[int]:
        """Where receivers take a moving field to be."""
        ...


Scan = Callable[[Columns, Sequence[Any], int, OutOfRange], bool]


class _Choices(dict[str, int]):
    """The numbers of a field's choices."""

    def __init__(self, where: str, choices: Sequence[str]) -> None:
        super().__init__({value: n for n, value in enumerate(choices)})
        self.where = where

    def __missing__(self, value: object) -> int:
        raise ValueError(f"{self.where}: expected one of {list(self)}, got {value!r}")


@lru_cache(maxsize=1024)
def compile_scan(table: Table, is_one_row: bool) -> Scan:
    """Generates a table's ``scan(columns, entities, seq, out_of_range)``, which tells whether anything changed.

    The scan raises WireOverflow where a field declares an out-of-range value to be an incident, ValueError for a foreign choice.
    """

    def careful(i: int, values: Sequence[Any], out_of_range: OutOfRange) -> tuple[list[Quantized], bool]:
        """One by one; and whether all were within range."""
        wire = table.fields[i]
        column, is_within_range = [], True
        for value in values:
            q = quantize(wire.spec, value)
            if _is_altered(wire.spec, value, q):
                is_within_range = False
                out_of_range(table.collection, wire.name)
            column.append(q)
        return column, is_within_range

    names: dict[str, Any] = {"careful": careful, "sub": sub}
    for i, wire in enumerate(table.fields):
        names[f"index{i}"] = _Choices(f"{table.collection}.{wire.name}", wire.spec.choices)
    exec(compile(_source(table, is_one_row), f"<scan of {table.collection} for {table.section.value}>", "exec"), names)
    scan: Scan = names["scan"]
    return scan


def _source(table: Table, is_one_row: bool) -> str:
    seen = "".join(f"1 if e.{w.name} else 0, " if w.spec.kind is Kind.FLAG else f"e.{w.name}, " for w in table.fields)
    lines = ["def scan(columns, entities, seq, out_of_range):"]
    lines += (
        ["    (e,) = entities", f"    rows = [({seen})]"]
        if is_one_row
        else [f"    rows = [({seen}) for e in entities]"]
    )
    if not table.moves:
        lines += ["    if rows == columns.rows:", "        return False"]
    lines += [
        "    columns.rows = rows",
        "    raw, q, at, newest = columns.raw, columns.q, columns.at, columns.newest",
        f"    {''.join(f'v{i}, ' for i in range(len(table.fields)))} = zip(*rows)" if table.fields else "",
        "    is_changed = False",
    ]
    moving: list[str] = []
    for i, wire in enumerate(table.fields):
        if wire.spec.rate is None:
            lines += [f"    {line}" for line in _column(i, wire.spec)]
        else:
            moving += [f"    {line}" for line in _moving(i, wire.spec, table)]
    return "\n".join([*lines, *moving, "    return is_changed"])  # rates first: what moves goes by them


def _column(i: int, spec: FieldSpec) -> list[str]:
    changed = [
        f"if qs != q[{i}]:",
        f"    at[{i}] = [seq if a != b else s for a, b, s in zip(qs, q[{i}], at[{i}])]",
        f"    q[{i}] = qs",
        f"    newest[{i}] = seq",
        "    is_changed = True",
    ]
    return [f"if v{i} != raw[{i}]:", *(f"    {line}" for line in _quantizing(i, spec) + changed)]


def _moving(i: int, spec: FieldSpec, table: Table) -> list[str]:
    """A field that moves by a rate: it changes where receivers would miss the goal, and where its rate changes."""
    n, move = next((n, move) for n, move in enumerate(table.moves) if move.place == i)
    rate, slack = move.rate, spec.tolerance
    is_fresh = f"r == seq or not -{slack} <= p - g <= {slack}"
    return [
        f"if v{i} != raw[{i}]:",
        *(f"    {line}" for line in _quantizing(i, spec)),
        f"    columns.goals[{n}] = qs",
        f"moved, goals = columns.moved({n}, seq), columns.goals[{n}]",
        "gaps = [*map(sub, moved, goals)]",
        f"if newest[{rate}] != seq and max(gaps) <= {slack} and min(gaps) >= -{slack}:",
        "    qs = moved",
        "else:",
        f"    qs = [g if {is_fresh} else p for p, g, r in zip(moved, goals, at[{rate}])]",
        f"    at[{i}] = [seq if {is_fresh} else s for p, g, r, s in zip(moved, goals, at[{rate}], at[{i}])]",
        f"    newest[{i}] = seq",
        "    is_changed = True",
        f"if qs != q[{i}]:",
        f"    q[{i}] = qs",
        "    is_changed = True",
    ]


def _quantizing(i: int, spec: FieldSpec) -> list[str]:
    """``qs``, and what was read; None where it must be read again, even if nothing is new."""
    again = [
        f"    qs, is_within_range = careful({i}, v{i}, out_of_range)",
        f"    if is_within_range: raw[{i}] = v{i}",
        f"    else: raw[{i}] = columns.rows = None",
    ]
    match spec.kind:
        case Kind.FLAG:
            return [f"qs, raw[{i}] = [*v{i}], v{i}"]
        case Kind.CHOICE:
            return [f"qs, raw[{i}] = [index{i}[v] for v in v{i}], v{i}"]
        case Kind.TEXT:
            is_plain = f"all([len(v) <= {spec.max_bytes} and v.isascii() for v in v{i}])"
            return [f"if {is_plain}:", f"    qs, raw[{i}] = [*v{i}], v{i}", "else:", *again]
        case _:
            # Compared before int() cuts towards zero: what is just below the range is out of it too.
            scaled = f"[(v - {spec.min!r}) * {1.0 / spec.step!r} + 0.5 for v in v{i}]"
            is_within = f"min(ss) >= 0 and max(ss) < {spec.steps + 1}"
            return [
                "try:",
                f"    ss = {scaled}",
                f"    qs = [*map(int, ss)] if {is_within} else None",
                f"    raw[{i}] = v{i}",
                "except (OverflowError, ValueError):",  # an int beyond every float; NaN
                "    qs = None",
                "if qs is None:",
                *again,
            ]


def _is_altered(spec: FieldSpec, value: Any, q: Quantized) -> bool:
    """Whether a receiver gets something else than the rules said."""
    return q != value if spec.kind is Kind.TEXT else not is_within(spec, value)
