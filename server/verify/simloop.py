"""A deterministic asyncio loop on virtual time: no sockets, no threads, no wall clock; time jumps to the next timer.

Handles run in the order that asyncio documents (first in, first out), so only schedules that could happen happen. A
`Process` is what a handle belongs to: it can be killed (its handles vanish, as SIGKILL's do) or held (they wait, as under
SIGSTOP or a long collection). Leans on `asyncio.BaseEventLoop`'s inside; `tests/verify/test_simloop.py` is the self-test.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn, TypeVar
from weakref import WeakKeyDictionary

from attrs import define, field

from server import clock

T = TypeVar("T")

STARTS_AT_S = 1_000.0
WALL_STARTS = datetime(2026, 1, 1, tzinfo=UTC)
HANDLES_PER_INSTANT_MAX = 200_000


class SimDeadlock(Exception):
    """Everybody waits, and nothing is going to happen."""


class SimLivelock(Exception):
    """Handles run without end and time does not move."""


class RealWorldTouched(Exception):
    """Something under simulation opened a socket, started a thread or a subprocess."""


@define(eq=False)
class Process:
    """A simulated process. Tasks started inside `run` belong to it, with all that they start."""

    name: str
    is_dead: bool = False
    held_until: float = 0.0
    own_time: clock.OwnTime = field(factory=clock.OwnTime)
    _waiting: list[asyncio.Handle] = field(factory=list)
    _remains: list[object] = field(factory=list)

    def start(self, coroutine: Coroutine[Any, Any, T], loop: "SimLoop") -> "asyncio.Task[T]":
        """A task of this process."""
        context = copy_context()
        context.run(_process.set, self)
        return loop.create_task(coroutine, context=context)

    def call(self, function: Callable[[], T]) -> T:
        """Runs a function as this process, now."""
        context = copy_context()
        context.run(_process.set, self)
        return context.run(function)

    def kill(self, loop: "SimLoop") -> None:
        """From now on nothing of it runs. Its tasks are kept, so that no collector ends them at a time of its own."""
        self.is_dead = True
        self._remains = [task for task in asyncio.all_tasks(loop) if loop.owner_of(task) is self]

    def hold(self, handle: asyncio.Handle) -> bool:
        """Keeps a handle until the process goes on; whether it is the first."""
        self._waiting.append(handle)
        return len(self._waiting) == 1

    def released(self) -> list[asyncio.Handle]:
        """What waited, in order."""
        waiting, self._waiting = self._waiting, []
        return waiting


def _nothing() -> None:
    """What a cancelled handle would call."""


class _Handle(asyncio.Handle):
    """A handle that asks nobody whether it is being debugged: there are thousands in each virtual second."""

    __slots__ = ()

    def __init__(self, callback: Any, args: Any, loop: Any, context: Context) -> None:
        self._context, self._loop, self._callback, self._args = context, loop, callback, args
        self._cancelled, self._repr, self._source_traceback = False, None, None

    def cancel(self) -> None:
        """It will not run."""
        self._cancelled, self._callback, self._args = True, _nothing, ()

    def _run(self) -> None:
        try:
            self._context.run(self._callback, *self._args)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001 - as asyncio does: whatever it is, the loop goes on
            self._loop.call_exception_handler({"message": f"Exception in {self._callback!r}", "exception": error})


class _Timer(asyncio.TimerHandle):
    """The same with a time."""

    __slots__ = ()

    def __init__(self, when: float, callback: Any, args: Any, loop: Any, context: Context) -> None:
        self._context, self._loop, self._callback, self._args = context, loop, callback, args
        self._cancelled, self._repr, self._source_traceback = False, None, None
        self._when, self._scheduled = when, False

    cancel, _run = _Handle.cancel, _Handle._run


_process: ContextVar[Process | None] = ContextVar("process", default=None)
NOBODY = Context()  # the network's: what is on its way outlives its sender
_WORLDS = clock.OwnTime()  # of whoever is no process: it never stands still


def _own_time() -> clock.OwnTime:
    owner = _process.get()
    return _WORLDS if owner is None else owner.own_time


def arrive_at(when: float, call: Callable[[], object]) -> None:
    """The network brings something, whatever has become of who sent it. ``when`` is the world's time: `clock.stopwatch`'s."""
    clock.run_by_stopwatch(when, call, NOBODY)


class SimLoop(asyncio.BaseEventLoop):
    """``errors`` collects what no task caught; ``wall_offset_s`` is how far the wall clock has been stepped."""

    _ready: "deque[asyncio.Handle]"
    _stopping: bool

    def __init__(self) -> None:
        super().__init__()
        self.now = STARTS_AT_S
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._timers_set = 0
        self.wall_offset_s = 0.0
        self.errors: list[str] = []
        self.handles_run = 0
        self._instant = (self.now, 0)
        self._owners: WeakKeyDictionary[asyncio.Future[Any], Process] = WeakKeyDictionary()
        self.set_exception_handler(self._collect)

    def time(self) -> float:
        """Virtual seconds."""
        return self.now

    def wall_now(self) -> datetime:
        """The virtual wall clock, which may step."""
        return WALL_STARTS + timedelta(seconds=self.now - STARTS_AT_S + self.wall_offset_s)

    def create_task(self, coro: Any, *, name: Any = None, context: Context | None = None) -> "asyncio.Task[Any]":
        """A task, and whose it is."""
        task: asyncio.Task[Any] = super().create_task(coro, name=name, context=context)
        owner = _process.get() if context is None else context.get(_process)
        if owner is not None:
            self._owners[task] = owner
        return task

    def owner_of(self, task: "asyncio.Future[Any]") -> Process | None:
        """The process that started a task."""
        return self._owners.get(task)

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Runs until `main` is done, with the server's clock on this loop's time."""
        with clock.replaced(clock.Source(self.time, self.wall_now, _own_time)):
            return self.run_until_complete(main)

    def finish(self) -> None:
        """Cancels every task and closes. Dead processes' tasks are let go of in peace first."""
        tasks = asyncio.all_tasks(self)
        self._instant = (self.now, self.handles_run)
        for task in tasks:
            found = self.owner_of(task)
            if found is not None:
                found.is_dead, found.held_until = False, 0.0
                self._release(found)
            task.cancel()
        if tasks:
            self.run(_gathered(tasks))
        self.close()

    # ---- what BaseEventLoop asks of its subclasses

    def call_at(self, when: float, callback: Any, *args: Any, context: Context | None = None) -> asyncio.TimerHandle:  # type: ignore[override]  # as loosely typed as asyncio's own
        """Timers of one instant run in the order in which they were set."""
        timer = _Timer(when, callback, args, self, copy_context() if context is None else context)
        self._timers_set += 1
        heapq.heappush(self._timers, (when, self._timers_set, timer))
        return timer

    def call_soon(self, callback: Any, *args: Any, context: Context | None = None) -> asyncio.Handle:  # type: ignore[override]  # the same
        """First in, first out."""
        handle = _Handle(callback, args, self, copy_context() if context is None else context)
        self._ready.append(handle)
        return handle

    def _run_once(self) -> None:
        """Runs until it is told to stop: BaseEventLoop does not mind, and a loop in a loop is quicker."""
        ready, timers = self._ready, self._timers
        while not self._stopping:
            if not ready:
                self._jump()
            now = self.now
            while timers and timers[0][0] <= now:
                ready.append(heapq.heappop(timers)[2])
            for _ in range(len(ready)):
                handle = ready.popleft()
                if not (handle._cancelled or ((owner := handle._context.get(_process)) and self._keeps(owner, handle))):  # type: ignore[attr-defined]  # asyncio offers no other way
                    self.handles_run += 1
                    handle._run()
            self._note_work()

    def _keeps(self, owner: Process, handle: asyncio.Handle) -> bool:
        """Whether the handle's process does not run now: a dead one never will again."""
        if owner.is_dead:
            owner.hold(handle)
        elif owner.held_until > self.now:
            if owner.hold(handle):
                arrive_at(owner.held_until, lambda: self._release(owner))
        else:
            return False
        return True

    def _release(self, process: Process) -> None:
        self._ready.extend(process.released())

    def _jump(self) -> None:
        timers = self._timers
        while timers and timers[0][2].cancelled():
            heapq.heappop(timers)
        if not timers:
            raise SimDeadlock(f"at {self.now:.3f} s every task waits and no timer is set")
        self.now = max(self.now, timers[0][0])

    def _note_work(self) -> None:
        at, before = self._instant
        if at != self.now:
            self._instant = (self.now, self.handles_run)
        elif self.handles_run - before > HANDLES_PER_INSTANT_MAX:
            raise SimLivelock(f"at {self.now:.3f} s {HANDLES_PER_INSTANT_MAX} handles ran and time stands still")

    def _process_events(self, event_list: Any) -> None:
        pass

    def _write_to_self(self) -> None:
        pass

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        pass

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]  # as loosely typed as asyncio's own
        """Inline: a thread would bring its own order."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to whoever waits for the future
            future.set_exception(error)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """There is none."""

    async def create_connection(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refused."""
        raise RealWorldTouched(f"a connection was to be opened: {args} {kwargs}")

    async def create_datagram_endpoint(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refused."""
        raise RealWorldTouched(f"a datagram endpoint was to be opened: {args} {kwargs}")

    async def create_server(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refused."""
        raise RealWorldTouched(f"a server was to be opened: {args} {kwargs}")

    async def subprocess_exec(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refused."""
        raise RealWorldTouched(f"a program was to be started: {args}")

    def call_soon_threadsafe(self, callback: Any, *args: Any, context: Any = None) -> asyncio.Handle:  # type: ignore[override]  # the same
        """The same as `call_soon`: there are no other threads."""
        return self.call_soon(callback, *args, context=context)

    def _collect(self, _: Any, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.errors.append(f"{context.get('message')}: {error!r}")


async def _gathered(tasks: "set[asyncio.Task[Any]]") -> None:
    await asyncio.gather(*tasks, return_exceptions=True)
