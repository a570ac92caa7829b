"""Fleets in which not all processes are alike: other versions of a game side by side, loops that are idle, loops that end."""

import asyncio
import json
import os
import shutil
import signal
from collections import Counter
from pathlib import Path

import pytest

from game.wire.closecodes import Retry
from tests.flow.conftest import MakeFleet
from tests.flow.fleet import Fleet
from tests.flow.lab import Poke
from tests.flow.player import Player
from tests.support.processes import ROOT
from tests.support.redis import RedisServer


def other_version(fleet: Fleet) -> dict[str, str]:
    """The environment of a process that has a version of the game in which a number is scaled otherwise."""
    outside = fleet.folder / "newer"
    shutil.copytree(fleet.folder / "outside", outside)
    rules = outside / "labgames" / "rules.py"
    old = "    last: int = whole(0, MILLION, audience=PUBLIC)"
    text = rules.read_text()
    assert text.count(old) == 1
    rules.write_text(text.replace(old, old.replace("whole(0, MILLION", "whole(-MILLION, MILLION")))
    return {"PYTHONPATH": os.pathsep.join([str(ROOT), str(outside)])}


async def turned_away(player: Player) -> str:
    """Why; it was told a time to come back."""
    await player.open()
    await player.is_closed(4504)
    assert player.goodbye is not None
    assert player.goodbye.retry_after_s
    assert player.retry is Retry.BACKOFF
    return player.goodbye.reason


async def listed(fleet: Fleet, gateway: int) -> set[str]:
    """The codes of the rooms that a gateway lists."""
    return {room["code"] for room in json.loads(await fleet.get("/api/rooms", gateway))["rooms"]}


async def until_listed(fleet: Fleet, gateway: int, code: str) -> None:
    async with asyncio.timeout(30.0):
        while code not in await listed(fleet, gateway):
            await asyncio.sleep(0.1)


@pytest.mark.redis
async def test_two_versions_of_a_game_side_by_side_never_share_a_room(new_fleet: MakeFleet, redis_server: RedisServer):
    fleet = new_fleet("pubsub", redis_server).start(gateways=1)
    newer = other_version(fleet)
    other = fleet.start_gateway(**newer)
    code = fleet.code()
    old = await (await fleet.player(f"/ws/lab/{code}")).joined()
    await until_listed(fleet, 0, code)
    for path in (f"/ws/lab/{code}", f"/ws/lab/{code}/watch", f"/ws/lab/{fleet.code()}"):
        assert "schema" in await turned_away(await fleet.player(path, gateway=1))
    assert code not in await listed(fleet, 1)
    said = [line for line in other.log().splitlines() if "room.not_served" in line]
    assert 1 <= len(said) <= 2, "once for the announcement, once for who asked"
    assert b'roomwright_mismatches_total{what="schema"' in (await fleet.get("/metrics", 1)).replace(
        b'{where="gateway",what="schema"}', b'{what="schema"'
    )

    fleet.start_loop(**newer)
    await other.line("room.not_served|loop")
    mine, theirs = fleet.code(), fleet.code()
    async with asyncio.timeout(30.0):
        new = await fleet.player(f"/ws/lab/{mine}", gateway=1)
        while True:  # until its gateway has heard the newer loop
            await new.open()
            await new.until("an answer", lambda: new.frames_at or new.close_code)
            if new.close_code is None:
                break
            await asyncio.sleep(0.2)
    again = await (await fleet.player(f"/ws/lab/{theirs}")).joined()
    for player in (old, new, again):
        await player.poke(Poke(300))
        await player.answered(1)
        await player.shows_pokes({player.seat: 300})
    assert "schema" in await turned_away(await fleet.player(f"/ws/lab/{mine}", gateway=0))
    assert "schema" in await turned_away(await fleet.player(f"/ws/lab/{theirs}", gateway=1))


@pytest.mark.redis
async def test_rooms_that_open_at_once_are_spread_over_idle_loops(new_fleet: MakeFleet, redis_server: RedisServer):
    fleet = new_fleet("pubsub", redis_server).start(gateways=1)
    fleet.start_loop()
    await asyncio.sleep(2.5)  # both loops have told that they are there
    people = [await fleet.player(f"/ws/brief/{fleet.code()}") for _ in range(10)]
    await asyncio.gather(*(player.joined() for player in people))
    held = Counter(holder for (holder,) in fleet.rows("SELECT holder FROM lobby_room WHERE state = 'open'"))
    assert sorted(held.values()) == [5, 5], held


@pytest.mark.redis
async def test_while_a_loop_drains_nobody_is_told_that_there_is_no_such_room(
    new_fleet: MakeFleet, redis_server: RedisServer
):
    fleet = new_fleet("pubsub", redis_server).start()
    code = fleet.code()
    player = await (await fleet.player(f"/ws/lab/{code}")).joined()
    watcher = await (await fleet.player(f"/ws/lab/{code}/watch", gateway=1)).joined()
    fleet.start_loop()
    await asyncio.sleep(2.5)
    os.kill(fleet.loops[0].pid, signal.SIGTERM)
    for one in (player, watcher):
        await one.is_closed(4504)
    reasons = [await turned_away(watcher) for _ in range(3)]
    assert all(reasons)
    await player.open()
    await player.until("an answer", lambda: player.close_code)  # its seat died with the loop
    assert player.retry is Retry.FRESH
    for one in (player, watcher):
        await one.joined()
    assert player.welcome.incarnation == watcher.welcome.incarnation
    assert fleet.loops[0].wait(30.0) == 0


def test_the_lab_has_what_these_tests_change():
    assert "class Lab" in (Path(__file__).parent / "lab.py").read_text()
