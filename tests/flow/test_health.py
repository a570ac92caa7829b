"""`/healthz` says what players would find: a layer without echo, a database that is locked, strangers on the prefix."""

import json
import sqlite3
import urllib.error
import urllib.request
from contextlib import closing
from functools import partial
from typing import Any

import pytest

from tests.flow.conftest import MakeFleet
from tests.flow.fleet import Fleet
from tests.flow.lab import Poke
from tests.support.redis import RedisServer
from tests.support.waiting import until, wait_until


def health(fleet: Fleet, gateway: int = 0) -> tuple[int, dict[str, Any]]:
    """(status, body)."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(fleet.gateways[gateway].url + "/healthz", timeout=20.0) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def foreign(fleet: Fleet) -> object:
    return health(fleet)[1].get("foreign_loops")


def failing(fleet: Fleet) -> set[str]:
    status, body = health(fleet)
    bad = {name for name, is_well in body["checks"].items() if not is_well}
    assert (status, body["ok"]) == ((503, False) if bad else (200, True))
    return bad


@pytest.mark.redis
def test_a_redis_that_takes_everything_and_delivers_nothing(new_fleet: MakeFleet, redis_server: RedisServer):
    """The user's rights to channels are taken away while it runs, and given back; commands work throughout."""
    redis_server.cli("ACL", "SETUSER", "game", "on", "nopass", "+@all", "~*", "&*")
    fleet = new_fleet("pubsub", redis_server)
    fleet.layer = f"redis://game:x@127.0.0.1:{redis_server.port}/0"
    fleet.start(gateways=1)
    layers = {"layer.frames", "layer.control"}
    assert layers | {"loops", "parts", "database"} <= set(health(fleet)[1]["checks"])
    redis_server.cli("ACL", "SETUSER", "game", "resetchannels")
    wait_until("both layers to be unwell", lambda: layers <= failing(fleet), 60.0)
    redis_server.cli("ACL", "SETUSER", "game", "&*")
    wait_until("everything to be well", lambda: not failing(fleet), 60.0)
    assert "layer.back" in fleet.gateways[0].log()


@pytest.mark.redis
def test_a_redis_that_is_away(new_fleet: MakeFleet, redis_server: RedisServer):
    fleet = new_fleet("pubsub", redis_server).start(gateways=1)
    redis_server.pause()
    wait_until("the layers to be unwell", lambda: {"layer.frames", "layer.control"} <= failing(fleet), 60.0)
    redis_server.resume()
    wait_until("everything to be well", lambda: not failing(fleet), 60.0)


def test_a_database_that_cannot_be_written_now(new_fleet: MakeFleet):
    fleet = new_fleet("memory").start()
    assert failing(fleet) == set()
    with closing(sqlite3.connect(fleet.folder / "test.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        wait_until("the database to be unwell", lambda: failing(fleet) == {"database"}, 60.0)
        other.execute("ROLLBACK")
        wait_until("the database to be well", lambda: not failing(fleet), 60.0)


@pytest.mark.redis
async def test_two_deployments_on_one_prefix(new_fleet: MakeFleet, redis_server: RedisServer):
    """Each names the other, in its log and its health, takes none of its loops and shows none of its rooms, and plays on."""
    fleets = [new_fleet("pubsub", redis_server, ROOMWRIGHT_SECRET=f"the secret of deployment {n}") for n in range(2)]
    for fleet in fleets:
        fleet.start(gateways=1)
    players = []
    for fleet in fleets:
        for _ in range(2):
            player = await (await fleet.player(f"/ws/lab/{fleet.code()}")).joined()
            await player.poke(Poke(1))
            await player.answered(1)
            players.append(player)
    for fleet in fleets:
        for running in (fleet.gateways[0], fleet.loops[0]):
            await running.line("deployment.foreign")
        holders = {holder for (holder,) in fleet.rows("SELECT holder FROM lobby_room")}
        assert len(holders) == 1
        await until("health to name the stranger", partial(foreign, fleet))
        assert not set(health(fleet)[1]["foreign_loops"]) & holders
        rooms = json.loads(await fleet.get("/api/rooms"))["rooms"]
        assert len(rooms) == 2
        assert health(fleet)[0] == 200
    assert [player.close_code for player in players] == [None] * 4
