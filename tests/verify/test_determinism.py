"""Recorded rooms replay to the same state at every tick: in second processes, under several hash seeds, from every
checkpoint, and on another version of Python.
"""

import sys
from functools import cache
from pathlib import Path

import pytest

from game.replay import Record
from server.routing.plan import Deployment, Plan, load_plan
from server.verify.determinism import elsewhere
from server.verify.drill import hashes
from server.verify.rules import ruleset_of
from server.verify.second_run import replay_request_of, request_of, script_of
from tests.game.replayed_match import GAMES, live
from tests.verify.interpreters import newest_other

ROOT = Path(__file__).parents[2]
HASH_SEEDS = (0, 1, 4242)
STEPS = 300


@cache
def recorded(name: str) -> tuple[list[str], bytes]:
    """A match of bots, with people's comings and goings: its hashes, tick by tick, and its record."""
    return live(name)


@cache
def plan() -> Plan:
    """The rooms that are shipped."""
    found = load_plan(ROOT / "routing.yaml", Deployment())
    assert isinstance(found, Plan), found
    return found


@pytest.mark.parametrize("name", GAMES)
@pytest.mark.parametrize("hash_seed", HASH_SEEDS)
def test_a_record_replays_in_a_second_process_from_every_checkpoint(name: str, hash_seed: int):
    expected, data = recorded(name)
    starts = [0, *Record.from_bytes(data).checkpoints]
    assert len(starts) > 2
    for start in starts:
        answer = elsewhere(replay_request_of(data, start), hash_seed)
        assert answer.get("hashes") == expected[start:], answer.get("failed")


@pytest.mark.parametrize("room", ["arena", "doodle"])
def test_odd_play_is_the_same_in_a_second_process(room: str):
    ruleset = ruleset_of(plan().rooms[room], seed=7)
    expected = hashes(ruleset, script_of(ruleset, STEPS))
    assert len(set(expected)) > STEPS / 4
    for hash_seed in HASH_SEEDS:
        assert elsewhere(request_of(ruleset, STEPS), hash_seed).get("hashes") == expected


def test_a_record_replays_on_another_python():
    other = newest_other()
    if other is None:
        print(f"no other Python at hand with attrs and msgspec: shown on {sys.version.split()[0]} alone")
        return
    print(f"replayed on CPython {other.version}, recorded on {sys.version.split()[0]}")
    for name in GAMES:
        expected, data = recorded(name)
        for start in (0, *Record.from_bytes(data).checkpoints):
            answer = elsewhere(replay_request_of(data, start), 3, other.path, [str(ROOT)])
            assert answer.get("hashes") == expected[start:], answer.get("failed")
