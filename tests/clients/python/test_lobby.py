"""The lobby's answers, good and bad, over real HTTP."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from clients.python.errors import NotServedError, UnreachableError
from clients.python.lobby import Lobby, Place, socket_url
from tests.clients.python.loopback import Loopback


async def test_quick_play_and_the_room_list(server: Loopback):
    lobby = Lobby(server.url)
    place = await lobby.quick("dots")
    assert [found.code for found in await lobby.rooms()] == [place.code]
    assert await lobby.find(place.code, None) == place
    assert place.path_for("spectator") == f"/ws/dots/{place.code}/watch"


async def test_a_code_of_a_known_type_need_not_be_live(server: Loopback):
    place = await Lobby(server.url).find("new-one", "dots")
    assert place.path_for("bot") == "/ws/dots/new-one/bot"
    with pytest.raises(NotServedError, match=r"no room 'new-one'.*live rooms: none"):
        await Lobby(server.url).find("new-one", None)


@pytest.mark.parametrize("code", ["a/b", "K7?x=1", "", "x" * 41, "é"])
async def test_what_is_no_code_is_refused_before_anybody_is_asked(server: Loopback, code: str):
    with pytest.raises(NotServedError, match="expected a room code of 1 to 40 letters"):
        await Lobby(server.url).find(code, "dots")


def test_a_bot_without_a_route_of_its_own_takes_the_players():
    place = Place("K7", "dots", {"play_path": "/ws/dots/K7"})
    assert place.path_for("bot") == place.path_for("player") == "/ws/dots/K7"
    with pytest.raises(NotServedError, match="no route for the role 'spectator'"):
        place.path_for("spectator")


def test_socket_addresses_follow_the_servers():
    assert socket_url("http://127.0.0.1:8000", "/ws") == "ws://127.0.0.1:8000/ws"
    assert socket_url("https://play.example", "/ws") == "wss://play.example/ws"


@asynccontextmanager
async def answering(answer: Callable[[int], bytes]) -> AsyncIterator[str]:
    """A server that gives these raw answers, one by one."""
    calls = 0

    async def on_stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        calls += 1
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer(calls))
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(on_stream, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def _http(status: str, body: bytes, headers: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{headers}\r\n".encode() + body


@pytest.mark.parametrize(
    ("raw", "error", "told"),
    [
        (_http("200 OK", b"<html>"), UnreachableError, "no Roomwright server answers"),
        (_http("200 OK", b"[1]"), NotServedError, "expected a JSON object, got list"),
        (_http("200 OK", b'{"code": 5}'), NotServedError, "expected a room with a code"),
        (_http("404 Not Found", b"nothing"), NotServedError, "HTTP 404"),
        (
            _http("500 Oops", b'{"error": "down", "expected": "x", "got": "y"}'),
            NotServedError,
            "down: expected x, got y",
        ),
        (b"SSH-2.0-OpenSSH\r\n", UnreachableError, "no Roomwright server answers"),
        (b"", UnreachableError, "no Roomwright server answers"),
    ],
)
async def test_answers_that_are_no_lobbys(raw: bytes, error: type[Exception], told: str):
    async with answering(lambda _call: raw) as url:
        with pytest.raises(error, match=told):
            await Lobby(url).quick("dots")


async def test_too_many_calls_are_waited_out():
    busy = _http("429 Too Many Requests", b"{}", "Retry-After: 0\r\n")
    async with answering(lambda call: busy if call < 3 else _http("200 OK", b'{"token": "t3"}')) as url:
        assert await Lobby(url).guest_token("Ann") == "t3"


async def test_and_given_up_in_the_end(monkeypatch):
    monkeypatch.setattr("clients.python.lobby.PATIENCE_S", 0.5)
    async with answering(lambda _call: _http("429 Too Many", b"{}", "Retry-After: 0\r\n")) as url:
        with pytest.raises(NotServedError, match="HTTP 429"):
            await Lobby(url).guest_token("Ann")
