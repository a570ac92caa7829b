"""Where a connection's messages leave the process: directly to the socket, or through any ASGI server's ``send``.

Both behave the same: messages and the close leave in the order they were given, what comes after the close or after the
loss of the socket is dropped, and a peer that takes nothing ends in ``on_full``, once. Chosen by `consumer` at connect.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import structlog
from attrs import define, field

from game.wire.limits import Limit
from game.wire.showing import Message, WayOut

log = structlog.get_logger()

EXTENSION = "roomwright.socket"
INTAKE = "roomwright.intake"
OUT_MAX = 512
OUT_BYTES_MAX = 4 * 1024 * 1024


class Outlet(WayOut, Protocol):
    """The way out of one connection."""

    def write(self, message: Message) -> None:
        """One whole message."""

    def is_clear(self) -> bool:
        """Whether the socket is open and the kernel has all that was written; where the server does not say, it is taken to be so."""

    def close(self, code: int, reason: str) -> None:
        """After all that was written. ``code``: 1000 or 3000 to 4999."""

    def stop(self) -> None:
        """The socket is gone."""


class SocketExtension(Protocol):
    """What ``scope["extensions"]["roomwright.socket"]`` offers; see `server.serving.direct`."""

    deliver: Callable[[Message], None] | None
    form: Callable[[Message], Message]
    send: Callable[[Message], int]

    def limit(self, bytes_max: int, on_full: Callable[[], None], on_left: Callable[[], None]) -> None: ...
    def write(self, message: Message) -> None: ...
    def leave(self, rest: Message) -> None: ...
    def is_clear(self) -> bool: ...
    def close(self, code: int, reason: str) -> None: ...


class IntakeExtension(Protocol):
    """What ``scope["extensions"]["roomwright.intake"]`` offers; see `server.serving.intake`."""

    def expect(self, messages: Limit) -> None: ...
    def allow(self, bytes_max: int) -> None: ...


def _as_it_is(message: Message) -> Message:
    return message


def _nobody() -> None:
    """Hears of a socket that is gone."""


class DirectOutlet:
    """Over the extension: no task, no event, no queue but the transport's own, whose bound is OUT_BYTES_MAX.

    ``write`` is the extension's own: a call between them would cost each frame of each socket.
    """

    __slots__ = ("form", "leave", "send", "socket", "write")

    def __init__(self, socket: SocketExtension, on_full: Callable[[], None], on_left: Callable[[], None]) -> None:
        self.socket = socket
        self.write: Callable[[Message], None] = socket.write
        self.form, self.send, self.leave = socket.form, socket.send, socket.leave
        socket.limit(OUT_BYTES_MAX, on_full, on_left)

    def is_clear(self) -> bool:
        return self.socket.is_clear()

    def close(self, code: int, reason: str) -> None:
        self.socket.close(code, reason)

    def stop(self) -> None:
        """Nothing of ours is left to end; but who hears of a full socket holds it, and must not be held by it for ever."""
        self.socket.limit(OUT_BYTES_MAX, _nobody, _nobody)


@define(eq=False)
class AsgiOutlet:
    """Over ASGI: one task writes what waits in a queue, OUT_MAX messages and OUT_BYTES_MAX. Made within a running event loop."""

    _asgi_send: Callable[[dict[str, Any]], Awaitable[Any]]
    on_full: Callable[[], None]
    form: Callable[[Message], Message] = _as_it_is
    _waiting: deque[dict[str, Any]] = field(factory=deque)
    _wake: asyncio.Event = field(factory=asyncio.Event)
    _size: int = 0
    _is_full: bool = False
    _is_closed: bool = False
    _task: asyncio.Task[None] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._task = asyncio.create_task(self._write_all())

    def stop(self) -> None:
        self._is_closed = True
        self._task.cancel()

    def write(self, message: Message) -> None:
        if self._is_closed:
            return
        if self._has_overflowed():  # overflow: close; what waits is not worth waiting for
            self._is_full = True
            self._waiting.clear()
            self._size = 0
            self.on_full()
            return
        self._size += len(message)
        self._put({"type": "websocket.send", "bytes" if isinstance(message, bytes) else "text": message})

    def send(self, message: Message) -> int:
        """Takes all, or nothing where too much waits."""
        if self._has_overflowed():
            return 0
        self.write(message)
        return len(message)

    def leave(self, rest: Message) -> None:
        """It is one too many."""
        self.write(rest)

    def _has_overflowed(self) -> bool:
        return (len(self._waiting) >= OUT_MAX or self._size > OUT_BYTES_MAX) and not self._is_full

    def is_clear(self) -> bool:
        return True

    def close(self, code: int, reason: str) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._put({"type": "websocket.close", "code": code, "reason": reason})

    def _put(self, event: dict[str, Any]) -> None:
        self._waiting.append(event)
        self._wake.set()

    async def _write_all(self) -> None:
        while not (self._is_closed and not self._waiting):
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                event = self._waiting.popleft()
                self._size = max(0, self._size - len(event.get("bytes") or event.get("text") or ""))
                await self._send(event)

    async def _send(self, event: dict[str, Any]) -> None:
        try:
            await self._asgi_send(event)
        except Exception as error:  # noqa: BLE001 - each server has its own error for a socket that closes meanwhile
            log.debug("socket.send_failed", error=repr(error))
