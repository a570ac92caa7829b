"""Processes that stand still for a while (SIGSTOP, a suspended machine) and go on: nobody loses a socket to that."""

import asyncio

import pytest

from game.wire import messages as m
from tests.flow.conftest import MakeFleet
from tests.flow.fleet import Fleet
from tests.flow.lab import Poke
from tests.flow.player import Player
from tests.support.processes import Running
from tests.support.redis import RedisServer

LOOP_SLEEPS_S = 3.6  # more than a loop lets its gateways be silent, less than gateways let a loop
GATEWAY_SLEEPS_S = 1.5


async def crowd(fleet: Fleet) -> list[Player]:
    """Two players and a spectator in one room, on whichever gateways there are."""
    code = fleet.code()
    paths = (f"/ws/lab/{code}", f"/ws/lab/{code}", f"/ws/lab/{code}/watch")
    return [await (await fleet.player(path, gateway=n)).joined() for n, path in enumerate(paths)]


async def sleeps(process: Running, for_s: float) -> None:
    """SIGSTOP, and SIGCONT after a while."""
    process.pause()
    await asyncio.sleep(for_s)
    process.resume()


async def all_are_well(people: list[Player], pokes: int) -> None:
    """Everybody has the socket that they had, sees new frames, and is answered."""
    for one in people:
        await one.frames(30)  # silence would have been judged by then
    for player in people[:2]:
        await player.poke(Poke(pokes))
        await player.answered(pokes)
    assert [one.close_code for one in people] == [None] * len(people)
    assert [one.welcome.seats[0].generation for one in people[:2]] == [1, 1]


async def test_the_one_process_that_slept(new_fleet: MakeFleet):
    fleet = new_fleet("memory").start()
    people = await crowd(fleet)
    for turn in (1, 2):
        await sleeps(fleet.gateways[0], LOOP_SLEEPS_S)
        await all_are_well(people, turn)
    assert all(one.of_type(m.Rebase) for one in people), "their clocks begin anew"
    assert fleet.logs().count("process.slept") == 2
    assert b"roomwright_process_slept_seconds_total" in await fleet.get("/metrics")


@pytest.mark.redis
async def test_a_loop_and_a_gateway_that_slept(new_fleet: MakeFleet, redis_server: RedisServer):
    fleet = new_fleet("pubsub", redis_server).start()
    people = await crowd(fleet)
    await sleeps(fleet.loops[0], LOOP_SLEEPS_S)
    await all_are_well(people, 1)
    await sleeps(fleet.gateways[0], GATEWAY_SLEEPS_S)
    await all_are_well(people, 2)
    assert "relay.link_lost" not in fleet.logs()
