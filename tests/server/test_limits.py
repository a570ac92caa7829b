"""The limits table: no row is too tight for honest clients or counts by a metric that is not there.

`tests/checks/limits.py` finds limits without a row.
"""

import re
from pathlib import Path

import pytest
from attrs import evolve

from game.wire.closecodes import BY_CODE
from game.wire.limits import Limit
from server import limits
from server.limits import EXCEPTIONS, POLICIES, TABLE, Per, Row
from server.ops.metrics import TABLE as METRICS
from tests.checks.limits import FOLDERS, constants
from tests.checks.tree import Tree

ROOT = Path(__file__).resolve().parents[2]
CLOSE_CODE = re.compile(r"\b4[45]\d\d\b")


def test_every_exception_is_of_something():
    there = [name for module in Tree(ROOT).modules(*FOLDERS) for _, name in constants(module)]
    assert [start for start in EXCEPTIONS if not any(name.startswith(start) for name in there)] == []
    assert all(EXCEPTIONS.values())


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.of)
def test_a_row_leaves_honest_clients_what_they_need(row: Row):
    assert row.is_enough, f"{row.of} is {row.value}, and the busiest honest client needs {row.need}: {row.why}"
    assert row.why and row.limits and row.unit


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.of)
def test_a_row_tells_a_policy_codes_and_a_metric_that_there_are(row: Row):
    assert row.beyond.partition(":")[0] in POLICIES
    for code in CLOSE_CODE.findall(row.beyond):
        assert int(code) in BY_CODE
    if row.counted:
        name, _, labels = row.counted.removesuffix("}").partition("{")
        metric = next((metric for metric in METRICS if metric.name == name), None)
        assert metric is not None, f"{row.of} is counted by {name}, which server.ops.metrics lacks"
        assert set(re.findall(r'(\w+)="[^"]*"', labels)) <= set(metric.labels)


def test_no_constant_has_two_rows():
    assert len({row.of for row in TABLE}) == len(TABLE)


ROW = Row(
    of="game.wire.session:ERRORS",
    limits="x",
    unit="x",
    per=Per.CONNECTION,
    beyond="close",
    counted="",
    need=Limit(1.0, 20),
    why="x",
)


@pytest.mark.parametrize("need", [Limit(1.1, 20), Limit(1.0, 21), 5.0])
def test_a_limit_below_the_need_is_noticed(need: float | Limit):
    assert ROW.is_enough
    assert not evolve(ROW, need=need).is_enough


def test_the_page_shows_the_constants_values():
    page = limits.page()
    for row in TABLE:
        assert f"`{row.of}`" in page
    assert "| 4 seats | connection | close: 4400 |" in page
