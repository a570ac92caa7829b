"""The same seed and inputs give the same bytes: twice here, in other processes under other hash seeds, from checkpoints.

On a difference the first tick is named, and the first field of the state that is another.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from game.replay import Record, ReplayError, replay
from server.verify.difference import difference
from server.verify.drill import Drill, Ruleset, hashes
from server.verify.effort import Effort
from server.verify.findings import Finding
from server.verify.oddities import note_end, note_played
from server.verify.outside import watched
from server.verify.second_run import Tree, replayed_state, request_of, script_of, state_at

CHECK = "determinism"
STEPS = 400
STEPS_WATCHED = 150
HASH_SEEDS = (1, 4242)
TIMEOUT_S = 50.0


def of_the_outside(ruleset: Ruleset, effort: Effort) -> Iterator[Finding]:
    """Global chance, clocks and files, by line."""
    drill = Drill(ruleset)
    with watched(ruleset.kind) as found:
        drill.run(script_of(ruleset, STEPS_WATCHED))
    effort.tried["ticks watched for chance, clocks and files"] += drill.tick
    for place, called in found.items():
        hint = (
            "use the rng that the rules are given"
            if called.startswith("random")
            else "tick counts the time; read nothing"
        )
        yield Finding(CHECK, f"the rules call {called}, which another run would answer otherwise: {hint}", place)


def of_two_runs(ruleset: Ruleset, effort: Effort) -> Iterator[Finding]:
    """The same process, twice; then a process of another hash seed for each of HASH_SEEDS."""
    script = script_of(ruleset, STEPS)
    first, second = hashes(ruleset, script), hashes(ruleset, script)
    effort.tried["states compared"] += len(first) * (1 + len(HASH_SEEDS))
    if (tick := _first_difference(first, second)) is not None:
        states = state_at(ruleset, STEPS, tick), state_at(ruleset, STEPS, tick)
        yield _differs("played twice in one process", tick, *states)
        return
    for hash_seed in HASH_SEEDS:
        answer = elsewhere(request_of(ruleset, STEPS), hash_seed)
        if "hashes" not in answer:
            yield Finding(CHECK, f"with PYTHONHASHSEED={hash_seed} alone, {answer.get('raised') or answer['failed']}")
        elif (tick := _first_difference(first, answer["hashes"])) is not None:
            there = elsewhere(request_of(ruleset, STEPS, tick), hash_seed).get("state")
            what = f"played in a process with PYTHONHASHSEED={hash_seed}"
            yield _differs(what, tick, state_at(ruleset, STEPS, tick), there)
            return


def of_checkpoints(ruleset: Ruleset, effort: Effort) -> Iterator[Finding]:
    """A replay from each checkpoint: all state must be in the world."""
    live: list[str] = []
    drill = Drill(ruleset, keeps_record=True, on_tick=lambda now, _: live.append(now.hash()))
    live.append(drill.hash())
    drill.run(script_of(ruleset, STEPS))
    note_played(drill, effort)
    note_end(drill, effort)
    record = Record.from_bytes(drill.recorder.to_bytes())
    effort.tried["checkpoints"] += len(record.checkpoints)
    if not record.checkpoints:
        effort.leave("checkpoints", f"the match was over before the first one, in tick {drill.tick}")
    for start in (0, *record.checkpoints):
        name = f"replayed from {'the start' if not start else f'the checkpoint of tick {start}'}"
        try:
            again = replay(record, ruleset.game, start)
        except ReplayError as error:
            yield Finding(CHECK, f"{name}: {error}", f"{ruleset.kind.World.__name__}")
            return
        if (at := _first_difference(live[start:], again)) is not None:
            tick = start + at
            there = replayed_state(record, ruleset.game, start, tick)
            yield _differs(name, tick, state_at(ruleset, STEPS, tick), there)
            return


def elsewhere(
    request: str,
    hash_seed: int,
    python: str = sys.executable,
    path: Sequence[str] = (),
    module: str = "server.verify.second_run",
) -> dict[str, Any]:
    """Another process's answer; {"failed": …} where it gave none. ``path`` replaces this process's module path."""
    folders = list(path) or [folder for folder in sys.path if folder]
    root = str(Path(__file__).parents[2])
    environ = {
        **os.environ,
        "PYTHONHASHSEED": str(hash_seed),
        "PYTHONPATH": os.pathsep.join([root, *(folder for folder in folders if folder != root)]),
    }
    command = [python, "-m", module]
    try:
        done = subprocess.run(  # noqa: S603 - this interpreter, or one that the caller chose
            command, input=request, env=environ, capture_output=True, text=True, check=False, timeout=TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"no answer within {TIMEOUT_S:.0f} s"}
    if done.returncode:
        return {"failed": done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "the process died"}
    found = json.loads(done.stdout)
    assert isinstance(found, dict)  # noqa: S101 - second_run prints nothing else
    return found


def _first_difference(here: Sequence[str], there: Sequence[str]) -> int | None:
    for n, (one, other) in enumerate(zip(here, there, strict=False)):
        if one != other:
            return n
    return None if len(here) == len(there) else min(len(here), len(there))


def _differs(what: str, tick: int, here: Tree, there: Tree) -> Finding:
    where, _, values = difference(here, there).partition(": ")
    if not values:
        return Finding(CHECK, f"{what}, tick {tick} is another; which field, a second look did not show")
    hint = "a set's order, global chance, a clock, or state kept outside the world"
    return Finding(CHECK, f"{what}, the state of tick {tick} is another ({values}): {hint}", where)
