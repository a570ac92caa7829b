"""From measured runs to what this machine needs per update, per input and per room's tick: three loads, three unknowns.

The file is read by `python -m server routes check` (`server.routing.calibration` says what it holds).
"""

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from attrs import evolve

from tests.bench.cell import Cell
from tests.bench.results import Results
from tests.bench.scenarios import TABLE, Scenario

VERSION = 1
PEER = "roomwright"
LOADS = ("rooms of 50", "busy hands", "one room")
Vector = tuple[float, float, float]


class CannotCalibrateError(Exception):
    """The runs say nothing about one of the three."""


def scenarios() -> list[Scenario]:
    """The three loads, on Roomwright alone."""
    return [evolve(scenario, peers=(PEER,)) for scenario in TABLE if scenario.name in LOADS]


def calibration(results: Results) -> dict[str, Any]:
    """What the file holds. Raises CannotCalibrateError."""
    idle = median(each for _, each in runs(results, "one room"))
    left, right = [], []
    for name in LOADS:
        for row, _ in runs(results, name):
            cell, run = Cell(**row["cell"]), row["run"]
            wall_s = run["wall_s"]
            room_ticks = run["updates"] / cell.per_room
            left.append((run["updates"] / wall_s, cell.inputs_hz * cell.clients, room_ticks / wall_s))
            right.append(sum(run["servers_cpu_s"]) / wall_s - idle)
    update_s, input_s, tick_s = least_squares(left, right)
    if min(update_s, input_s, tick_s) <= 0:
        raise CannotCalibrateError(
            f"expected positive costs, got {update_s:.2e} s an update, {input_s:.2e} s an input, {tick_s:.2e} s a room's tick: "
            "the machine was too busy; run it again"
        )
    facts = results.facts
    return {
        "roomwright_calibration": VERSION,
        "date": facts["date"],
        "source": f"tests.bench at commit {facts['commit']}",
        "machine": f"{facts['machine']['cores']} cores of {facts['machine']['cpu']}",
        "update_us": round(1e6 * update_s, 2),
        "input_us": round(1e6 * input_s, 2),
        "room_tick_us": round(1e6 * tick_s, 1),
        "room_numbers": 100,  # 50 movers with two moving numbers each
    }


def runs(results: Results, scenario: str) -> list[tuple[dict[str, Any], float]]:
    """The runs that count, and how busy the process was before anybody joined."""
    found = [
        (row.outcome, float(row.outcome["run"].get("idle_cpu_share", 0.0)))
        for row in results.of(scenario, PEER)
        if not row.is_void
    ]
    if not found:
        raise CannotCalibrateError(f"expected runs of {scenario!r} that count, got none")
    return found


def least_squares(left: Sequence[Vector], right: Sequence[float]) -> Vector:
    """The x for which left·x is nearest to right, each equation weighed by its size. Raises CannotCalibrateError."""
    rows = [tuple(value / b for value in row) for row, b in zip(left, right, strict=True) if b > 0]
    normal = [[sum(row[i] * row[j] for row in rows) for j in range(3)] for i in range(3)]
    sums = [sum(row[i] for row in rows) for i in range(3)]
    whole = determinant(normal)
    if not rows or not whole:
        raise CannotCalibrateError("expected three loads that differ, got fewer")
    solved = []
    for column in range(3):
        swapped = [[sums[i] if j == column else normal[i][j] for j in range(3)] for i in range(3)]
        solved.append(determinant(swapped) / whole)
    return solved[0], solved[1], solved[2]


def determinant(m: Sequence[Sequence[float]]) -> float:
    """Of a 3 × 3 matrix."""
    return (
        m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1])
        - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
        + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
    )


def write(path: Path, found: dict[str, Any]) -> None:
    """One small JSON file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
