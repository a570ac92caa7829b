"""Ends calls of an author's code that do not return, so that one room's rules cannot hold up a process for ever.

A thread looks at `server.rooms.author_calls` ten times a second. A call that has used CALL_CPU_MAX_S of the main thread's time,
or has slept through CALL_LOOKS_MAX looks, is interrupted: a signal's handler raises inside it, with the author's line, and
the room ends with its incident. Rules that do not stop for that (they catch everything, or wait inside C code that let go of
Python's lock) end the process with the stacks of all threads on standard error; so does C code that holds the lock for
BLOCKED_CPU_MAX_S, which no thread can see: the kernel's own timer does it. What is counted is the time of this process, never the
clock's: a process that was stopped, or waits for its turn on a busy machine, is not blamed.

POSIX only; elsewhere, and where the loop does not run on the main thread, `start` says that nothing is watched.
"""

import faulthandler
import os
import signal
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from types import FrameType
from typing import IO, Any

import structlog
from attrs import define, field

from server.clock import cpu_clock_of
from server.rooms.author_calls import AuthorCalls, Overdue, author_calls

log = structlog.get_logger()

LOOK_EVERY_S = 0.1
CALL_CPU_MAX_S = 0.5
CALL_LOOKS_MAX = 20
UNHEEDED_MAX = 20
BLOCKED_CPU_MAX_S = 5.0
EXIT_STATUS = 70  # EX_SOFTWARE

_LIBRARIES = tuple(str(Path(sysconfig.get_path(name)).resolve()) for name in ("stdlib", "platstdlib", "purelib"))


class Verdict(Enum):
    """What is to be done about the call that the main thread is in."""

    WAIT = "wait"
    INTERRUPT = "interrupt"
    END_PROCESS = "end the process"


@define
class Patience:
    """Judges one look after the other. Pure: what it sees comes in."""

    number: int = -1
    cpu_at_s: float = 0.0
    looks: int = 0
    interrupts: int = 0

    def look(self, number: int, cpu_s: float, *, is_inside: bool) -> Verdict:
        """``number`` is the call's, ``cpu_s`` what the main thread has used since it began, in seconds."""
        if not is_inside or number != self.number:
            self.number, self.cpu_at_s, self.looks, self.interrupts = number, cpu_s, 0, 0
            return Verdict.WAIT
        self.looks += 1
        if cpu_s - self.cpu_at_s <= CALL_CPU_MAX_S and self.looks <= CALL_LOOKS_MAX:
            return Verdict.WAIT
        self.interrupts += 1
        return Verdict.INTERRUPT if self.interrupts <= UNHEEDED_MAX else Verdict.END_PROCESS


@define(eq=False)
class Watchdog:
    """One per process with a loop. `start` and `stop` are called on the main thread.

    ``stacks`` is the file that the stacks of a process that ends go to; None: standard error.
    """

    calls: AuthorCalls = field(factory=lambda: author_calls)
    stacks: IO[str] | None = None
    _stopped: threading.Event = field(factory=threading.Event)
    _thread: threading.Thread | None = None
    _handler_before: Any = None
    _main_cpu_s: Callable[[], float] = lambda: 0.0

    def start(self) -> bool:
        """Begins to look; False where this platform or thread offers no way to interrupt a call."""
        main = threading.main_thread()
        if threading.current_thread() is not main or not hasattr(signal, "SIGVTALRM"):
            log.warning(
                "watchdog.off", reason="expected the main thread of a POSIX process: endless rules are not ended"
            )
            return False
        self._main_cpu_s = cpu_clock_of(main)
        self._handler_before = signal.signal(signal.SIGVTALRM, self._on_signal)
        if (file := self._file()) is not None:
            faulthandler.register(signal.SIGPROF, file=file, all_threads=True, chain=True)
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._thread.start()
        return True

    def stop(self) -> None:
        """Looks no more."""
        if self._thread is None:
            return
        self._stopped.set()
        self._thread.join()
        self._thread = None
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        faulthandler.unregister(signal.SIGPROF)
        signal.signal(signal.SIGVTALRM, self._handler_before or signal.SIG_DFL)

    def _watch(self) -> None:
        patience, main = Patience(), threading.main_thread().ident
        while not self._stopped.wait(LOOK_EVERY_S):
            # Only while this thread is kept out does the timer run down.
            signal.setitimer(signal.ITIMER_PROF, BLOCKED_CPU_MAX_S)
            match patience.look(self.calls.number, self._main_cpu_s(), is_inside=self.calls.depth > 0):
                case Verdict.INTERRUPT if main is not None:
                    signal.pthread_kill(main, signal.SIGVTALRM)
                case Verdict.END_PROCESS:
                    self._end_process()

    def _on_signal(self, _: int, frame: FrameType | None) -> None:
        """On the main thread, between two of its instructions."""
        if self.calls.may_be_ended_in(frame):
            raise Overdue(f"the rules did not return within {CALL_CPU_MAX_S} s of CPU time: {_place(frame)}")

    def _end_process(self) -> None:
        log.error(
            "watchdog.process_ended", reason="the rules did not stop when they were interrupted; the stacks follow"
        )
        if (file := self._file()) is not None:
            faulthandler.dump_traceback(file=file, all_threads=True)
        os._exit(EXIT_STATUS)

    def _file(self) -> IO[str] | None:
        """Where stacks go; None where there is no file behind standard error."""
        file = self.stacks or sys.stderr
        try:
            file.fileno()
        except (AttributeError, OSError, ValueError):
            return None
        return file


@contextmanager
def watching(stacks: IO[str] | None = None) -> Iterator[None]:
    """Calls of the author's code are watched within it, where that is possible."""
    watchdog = Watchdog(stacks=stacks)
    watchdog.start()
    try:
        yield
    finally:
        watchdog.stop()


def _place(frame: FrameType | None) -> str:
    """The innermost line that is of no library: the author's."""
    found = frame
    while found is not None and found.f_code.co_filename.startswith((*_LIBRARIES, "<")):
        found = found.f_back
    found = found or frame
    return f"{found.f_code.co_filename}:{found.f_lineno} in {found.f_code.co_name}()" if found else "an unknown line"
