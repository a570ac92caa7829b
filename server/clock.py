"""The server's only clock: everything else in `server` is handed a time or a function from here.

Deadlines, leases, pacing and latency use `monotonic`; `wall_now` is for what people read and databases keep (it may
step, and nothing may depend on its order). Sleeping lives here too. A check in `tests/checks` holds it so. The simulated
world puts its own time in this one's place (`replaced`).
"""

import asyncio
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context
from datetime import UTC, datetime

from attrs import frozen

BEAT_S = 1 / 60


def _utc_now() -> datetime:
    return datetime.now(UTC)


@frozen
class Source:
    """Where time comes from."""

    monotonic: Callable[[], float] = time.monotonic
    wall_now: Callable[[], datetime] = _utc_now


_source = Source()


def monotonic() -> float:
    """Seconds that never step or go back, from an arbitrary start, good within one process."""
    return _source.monotonic()


def next_beat(now: float) -> float:
    """The next point of a grid of BEAT_S that everything in a process shares.

    A process that has slept runs its first instructions slowly. What need not happen at once happens at these points, so
    that reading, ticking and sending meet in one waking instead of having one each.
    """
    return (math.floor(now / BEAT_S + 1e-6) + 1) * BEAT_S


def wall_now() -> datetime:
    """The date and time in UTC, aware of its zone: for rows and log lines, as `default=wall_now` of a model's field."""
    return _source.wall_now()


def cpu_clock_of(thread: threading.Thread) -> Callable[[], float]:
    """A clock of the CPU seconds that a running thread has used; one that stands at 0 where the platform has none."""
    if thread.ident is None or not hasattr(time, "pthread_getcpuclockid"):
        return lambda: 0.0
    clock = time.pthread_getcpuclockid(thread.ident)
    return lambda: time.clock_gettime(clock)


async def sleep_until(deadline: float) -> None:
    """Return at `deadline` (seconds of `monotonic`) or soon after; one already past still lets other tasks run once."""
    await asyncio.sleep(max(0.0, deadline - monotonic()))


def run_at(deadline: float, call: Callable[[], object], context: Context | None = None) -> asyncio.TimerHandle:
    """Have the running event loop, whose time is `monotonic`, call at `deadline`."""
    return asyncio.get_running_loop().call_at(deadline, call, context=context)


@contextmanager
def replaced(source: Source) -> Iterator[None]:
    """Within it, time comes from another source. Not for threads that run beside each other."""
    global _source  # noqa: PLW0603 - the one place that says what time it is
    before, _source = _source, source
    try:
        yield
    finally:
        _source = before
