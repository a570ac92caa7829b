"""HTTP requests in bounds: what is refused by its head or as it comes, and what is ended because it does not get on. No network."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from attrs import define, field
from daphne.ws_protocol import WebSocketFactory
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from server import settings
from server.serving import requests
from server.serving.descriptors import Descriptors
from server.serving.protocol import RoomSocketProtocol
from server.serving.requests import (
    ANSWER_WITHIN_S,
    BODY_BYTES_MAX,
    HEAD_BYTES_MAX,
    HEADERS_MAX,
    IDLE_MAX_S,
    LINGER_BYTES_MAX,
    LINGER_S,
    REQUEST_WITHIN_S,
    RoomHttpFactory,
)
from server.serving.server import RoomServer
from tests.server.serving.harness import HANDSHAKE, Transport

GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"


def post(*headers: str) -> bytes:
    return "\r\n".join(["POST /a HTTP/1.1", "Host: x", *headers, "", ""]).encode()


@define(eq=False)
class Line:
    """A connection to an application that keeps the bodies it gets and answers each with ``ok``."""

    transport: Transport = field(factory=Transport)
    bodies: list[bytes] = field(factory=list)
    now: float = 1000.0
    is_answering: bool = True
    server: Any = None

    @classmethod
    def opened(cls, monkeypatch: pytest.MonkeyPatch, *, is_answering: bool = True) -> "Line":
        line = cls(is_answering=is_answering)
        monkeypatch.setattr(requests, "monotonic", lambda: line.now)
        server = line.server = RoomServer(line.application, ["unused"], verbosity=0)
        server.connections = {}
        server.ws_factory = WebSocketFactory(server, server="x")
        server.ws_factory.protocol, server.ws_factory.are_insides_known = RoomSocketProtocol, True
        server.requests = RoomHttpFactory(server, Descriptors(highest=100))
        protocol = line.transport.protocol = server.requests.buildProtocol(None)
        protocol.makeConnection(line.transport)
        return line

    async def application(self, scope: Any, receive: Callable[[], Awaitable[Any]], send: Any) -> None:
        if scope["type"] == "websocket":
            await asyncio.get_running_loop().create_future()
        body, is_more = b"", True
        while is_more:
            event = await receive()
            body, is_more = body + event["body"], event["more_body"]
        self.bodies.append(body)
        if self.is_answering:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"Content-Length", b"2")]})
            await send({"type": "http.response.body", "body": b"ok"})

    async def feed(self, data: bytes) -> None:
        self.transport.protocol.dataReceived(data)
        for _ in range(5):
            await asyncio.sleep(0)

    @property
    def statuses(self) -> list[str]:
        return [part.split(b" ")[0].decode() for part in self.transport.value().split(b"HTTP/1.1 ")[1:]]

    def look_after(self, passed_s: float) -> tuple[bool, bool]:
        """Whether it is being ended, and whether it is cut off, so many seconds later."""
        self.now += passed_s
        self.server.requests.look()
        return self.transport.disconnecting, self.transport.aborting

    def lose(self) -> None:
        self.transport.protocol.connectionLost(Failure(ConnectionDone()))
        for details in self.server.connections.values():
            if "application_instance" in details:
                details["application_instance"].cancel()


@pytest.fixture
async def line(monkeypatch: pytest.MonkeyPatch) -> Line:
    return Line.opened(monkeypatch)


def test_the_bound_is_the_application_s_own():
    assert BODY_BYTES_MAX == settings.DATA_UPLOAD_MAX_MEMORY_SIZE


# ---- how much


async def test_a_body_of_the_largest_size_is_taken_in_any_pieces(line: Line):
    body = b"x" * BODY_BYTES_MAX
    await line.feed(post(f"Content-Length: {BODY_BYTES_MAX}") + body[:10])
    for at in range(10, BODY_BYTES_MAX, 10_000):
        await line.feed(body[at : at + 10_000])
    await line.feed(post("Transfer-Encoding: chunked") + b"8000\r\n" + body[:0x8000] + b"\r\n")
    await line.feed(b"8000\r\n" + body[:0x8000] + b"\r\n0\r\n\r\n")
    assert line.bodies == [body, body]
    assert line.statuses == ["200", "200"]
    line.lose()


@pytest.mark.parametrize("expect", [(), ("Expect: 100-continue",)])
async def test_a_longer_one_is_refused_by_its_head(line: Line, expect: tuple[str, ...]):
    await line.feed(post(f"Content-Length: {BODY_BYTES_MAX + 1}", *expect))
    assert line.statuses == ["413"]
    assert line.transport.disconnecting
    await line.feed(b"x" * 50_000 + GET)
    assert (line.statuses, line.bodies) == (["413"], [])
    line.lose()


async def test_chunks_are_refused_when_there_are_too_many(line: Line):
    await line.feed(post("Transfer-Encoding: chunked"))
    chunk = b"1000\r\n" + b"x" * 0x1000 + b"\r\n"
    for sent in range(1, 40):
        await line.feed(chunk)
        assert (line.statuses == []) is (sent * 0x1000 <= BODY_BYTES_MAX)
    assert line.statuses == ["413"]
    request = line.transport.protocol.requests[0]
    assert len(request.content.getvalue()) == 0, "nothing of it is kept"
    await line.feed(b"0\r\n\r\n")
    assert line.bodies == []
    line.lose()


async def test_who_goes_on_sending_after_a_refusal_is_cut_off(line: Line):
    await line.feed(post("Content-Length: 150000000"))
    for _ in range(LINGER_BYTES_MAX // 65_536):
        await line.feed(b"x" * 65_536)
    cut_off = [line.transport.aborting]
    await line.feed(b"x")
    assert [*cut_off, line.transport.aborting] == [False, True]
    line.lose()


async def test_a_small_body_is_asked_for(line: Line):
    await line.feed(post("Content-Length: 2", "Expect: 100-continue"))
    assert line.statuses == ["100"]
    await line.feed(b"{}")
    assert (line.statuses, line.bodies) == (["100", "200"], [b"{}"])
    line.lose()


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (post(*(f"X-{n}: y" for n in range(HEADERS_MAX))), "400"),
        (post("X: " + "y" * HEAD_BYTES_MAX), "431"),
        (b"GET /" + b"y" * HEAD_BYTES_MAX * 2, "431"),
        (post(*(f"X-{n}: {'y' * 1000}" for n in range(20))), "400"),
        (post("Content-Length: 1", "Content-Length: 2"), "400"),
        (post("Content-Length: 1", "Transfer-Encoding: chunked"), "400"),
        (post("Content-Length: -1"), "400"),
        (HANDSHAKE.replace(b"Host: x", b"Host: x\r\nContent-Length: 5") + b"hello", "400"),
        (HANDSHAKE.replace(b"Host: x", b"Host: x\r\nTransfer-Encoding: chunked") + b"1\r\nx\r\n0\r\n\r\n", "400"),
    ],
    ids=[
        "headers",
        "a header",
        "a target",
        "a head",
        "two lengths",
        "a length and chunks",
        "a length",
        "a body",
        "chunks",
    ],
)
async def test_a_head_out_of_bounds_is_refused_once(line: Line, head: bytes, status: str):
    await line.feed(head)
    await line.feed(GET)
    assert (line.statuses, line.bodies) == ([status], [])
    line.lose()


async def test_requests_on_one_connection_are_answered_in_order(line: Line):
    await line.feed(GET + post("Content-Length: 3") + b"two" + GET)
    for _ in range(20):
        await asyncio.sleep(0)
    assert line.bodies == [b"", b"two", b""]
    assert line.statuses == ["200"] * 3
    ends = [line.transport.disconnecting]
    await line.feed(GET.replace(b"1.1", b"1.0"))  # which ends with its answer
    assert [*ends, line.transport.disconnecting] == [False, True]
    line.lose()


# ---- how long


@pytest.mark.parametrize("piece", [GET[:-1], post("Content-Length: 100"), post("Transfer-Encoding: chunked")])
async def test_a_byte_now_and_then_renews_nothing(line: Line, piece: bytes):
    for at in range(int(REQUEST_WITHIN_S) + 1):
        await line.feed(piece[at : at + 1] if at < 20 else piece[20:])
        assert line.look_after(1.0 if at else 0.0) == (False, False)
    line.look_after(0.1)
    assert line.statuses == ["408"]
    await line.feed(b"1")
    assert line.look_after(LINGER_S + 0.1) == (True, True)
    line.lose()


async def test_a_silent_connection_ends_and_so_does_an_idle_one(monkeypatch: pytest.MonkeyPatch):
    silent = Line.opened(monkeypatch)
    assert silent.look_after(REQUEST_WITHIN_S) == (False, False)
    assert silent.look_after(0.1) == (True, False)
    assert silent.look_after(LINGER_S + 0.1) == (True, True)
    silent.lose()
    idle = Line.opened(monkeypatch)
    await idle.feed(GET)
    assert idle.look_after(IDLE_MAX_S) == (False, False)
    await idle.feed(GET)
    assert idle.look_after(IDLE_MAX_S) == (False, False)
    assert idle.look_after(0.1) == (True, False)
    assert idle.statuses == ["200", "200"]
    idle.lose()


@pytest.mark.parametrize("request_", [GET, GET.replace(b"x\r\n", b"x\r\nConnection: close\r\n")])
async def test_an_answer_that_does_not_come_or_is_not_taken_ends_the_connection(
    monkeypatch: pytest.MonkeyPatch, request_: bytes
):
    line = Line.opened(monkeypatch, is_answering=b"close" in request_)
    await line.feed(request_)  # with an answer: Twisted waits for a peer that does not read, for ever
    assert line.look_after(ANSWER_WITHIN_S)[1] is False
    assert line.look_after(0.1)[1] is True
    line.lose()
    assert not line.server.requests.channels


async def test_after_an_upgrade_the_socket_has_deadlines_of_its_own(line: Line):
    await line.feed(HANDSHAKE)
    assert isinstance(line.transport.protocol, RoomSocketProtocol)
    assert line.look_after(1000.0) == (False, False)
    assert not line.server.requests.channels
    line.transport.protocol.connectionLost(Failure(ConnectionDone()))
    for details in line.server.connections.values():
        if "application_instance" in details:
            details["application_instance"].cancel()


async def test_a_connection_whose_number_is_too_high_is_cut_off(monkeypatch: pytest.MonkeyPatch):
    line = Line.opened(monkeypatch)
    line.server.requests.descriptors.highest = 2
    other = Line(transport=Transport())
    protocol = other.transport.protocol = line.server.requests.buildProtocol(None)
    protocol.makeConnection(other.transport)
    assert other.transport.aborting
    line.lose()
