"""The server's only clock: everything else in `server` is handed a time or a function from here.

Deadlines, leases, pacing and latency use `monotonic`, which stands still while the process does not run: who slept has not
heard the others, and must not take that for their silence (decision 0010). `stopwatch` measures how long something took;
`wall_now` is for what people read and databases keep (it may step, and nothing may depend on its order). Sleeping lives here
too. A check in `tests/checks` holds it so. The simulated world puts its own time in this one's place (`replaced`).
"""

import asyncio
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context
from datetime import UTC, datetime

from attrs import define, frozen

BEAT_S = 1 / 60
HEARTBEAT_EVERY_S = 0.1
LATE_S = 0.5  # a heartbeat that comes so much later than it was due tells that the process stood still
EARLY_S = 0.001  # timers may fire that much before their time


def _utc_now() -> datetime:
    return datetime.now(UTC)


@define(eq=False)
class OwnTime:
    """A process's own time: it stops LATE_S after a heartbeat was due and has not come, and goes on with the next one.

    So whatever is compared with it, in whichever order things happen after a SIGCONT, finds at most LATE_S of the time that the
    process slept through. Without heartbeats it is the time that it is given. Pure; threads may ask while one of them beats.
    """

    stops_at: tuple[float, float] = (math.inf, 0.0)  # when, and seconds slept before: one attribute, so that they fit

    def at(self, now: float) -> float:
        """The process's own time at ``now``."""
        stops_at, slept_s = self.stops_at
        return (now if now < stops_at else stops_at) - slept_s  # noqa: FURB136 - asked for each message, and min() is a call

    def beat(self, now: float) -> float:
        """The process runs. Returns the seconds, beyond LATE_S, for which it did not."""
        stops_at, slept_s = self.stops_at
        late_s = max(0.0, now - stops_at)
        self.stops_at = now + HEARTBEAT_EVERY_S + LATE_S, slept_s + late_s
        return late_s

    def end(self, now: float) -> None:
        """No heartbeat will come any more: from now on time passes with ``now``."""
        self.beat(now)
        self.stops_at = math.inf, self.stops_at[1]


_own_time = OwnTime()


@frozen
class Source:
    """Where time comes from, and the own time of the process that asks."""

    monotonic: Callable[[], float] = time.monotonic
    wall_now: Callable[[], datetime] = _utc_now
    own_time: Callable[[], OwnTime] | None = None  # None: this process's, as there is but one


_source = Source()


def monotonic() -> float:
    """Seconds for which this process ran, from an arbitrary start: they never step or go back, and stand still while it does not run."""
    source = _source
    own = _own_time if source.own_time is None else source.own_time()
    return own.at(source.monotonic())


def stopwatch() -> float:
    """Seconds that pass whether the process runs or not: for how long something took, never to be compared with `monotonic`."""
    return _source.monotonic()


async def keep_time(on_slept: Callable[[float], object]) -> None:
    """The process's heartbeat, until cancelled. ``on_slept(seconds)`` is called after the process stood still."""
    own = _own_time if _source.own_time is None else _source.own_time()
    try:
        while True:
            slept_s = own.beat(_source.monotonic())
            if slept_s:
                on_slept(slept_s)
            await asyncio.sleep(HEARTBEAT_EVERY_S)
    finally:
        own.end(_source.monotonic())


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
    while (left_s := deadline - monotonic()) > EARLY_S:  # the process stood still meanwhile
        await asyncio.sleep(left_s)


def block_s(seconds: float) -> None:
    """Hold up the calling thread. For a process that has not started yet: nothing else of it runs meanwhile."""
    time.sleep(seconds)


def run_at(deadline: float, call: Callable[[], object], context: Context | None = None) -> asyncio.TimerHandle:
    """Have the running event loop call at `deadline`, or a little before where the process stands still meanwhile."""
    behind_s = stopwatch() - monotonic()
    return run_by_stopwatch(deadline + behind_s, call, context)


def run_by_stopwatch(
    deadline: float, call: Callable[[], object], context: Context | None = None
) -> asyncio.TimerHandle:
    """Have the running event loop call at `deadline` of `stopwatch`, exactly: what is due at one instant keeps its order."""
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
