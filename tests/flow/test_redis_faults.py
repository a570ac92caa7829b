"""Redis and the way to it at fault: everything heals by itself, with a resync, and nobody is thrown out."""

import asyncio
from collections.abc import Callable

import pytest

from tests.flow.conftest import MakeFleet
from tests.flow.fleet import Fleet
from tests.flow.lab import Poke
from tests.flow.player import Player
from tests.support.proxy import TcpProxy
from tests.support.redis import RedisServer

pytestmark = pytest.mark.redis


async def room(fleet: Fleet) -> list[Player]:
    code = fleet.code()
    first = await (await fleet.player(f"/ws/lab/{code}")).joined()
    paths = (f"/ws/lab/{code}", f"/ws/lab/{code}/watch")
    others = [await fleet.player(path, gateway=1, is_binary=False) for path in paths]
    return [first, *await asyncio.gather(*(other.joined() for other in others))]


async def check_whole(players: list[Player], value: int) -> None:
    """All are there still, get frames, see the same, and inputs of both players are answered once and seen by all."""
    for number, player in enumerate(players[:2]):
        known = len(player.answers)
        await player.poke(Poke(value + number))
        await player.answered(known + 1)
        assert player.answers[-1].reason == ""
    expected = {player.seat: value + number for number, player in enumerate(players[:2])}
    for player in players:
        await player.shows_pokes(expected)
    await asyncio.gather(*(player.frames(5) for player in players))
    assert [player.close_code for player in players] == [None] * len(players)
    assert [player.client.divergences for player in players] == [0] * len(players)
    for position in set.intersection(*(set(player.digests) for player in players)):
        assert len({player.digests[position] for player in players}) == 1


@pytest.mark.parametrize("layer", ["pubsub", "core"])
async def test_connections_are_killed(new_fleet: MakeFleet, redis_server: RedisServer, layer: str):
    fleet = new_fleet(layer, redis_server).start()
    players = await room(fleet)
    await check_whole(players, 10)
    for round_no, kind in enumerate(("pubsub", "normal", "pubsub"), start=2):
        redis_server.cli("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
        await check_whole(players, round_no * 10)


@pytest.mark.parametrize("layer", ["pubsub", "core"])
async def test_a_redis_that_pauses_and_one_that_restarts(new_fleet: MakeFleet, redis_server: RedisServer, layer: str):
    fleet = new_fleet(layer, redis_server).start()
    players = await room(fleet)
    await check_whole(players, 10)
    redis_server.pause()
    await asyncio.sleep(2.0)  # the length of the fault, not a wait for its end
    redis_server.resume()
    await check_whole(players, 20)
    redis_server.restart()
    await check_whole(players, 30)


@pytest.mark.parametrize("layer", ["pubsub", "core"])
async def test_half_open_and_black_hole(
    new_fleet: MakeFleet, redis_server: RedisServer, tcp_proxy: Callable[..., TcpProxy], layer: str
):
    """The connections between one gateway and Redis die without a word: the watchdog finds out and starts afresh."""
    proxy = tcp_proxy(redis_server.port)
    fleet = new_fleet(layer, redis_server)
    fleet.start(gateways=1)
    direct = fleet.layer
    fleet.layer = direct.replace(str(redis_server.port), str(proxy.port))
    fleet.start_gateway()
    fleet.layer = direct
    players = await room(fleet)
    await check_whole(players, 10)
    near, far = players[0], players[1]
    proxy.half_open()
    await check_whole(players, 20)
    since = len(far.frames_at)
    proxy.blackhole()
    await near.frames(40)
    assert len(far.frames_at) - since <= 40
    proxy.heal()
    await check_whole(players, 30)
    assert near.client.gaps == 0, "who is not behind the fault sees nothing of it"
