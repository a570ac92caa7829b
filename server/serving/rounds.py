"""Reads many sockets at the process's beats (`server.clock`), in place of one wake-up for each small message.

A process that wakes up cold for every 12 bytes pays more for the waking than for the message. So the sockets that have
something to read are all read in one go, 60 times a second; after a second in which nobody sent anything, nothing runs
until somebody does. Where the platform has no epoll, `rounds_of` says so, and each socket is read by itself.
"""

import asyncio
import select
from collections.abc import Callable

import structlog
from attrs import define, field

from server.clock import monotonic, next_beat, run_at
from server.serving.intake import WORK

log = structlog.get_logger()

QUIET_ROUNDS = 60
_of: dict[asyncio.AbstractEventLoop, "Rounds"] = {}


def rounds_of(loop: asyncio.AbstractEventLoop) -> "Rounds | None":
    """The rounds of an event loop; None where there is no epoll."""
    if not hasattr(select, "epoll"):
        return None
    if loop not in _of:
        _of[loop] = Rounds(loop)
    return _of[loop]


@define(eq=False)
class Rounds:
    """``add`` descriptors with what to call when they are readable; one that is closed goes by itself."""

    loop: asyncio.AbstractEventLoop
    _epoll: select.epoll = field(factory=select.epoll)
    _readers: dict[int, Callable[[], None]] = field(factory=dict)
    _is_running: bool = False
    _quiet: int = 0

    def add(self, descriptor: int, on_readable: Callable[[], None]) -> None:
        """From the next round on; the number may be one that a closed descriptor had."""
        self._readers[descriptor] = on_readable
        self._epoll.register(descriptor, select.EPOLLIN)
        if not self._is_running:
            self._run()

    def remove(self, descriptor: int) -> None:
        """No longer; it may be closed by now."""
        if self._readers.pop(descriptor, None) is not None:
            try:
                self._epoll.unregister(descriptor)
            except OSError:  # closed: it left by itself
                return

    def _run(self) -> None:
        self._is_running, self._quiet = True, 0
        self._read_at_the_next_beat()

    def _read_at_the_next_beat(self) -> None:
        run_at(next_beat(monotonic()), self._read_all)

    def _wait(self) -> None:
        """An epoll is a descriptor too, readable when any of its own is."""
        self.loop.add_reader(self._epoll.fileno(), self._begin_again)

    def _begin_again(self) -> None:
        self.loop.remove_reader(self._epoll.fileno())
        self._run()

    def _read_all(self) -> None:
        ready = self._epoll.poll(0)
        self._quiet = 0 if ready else self._quiet + 1
        if self._quiet < QUIET_ROUNDS:
            self._read_at_the_next_beat()
        else:
            self._wait()
        headers = WORK.headers
        for descriptor, _ in ready:
            on_readable = self._readers.get(descriptor)
            if on_readable is not None:
                self._contained(on_readable)
        WORK.headers_round_max = max(WORK.headers_round_max, WORK.headers - headers)

    def _contained(self, on_readable: Callable[[], None]) -> None:
        """One socket's fault must not cost the others their turn."""
        try:
            on_readable()
        except Exception:
            log.exception("socket.round_failed")
