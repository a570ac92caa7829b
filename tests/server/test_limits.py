"""The limits table: no row is too tight for honest clients or counts by a metric that is not there, and no limit is without a row."""

import ast
import re
from pathlib import Path

import pytest
from attrs import evolve

from game.wire.closecodes import BY_CODE
from game.wire.limits import Limit
from server import limits
from server.limits import EXCEPTIONS, POLICIES, TABLE, Per, Row
from server.ops.metrics import TABLE as METRICS

ROOT = Path(__file__).resolve().parents[2]
NAMED_LIKE_A_LIMIT = re.compile(r"_?[A-Z][A-Z0-9_]*(_MAX(_[A-Z]+)?|_PER_[A-Z_]+|_EACH)|MAX_[A-Z_]+")
CLOSE_CODE = re.compile(r"\b4[45]\d\d\b")


def names(file: Path) -> list[str]:
    """The constants of a module that are named like a limit or made by ``Limit(…)``."""
    module = ".".join(file.relative_to(ROOT).with_suffix("").parts)
    found = []
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        called = getattr(getattr(node, "value", None), "func", None)
        is_limit = isinstance(called, ast.Name) and called.id == "Limit"
        named = [name for target in targets for name in (target.elts if isinstance(target, ast.Tuple) else [target])]
        found += [
            f"{module}:{name.id}"
            for name in named
            if isinstance(name, ast.Name) and (is_limit or NAMED_LIKE_A_LIMIT.fullmatch(name.id))
        ]
    return found


def files() -> list[Path]:
    return [file for folder in ("game/wire", "server") for file in sorted((ROOT / folder).rglob("*.py"))]


def is_told(name: str, told: set[str]) -> bool:
    return name in told or any(name.startswith(start) for start in EXCEPTIONS)


def test_every_constant_that_is_named_like_a_limit_is_in_the_table_or_excepted():
    told = {row.of.partition("[")[0] for row in TABLE}
    missing = [name for file in files() for name in names(file) if not is_told(name, told)]
    assert not missing, f"expected a row in server/limits.py, or a reason in its EXCEPTIONS, for {missing}"


def test_every_exception_is_of_something():
    there = [name for file in files() for name in names(file)]
    assert [start for start in EXCEPTIONS if not any(name.startswith(start) for name in there)] == []
    assert all(EXCEPTIONS.values())


def test_what_is_named_like_a_limit_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    file = tmp_path / "module.py"
    file.write_text(
        "LINES_MAX = 3\nA_MAX, B_S = 1, 2\nROOMS_EACH: int = 1\nQUICK = Limit(1.0, 2)\nRETRY_S = 1\nmade = 1\n"
    )
    assert names(file) == ["module:LINES_MAX", "module:A_MAX", "module:ROOMS_EACH", "module:QUICK"]


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
