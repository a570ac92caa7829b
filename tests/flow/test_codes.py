"""Every code that a room may have goes through every door: sockets, pages, the lobby's list, kicks over HTTP and by hand."""

import asyncio
import json
import urllib.error
from urllib.parse import quote

import pytest

from game.codes import ROOM_CODE_MAX
from game.wire import messages as m
from tests.flow.conftest import MakeFleet
from tests.flow.fleet import Fleet
from tests.flow.test_kicks import is_out, kick, staff
from tests.game.test_codes import NO_CODES, ODD_CODES
from tests.support.redis import RedisServer


async def test_any_code_is_played_watched_listed_and_kicked_from(fleet: Fleet):
    cookie, incarnations = await staff(fleet), set()
    for code in ODD_CODES:
        player = await (await fleet.player(f"/ws/lab/{code}")).joined()
        watcher = await (await fleet.player(f"/ws/lab/{code}/watch", gateway=1)).joined()
        assert player.client.welcome is not None and player.client.welcome.room == code
        incarnations.add(player.client.welcome.incarnation)
        for page in ("play", "watch"):
            assert b"<html" in await fleet.get(f"/{page}/lab/{code}")
        await is_listed(fleet, code)
        status, answer = await kick(fleet, cookie, code=code, seat=player.seat)
        assert (status, answer.get("code")) == (200, code), answer
        await is_out(player, "removed by the staff")
        await watcher.frames(1)
    assert len(incarnations) == len(ODD_CODES), "codes that differ in their case only are two rooms"


async def test_what_is_no_code_is_refused_at_every_door(fleet: Fleet):
    cookie = await staff(fleet)
    for code in (code for code in NO_CODES if code):
        player = await (await fleet.player(f"/ws/lab/{quote(code, safe='')}")).open()
        await player.is_closed(4404)
        with pytest.raises(urllib.error.HTTPError, match="404"):
            await fleet.get(f"/play/lab/{quote(code, safe='')}")
        assert (await kick(fleet, cookie, code=code, seat=0))[0] == 400


@pytest.mark.layers("pubsub")
async def test_a_code_that_begins_with_a_dash_is_kicked_from_by_hand(fleet: Fleet):
    code = f"-h{fleet.code()}"
    player = await (await fleet.player(f"/ws/lab/{code}")).joined()
    run = fleet.processes.python("-m", "server", "kick", code, "--seat", str(player.seat), env=fleet.env)
    assert await asyncio.to_thread(run.wait, 60.0) == 0, run.log()
    assert f"is out of room {code}" in run.log()
    await is_out(player, "removed by the staff")


async def test_a_cleaned_name_and_a_cleaned_line_are_what_others_see(fleet: Fleet):
    code = fleet.code()
    ann = await fleet.player(f"/ws/lab/{code}", is_binary=False)
    ann.client.hello = m.Hello(token=ann.token, name="\x1b[2J\u202eAda\x00\U000e0041", schema=True)
    await ann.joined()
    bob = await (await fleet.player(f"/ws/lab/{code}", gateway=1)).joined()
    await ann.say("\x1b]0;owned\x07\u2066hi\u2028there\x00")
    await bob.shows_chat(1)
    (line,) = bob.client.chat
    assert (line.who, line.text) == ("[2JAda", "]0;ownedhi there")
    assert "[2JAda" in {seat.name for seat in bob.view.roster}


async def is_listed(fleet: Fleet, code: str) -> None:
    """The loops tell of their rooms once a second."""
    listed: set[str] = set()
    for _ in range(100):
        listed = {room["code"] for room in json.loads(await fleet.get("/api/rooms"))["rooms"]}
        if code in listed:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"expected {code} among {sorted(listed)}")


async def test_the_longest_prefix_with_the_longest_code(new_fleet: MakeFleet, shared_redis: RedisServer):
    fleet = new_fleet("core", shared_redis, ROOMWRIGHT_PREFIX="p" * 32).start()
    code = "-" * ROOM_CODE_MAX
    ann = await (await fleet.player(f"/ws/late/{code}")).joined()
    bob = await (await fleet.player(f"/ws/late/{code}", gateway=1)).joined()
    eve = await (await fleet.player(f"/ws/late/{code}/watch", gateway=1)).joined()
    await ann.say("hello")
    await bob.shows_chat(1)
    await eve.shows_chat(1)
    assert eve.close_code is None
    fleet.check_sound()
