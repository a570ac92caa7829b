"""Whether the database does its work, asked by `/healthz`: an answer within a second, whatever the database does.

Reading goes through the thread that rooms wait for; writing through one of its own, so that somebody else's lock holds up nobody.
"""

import asyncio
from collections.abc import Callable

from attrs import define, field
from django.db import Error, connection

from server.clock import monotonic
from server.database import DatabaseBusyError, DatabaseThread, database
from server.django_setup import check_writable

ANSWER_S = 1.0
WRITE_EVERY_S, WRITE_AGAIN_S = 5.0, 1.0
LOCK_WAIT_MS = 500


def _reads() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return bool(cursor.fetchone() == (1,))


def _writes() -> bool:
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA busy_timeout = {LOCK_WAIT_MS}")
    check_writable(is_kept=True)
    return True


@define(eq=False)
class _Question:
    """One job at a time, however many ask; who comes meanwhile waits for the same answer."""

    thread: Callable[[], DatabaseThread]
    job: Callable[[], bool]
    _task: "asyncio.Task[bool] | None" = None

    def asked(self) -> "asyncio.Task[bool]":
        """The job under way, or a new one."""
        loop = asyncio.get_running_loop()
        if self._task is None or self._task.done() or self._task.get_loop() is not loop:
            self._task = loop.create_task(self._answer())
        return self._task

    async def _answer(self) -> bool:
        try:
            return await self.thread().run(self.job)
        except (Error, OSError, DatabaseBusyError):
            return False


@define(eq=False)
class DatabaseHealth:
    """Reads at each question; writes (one page, the same as before) each 5 s at most, each second while that fails."""

    _writer: DatabaseThread = field(factory=DatabaseThread)
    _reading: _Question = field(init=False)
    _writing: _Question = field(init=False)
    _is_writable: bool = True
    _wrote_at: float = -1e9

    def __attrs_post_init__(self) -> None:
        self._reading = _Question(lambda: database, lambda: _reads())  # noqa: PLW0108 - looked up when asked, for tests
        self._writing = _Question(lambda: self._writer, lambda: _writes())  # noqa: PLW0108

    async def is_well(self) -> bool:
        """Whether the database answers and can be written, within ANSWER_S; what takes longer is not well."""
        now = monotonic()
        asked = [self._reading.asked()]
        is_due = now - self._wrote_at >= (WRITE_EVERY_S if self._is_writable else WRITE_AGAIN_S)
        if is_due:
            asked.append(self._writing.asked())
        answered, _ = await asyncio.wait(asked, timeout=ANSWER_S)
        found = [task in answered and task.result() for task in asked]
        if is_due:
            self._is_writable, self._wrote_at = found[-1], now
        return all(found) and self._is_writable


database_health = DatabaseHealth()
