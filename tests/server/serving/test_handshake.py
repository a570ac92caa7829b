"""Any opening request, cut anywhere: what our door answers and what the application sees is what Daphne's own way gives."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from attrs import define, field, frozen
from daphne.http_protocol import HTTPFactory
from daphne.ws_protocol import WebSocketFactory
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from server.serving.defaults import configured
from server.serving.door import SILENT_MAX_S, Door
from server.serving.handshake import read_handshake
from server.serving.protocol import RoomSocketProtocol
from server.serving.server import RoomServer
from tests.flow.raw import BINARY, CONTINUATION, PING, TEXT, frame
from tests.server.serving.harness import Transport

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
FRAMES = (
    frame(TEXT, b"whole")
    + frame(BINARY, b"in", fin=False)
    + frame(PING, b"?")
    + frame(CONTINUATION, b" two")
    + frame(TEXT, b"bad", rsv=1)
)
PLAIN = {
    "Host": "127.0.0.1:8000",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
}
BROWSER = {
    "Host": "play.example.org",
    "Connection": "keep-alive, Upgrade",
    "Pragma": "no-cache",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Upgrade": "websocket",
    "Origin": "https://play.example.org",
    "Sec-WebSocket-Version": "13",
    "Accept-Encoding": "gzip, deflate, br",
    "Cookie": "roomwright_guest=abc.def; sessionid=x",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits",
    "Sec-WebSocket-Protocol": "roomwright.v1.bin, roomwright.v1.json",
}


@frozen
class Outcome:
    """The applications' scopes, what the peer was sent, whether it was cut off, whether it is a WebSocket, what it said."""

    scopes: list[dict[str, Any]]
    sent: bytes
    is_ended: bool
    is_open: bool
    events: list[dict[str, Any]]


@define(eq=False)
class Line:
    """A connection from its first byte on. ``scopes``: of the applications that were made."""

    transport: Transport
    scopes: list[dict[str, Any]] = field(factory=list)
    server: Any = None

    async def outcome(self, pieces: list[bytes]) -> Outcome:
        """What came of a request in pieces, and of some frames after it where it was accepted."""
        for piece in pieces:
            if not self.transport.disconnecting:
                self.transport.protocol.dataReceived(piece)
        for _ in range(5):
            await asyncio.sleep(0)
        protocol = self.transport.protocol
        is_open = isinstance(protocol, RoomSocketProtocol) and protocol.state == protocol.STATE_OPEN
        events = []
        if is_open:
            protocol.dataReceived(FRAMES)
            events = [protocol.application_queue.get_nowait() for _ in range(protocol.application_queue.qsize())]
        scopes = [{k: v for k, v in scope.items() if k != "extensions"} for scope in self.scopes]
        outcome = Outcome(scopes, self.transport.value(), self.transport.disconnecting, is_open, events)
        if hasattr(protocol, "application_queue"):  # Daphne's fails where there is none
            protocol.connectionLost(Failure(ConnectionDone()))
        for details in self.server.connections.values():
            if "application_instance" in details:
                details["application_instance"].cancel()
        return outcome


def line(*, has_door: bool, is_accepting: bool = True) -> Line:
    """A new connection to an application that accepts the first subprotocol offered, or that refuses."""
    made = Line(Transport())

    async def application(scope: Any, receive: Callable[[], Awaitable[Any]], send: Any) -> None:
        made.scopes.append(scope)
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": b"a page"})
            return
        await receive()
        chosen = next(iter(scope["subprotocols"]), None)
        kind = "websocket.accept" if is_accepting else "websocket.close"
        await send({"type": kind, "subprotocol": chosen} if is_accepting else {"type": kind})
        await asyncio.get_running_loop().create_future()

    server = made.server = RoomServer(application, ["unused"], verbosity=0)
    server.connections = {}
    server.http_factory = HTTPFactory(server)
    server.http_factory.timeOut = None
    server.ws_factory = WebSocketFactory(server, server="x")
    server.ws_factory.are_insides_known = True
    server.ws_factory.setProtocolOptions(failByDrop=False, allowNullOrigin=True, openHandshakeTimeout=0)
    server.ws_factory.protocol = configured(server.ws_factory) if has_door else RoomSocketProtocol
    door = Door(server.http_factory, server.ws_factory, lambda _: True) if has_door else server.http_factory
    protocol = made.transport.protocol = door.buildProtocol(made.transport.getPeer())
    protocol.makeConnection(made.transport)
    return made


def request(headers: dict[str, str], first: str = "GET /ws/lab/AB-c_1 HTTP/1.1") -> bytes:
    return "\r\n".join([first, *(f"{name}: {value}" for name, value in headers.items()), "", ""]).encode("latin-1")


async def both(pieces: list[bytes], *, is_accepting: bool = True) -> tuple[Outcome, Outcome]:
    ours = await line(has_door=True, is_accepting=is_accepting).outcome(pieces)
    return ours, await line(has_door=False, is_accepting=is_accepting).outcome(pieces)


ODD = {
    "Host": ["a", "a:1", "a:", "a:x", "[::1]:80", "", "a b", "a,b", "a:123456", "-.-"],
    "Upgrade": ["WebSocket", "h2c", "websocket, h2c", "", "websocket "],
    "Connection": ["keep-alive , upgrade", "close", "", "UPGRADE", "upgraded"],
    "Sec-WebSocket-Key": [KEY[:-1], KEY + "=", "!" + KEY[1:], " " + KEY, "", KEY[:22] + "=a"],
    "Sec-WebSocket-Version": ["8", "12", "13 ", "013", "", "x", "13, 8"],
    "Sec-WebSocket-Protocol": ["a", "a,b", "a, a", "", "a,,b", "a%20b", "roomwright.token.x", "a b"],
    "Sec-WebSocket-Extensions": ["permessage-deflate", "x; y=1", "", "permessage-deflate; z", ",;="],
    "Origin": [
        "http://a",
        "https://a:65535",
        "https://a:65536",
        "null",
        "",
        "a",
        "http://",
        "http://a:b",
        "file://x",
        "HTTP://A",
    ],
    "Content-Length": ["0", "5", "x", ""],
    "Transfer-Encoding": ["identity", "x"],
    "Expect": ["100-continue"],
    "Daphne-Root-Path": ["/root", "%2froot"],
    "X_Under_Score": ["y"],
    "X-Forwarded-For": ["1.2.3.4"],
    "Cookie": ["a=b; c", "=", "\xe9=\xfc", '"', ""],
}
TARGETS = ("/", "/ws/x", "//x/y", "/a?b=c", "/a%20b", "/a;b", "/a#b", "*", "http://h/p", "/../a", "")
HEADS = [f"GET {target} HTTP/1.1" for target in TARGETS]
HEADS += ["POST /ws/x HTTP/1.1", "GET /ws/x HTTP/1.0", "GET  /ws/x HTTP/1.1", "get /ws/x HTTP/1.1", "GET /ws/x"]
values = {name: st.sampled_from(odd) for name, odd in ODD.items()}
values["X"] = st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=8)
heads = st.sampled_from(HEADS)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """A good request with a few things changed."""
    headers = dict(draw(st.sampled_from([PLAIN, BROWSER])))
    for name in draw(st.lists(st.sampled_from(sorted(values)), max_size=2, unique=True)):
        headers[name] = draw(values[name])
    for name in draw(st.lists(st.sampled_from(sorted(headers)), max_size=1)):
        if draw(st.booleans()):
            del headers[name]
        else:
            headers[name.upper()] = headers[name]
    data = request(headers, draw(st.just("GET /ws/lab/x HTTP/1.1") | heads))
    change = draw(st.integers(0, 20))
    if change == 0:
        data = data.replace(b"\r\n", b"\n")
    elif change == 1:
        data = data.replace(b": ", b":\t", 2)
    elif change == 2:
        data = data.replace(b": ", b" : ", 1)
    elif change == 3:
        data = data.replace(b"\r\nUpgrade", b"\r\n Upgrade")
    return data + draw(st.sampled_from([b""] * 8 + [b"\x81\x80abcd", b"\r\n", b"GET"]))


@settings(max_examples=400, deadline=None)
@given(requests(), st.lists(st.integers(0, 500), max_size=2), st.booleans())
def test_the_same_as_daphne_whatever_is_asked(data: bytes, cuts: list[int], is_accepting: bool):
    at = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    pieces = [data[a:b] for a, b in itertools.pairwise(at)]
    ours, daphnes = asyncio.run(both(pieces, is_accepting=is_accepting))
    assert ours == daphnes


ODD_ONES = [(name, value) for name, odd in ODD.items() for value in odd]


@pytest.mark.parametrize(("name", "value"), ODD_ONES)
async def test_one_odd_header_is_treated_as_daphne_treats_it(name: str, value: str):
    ours, daphnes = await both([request({**PLAIN, name: value})])
    assert ours == daphnes


@pytest.mark.parametrize("first", HEADS)
async def test_an_odd_first_line_is_treated_as_daphne_treats_it(first: str):
    ours, daphnes = await both([request(PLAIN, first)])
    assert ours == daphnes


@pytest.mark.parametrize("headers", [PLAIN, BROWSER], ids=["plain", "browser"])
async def test_what_clients_send_is_read_early_and_accepted(headers: dict[str, str]):
    """So that the property above is about something."""
    data = request(headers)
    assert read_handshake(data) is not None
    ours, daphnes = await both([data])
    assert ours == daphnes
    assert ours.sent.startswith(b"HTTP/1.1 101 ")
    assert ours.is_open
    assert [event.get("text") or event.get("bytes") for event in ours.events] == ["whole", b"in two"]


@pytest.mark.parametrize("name", PLAIN)
def test_without_any_of_its_headers_it_is_not_read(name: str):
    assert read_handshake(request({key: value for key, value in PLAIN.items() if key != name})) is None


@pytest.mark.parametrize("name", ["Content-Length", "Transfer-Encoding", "Expect", "Daphne-Root-Path", "X_Y"])
def test_with_a_header_that_changes_the_request_it_is_not_read(name: str):
    assert read_handshake(request({**PLAIN, name: "0"})) is None


def test_a_long_request_is_not_read():
    assert read_handshake(request({**PLAIN, "X": "x" * 4096})) is None


async def test_who_says_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch):
    now = [100.0]
    monkeypatch.setattr("server.serving.door.monotonic", lambda: now[0])
    silent = line(has_door=True)
    door = silent.transport.protocol.door
    ended = []
    for passed_s in (0.0, SILENT_MAX_S, 1.0):
        now[0] += passed_s
        door.close_silent()
        ended.append(silent.transport.disconnecting)
    assert ended == [False, False, True]
    silent.transport.protocol.connectionLost(Failure(ConnectionDone()))
    assert not door.waiting
