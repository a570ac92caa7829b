"""Runs one cell: starts its peer, lets the load generator loose on it, asks the witness, and says what came of it."""

import json
import subprocess
import sys
import tempfile
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from attrs import frozen

from tests.bench.arrangements import ARRANGEMENTS, HERE, HOST, ROOT, Place, Served, colyseus_node
from tests.bench.cell import Cell, figures, void_reasons
from tests.bench.witness.law import State, Verdict, judge, merged
from tests.bench.witness.plain import states_of_plain
from tests.support.processes import Processes, clean_environment

LOAD_TIMEOUT_S = 900.0
LOG_TAIL = 2000


class BenchError(Exception):
    """The bench itself could not do its work; the message holds the logs' ends."""


@frozen
class Outcome:
    """One run of one cell. ``void`` is empty where its figures count."""

    cell: Cell
    run: dict[str, Any]
    figures: dict[str, float | None]
    void: tuple[str, ...]
    at: str

    def as_json(self) -> dict[str, Any]:
        """Plain data, as result files keep it."""
        return {
            "cell": self.cell.as_json(),
            "run": self.run,
            "figures": self.figures,
            "void": list(self.void),
            "at": self.at,
        }


def run_cell(cell: Cell, server_root: Path = ROOT) -> Outcome:
    """One run from start to end. Raises MissingError where the peer cannot run here, BenchError where a process failed."""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    with tempfile.TemporaryDirectory(prefix="roomwright-bench-") as name:
        place = Place(Path(name), server_root)
        (place.folder / "logs").mkdir()
        processes = Processes(place.folder / "logs")
        with stopped_after(processes), closing(ARRANGEMENTS[cell.peer](cell, place, processes)) as serving:
            try:
                run = generate(cell, next(serving), place)
            except (AssertionError, subprocess.SubprocessError) as error:
                raise BenchError(f"{cell.peer}: {error}\n{logs(processes)}") from error
            run["server_log"] = logs(processes) if run["closes"] or run["faults"] else ""
        if not cell.is_idle:
            verdict = testify(cell, place)
            run["states_checked"], run["strides_checked"] = verdict.states, verdict.strides
            run["state_problems"] = verdict.problems
    return Outcome(cell, run, figures(run, cell.clients, cell.rooms), tuple(void_reasons(cell, run)), at)


@contextmanager
def stopped_after(processes: Processes) -> Any:
    """All processes end, whatever happens."""
    try:
        yield
    finally:
        processes.stop_all()


def generate(cell: Cell, served: Served, place: Place) -> dict[str, Any]:
    """The load generator's result."""
    plan = {
        **cell.as_json(),
        **served.extra,
        "pids": served.pids,
        "host": HOST,
        "port": served.port,
        "dialect": served.dialect,
        "folder": str(place.folder),
        "record": not cell.is_idle,
    }
    plan_path, result_path = place.folder / "plan.json", place.folder / "result.json"
    plan_path.write_text(json.dumps(plan))
    argv = [sys.executable, "-m", "tests.bench.generator", str(plan_path), str(result_path)]
    made = subprocess.run(
        argv, cwd=ROOT, env=clean_environment(), capture_output=True, text=True, timeout=LOAD_TIMEOUT_S, check=False
    )
    if made.returncode:
        raise AssertionError(f"the load generator ended with {made.returncode}: {made.stderr[-LOG_TAIL:]}")
    result: dict[str, Any] = json.loads(result_path.read_text())
    return result


def testify(cell: Cell, place: Place) -> Verdict:
    """The witness' verdict on all recorded rooms."""
    recordings = sorted(place.folder.glob("room-*.rec"))
    if not recordings:
        return Verdict(problems=["expected recordings for the witness, got none"])
    if cell.peer.startswith("plain"):
        rooms = {path.name: states_of_plain(path.read_bytes()) for path in recordings}
    else:
        rooms = decoded(cell.peer, recordings, place)
    return merged(judge(rooms.get(path.name, []), cell.movers) for path in recordings)


def decoded(peer: str, recordings: list[Path], place: Place) -> dict[str, list[State]]:
    """Recordings decoded by the peer's own client, by name. Raises BenchError."""
    if peer.startswith("roomwright"):
        argv = [sys.executable, str(HERE / "witness" / "decode_roomwright.py")]
        cwd, env = place.server_root, clean_environment({"PYTHONPATH": str(place.server_root)})
    else:
        argv = [str(colyseus_node()), "decode.mjs"]
        cwd, env = HERE / "peers" / "colyseus", clean_environment()
    made = subprocess.run([*argv, *map(str, recordings)], cwd=cwd, env=env, capture_output=True, text=True, check=False)
    if made.returncode:
        raise BenchError(f"the witness could not decode: {made.stderr[-LOG_TAIL:] or made.stdout[-200:]}")
    rooms: dict[str, list[State]] = {}
    states: list[State] = []
    for line in made.stdout.splitlines():
        if line.startswith("["):
            states.append(as_state(*json.loads(line)))
        elif line.startswith('"'):
            states = rooms.setdefault(json.loads(line), [])
    return rooms


def as_state(at_s: float, tick: int | None, movers: list[list[Any]]) -> State:
    """A line of a decoder."""
    return State(at_s, tick, {key: (x, y, hp) for key, x, y, hp in movers})


def logs(processes: Processes) -> str:
    """The ends of all logs."""
    return "\n".join(f"--- {name}\n{text[-LOG_TAIL:]}" for name, text in processes.logs())
