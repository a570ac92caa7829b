"""The bounded queue between a socket and an ASGI application: full, it stops the reading from the socket."""

import asyncio
from collections.abc import Callable
from typing import Any

COUNT_MAX = 64
BYTES_MAX = 256 * 1024
OVERHEAD_BYTES = 256  # what an event costs besides its payload


def _size(event: dict[str, Any]) -> int:
    payload = event.get("bytes") or event.get("text")
    return OVERHEAD_BYTES + (len(payload) if payload else 0)


def _nobody() -> None:
    """Is there to be paused."""


class Inbox:
    """ASGI events of one connection. Beyond its bound ``pause`` is called; at half of it ``resume``.

    The overflow's policy is *wait*: nothing is refused, for what one read of the socket brought is bounded itself.
    An `asyncio.Queue` would do, if it were not four deques, 3 KB, for the two events that most connections ever have.
    """

    __slots__ = ("_bytes", "_events", "_pause", "_resume", "_waiter", "is_full")

    def __init__(self, pause: Callable[[], None], resume: Callable[[], None]) -> None:
        self._pause, self._resume = pause, resume
        self._events: list[dict[str, Any]] = []
        self._waiter: asyncio.Future[None] | None = None
        self._bytes = 0
        self.is_full = False

    def let_go(self) -> None:
        """Nobody is paused any more: the connection is gone, and is not kept by its inbox."""
        self._pause = self._resume = _nobody

    def qsize(self) -> int:
        """How many wait."""
        return len(self._events)

    def put_nowait(self, event: dict[str, Any]) -> None:
        """The next event; whoever waits for one wakes up."""
        self._events.append(event)
        self._bytes += _size(event)
        if not self.is_full and (len(self._events) > COUNT_MAX or self._bytes > BYTES_MAX):
            self.is_full = True
            self._pause()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def get(self) -> dict[str, Any]:
        """The oldest event, when there is one. One call at a time.

        Raises:
            RuntimeError: another call waits.
        """
        if self._waiter is not None:
            raise RuntimeError("expected one call of receive at a time, got a second one")
        while not self._events:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self.get_nowait()

    def get_nowait(self) -> dict[str, Any]:
        """The oldest event. Raises IndexError where there is none."""
        event = self._events.pop(0)
        self._bytes -= _size(event)
        if self.is_full and len(self._events) <= COUNT_MAX // 2 and self._bytes <= BYTES_MAX // 2:
            self.is_full = False
            self._resume()
        return event
