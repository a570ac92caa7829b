"""The ASGI extension ``roomwright.socket``: a socket that can be written to directly and that hands its messages over.

Offered by our own server on plain TCP only. `server.sockets.outlet` is what uses it.
"""

from collections.abc import Callable
from typing import Any

from daphne.ws_protocol import WebSocketProtocol

from server.serving.frames import FrameCache

OPEN = WebSocketProtocol.STATE_OPEN
_frames = FrameCache()  # of the process: one message goes to the sockets of a room one after the other


class DirectSocket:
    """One connection. ``deliver`` may be set before ``websocket.accept``: whole messages are then handed to it at once.

    ``form`` makes the frame of a message, once for all sockets. ``send`` takes such a frame and returns how much of it is gone, or
    raises OSError: it is the kernel's own, and only for who was told of nothing left here (`limit`) since ``is_clear`` said so, and
    hands what was not taken to ``leave``.

    Writing to a socket that is closing or gone does nothing. Order holds with all that autobahn writes: whatever cannot
    go to the kernel whole, and all that follows it, goes through Twisted's buffer.
    """

    __slots__ = ("_bytes_max", "_on_full", "_on_left", "_protocol", "_transport", "send")

    form = staticmethod(_frames.framed)

    def __init__(self, protocol: Any, transport: Any) -> None:
        self._protocol = protocol
        self._transport = transport
        self.send: Callable[[bytes], int] = transport.socket.send
        self._bytes_max = 0
        self._on_full: Callable[[], None] | None = None
        self._on_left: Callable[[], None] | None = None

    @property
    def deliver(self) -> Callable[[bytes | str], None] | None:
        """Called with every whole message of the client, in place of ``websocket.receive`` events. It may close the socket."""
        found: Callable[[bytes | str], None] | None = self._protocol.deliver
        return found

    @deliver.setter
    def deliver(self, deliver: Callable[[bytes | str], None]) -> None:
        if self._protocol.is_accepted:
            raise RuntimeError(
                "expected deliver to be set before websocket.accept, got it after; messages may wait by then"
            )
        self._protocol.deliver = deliver

    def limit(self, bytes_max: int, on_full: Callable[[], None], on_left: Callable[[], None]) -> None:
        """Calls ``on_left`` when a write leaves bytes with us, and ``on_full``, once, when they are more than that many."""
        self._bytes_max, self._on_full, self._on_left = bytes_max, on_full, on_left

    def write(self, message: bytes | str) -> None:
        """One whole message. The same object written to many sockets is framed once."""
        frame = _frames.framed(message)
        if self._protocol.state != OPEN:
            return
        sent = 0
        if self._is_empty():
            try:
                sent = self.send(frame)
            except (
                OSError
            ):  # full, or broken: Twisted's own write finds out which, and reports a loss as it always does
                sent = 0
        if sent < len(frame):
            self.leave(frame[sent:])

    def is_clear(self) -> bool:
        """Whether ``send`` may be used: the socket is open, and nothing waits here."""
        return self._protocol.state == OPEN and self._is_empty()

    def _is_empty(self) -> bool:
        transport = self._transport
        return not (transport.dataBuffer or transport._tempDataLen or transport.disconnecting)  # noqa: SLF001

    def buffered(self) -> int:
        """Bytes that the kernel has not taken yet."""
        transport = self._transport
        return len(transport.dataBuffer) - transport.offset + transport._tempDataLen  # type: ignore[no-any-return]  # noqa: SLF001

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Starts the closing handshake, after everything that was written. ``code``: 1000 or 3000 to 4999."""
        if self._protocol.state == OPEN:
            self._protocol.sendClose(code, reason or None)

    def leave(self, rest: bytes) -> None:
        """The rest of a frame that `send` did not take whole: it goes before all that follows."""
        self._transport.write(rest)
        self.note_left()
        on_full = self._on_full
        if on_full is not None and self.buffered() > self._bytes_max:
            self._on_full = None
            on_full()

    def note_left(self) -> None:
        """Bytes wait in Twisted's buffer, ours or autobahn's own: nothing may be sent past them."""
        if self._on_left is not None:
            self._on_left()
