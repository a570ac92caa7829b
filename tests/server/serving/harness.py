"""Daphne's WebSocket protocol, stock or ours, on a transport of Twisted's that keeps what was written: no network, no reactor running."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from attrs import define, field
from daphne.server import Server
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from server.serving.protocol import RoomSocketProtocol
from server.serving.server import RoomServer

Events = list[dict[str, Any]]
HANDSHAKE = (
    b"GET /x HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
LIMIT = 20_000


async def _accept(scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
    """Accepts, and reads nothing more."""
    await receive()
    await send({"type": "websocket.accept"})
    await asyncio.get_running_loop().create_future()


class Transport(StringTransport):
    """Twisted's, with what its TCP transport has besides: un- and resuming are allowed at any time."""

    aborting = False
    protocol: Any = None

    def fileno(self) -> int:
        """A small number."""
        return 3

    def abortConnection(self) -> None:  # noqa: N802 - Twisted's name
        self.aborting = self.disconnecting = True

    def setTcpNoDelay(self, enabled: bool) -> None:  # noqa: N802 - Twisted's name
        """Nothing is delayed here."""

    def resumeProducing(self) -> None:  # noqa: N802 - Twisted's name
        if not self.disconnecting:
            super().resumeProducing()

    def unregisterProducer(self) -> None:  # noqa: N802 - Twisted's name
        self.producer = None


@define(eq=False)
class Line:
    """One open connection. ``delivered``: what was handed to `deliver`, where that is set."""

    protocol: Any
    transport: Transport
    server: Any
    delivered: list[bytes | str] = field(factory=list)
    was_held: bool = False

    def feed(self, data: bytes) -> None:
        """Bytes from the peer, as Twisted would hand them over: none after the connection's end."""
        if not self.transport.disconnecting:
            self.protocol.dataReceived(data)

    def sent(self) -> bytes:
        """All bytes to the peer since the handshake."""
        written: bytes = self.transport.value()
        return written.partition(b"\r\n\r\n")[2]

    def events(self) -> Events:
        """What waits for the application."""
        queue: asyncio.Queue[dict[str, Any]] = self.protocol.application_queue
        return [queue.get_nowait() for _ in range(queue.qsize())]

    def end(self) -> None:
        """The TCP connection is gone."""
        self.protocol.connectionLost(Failure(ConnectionDone()))
        for details in self.server.connections.values():
            details["application_instance"].cancel()


async def opened(
    protocol: type[WebSocketProtocol],
    deliver: Callable[[bytes | str], None] | None = None,
    *,
    is_delivering: bool = False,
    before_accept: Sequence[bytes] = (),
) -> Line:
    """A connection after its handshake; its messages go to ``deliver``, or are kept where it ``is_delivering``.

    ``before_accept`` comes while the application has not accepted yet.
    """
    server = (RoomServer if protocol is RoomSocketProtocol else Server)(_accept, ["unused"], verbosity=0)
    server.connections = {}
    server.ws_factory = WebSocketFactory(server, server="x")
    server.ws_factory.protocol = protocol
    server.ws_factory.are_insides_known = True
    server.ws_factory.setProtocolOptions(
        failByDrop=False, maxMessagePayloadSize=LIMIT, maxFramePayloadSize=LIMIT, allowNullOrigin=True
    )
    transport = Transport()
    made = server.ws_factory.buildProtocol(None)
    made._raw_query_string = b""
    line = Line(made, transport, server)
    if deliver is not None or is_delivering:
        made.deliver = deliver or line.delivered.append
    made.makeConnection(transport)
    made.dataReceived(HANDSHAKE)
    for data in before_accept:
        made.dataReceived(data)
    line.was_held = transport.producerState == "paused"
    while made.state != made.STATE_OPEN:
        await asyncio.sleep(0)
    return line
