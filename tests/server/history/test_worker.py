"""The worker as a process: killed at each numbered point it leaves exactly one result; wake-ups may be lost or come.

Each worker is a real process on a SQLite file of the test's own; the rows are read with sqlite3, past Django.
"""

import signal
import sqlite3
import sys
from pathlib import Path

import pytest

from server.history.results import FAILPOINTS
from tests.support.processes import Processes, Running
from tests.support.waiting import wait_until

PREPARED = "from server.django_setup import prepare; prepare(); import asyncio; "
WORK = PREPARED + "from server.history.worker import main; raise SystemExit(asyncio.run(main({poll_s})))"
RECORD = PREPARED + (
    "from tests.server.history.match_ends import held_room, match_end;"
    "from server.history.match_end import record_match_end, wake_workers;"
    "print(record_match_end(match_end(held_room())));"
    "print('woken', asyncio.run(wake_workers()))"
)


class Files:
    """The database file and the processes that share it."""

    def __init__(self, processes: Processes, folder: Path, layer: str = "memory://") -> None:
        self.processes, self.path = processes, folder / "rooms.sqlite3"
        self.env = {"DATABASE_URL": f"sqlite:///{self.path}", "ROOMWRIGHT_LAYER": layer}

    def worker(self, poll_s: float = 0.05, **env: str) -> Running:
        return self._python("worker", WORK.format(poll_s=poll_s), **env)

    def record(self) -> str:
        run = self._python("record", RECORD)
        assert run.wait() == 0, run.log()
        return run.log()

    def _python(self, name: str, code: str, **env: str) -> Running:
        return self.processes.start([sys.executable, "-c", code], name=name, env={**self.env, **env})

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        opened = sqlite3.connect(self.path)
        try:
            return opened.execute(sql).fetchall()
        finally:
            opened.close()

    def counts(self) -> dict[str, int]:
        tables = ("match", "result", "replay")
        return {name: int(str(self.rows(f"SELECT count(*) FROM history_{name}")[0][0])) for name in tables}  # noqa: S608

    def is_drained(self) -> bool:
        return self.rows("SELECT count(*) FROM history_outbox WHERE done IS NULL") == [(0,)]


@pytest.fixture
def files(processes: Processes, tmp_path: Path) -> Files:
    return Files(processes, tmp_path)


@pytest.mark.parametrize("point", range(1, FAILPOINTS + 1))
def test_killed_at_any_point_and_restarted_there_is_exactly_one_result(files: Files, point: int):
    files.record()
    killed = files.worker(ROOMWRIGHT_FAILPOINT=f"worker:{point}", ROOMWRIGHT_DEBUG_FAILPOINTS="1")
    assert killed.wait() == -signal.SIGKILL, killed.log()
    is_after_commit = point == FAILPOINTS
    assert files.counts() == dict.fromkeys(("match", "result", "replay"), int(is_after_commit))
    assert files.is_drained() is is_after_commit
    again = files.worker()
    again.wait_for_line("worker.started")
    wait_until("the outbox to be drained", files.is_drained)
    assert again.stop() == 0, again.log()
    assert files.counts() == {"match": 1, "result": 1, "replay": 1}
    assert files.rows("SELECT outcome FROM history_outbox") == [("written",)]


def test_a_failpoint_without_the_debug_flag_does_nothing(files: Files):
    files.record()
    worker = files.worker(ROOMWRIGHT_FAILPOINT="worker:1")
    worker.wait_for_line("worker.started")
    wait_until("the outbox to be drained", files.is_drained)
    assert worker.stop() == 0


def test_a_lost_wake_up_loses_nothing(files: Files):
    worker = files.worker()
    worker.wait_for_line("worker.started")
    files.record()  # its wake-up goes into its own process's in-memory layer, where nobody listens
    wait_until("the outbox to be drained", files.is_drained)
    assert worker.stop() == 0
    assert files.counts()["result"] == 1


@pytest.mark.redis
def test_a_wake_up_through_redis_does_not_wait_for_the_poll(processes: Processes, tmp_path: Path, redis_server):
    files = Files(processes, tmp_path, redis_server.url)
    worker = files.worker(poll_s=3600.0)
    worker.wait_for_line("worker.started")
    wait_until("the worker to listen", lambda: redis_server.cli("PUBSUB", "CHANNELS", "*work*"))
    assert "woken True" in files.record()
    wait_until("the outbox to be drained", files.is_drained)
    assert worker.stop() == 0


@pytest.mark.redis
def test_a_worker_outlives_its_redis(processes: Processes, tmp_path: Path, redis_server):
    files = Files(processes, tmp_path, redis_server.url)
    worker = files.worker()
    worker.wait_for_line("worker.started")
    redis_server.kill()
    assert "woken False" in files.record()
    wait_until("the outbox to be drained", files.is_drained)
    assert worker.stop() == 0
