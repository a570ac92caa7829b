"""One campaign on several cores: worker processes with rounds of their own, and one ledger in the end.

A worker plays the rounds n, n + workers, … of the same seed, so that any failing round can be run again by itself. The
first violation, the deadline and an interrupt end every worker after the program that it is at.
"""

import gc
import math
import multiprocessing as mp
import os
import signal
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from server.clock import monotonic
from server.verify.ledger import Ledger
from server.verify.promises import Violation

POLL_S = 0.5
END_MAX_S = 900.0  # a violation is shrunk before it is told
LEAVE_MAX_S = 10.0


@frozen
class Order:
    """What a worker is to do."""

    routing: str
    room: str
    seed: int
    rounds: int | None
    examples: int
    first: int
    stride: int


@frozen
class Found:
    """What a worker came to; ``fault`` is its own failure, where it had one."""

    ledger: Ledger
    violations: list[Violation]
    story: str
    chart: str
    seed: int
    fault: str = ""


class WorkerFailed(Exception):
    """A worker process ended without a result: the verification's own fault, with the worker's traceback."""


@define
class Crew:
    """The worker processes of one campaign. ``delivered`` and ``programs`` are what they have told so far."""

    orders: list[Order]
    told: dict[int, tuple[int, int]] = field(factory=dict)
    results: list[Found] = field(factory=list)
    is_interrupted: bool = False

    def run(self, is_time_up: Callable[[], bool], on_progress: Callable[[int, int], None]) -> None:
        """Until every worker is done. ``on_progress(programs, delivered)`` is called now and then."""
        context = mp.get_context("spawn")
        stop = context.Event()
        pipes: dict[Connection, int] = {}
        processes = []
        for number, order in enumerate(self.orders):
            ours, theirs = context.Pipe(duplex=False)
            process = context.Process(target=_work, args=(order, theirs, stop), daemon=True)
            process.start()
            theirs.close()
            pipes[ours] = number
            processes.append(process)
        # Raised anywhere, an interrupt would tear a worker's message.
        before = {number: signal.signal(number, self._interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            self._listen(pipes, stop, is_time_up, on_progress)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            stop.set()
            for process in processes:
                process.join(LEAVE_MAX_S)  # it has told all that it has
                process.kill()

    def _listen(
        self,
        pipes: dict[Connection, int],
        stop: Any,
        is_time_up: Callable[[], bool],
        on_progress: Callable[[int, int], None],
    ) -> None:
        stopped_at = math.inf
        while pipes:
            for pipe in wait(list(pipes), POLL_S):
                assert isinstance(pipe, Connection)  # noqa: S101 - they are all pipes
                self._hear(pipe, pipes)
            if self.is_interrupted or is_time_up() or any(result.violations for result in self.results):
                stop.set()
                stopped_at = min(stopped_at, monotonic())
            if monotonic() - stopped_at > END_MAX_S:
                late = ", ".join(str(number) for number in sorted(pipes.values()))
                raise WorkerFailed(f"told to stop, workers {late} went on with their programs for {END_MAX_S:.0f} s")
            rows = self.told.values()
            on_progress(sum(programs for programs, _ in rows), sum(delivered for _, delivered in rows))

    def _interrupt(self, number: int, _: object) -> None:
        """The first one asks for an end; a second one means it."""
        self.is_interrupted = True
        signal.signal(number, signal.default_int_handler)

    def _hear(self, pipe: Connection, pipes: dict[Connection, int]) -> None:
        try:
            news = pipe.recv()
        except EOFError:
            raise WorkerFailed("a worker process died without a word; was it killed?") from None
        if isinstance(news, Found):
            del pipes[pipe]
            if news.fault:
                raise WorkerFailed(news.fault)
            self.results.append(news)
        else:
            self.told[pipes[pipe]] = news


def _work(order: Order, pipe: Connection, stop: Any) -> None:
    """A worker process's life."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it, and says when to stop
    gc.set_threshold(50_000, 20, 50)  # a trace is kept to the end of its program: looking through it again is idle
    try:
        pipe.send(_worked(order, pipe, stop))
    except Exception:  # noqa: BLE001 - whatever it is, it is for the parent to tell
        pipe.send(Found(Ledger(), [], "", "", order.seed, traceback.format_exc()))


def _worked(order: Order, pipe: Connection, stop: Any) -> Found:
    import django

    django.setup()
    from server.routing.commands import planned
    from server.verify.campaign import Campaign, run_campaign
    from server.verify.programs import Subject

    subject = Subject(planned(Path(order.routing)), order.room)
    campaign = Campaign(subject, order.seed, order.rounds, order.examples, order.first, order.stride)
    told_at = 0.0

    def is_over() -> bool:
        """Asked before each program, so this is where to tell how far it is."""
        nonlocal told_at
        if monotonic() - told_at > POLL_S:
            told_at = monotonic()
            try:
                pipe.send((campaign.ledger.programs, campaign.ledger.delivered))
            except OSError:  # the parent was killed: an exception here would be taken for a failing program, and shrunk
                os._exit(1)
        return bool(stop.is_set())

    run_campaign(campaign, is_over)
    return Found(campaign.ledger, campaign.found, campaign.story, campaign.chart, campaign.failed_seed)


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
