"""Work in a process of its own that its parent can end at any time, and then say in which line it was.

Rules that never return, or that hold Python's lock for ever, hang the process that runs them: so none of them runs in the
one that reports. The child begins a process group, watches calls of the author's code itself (`server.watchdog`), and writes the
stacks of its threads to a file when it is told to end, or when it ends because a call could not be interrupted.
"""

import contextlib
import faulthandler
import multiprocessing as mp
import os
import re
import signal
import sys
import tempfile
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from attrs import define, field

from server.watchdog import EXIT_STATUS, watching

LEAVE_MAX_S = 5.0
DEATH_SETTLES_S = 0.1
STACKS_LOOK_S, STACKS_LOOKS = 0.05, 20
_LINE = re.compile(r'  File "(?P<file>.*)", line (?P<line>[0-9]+) in (?P<name>.*)')

Work = Callable[[Any, Connection], None]


@define(eq=False)
class Child:
    """A started process. ``pipe`` has what it tells; EOFError there means that it is gone."""

    pipe: Connection
    _process: Any
    _stacks: Path = field(repr=False)
    _has_group: bool = False
    _exit_status_before: int | None = None

    @classmethod
    def of(cls, work: Work, order: Any, context: Any = None, *, has_group: bool = False) -> "Child":
        """Starts ``work(order, pipe)`` in a new process; both must be picklable. ``has_group``: what it starts is ended with it."""
        context = context or mp.get_context("spawn")
        ours, theirs = context.Pipe(duplex=False)
        descriptor, name = tempfile.mkstemp(prefix="roomwright-stacks-")
        os.close(descriptor)
        process = context.Process(target=_live, args=(work, order, theirs, name, has_group), daemon=True)
        process.start()
        theirs.close()
        return cls(ours, process, Path(name), has_group)

    def wait(self) -> None:
        """Gives it a moment to leave by itself, and ends it otherwise, with all that it started."""
        self._process.join(LEAVE_MAX_S)
        self.end()

    def end(self) -> str:
        """Ends it now. Returns the stacks of its threads as `line_of` reads them; "" where none were to be had."""
        self._process.join(DEATH_SETTLES_S)  # where its pipe has just broken, its status is a moment behind
        self._exit_status_before = self._process.exitcode
        with contextlib.suppress(ProcessLookupError, AttributeError):
            if self._process.is_alive():
                os.kill(self._process.pid, signal.SIGUSR1)
                for _ in range(STACKS_LOOKS):
                    if self._stacks.stat().st_size:
                        break
                    self._process.join(STACKS_LOOK_S)
        if self._has_group:
            with contextlib.suppress(ProcessLookupError, PermissionError, AttributeError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.join(LEAVE_MAX_S)
        return self._read()

    @property
    def has_hung(self) -> bool:
        """Whether it ended itself because a call of the author's code could not be interrupted."""
        return self._exit_status_before in (EXIT_STATUS, -signal.SIGPROF)

    @property
    def has_died(self) -> bool:
        """Whether it ended before anybody told it to, by a signal or with a status other than 0."""
        return self._exit_status_before not in (None, 0)

    @property
    def exit_status(self) -> int | None:
        """Its status, or the negative number of the signal that ended it; None while it ran until it was ended here."""
        return self._exit_status_before

    def _read(self) -> str:
        try:
            text = self._stacks.read_text("utf-8", "replace")
            self._stacks.unlink()
        except OSError:
            return ""
        return text


def line_of(stacks: str, is_authors: Callable[[str], bool]) -> str:
    """file:line in name() of the innermost line of the author's own in a stack that faulthandler wrote; "" where there is none."""
    for found in _LINE.finditer(_main_thread(stacks)):
        if is_authors(found["file"]):
            return f"{found['file']}:{found['line']} in {found['name']}()"
    return ""


def _main_thread(stacks: str) -> str:
    """faulthandler writes the main thread last."""
    return re.split(r"(?m)^(?:Current thread|Thread) .*$", stacks)[-1]


def _live(work: Work, order: Any, pipe: Connection, stacks: str, has_group: bool) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it, and says when to stop
    if has_group and hasattr(os, "setpgrp"):
        os.setpgrp()
    with Path(stacks).open("w", encoding="utf-8") as file:
        if hasattr(signal, "SIGUSR1"):
            faulthandler.register(signal.SIGUSR1, file=file, all_threads=True)
        with watching(file):
            work(order, pipe)
    sys.stdout.flush()
