"""The staff remove people from a room that another process holds: over HTTP and from the command line, by seat and by name."""

import asyncio
import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.flow.fleet import Fleet
from tests.flow.lab import Poke
from tests.flow.player import Player

ALL = pytest.mark.layers("memory", "pubsub", "core")
LOGIN = """
from server.django_setup import prepare; prepare()
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
user, _ = User.objects.get_or_create(username="warden", is_staff=True)
session = SessionStore()
session[SESSION_KEY], session[HASH_SESSION_KEY] = str(user.pk), user.get_session_auth_hash()
session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
session.create()
print("session", session.session_key)
"""


async def staff(fleet: Fleet) -> str:
    """The cookie of somebody of the staff who has logged in."""
    found = await fleet.script(LOGIN).line(r"^session (\S+)")
    return f"sessionid={found[1]}"


async def kick(fleet: Fleet, cookie: str, gateway: int = 0, **body: Any) -> tuple[int, dict[str, Any]]:
    """The status and the answer."""

    def post() -> tuple[int, dict[str, Any]]:
        url = fleet.gateways[gateway % len(fleet.gateways)].url + "/api/rooms/kick"
        headers = {"Content-Type": "application/json", "Cookie": cookie}
        request = urllib.request.Request(url, json.dumps(body).encode(), headers)  # noqa: S310 - our own server
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=20.0) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    return await asyncio.to_thread(post)


async def is_out(player: Player, reason: str) -> None:
    """Told why, closed, and nothing after the goodbye."""
    await player.is_closed(4403)
    assert player.goodbye is not None
    assert (player.goodbye.name, player.goodbye.reason) == ("not_allowed", reason)
    last = player.raw[-1]
    assert isinstance(last, str) and json.loads(last)["type"] == "goodbye"


@ALL
async def test_a_player_and_a_spectator_are_removed(fleet: Fleet):
    code, cookie = fleet.code(), await staff(fleet)
    ann, bob = await fleet.guest("Ann"), await fleet.guest("Bob")
    player = await (await fleet.player(f"/ws/lab/{code}", who=ann)).joined()
    other = await (await fleet.player(f"/ws/lab/{code}", gateway=1, is_binary=False)).joined()
    watcher = await (await fleet.player(f"/ws/lab/{code}/watch", gateway=1, who=bob)).joined()
    status, answer = await kick(fleet, cookie, gateway=1, code=code, seat=player.seat, reason="unkind words")
    assert (status, answer) == (
        200,
        {"code": code, "identity": ann.id, "name": "Ann", "seats": [player.seat], "connections": 1},
    )
    await is_out(player, "unkind words")
    await other.until("the free seat", lambda: list(other.view.roster) and len(other.view.roster) == 1)
    for path in (f"/ws/lab/{code}", f"/ws/lab/{code}/watch"):
        await is_out(await (await fleet.player(path, gateway=1, who=ann)).open(), "unkind words")
    assert (await kick(fleet, cookie, code=code, identity=bob.id))[0] == 200
    await is_out(watcher, "removed by the staff")
    await other.poke(Poke(5))
    await other.answered(1)
    elsewhere = await (await fleet.player(f"/ws/lab/{fleet.code()}", who=ann)).joined()
    assert elsewhere.close_code is None, "another room is another matter"


async def test_a_token_of_the_kicked_resumes_nothing(fleet: Fleet):
    code, cookie = fleet.code(), await staff(fleet)
    player = await (await fleet.player(f"/ws/lab/{code}")).joined()
    await (await fleet.player(f"/ws/lab/{code}", gateway=1)).joined()
    player.drop()
    assert (await kick(fleet, cookie, code=code, seat=player.seat))[0] == 200
    await player.open()
    await is_out(player, "removed by the staff")


async def test_why_nobody_was_removed(fleet: Fleet):
    code, cookie = fleet.code(), await staff(fleet)
    player = await (await fleet.player(f"/ws/crew/{code}")).joined()
    bots = [row.number for row in player.view.roster if row.is_bot]
    assert (await kick(fleet, "", code=code, seat=player.seat))[0] == 401
    for status, error, body in (
        (404, "no_such_room", {"code": fleet.code(), "seat": 0}),
        (404, "no_such_seat", {"code": code, "seat": 77}),
        (404, "not_here", {"code": code, "identity": "g0"}),
        (409, "bot", {"code": code, "seat": bots[0]}),
    ):
        answer = await kick(fleet, cookie, **body)
        assert (answer[0], answer[1]["error"]) == (status, error), answer
    assert player.close_code is None


@pytest.mark.layers("pubsub", "core")
async def test_from_the_command_line(fleet: Fleet):
    code = fleet.code()
    player = await (await fleet.player(f"/ws/lab/{code}")).joined()
    other = await (await fleet.player(f"/ws/lab/{code}", gateway=1)).joined()
    nobody = fleet.processes.python("-m", "server", "kick", code, "--identity", "nobody", env=fleet.env)
    assert await asyncio.to_thread(nobody.wait, 60.0) == 1
    assert "kick: not_here: expected one of g" in nobody.log()
    run = fleet.processes.python(
        "-m", "server", "kick", code, "--seat", str(player.seat), "--reason", "enough", env=fleet.env
    )
    assert await asyncio.to_thread(run.wait, 60.0) == 0, run.log()
    assert f"is out of room {code}: 1 connections, seats {player.seat} free" in run.log()
    await is_out(player, "enough")
    await other.frames(3)


@pytest.mark.layers("memory")
async def test_the_command_line_says_what_to_do_where_there_is_one_process(fleet: Fleet):
    run = fleet.processes.python("-m", "server", "kick", "K7", "--seat", "0", env=fleet.env)
    assert await asyncio.to_thread(run.wait, 60.0) == 2
    assert "POST /api/rooms/kick" in run.log()
