"""HTTP as Twisted and Daphne serve it, with bounds: how much a request may bring, and how long each stage of it may take.

Twisted keeps a body whole before anybody sees it, whatever its size, and every byte that comes renews its only timeout. Here what is
too long is refused by its Content-Length, or when it has come that far, and each deadline is a point in time. Set up by `server`.
"""

from enum import Enum
from io import BytesIO
from typing import Any

from attrs import define
from daphne.http_protocol import HTTPFactory, WebRequest
from twisted.internet import tcp
from twisted.internet.protocol import connectionDone
from twisted.web.http import HTTPChannel

from server.clock import monotonic
from server.ops.metrics import count
from server.serving.descriptors import Descriptors

HEAD_BYTES_MAX = 16 * 1024
HEADERS_MAX = 100
BODY_BYTES_MAX = 64 * 1024  # DATA_UPLOAD_MAX_MEMORY_SIZE in server.settings, which Django holds to afterwards
REQUEST_WITHIN_S = 20.0
ANSWER_WITHIN_S = 90.0  # of which an application has 60 s
IDLE_MAX_S = 60.0
LINGER_S = 3.0
LINGER_BYTES_MAX = 1024 * 1024


class Stage(Enum):
    """Where a connection stands, and so what its deadline is for."""

    IDLE = "idle"
    REQUEST = "request"
    ANSWER = "answer"
    ENDING = "ending"


@define(frozen=True)
class Refusal:
    """The answer to a request that is not read to its end."""

    status: str
    limit: str = ""

    @property
    def answer(self) -> bytes:
        """The whole of it; Twisted's own in the case of a bad request."""
        if not self.limit:
            return f"HTTP/1.1 {self.status}\r\n\r\n".encode()
        body = f'{{"error":"{self.status[4:].lower()}"}}'
        head = f"HTTP/1.1 {self.status}\r\nConnection: close\r\nContent-Type: application/json\r\n"
        return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


BAD = Refusal("400 Bad Request")
BODY_TOO_LARGE = Refusal("413 Content Too Large", "request_body")
HEAD_TOO_LARGE = Refusal("431 Request Header Fields Too Large", "request_head")
TOO_SLOW = Refusal("408 Request Timeout", "request_time")


class RoomRequest(WebRequest):  # type: ignore[misc]  # daphne ships no types
    """Daphne's, whose body is kept in memory because it is bounded: Twisted would open a file for one of unknown length."""

    received = 0

    def gotLength(self, length: int | None) -> None:  # noqa: N802 - Twisted's name
        """The head is read."""
        self.content = BytesIO()

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """A part of the body, however it is encoded."""
        self.received += len(data)
        if self.received > BODY_BYTES_MAX:
            self.content = BytesIO()
            self.channel.refuse(BODY_TOO_LARGE)
        elif not self.channel.is_refused:
            self.content.write(data)


class RoomChannel(HTTPChannel):
    """One connection, with the requests on it one after the other. `look` is called every 2 s."""

    maxHeaders = HEADERS_MAX  # noqa: N815 - Twisted's
    totalHeadersSize = MAX_LENGTH = HEAD_BYTES_MAX  # noqa: N815 - Twisted's
    requestFactory = RoomRequest  # noqa: N815 - Twisted's
    timeOut = None  # noqa: N815 - Twisted's own, which every byte renews
    transport: Any
    factory: Any
    is_refused = False
    _stage = Stage.IDLE
    _due = 0.0
    _discarded = 0

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's name
        """Time begins to pass, where there is place."""
        super().connectionMade()  # type: ignore[no-untyped-call]
        self._wait(Stage.IDLE, REQUEST_WITHIN_S)
        self.factory.channels.add(self)
        self.factory.descriptors.check(self.transport)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Bytes of a request; of one that is refused they go nowhere, and not for long."""
        if self.is_refused:
            self._discarded += len(data)
            if self._discarded > LINGER_BYTES_MAX:
                self.transport.abortConnection()
            return
        if self._stage is Stage.IDLE:
            self._wait(Stage.REQUEST, REQUEST_WITHIN_S)
        super().dataReceived(data)  # type: ignore[no-untyped-call]

    def lineReceived(self, line: bytes) -> None:  # noqa: N802 - Twisted's name
        """A line of the head."""
        if not self.is_refused:
            super().lineReceived(line)  # type: ignore[no-untyped-call]

    def lineLengthExceeded(self, line: bytes) -> None:  # noqa: N802 - Twisted's name
        """A line of the head that does not end."""
        self.refuse(HEAD_TOO_LARGE)

    def allHeadersReceived(self) -> None:  # noqa: N802 - Twisted's name
        """The head is whole: what its body may be is known, before the peer is told to go on with it."""
        upgrade = self.requests[-1].requestHeaders.getRawHeaders(b"Upgrade", [b""])[0]
        if self.length is not None and self.length > BODY_BYTES_MAX:
            self.refuse(BODY_TOO_LARGE)
        elif self.length != 0 and upgrade.lower() == b"websocket":
            self.refuse(BAD)  # a body would be read as frames
        else:
            super().allHeadersReceived()  # type: ignore[no-untyped-call]

    def rawDataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """A part of the body."""
        if not self.is_refused:
            super().rawDataReceived(data)

    def allContentReceived(self) -> None:  # noqa: N802 - Twisted's name
        """The request is whole."""
        if not self.is_refused:
            self._wait(Stage.ANSWER, ANSWER_WITHIN_S)
            super().allContentReceived()  # type: ignore[no-untyped-call]

    def requestDone(self, request: Any) -> None:  # noqa: N802 - Twisted's name
        """The answer is written; what came of the next request meanwhile is read now."""
        if self.persistent:
            if self._dataBuffer:
                self._wait(Stage.REQUEST, REQUEST_WITHIN_S)
            else:
                self._wait(Stage.IDLE, IDLE_MAX_S)
        super().requestDone(request)  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Any = connectionDone) -> None:  # noqa: N802 - Twisted's name
        """It is gone."""
        self.factory.channels.discard(self)
        super().connectionLost(reason)  # type: ignore[no-untyped-call]

    def refuse(self, refusal: Refusal) -> None:
        """Answers, reads no more requests, and closes: in a moment, so that a peer that still writes can read the answer."""
        if self.is_refused:
            return
        self.is_refused, self._buffer = True, b""
        if refusal.limit:
            count("limit_refusals_total", limit=refusal.limit)
        self.transport.write(refusal.answer)
        self._end()

    def look(self, now: float) -> bool:
        """Ends what is overdue; whether this is still the connection's protocol, which it is not after an upgrade."""
        current = getattr(self.transport, "wrappedProtocol", None) or self.transport.protocol
        if current is not self:
            return False
        if now > self._due:
            if self._stage is Stage.REQUEST:
                self.refuse(TOO_SLOW)
            elif self._stage is Stage.IDLE:
                self.is_refused = True
                self._end()
            else:  # an answer that nobody takes; an end that does not come
                self.transport.abortConnection()
        return True

    def _respondToBadRequestAndDisconnect(self) -> None:  # noqa: N802 - Twisted's name
        self.refuse(BAD)

    def _wait(self, stage: Stage, within_s: float) -> None:
        self._stage, self._due = stage, monotonic() + within_s

    def _end(self) -> None:
        self._wait(Stage.ENDING, LINGER_S)
        self._networkProducer.unregisterProducer()
        if type(self.transport) is tcp.Server:
            self.transport.loseWriteConnection()  # type: ignore[no-untyped-call]  # a close with bytes unread is a reset: the answer would be lost
        else:  # TLS would go on reading until the peer agrees to the end
            self.transport.pauseProducing()
            self.transport.loseConnection()


class RoomHttpFactory(HTTPFactory):  # type: ignore[misc]  # daphne ships no types
    """Daphne's, for our channels. HTTP/2, which would pass them by, is not offered."""

    def __init__(self, server: Any, descriptors: Descriptors) -> None:
        super().__init__(server)
        self.descriptors = descriptors
        self.channels: set[RoomChannel] = set()

    def buildProtocol(self, addr: Any) -> RoomChannel:  # noqa: N802 - Twisted's name
        """For one connection."""
        channel = RoomChannel()  # type: ignore[no-untyped-call]
        channel.factory = self
        setattr(channel, "callLater", self.reactor.callLater)  # noqa: B010 - a method to mypy
        return channel

    def acceptableProtocols(self) -> list[bytes]:  # noqa: N802 - Twisted's name
        """What a TLS handshake may agree on."""
        return [b"http/1.1"]

    def look(self) -> None:
        """Called every 2 s: deadlines."""
        now = monotonic()
        for channel in list(self.channels):
            if not channel.look(now):
                self.channels.discard(channel)
