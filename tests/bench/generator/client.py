"""One client: a raw socket under asyncio, the WebSocket framing, and the counting that is the same for every peer.

What a message means is a subclass' matter (`tests.bench.generator.dialects`).
"""

import asyncio
from time import monotonic
from typing import ClassVar, cast

from tests.bench.generator import framing
from tests.bench.generator.http import Poster
from tests.bench.generator.tally import Tally


class Client(asyncio.Protocol):
    """Joins when connected; ``joined`` is set by the dialect at the first full state. A plain class: it is the hot path."""

    protocols: ClassVar[tuple[str, ...]] = ()

    def __init__(self, number: int, room: int, tally: Tally, loop: asyncio.AbstractEventLoop) -> None:
        self.number, self.room, self.tally, self.loop = number, room, tally, loop
        self.joined: asyncio.Future[None] = loop.create_future()
        self.transport: asyncio.Transport | None = None
        self.recording: list[tuple[float, int, bytes]] | None = None
        self.updates = 0
        self.position = 0  # how far it has come, in frames of its room; the dialect may know better than by counting
        self.last_at = 0.0
        self.is_ended = False
        self._buffer = b""
        self._is_upgraded = False
        self._random = framing.masks(number)
        self._key = self._random.randbytes(16)

    # ---- for the dialect

    def path(self) -> str:
        """Where the socket is opened."""
        raise NotImplementedError

    async def prepare(self, poster: Poster) -> None:
        """What comes before the socket, over HTTP; nothing unless the dialect says so."""

    def opened(self) -> None:
        """The socket is a WebSocket now."""

    def binary(self, data: bytes, now: float) -> None:
        """One binary message."""
        raise NotImplementedError

    def text(self, data: bytes, now: float) -> None:
        """One text message."""
        raise NotImplementedError

    def steer(self, dx: float, dy: float, now: float) -> None:
        """Sends one input."""
        raise NotImplementedError

    def poll(self, now: float) -> None:
        """Called about ten times a second."""

    # ---- for the dialect's use

    def send(self, opcode: int, payload: bytes) -> None:
        """One message."""
        if self.transport is not None and not self.is_ended:
            self.transport.write(framing.client_frame(opcode, payload, framing.new_mask(self._random)))

    def update(self, size: int, now: float) -> None:
        """A frame of state came that took this client further; ``size`` is its payload."""
        tally = self.tally
        self.position += 1
        if tally.is_open:
            tally.updates += 1
            self.updates += 1
            tally.payload_bytes += size
            tally.wire_bytes += size + (2 if size < 126 else 4)
            if self.last_at:
                tally.gaps_s.append(now - self.last_at)
        self.last_at = now

    def is_in(self) -> None:
        """The first full state is there."""
        if not self.joined.done():
            self.joined.set_result(None)

    def end(self) -> None:
        """Closes; what happens from now on is no fault."""
        self.is_ended = True
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(framing.client_frame(framing.CLOSE, b"\x03\xe8", framing.new_mask(self._random)))
            self.transport.close()

    # ---- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is not a subclass
        host, port = self.transport.get_extra_info("peername")[:2]
        self.transport.write(framing.handshake(host, port, self.path(), self.protocols, self._key))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.is_ended:
            self.is_ended = True
            self._closed(f"lost: {exc!r}" if exc else "lost without a close frame")

    def data_received(self, data: bytes) -> None:
        now = monotonic()  # uvloop's own time stands still while it works
        if self._buffer:
            data = self._buffer + data
            self._buffer = b""
        try:
            at = 0 if self._is_upgraded else self._upgrade(data)
            if at >= 0:
                self._messages(data, at, now)
        except framing.BadFraming as error:
            self.tally.fault(str(error))
            self.end()
            self._closed("framing")

    def _upgrade(self, data: bytes) -> int:
        end = data.find(b"\r\n\r\n")
        if end < 0:
            self._buffer = data
            return -1
        framing.check_upgrade(data[:end], self._key)
        self._is_upgraded = True
        self.opened()
        return end + 4

    def _messages(self, data: bytes, at: int, now: float) -> None:
        size = len(data)
        while at < size:
            found = framing.server_frame(data, at)
            if found is None:
                self._buffer = data[at:]
                return
            opcode, start, at = found
            payload = data[start:at]
            if self.recording is not None and opcode <= framing.BINARY:
                self.recording.append((now, opcode, payload))
            if opcode == framing.BINARY:
                self.binary(payload, now)
            elif opcode == framing.TEXT:
                self.text(payload, now)
            elif opcode == framing.PING:
                self.send(framing.PONG, payload)
            elif opcode == framing.CLOSE:
                self._close_frame(payload)

    def _close_frame(self, payload: bytes) -> None:
        if not self.is_ended:
            code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1005
            reason = payload[2:].decode("utf-8", "replace")
            self.end()
            self._closed(f"{code} {reason}".strip())

    def _closed(self, why: str) -> None:
        if self.joined.done():
            self.tally.closed(why)
        else:  # whoever awaits the join counts it
            self.joined.set_exception(ConnectionError(why))
