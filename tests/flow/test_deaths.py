"""Processes that die, and processes that are told to end: what their clients see, and how they come back."""

import os
import signal

import pytest

from game.wire.closecodes import Retry
from tests.flow.conftest import MakeFleet
from tests.flow.fleet import Fleet, terminate, wait_for_no_groups
from tests.flow.lab import Poke
from tests.flow.player import Player
from tests.support.redis import RedisServer


async def pair(fleet: Fleet, kind: str = "lab") -> tuple[Player, Player]:
    """A player at the first gateway and one at the second, in one room."""
    code = fleet.code()
    first = await (await fleet.player(f"/ws/{kind}/{code}")).joined()
    return first, await (await fleet.player(f"/ws/{kind}/{code}", gateway=1)).joined()


@pytest.mark.redis
async def test_a_killed_gateway(new_fleet: MakeFleet, redis_server: RedisServer):
    """Its client goes on in the same seat at the other gateway; nobody else notices but by the seat's absence."""
    fleet = new_fleet("pubsub", redis_server).start()
    player, other = await pair(fleet)
    await player.poke(Poke(1))
    await player.until("an answer", lambda: player.answers)
    seat, generation = player.seat, player.welcome.seats[0].generation
    await player.poke(Poke(2))
    fleet.gateways[0].kill()
    await player.is_closed(1006)
    assert player.retry is Retry.BACKOFF
    player.url = player.url.replace(fleet.url("", 0), fleet.url("", 1))
    await player.joined()
    assert player.seat == seat
    assert player.welcome.seats[0].generation == generation + 1
    await player.poke(Poke(3))
    await player.until("three answers", lambda: len(player.answers) == 3)
    assert [answer.n for answer in player.answers] == [1, 2, 3]
    assert (player.mine().count, player.mine().is_in_order) == (3, True)
    await other.frames(5)
    assert other.close_code is None


@pytest.mark.redis
async def test_a_killed_loop(new_fleet: MakeFleet, redis_server: RedisServer):
    """Everybody is told within seconds that the room is gone (4504); the same code is a new room at another loop."""
    fleet = new_fleet("pubsub", redis_server).start()
    player, other = await pair(fleet)
    incarnation, code = player.welcome.incarnation, player.welcome.room
    fleet.loops[0].kill()
    fleet.start_loop()
    for one in (player, other):
        await one.is_closed(4504, timeout_s=30)
        assert one.goodbye is not None
        assert one.goodbye.retry_after_s
        assert one.retry is Retry.BACKOFF
    again = await (await fleet.player(f"/ws/lab/{code}")).joined()
    assert again.welcome.incarnation != incarnation
    await again.poke(Poke(1))
    await again.until("an answer", lambda: again.answers)


@pytest.mark.redis
async def test_a_gateway_that_is_told_to_end(new_fleet: MakeFleet, redis_server: RedisServer):
    """SIGTERM: a named goodbye with a time to come back on every socket, status 0, and the seat waits elsewhere."""
    fleet = new_fleet("pubsub", redis_server).start()
    player, other = await pair(fleet)
    hello_only = await fleet.player(f"/ws/lab/{fleet.code()}/watch")
    seat = player.seat
    os.kill(fleet.gateways[0].pid, signal.SIGTERM)
    await player.is_closed(4504)
    assert player.goodbye is not None
    assert player.goodbye.name == "moving"
    assert player.goodbye.retry_after_s
    assert fleet.gateways[0].wait(30.0) == 0
    player.url = player.url.replace(fleet.url("", 0), fleet.url("", 1))
    await player.joined()
    assert player.seat == seat
    assert other.close_code is None
    assert hello_only.close_code is None


@pytest.mark.redis
@pytest.mark.parametrize("layer", ["pubsub", "core"])
async def test_a_fleet_that_is_told_to_end(new_fleet: MakeFleet, redis_server: RedisServer, layer: str):
    """Loop first, then the gateways: named goodbyes, status 0 everywhere, and no group left behind in Redis."""
    fleet = new_fleet(layer, redis_server).start()
    player, other = await pair(fleet)
    assert terminate(fleet.loops[0]) == 0
    for one in (player, other):
        await one.is_closed(4504)
    for gateway in fleet.gateways:
        assert terminate(gateway) == 0
    assert fleet.worker is not None
    assert terminate(fleet.worker) == 0
    wait_for_no_groups(redis_server)
    left = redis_server.cli("KEYS", "*")
    assert isinstance(left, list)
    assert [key for key in left if ":group:" in key] == []


async def test_the_one_process_that_is_told_to_end(new_fleet: MakeFleet):
    fleet = new_fleet("memory").start()
    player, other = await pair(fleet)
    os.kill(fleet.gateways[0].pid, signal.SIGTERM)
    for one in (player, other):
        await one.is_closed(4504)
        assert one.goodbye is not None
        assert one.goodbye.retry_after_s
    assert fleet.gateways[0].wait(30.0) == 0
