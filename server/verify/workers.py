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
from collections.abc import Callable, Iterable
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from server.clock import monotonic
from server.verify.child import Child, line_of
from server.verify.ledger import Ledger
from server.verify.promises import Violation

POLL_S = 0.5
LEAVE_MAX_S = 3.0  # a program looks at the time in every tick, a comparison does not: what it has not told yet is lost


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
    """What a worker came to; ``fault`` is its own failure, where it had one. Not ``is_last``: it shrinks a failure now."""

    ledger: Ledger
    violations: list[Violation]
    story: str
    chart: str
    seed: int
    fault: str = ""
    is_last: bool = True


class WorkerFailed(Exception):
    """A worker process ended without a result: the verification's own fault, with the worker's traceback."""


@define
class Crew:
    """The worker processes of one campaign. ``told`` is what each has told so far, ``results`` what each has come to."""

    orders: list[Order]
    is_authors: Callable[[str], bool] = lambda _: True
    told: dict[int, Ledger] = field(factory=dict)
    results: dict[int, Found] = field(factory=dict)
    is_interrupted: bool = False
    _children: dict[int, Child] = field(factory=dict)
    _stops: dict[int, Any] = field(factory=dict)

    def run(self, is_time_up: Callable[[], bool], on_progress: Callable[[int, int], None]) -> None:
        """Until every worker is done, or was ended LEAVE_MAX_S after the time was up.

        ``on_progress(programs, delivered)`` is called now and then.
        """
        context = mp.get_context("spawn")
        # Raised anywhere, an interrupt would tear a worker's message.
        before = {number: signal.signal(number, self._interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            for number, order in enumerate(self.orders):
                stop = self._stops[number] = context.Event()
                self._children[number] = Child.of(_work, (order, stop), context)
            self._listen(is_time_up, on_progress)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            for number, child in self._children.items():
                self._stops[number].set()
                child.wait()  # it has told all that it has

    def ledger(self) -> Ledger:
        """All that was reached, also by workers that were ended before they were done."""
        found = Ledger()
        for number in range(len(self.orders)):
            result = self.results.get(number)
            # What a worker told before it found a violation is in what it came to.
            found.add(result.ledger if result is not None else self.told.get(number, Ledger()))
        return found

    def _listen(self, is_time_up: Callable[[], bool], on_progress: Callable[[int, int], None]) -> None:
        stopped_at = math.inf
        waiting = set(self._children)
        while waiting:
            pipes = {self._children[number].pipe: number for number in waiting}
            for pipe in wait(list(pipes), POLL_S):
                assert isinstance(pipe, Connection)  # noqa: S101 - they are all pipes
                if self._hear(pipes[pipe]):
                    waiting.discard(pipes[pipe])
            if self.is_interrupted or is_time_up():
                self._stop(waiting)
                stopped_at = min(stopped_at, monotonic())
            elif shrinking := {number for number, result in self.results.items() if result.violations}:
                self._stop(waiting - shrinking)  # one failure is enough; who found it makes it small
            if monotonic() - stopped_at > LEAVE_MAX_S:
                for number in waiting:
                    self._end(number)
                return
            so_far = self.ledger()
            on_progress(so_far.programs, so_far.delivered)

    def _stop(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self._stops[number].set()

    def _interrupt(self, number: int, _: object) -> None:
        """The first one asks for an end; a second one means it."""
        self.is_interrupted = True
        signal.signal(number, signal.default_int_handler)

    def _hear(self, number: int) -> bool:
        """One message; True where the worker has said its last."""
        try:
            news = self._children[number].pipe.recv()
        except EOFError:
            self._end(number)
            return True
        if isinstance(news, Found):
            if news.fault:
                raise WorkerFailed(news.fault)
            self.results[number] = news
            return news.is_last
        self.told[number] = news
        return False

    def _end(self, number: int) -> None:
        """A worker that is gone, or has not left: where the rules held it up, that is what it found."""
        child = self._children[number]
        where = line_of(child.end(), self.is_authors)
        if child.has_hung:
            text = f"a call of the rules did not return, and could not be interrupted: {where or 'no line of theirs was found'}"
            told = self.told.get(number, Ledger())
            self.results[number] = Found(told, [Violation("rules", 0.0, text)], "", "", self.orders[number].seed)
        elif child.has_died:
            raise WorkerFailed(f"a worker process ended with status {child.exit_status}; was it killed?")


def _work(job: tuple[Order, Any], pipe: Connection) -> None:
    """A worker process's life."""
    order, stop = job
    gc.set_threshold(50_000, 20, 50)  # a trace is kept to the end of its program: looking through it again is idle
    try:
        found = _worked(order, pipe, stop)
    except Exception:  # noqa: BLE001 - whatever it is, it is for the parent to tell
        found = Found(Ledger(), [], "", "", order.seed, traceback.format_exc())
    _tell(pipe, found)


def _worked(order: Order, pipe: Connection, stop: Any) -> Found:
    import django

    django.setup()
    from server.routing.commands import planned
    from server.verify.campaign import Campaign, run_campaign
    from server.verify.programs import Subject

    subject = Subject(planned(Path(order.routing)), order.room)
    campaign = Campaign(subject, order.seed, order.rounds, order.examples, order.first, order.stride)
    told_at = 0.0

    def found(*, is_last: bool) -> Found:
        return Found(
            campaign.ledger, campaign.found, campaign.story, campaign.chart, campaign.failed_seed, is_last=is_last
        )

    def is_over() -> bool:
        """Asked in every tick of a program, so this is where to tell how far it is."""
        nonlocal told_at
        if monotonic() - told_at > POLL_S:
            told_at = monotonic()
            _tell(pipe, campaign.ledger)
        return bool(stop.is_set())

    campaign.on_first_broken = lambda: _tell(pipe, found(is_last=False))
    run_campaign(campaign, is_over)
    return found(is_last=True)


def _tell(pipe: Connection, news: Any) -> None:
    try:
        pipe.send(news)
    except OSError:  # the parent was killed: an exception here would be taken for a failing program, and shrunk
        os._exit(1)


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
