"""The capacity that `routes check` prints: from a measured file, from defaults, and never from a file that is wrong."""

import json
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from click.testing import CliRunner, Result

from server.routing.calibration import DEFAULTS, BadCalibrationError, read_calibration
from server.routing.capacity import capacity
from server.routing.commands import routes
from server.routing.plan import Plan, load_plan

FINE = Path(__file__).parent / "golden" / "fine.yaml"
GOOD: dict[str, Any] = {
    "roomwright_calibration": 1,
    "date": "2026-11-22",
    "source": "tests.bench at commit abc1234",
    "machine": "2 cores of A Processor",
    "update_us": 10.0,
    "input_us": 20,
    "room_tick_us": 100.0,
    "room_numbers": 100,
}


@pytest.fixture(autouse=True)
def importable(outside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ROOMWRIGHT_LAYER", "ROOMWRIGHT_PREFIX", "ROOMWRIGHT_ROUTING", "ROOMWRIGHT_CALIBRATION"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps(GOOD))
    return path


def check(path: Path) -> Result:
    words = ["--routing", str(FINE), "check", "--calibration", str(path)]
    return CliRunner(env={"COLUMNS": "200"}).invoke(routes, words)


def plan() -> Plan:
    found = load_plan(FINE)
    assert isinstance(found, Plan)
    return found


def test_measured_figures_come_with_date_and_origin(written: Path) -> None:
    result = check(written)
    assert result.exit_code == 0
    assert (
        "this machine, measured 2026-11-22 by tests.bench at commit abc1234 (2 cores of A Processor)" in result.output
    )
    assert "uncalibrated" not in result.output


def test_without_a_file_the_figures_are_called_defaults(tmp_path: Path) -> None:
    result = check(tmp_path / "none.json")
    assert result.exit_code == 0
    assert "uncalibrated defaults, not this machine" in result.output
    assert "`make bench` measures this machine" in result.output


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"roomwright_calibration": 2}, "expected an object with roomwright_calibration 1, got 2"),
        ({"update_us": 0}, "update_us: expected a number above 0, got 0"),
        ({"update_us": True}, "update_us: expected a number above 0, got True"),
        ({"input_us": "12"}, "input_us: expected a number above 0, got '12'"),
        ({"input_us": float("inf")}, "input_us: expected a number above 0, got inf"),
        ({"room_tick_us": None}, "room_tick_us: expected a number above 0, got None"),
        ({"date": 7}, "date: expected a short text, got 7"),
        ({"source": "a\nb"}, "source: expected a short text"),
    ],
)
def test_a_wrong_file_is_refused_and_says_what_to_do(written: Path, change: dict[str, Any], expected: str) -> None:
    written.write_text(json.dumps(GOOD | change))
    result = check(written)
    assert result.exit_code == 2
    assert expected in result.stderr
    assert "run `make bench`, or remove the file" in result.stderr


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b"3"])
def test_bytes_that_are_no_calibration_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "calibration.json"
    path.write_bytes(content)
    with pytest.raises(BadCalibrationError, match=r"expected .*got .*remove the file"):
        read_calibration(path)


def test_a_folder_is_no_calibration(tmp_path: Path) -> None:
    with pytest.raises(BadCalibrationError, match="expected a readable text file"):
        read_calibration(tmp_path)


def test_cheaper_machines_carry_more(written: Path) -> None:
    measured, spec = read_calibration(written), plan()
    name = next(iter(spec.rooms))
    slow = evolve(measured, update_us=100.0)
    wide = evolve(measured, room_numbers=1)
    assert capacity(spec, name, measured).clients_calm > capacity(spec, name, slow).clients_calm
    assert capacity(spec, name, measured).clients_calm > capacity(spec, name, wide).clients_calm
    assert capacity(spec, name, measured).clients_calm >= capacity(spec, name, measured).clients_busy
    assert capacity(spec, name, DEFAULTS).clients_busy > 0
