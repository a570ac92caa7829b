"""An uvloop whose readers and writers are watched by an epoll of our own, which tells of every end that a socket can have.

libuv stops to watch a descriptor that reports an error (a reset before it was first read) and uvloop then calls nobody: the
connection stays open, and its descriptor taken, for ever. asyncio's own loop calls reader and writer, who find the error. So does
this one, by the means of uvloop's own that cannot fail: an epoll is a descriptor too, and never in error. Chosen by `reactor`.
"""

import select
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import uvloop

_READ = select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR | select.EPOLLPRI
_WRITE = select.EPOLLOUT | select.EPOLLHUP | select.EPOLLERR
_BATCH = 256  # ready descriptors that are served before the loop turns

_Call = tuple[Callable[..., object], tuple[Any, ...]]


def _number(descriptor: Any) -> int:
    return descriptor if isinstance(descriptor, int) else int(descriptor.fileno())


class ReadinessLoop(uvloop.Loop):
    """`add_reader`, `add_writer` and their opposites, as asyncio's selector loop has them."""

    def __init__(self) -> None:
        super().__init__()
        self._epoll = select.epoll()
        self._calls: tuple[dict[int, _Call], dict[int, _Call]] = {}, {}
        self._watched: set[int] = set()
        super().add_reader(self._epoll.fileno(), self._serve)

    def add_reader(self, fd: Any, callback: Callable[..., object], *args: Any) -> None:  # type: ignore[override]  # typeshed's generics
        """Calls when there is something to read, an end, or an error. Raises OSError for what no epoll can watch."""
        self._add(0, _number(fd), callback, args)

    def add_writer(self, fd: Any, callback: Callable[..., object], *args: Any) -> None:  # type: ignore[override]  # typeshed's generics
        """Calls when something can be written, or there is an end or an error. Raises OSError for what no epoll can watch."""
        self._add(1, _number(fd), callback, args)

    def remove_reader(self, fd: Any) -> bool:  # type: ignore[override]  # uvloop's stub says None; asyncio's bool is right
        """Whether there was one."""
        return self._remove(0, _number(fd))

    def remove_writer(self, fd: Any) -> bool:  # type: ignore[override]
        """Whether there was one."""
        return self._remove(1, _number(fd))

    def close(self) -> None:
        """Closes the epoll with the loop."""
        if not self._epoll.closed:
            super().remove_reader(self._epoll.fileno())
            self._epoll.close()
        super().close()

    def _add(self, way: int, number: int, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        self._calls[way][number] = callback, args
        try:
            self._watch(number)
        except OSError:
            del self._calls[way][number]
            raise

    def _remove(self, way: int, number: int) -> bool:
        if self._calls[way].pop(number, None) is None:
            return False
        with suppress(OSError):  # closed by now: it left the epoll by itself
            self._watch(number)
        return True

    def _watch(self, number: int) -> None:
        readers, writers = self._calls
        mask = (select.EPOLLIN if number in readers else 0) | (select.EPOLLOUT if number in writers else 0)
        is_known = number in self._watched
        if not mask:
            self._watched.discard(number)
            self._epoll.unregister(number)
            return
        try:
            (self._epoll.modify if is_known else self._epoll.register)(number, mask)
        except FileNotFoundError:  # closed without a word, and the number is another's by now
            self._epoll.register(number, mask)
        self._watched.add(number)

    def _serve(self) -> None:
        readers, writers = self._calls
        for number, events in self._epoll.poll(0, _BATCH):
            if events & _READ and (call := readers.get(number)) is not None:
                self._call(call)
            if events & _WRITE and (call := writers.get(number)) is not None:
                self._call(call)

    def _call(self, call: _Call) -> None:
        try:
            call[0](*call[1])
        except Exception as error:  # noqa: BLE001 - one descriptor's fault must not cost the others their turn
            self.call_exception_handler({"message": f"exception in {call[0]!r}", "exception": error})
