"""Policies are loaded with clear errors, play over the wire, and stop when told."""

import asyncio

import pytest

from clients.python.bots import BadPolicyError, Crew, bot_name, default_policies, load_policy
from game.arena.bots import Ace, Chaser, Drifter
from game.contract import Policy
from game.text import clean_name
from tests.clients.python.dots import Confused, Faulty, Wanderer
from tests.clients.python.loopback import Loopback
from tests.support.waiting import until

HERE = "tests.clients.python.dots"


def test_a_policy_by_its_name():
    assert load_policy("game.arena.bots:Chaser") is Chaser


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("Chaser", "expected a policy as module:Class"),
        ("game.arena.bots:", "expected a policy as module:Class"),
        ("game.nowhere:Chaser", "does not import: ModuleNotFoundError"),
        (f"{HERE}:Nobody", "has: Confused, Faulty, Wanderer"),
        (f"{HERE}:DotsGame", "expected a subclass of game.contract.Policy"),
        (f"{HERE}:HERE", "expected a subclass of game.contract.Policy"),
    ],
)
def test_a_policy_that_is_none(spec: str, told: str):
    with pytest.raises(BadPolicyError, match=told):
        load_policy(spec)


def test_a_games_own_policies_are_those_that_nothing_builds_upon():
    assert default_policies("arena") == [Ace, Chaser, Drifter]
    with pytest.raises(BadPolicyError, match="--policy"):
        default_policies("chess")


@pytest.mark.parametrize("policy_name", ["Ace", "X" * 40, "\u6f22" * 40])
def test_bots_of_one_policy_have_names_of_their_own_that_no_server_cuts(policy_name: str):
    names = [bot_name(type(policy_name, (Policy,), {}), number) for number in (1, 12, 10_000)]
    assert [name.rpartition(" ")[2] for name in names] == ["1", "12", "10000"]
    assert [clean_name(name) for name in names] == names


async def test_bots_play_until_told_to_stop(server: Loopback):
    stop = asyncio.Event()
    said: list[str] = []
    playing = asyncio.create_task(Crew(server.url, "dots", "K7", [Wanderer], 1).play(5, stop, said.append))
    await until("everybody's moves", lambda: {seat for seat, _ in server.room().applied} == set(range(5)))
    assert all(row.is_bot for row in server.room().seats.values())
    stop.set()
    tally = await playing
    assert (tally.joined, tally.failures) == (5, [])
    assert server.room().seats == {}
    assert len([line for line in said if "took seat" in line]) == 5


@pytest.mark.parametrize(
    ("policy", "told"),
    [(Faulty, "ZeroDivisionError: this policy divides by zero"), (Confused, "expected an input of")],
)
async def test_a_broken_policy_is_named_and_ends_no_other_bot(server: Loopback, policy: type, told: str):
    stop = asyncio.Event()
    crew = Crew(server.url, "dots", "K7", [policy, Wanderer], 1)
    playing = asyncio.create_task(crew.play(2, stop, lambda _line: None))
    await until("the other one's moves", lambda: len(server.room().applied) > 3)
    stop.set()
    tally = await playing
    assert tally.joined == 2
    assert len(tally.failures) == 1
    assert policy.__name__ in tally.failures[0]
    assert told in tally.failures[0]
