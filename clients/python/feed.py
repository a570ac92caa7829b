"""A bounded log with any number of readers: what the SDK's ``async for`` loops read from.

Overflow is named: a feed keeps its newest ``limit`` items (drop_oldest; with a limit of 1: latest wins), and a reader
that was slower skips what is gone and counts it.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Generic, TypeVar

from attrs import define, field

T = TypeVar("T")


@define
class Pulse:
    """Wakes everybody who waits, as often as it is given."""

    _event: asyncio.Event = field(factory=asyncio.Event)

    def give(self) -> None:
        """Wake all that wait now."""
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self) -> None:
        """Return at the next `give`."""
        await self._event.wait()


@define
class Feed(Generic[T]):
    """The newest ``limit`` items of one kind. ``skipped`` counts what slow readers missed."""

    pulse: Pulse
    limit: int
    skipped: int = 0
    published: int = 0
    _items: deque[T] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._items = deque(maxlen=self.limit)

    def publish(self, item: T) -> None:
        """Adds the newest item; the oldest beyond the limit is dropped."""
        self._items.append(item)
        self.published += 1

    def kept(self) -> list[T]:
        """What is kept now, oldest first."""
        return list(self._items)

    async def read(self, is_over: Callable[[], bool]) -> AsyncIterator[T]:
        """Every item from the oldest kept one on, in order, until ``is_over``."""
        at = self.published - len(self._items)
        while True:
            oldest = self.published - len(self._items)
            if at < oldest:
                self.skipped += oldest - at
                at = oldest
            if at < self.published:
                at += 1
                yield self._items[at - 1 - oldest]
            elif is_over():
                return
            else:
                await self.pulse.wait()
