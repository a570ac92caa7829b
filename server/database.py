"""One thread of our own for all database work that the event loop asks for.

Not asgiref's thread-sensitive thread, where one slow query would hold up every consumer. The thread keeps its
connection between jobs, notices one that died while idle and opens another. The loop's tick never waits for it.
Called by the apps' `async` functions; views and the worker await those.
"""

import asyncio
import functools
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.db import connections

P = ParamSpec("P")
T = TypeVar("T")

JOBS_MAX = 1000


class DatabaseBusyError(RuntimeError):
    """More than `JOBS_MAX` jobs wait: the caller is refused, nothing is queued (overflow: refuse)."""


class DatabaseThread:
    """A bounded queue of jobs before a single thread. Use the module's `database`; tests may build their own."""

    def __init__(self, jobs_max: int = JOBS_MAX) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="database")
        self._jobs_max = jobs_max
        self._waiting = 0
        self._lock = threading.Lock()

    async def run(self, job: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `job(*args, **kwargs)` on the thread and return its result or raise its exception.

        Raises:
            DatabaseBusyError: the queue is full.
        """
        with self._lock:
            if self._waiting >= self._jobs_max:
                raise DatabaseBusyError(f"expected fewer than {self._jobs_max} database jobs waiting; try again later")
            self._waiting += 1
        future = self._executor.submit(self._work, functools.partial(job, *args, **kwargs))
        future.add_done_callback(lambda _: self._leave())
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Finish what waits, close the thread's connections, end the thread."""
        self._executor.submit(connections.close_all)
        self._executor.shutdown(wait=True)

    def _leave(self) -> None:
        with self._lock:
            self._waiting -= 1

    @staticmethod
    def _work(job: Callable[[], T]) -> T:
        for connection in connections.all(initialized_only=True):
            connection.close_at = None  # the age limit is for request threads; this one keeps its connection
            connection.close_if_unusable_or_obsolete()  # and has it checked before its next use
        return job()


database = DatabaseThread()


def on_database_thread(job: Callable[P, T]) -> Callable[P, Awaitable[T]]:
    """The awaitable twin of a synchronous database function."""

    @functools.wraps(job)
    async def awaited(*args: P.args, **kwargs: P.kwargs) -> T:
        return await database.run(job, *args, **kwargs)

    return awaited
