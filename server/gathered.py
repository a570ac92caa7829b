"""Questions that come one by one and are answered together: one job for all the keys that are waiting.

While a job is under way, further keys wait for the next one, so that every answer is younger than its question. Wiring
puts it before the database thread, where a query for fifty rooms costs hardly more than one for a single room.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from itertools import islice
from typing import Any, Generic, TypeVar

from attrs import define, field

from server.clock import monotonic, sleep_until
from server.database import DatabaseBusyError

K = TypeVar("K")
V = TypeVar("V")

KEYS_MAX = 200
WAITING_MAX = 10_000


@define(eq=False)
class Gathered(Generic[K, V]):
    """``ask`` answers every key that it is given, at most KEYS_MAX. It is asked ``after_s`` after the first of them came."""

    ask: Callable[[Collection[K]], Awaitable[Mapping[K, V]]]
    after_s: float = 0.0
    _waiting: dict[K, asyncio.Future[V]] = field(factory=dict)
    _task: asyncio.Task[None] | None = None

    async def of(self, key: K) -> V:
        """The answer to one key, from a job that began after this call.

        Raises:
            DatabaseBusyError: more than WAITING_MAX keys wait already (overflow: refuse).
            Exception: what the job raised, to all who waited for it.
        """
        answer = self._waiting.get(key)
        if answer is None:
            if len(self._waiting) >= WAITING_MAX:
                raise DatabaseBusyError(f"expected fewer than {WAITING_MAX} questions waiting; try again later")
            answer = self._waiting[key] = asyncio.get_running_loop().create_future()
        if self._task is None:
            self._task = asyncio.create_task(self._work())
        return await asyncio.shield(answer)  # others may wait for the same

    async def _work(self) -> None:
        try:
            while self._waiting:
                if self.after_s:
                    await sleep_until(monotonic() + self.after_s)
                keys = list(islice(self._waiting, KEYS_MAX))
                await self._answer({key: self._waiting.pop(key) for key in keys})
        finally:
            self._task = None

    async def _answer(self, asked: dict[K, asyncio.Future[V]]) -> None:
        try:
            found = await self.ask(list(asked))
        except Exception as error:  # noqa: BLE001 - each who waits gets it
            for answer in asked.values():
                _fail(answer, error)
            return
        for key, answer in asked.items():
            if key in found:
                answer.set_result(found[key])
            else:
                _fail(answer, LookupError(f"expected an answer for {key!r}, got none"))


def _fail(answer: asyncio.Future[Any], error: Exception) -> None:
    answer.set_exception(error)
    answer.exception()  # who asked may have hung up, and then nobody looks at it
