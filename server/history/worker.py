"""The background worker: does what the outbox promises, woken through the layer and, failing that, by a slow poll.

A wake-up carries nothing: rows are found in the database, so that a lost one loses nothing and a repeated one costs
nothing. Several workers may run. Started by `python -m server worker`, and inside `run`.
"""

import asyncio
import contextlib
import signal
from typing import Any

import structlog
from attrs import define, field
from django.db import DatabaseError

from server import clock
from server.database import DatabaseThread
from server.history.match_end import WORK_GROUP
from server.history.results import waiting, work_off
from server.layers import end_tasks, make_layer
from server.ops.faults import Faults

log = structlog.get_logger(__name__)

POLL_S = 5.0
LISTEN_AGAIN_S = 1.0
BATCH = 50


@define
class Worker:
    """One worker with a database thread of its own, so that a long replay never delays the rooms' claims."""

    poll_s: float = POLL_S
    _woken: asyncio.Event = field(factory=asyncio.Event, init=False)
    _stopping: bool = field(default=False, init=False)
    _faults: Faults = field(factory=Faults, init=False)

    async def run(self) -> None:
        """Work until `stop`; the database or the layer being away is logged and waited out."""
        database = DatabaseThread()
        listening = asyncio.create_task(self._listen(), name="worker.listen")
        try:
            while not self._stopping:
                self._woken.clear()
                await self._drain(database)
                await self._wait()
        finally:
            await end_tasks(listening)
            await asyncio.to_thread(database.close)

    def stop(self) -> None:
        """Finish the row at hand, then return from `run`."""
        self._stopping = True
        self._woken.set()

    def wake(self) -> None:
        """Look at the outbox now."""
        self._woken.set()

    async def _drain(self, database: DatabaseThread) -> None:
        try:
            while not self._stopping and (rows := await database.run(waiting, BATCH)):
                if not await self._work_off(database, rows):
                    return  # only rows that fail or that another worker holds: they wait for the next pass
        except DatabaseError as error:
            log.warning("worker.database_away", error=str(error))
        except Exception as error:  # noqa: BLE001 - noted, with its stack: the next pass tries again
            self._faults.note(error, "worker.pass_failed", "worker")

    async def _work_off(self, database: DatabaseThread, rows: list[int]) -> int:
        """How many of the rows are done now."""
        done = 0
        for row in rows:
            if self._stopping:
                break
            done += await database.run(work_off, row) is not None
        return done

    async def _wait(self) -> None:
        if not self._stopping:
            await asyncio.wait([woken := asyncio.ensure_future(self._woken.wait())], timeout=self.poll_s)
            woken.cancel()

    async def _listen(self) -> None:
        """Turn wake-ups of the layer into our event; a layer that fails is replaced by a fresh one."""
        while not self._stopping:
            try:
                layer = make_layer("control")
                channel = await layer.new_channel()
                await layer.group_add(WORK_GROUP, channel)
                try:
                    await self._hear(layer, channel)
                finally:
                    with contextlib.suppress(Exception):  # a layer that is away has nothing that we could leave
                        async with asyncio.timeout(LISTEN_AGAIN_S):
                            await layer.group_discard(WORK_GROUP, channel)
            except Exception as error:  # noqa: BLE001  every back end has its own errors; the poll goes on meanwhile
                log.warning("worker.layer_away", error=repr(error))
            await clock.sleep_until(clock.monotonic() + LISTEN_AGAIN_S)

    async def _hear(self, layer: Any, channel: str) -> None:
        self._woken.set()  # rows may have come before we could hear of them
        while not self._stopping:
            message = await layer.receive(channel)
            if message.get("type") == "work.wake":
                self._woken.set()


async def main(poll_s: float = POLL_S) -> int:
    """Run one worker until SIGTERM or SIGINT; the exit status."""
    worker = Worker(poll_s)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.stop)
    log.info("worker.started", poll_s=poll_s)
    await worker.run()
    return 0
