"""The database's health: an answer whatever the database does, one job however many ask, and a look at writing."""

import asyncio
import sqlite3
import threading
from collections.abc import Iterator

import pytest
from django.db import OperationalError, connection

from server import health
from server.health import DatabaseHealth
from tests.support.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def asked() -> Iterator[DatabaseHealth]:
    made = DatabaseHealth()
    yield made
    made._writer.close()


async def test_a_database_that_hangs_is_unwell_and_asked_once(asked: DatabaseHealth, monkeypatch: pytest.MonkeyPatch):
    gate, calls = threading.Event(), []

    def hangs() -> bool:
        calls.append(1)
        return gate.wait()

    monkeypatch.setattr(health, "_reads", hangs)
    monkeypatch.setattr(health, "ANSWER_S", 0.01)
    try:
        assert await asyncio.gather(*(asked.is_well() for _ in range(20))) == [False] * 20
        await until("the thread to be asked", lambda: calls)
        assert await asyncio.gather(*(asked.is_well() for _ in range(20))) == [False] * 20
    finally:
        gate.set()
    assert len(calls) == 1, "the thread that rooms wait for gets one question, not forty"
    monkeypatch.setattr(health, "ANSWER_S", 20.0)
    monkeypatch.setattr(health, "WRITE_AGAIN_S", 0.0)
    assert await asked.is_well()


async def test_a_database_that_fails_is_unwell(asked: DatabaseHealth, monkeypatch: pytest.MonkeyPatch):
    def away() -> bool:
        raise OperationalError("connection refused")

    monkeypatch.setattr(health, "_reads", away)
    assert not await asked.is_well()


async def test_a_database_that_somebody_has_locked_is_unwell_until_they_let_go(
    asked: DatabaseHealth, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(health, "LOCK_WAIT_MS", 1)
    monkeypatch.setattr(health, "ANSWER_S", 20.0)
    monkeypatch.setattr(health, "WRITE_AGAIN_S", 0.0)
    other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert not await asked.is_well()
    other.execute("ROLLBACK")
    other.close()
    assert await asked.is_well()


async def test_writing_is_tried_seldom(asked: DatabaseHealth, monkeypatch: pytest.MonkeyPatch):
    """However often health is asked: a write costs a sync of the disk."""
    writes: list[int] = []

    def write() -> bool:
        writes.append(1)
        return True

    monkeypatch.setattr(health, "_writes", write)
    now = [1000.0]
    monkeypatch.setattr(health, "monotonic", lambda: now[0])
    for _ in range(100):
        now[0] += 0.1
        assert await asked.is_well()
    assert len(writes) == 2


async def test_between_two_tries_the_last_one_counts(asked: DatabaseHealth, monkeypatch: pytest.MonkeyPatch):
    """Who asks more often than writing is tried hears the same until the next try."""
    now, can_write = [1000.0], [False]
    monkeypatch.setattr(health, "monotonic", lambda: now[0])
    monkeypatch.setattr(health, "_writes", lambda: can_write[0])
    monkeypatch.setattr(health, "ANSWER_S", 20.0)
    assert [await asked.is_well() for _ in range(3)] == [False] * 3
    can_write[0] = True
    assert not await asked.is_well()
    now[0] += health.WRITE_AGAIN_S
    assert [await asked.is_well() for _ in range(3)] == [True] * 3
    can_write[0] = False
    assert await asked.is_well()
    now[0] += health.WRITE_EVERY_S
    assert not await asked.is_well()
