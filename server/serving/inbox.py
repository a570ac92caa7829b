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


class Inbox(asyncio.Queue[dict[str, Any]]):
    """ASGI events of one connection. Beyond its bound ``pause`` is called; at half of it ``resume``.

    The overflow's policy is *wait*: nothing is refused, for what one read of the socket brought is bounded itself.
    """

    def __init__(self, pause: Callable[[], None], resume: Callable[[], None]) -> None:
        super().__init__()
        self._pause, self._resume = pause, resume
        self._bytes = 0
        self.is_full = False

    def _put(self, item: dict[str, Any]) -> None:
        super()._put(item)
        self._bytes += _size(item)
        if not self.is_full and (self.qsize() > COUNT_MAX or self._bytes > BYTES_MAX):
            self.is_full = True
            self._pause()

    def _get(self) -> dict[str, Any]:
        item = super()._get()
        self._bytes -= _size(item)
        if self.is_full and self.qsize() <= COUNT_MAX // 2 and self._bytes <= BYTES_MAX // 2:
            self.is_full = False
            self._resume()
        return item
