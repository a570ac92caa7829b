"""Values to whole numbers and back, one at a time and as generated code."""

import math
from typing import Any

import attrs
import pytest
from attrs import define
from hypothesis import given
from hypothesis import strategies as st

from game.columns import NewRow, TableColumns
from game.fields import NOBODY, PUBLIC, FieldSpec, Kind, Overflow, choice, num, spec_of, text, whole
from game.quantize import WireOverflow, clip_text, dequantize, is_within, quantize
from game.schema import Table, WireField


@define
class Thing:
    """One value of any type."""

    x: Any


def scanned(spec: FieldSpec, *values: Any) -> tuple[list[Any], list[str]]:
    """What generated code makes of a column, first as rows that come and then as rows that change; and what it counted."""
    counted: list[str] = []
    columns = TableColumns(
        Table(0, PUBLIC, "things", PUBLIC, (WireField("x", spec),)), False, lambda _, name: counted.append(name), 20.0
    )
    rows = columns.add_section(is_shared=True)
    things = [Thing(value) for value in values]
    columns.add([NewRow(key, key + 1, rows) for key in range(len(things))], things, 1)
    (came,), once = columns.q, list(counted)
    columns.rows, columns.raw[0], columns.q[0] = None, None, [None] * len(things)
    columns.scan(things, 2)
    assert (columns.q[0], counted) == (came, once * 2)
    return came, once


def spec_from(made: object) -> FieldSpec:
    spec = made.metadata["roomwright"]  # type: ignore[attr-defined]
    assert isinstance(spec, FieldSpec)
    return spec


def _num(low: float, width: int, step: float) -> FieldSpec | None:
    try:
        return spec_from(num(low, low + width * step, step=step))
    except ValueError:
        return None


specs = st.builds(_num, st.floats(-1e9, 1e9), st.integers(1, 2**32 - 1), st.floats(1e-9, 1e6)).filter(bool)


@given(specs, st.data())
def test_what_the_receiver_sees_quantizes_to_the_same_number(spec: FieldSpec, data: st.DataObject):
    q = data.draw(st.integers(0, spec.steps))
    assert quantize(spec, dequantize(spec, q)) == q


@given(specs, st.one_of(st.floats(), st.integers(-(10**400), 10**400)))
def test_generated_code_agrees_with_quantize(spec: FieldSpec, value: float):
    middle = dequantize(spec, spec.steps // 2)
    column, counted = scanned(spec, middle, value, middle)
    assert column == [quantize(spec, each) for each in (middle, value, middle)]
    assert bool(counted) != is_within(spec, value)


def test_just_below_the_range_is_an_incident_where_the_field_says_so():
    # int() cuts -0.9 to 0, so the generated code took this for a value in range.
    spec = spec_from(num(0, 10, step=1, overflow=Overflow.INCIDENT))
    for value in (-0.51, -1.4, math.nan, math.inf, 10.5, 10**400):
        with pytest.raises(WireOverflow):
            scanned(spec, 5, value, 6)
        with pytest.raises(WireOverflow):
            quantize(spec, value)


def test_generated_code_cuts_and_counts_texts():
    for value, expected, count in [
        ("abcde", "abcde", 0),
        ("abcdef", "abcde", 1),
        ("éé", "éé", 0),
        ("ééé", "éé", 1),
        ("\ud800", "?", 1),
    ]:
        column, counted = scanned(spec_from(text(5)), "plain", value)
        assert (column, len(counted)) == (["plain", expected], count)


def test_a_foreign_choice_names_the_field():
    with pytest.raises(ValueError, match=r"things.x: expected one of \['a', 'b'\], got 'c'"):
        scanned(spec_from(choice(("a", "b"))), "a", "c")


@given(st.text(), st.integers(1, 20))
def test_clipped_text_fits_and_is_a_prefix(value: str, max_bytes: int):
    clipped = clip_text(value, max_bytes)
    assert len(clipped.encode()) <= max_bytes
    assert value.encode("utf-8", "replace").decode().startswith(clipped)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: num(0, 0, step=1), "finite low < high"),
        (lambda: num(0, math.inf, step=1), "finite low < high"),
        (lambda: num(-1e308, 1e308, step=1), "finite low < high"),
        (lambda: num(0, 1, step=0), "step > 0"),
        (lambda: num(0, 1, step=1e-300), "too fine"),
        (lambda: num(1e15, 1e15 + 100, step=0.01), "too fine"),
        (lambda: num(0, 1e10, step=1), "steps; expected 1 to"),
        (lambda: whole(3, 3), "low < high"),
        (lambda: whole(0, 2**32), "steps; expected 1 to"),
        (lambda: choice(()), "1 to 256 different"),
        (lambda: choice(("a", "a")), "1 to 256 different"),
        (lambda: text(0), "1 to 65535"),
    ],
)
def test_a_field_that_cannot_travel_is_refused_where_it_is_written(make: object, why: str):
    with pytest.raises(ValueError, match=why):
        make()  # type: ignore[operator]


def test_a_forgotten_audience_is_nobody():
    @define
    class Thing:
        x: float = num(0, 1, step=0.1)
        y: float = 0.0

    x, y = attrs.fields(Thing)
    spec = spec_of(x)
    assert isinstance(spec, FieldSpec)
    assert spec.audience is NOBODY
    assert spec_of(y) is None
    assert spec.kind is Kind.NUM
