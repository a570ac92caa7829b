"""The database thread: one thread, a bounded queue, exceptions that come back, a dead connection replaced."""

import asyncio
import threading

import pytest
from django.db import connection, connections

from server.database import DatabaseBusyError, DatabaseThread, database

pytestmark = pytest.mark.django_db(transaction=True)


async def test_all_jobs_run_on_one_thread_that_is_not_the_loop_s():
    names = await asyncio.gather(*(database.run(lambda: threading.current_thread().name) for _ in range(20)))
    assert len(set(names)) == 1
    assert names[0] != threading.current_thread().name


async def test_an_exception_reaches_the_caller():
    with pytest.raises(ZeroDivisionError):
        await database.run(lambda: 1 / 0)


async def test_a_full_queue_refuses_and_recovers():
    small = DatabaseThread(jobs_max=2)
    gate = threading.Event()
    waiting = [asyncio.ensure_future(small.run(gate.wait)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(DatabaseBusyError, match="fewer than 2"):
        await small.run(gate.wait)
    gate.set()
    await asyncio.gather(*waiting)
    assert await small.run(lambda: "again") == "again"
    small.close()


def connection_id() -> int:
    connection.ensure_connection()
    return id(connection.connection)


async def test_a_connection_that_died_while_idle_is_replaced_at_the_next_job(monkeypatch: pytest.MonkeyPatch):
    def select() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return int(cursor.fetchone()[0])

    await database.run(select)
    kept = await database.run(lambda: connection.connection)
    monkeypatch.setattr(
        type(connections["default"]), "is_usable", lambda _: False
    )  # what a server that went away answers
    assert await database.run(select) == 1
    assert await database.run(lambda: connection.connection) is not kept


async def test_the_connection_is_kept_between_jobs():
    assert await database.run(connection_id) == await database.run(connection_id)


async def test_sqlite_runs_in_wal_with_full_sync():
    def pragmas() -> list[object]:
        with connection.cursor() as cursor:
            found = []
            for name in ("journal_mode", "synchronous", "busy_timeout"):
                cursor.execute(f"PRAGMA {name}")
                found.append(cursor.fetchone()[0])
            return found

    assert await database.run(pragmas) == ["wal", 2, 5000]
