"""A TCP proxy with faults, to stand between a server and Redis or between a client and a server.

It runs in a thread with a loop of its own, so that a test that blocks does not stop the network. `TcpProxy` is what
the `tcp_proxy` fixture makes; every control may be called from any thread and has taken effect when it returns.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from attrs import define, field

T = TypeVar("T")
CHUNK_BYTES = 16_384
IN_FLIGHT_CHUNKS = 64
START_S = 10.0


@define(eq=False)
class _Pipe:
    """One accepted connection and its twin upstream."""

    near: socket.socket
    far: socket.socket
    is_swallowed: bool = False  # half-open for ever: reads go on, nothing is passed
    directions_ended: int = 0
    tasks: list[asyncio.Task[None]] = field(factory=list)

    def close(self, *, abort: bool) -> None:
        for end in (self.near, self.far):
            with contextlib.suppress(OSError):
                if abort:  # RST instead of FIN
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
                end.close()


@define(eq=False)
class TcpProxy:
    """Forwards 127.0.0.1:`port` to 127.0.0.1:`target_port`, with delay, throttle, blackhole, half-open and cut.

    `buffer_bytes` sets the kernel's buffers on both sides, for tests in which a reader must not hide behind them.
    """

    target_port: int
    buffer_bytes: int | None = None
    port: int = 0
    _delay_s: float = field(default=0.0, init=False)
    _rate_bytes_s: float | None = field(default=None, init=False)
    _pipes: set[_Pipe] = field(factory=set, init=False)
    _tasks: set[asyncio.Task[None]] = field(factory=set, init=False)
    _loop: asyncio.AbstractEventLoop = field(factory=asyncio.new_event_loop, init=False)
    _is_passing: asyncio.Event = field(factory=asyncio.Event, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)
    _listener: socket.socket | None = field(default=None, init=False)

    def start(self) -> None:
        """Listen on a free port."""
        self._listener = listener = self._socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(512)
        self.port = listener.getsockname()[1]
        self._is_passing.set()
        self._thread = threading.Thread(target=self._run, args=(listener,), name=f"proxy-{self.port}", daemon=True)
        self._thread.start()

    @property
    def connections(self) -> int:
        """How many connections stand open through it."""
        return self._on_loop(lambda: len(self._pipes))

    def delay(self, seconds: float) -> None:
        """Hold every byte for `seconds` in each direction; order is kept. 0 ends it."""
        self._on_loop(lambda: setattr(self, "_delay_s", seconds))

    def throttle(self, bytes_per_s: float | None) -> None:
        """Pass at most so much per connection and direction; None ends it."""
        self._on_loop(lambda: setattr(self, "_rate_bytes_s", bytes_per_s))

    def blackhole(self) -> None:
        """Pass nothing, on old and new connections; all stay open. `heal` delivers what waited, as TCP would."""
        self._on_loop(self._is_passing.clear)

    def half_open(self) -> None:
        """The connections of now are dead for ever without anybody being told; new ones work."""

        def swallow() -> None:
            for pipe in self._pipes:
                pipe.is_swallowed = True

        self._on_loop(swallow)

    def cut(self) -> int:
        """Reset the connections of now; how many there were. New ones work."""

        def reset() -> int:
            pipes = list(self._pipes)
            for pipe in pipes:
                self._end(pipe, abort=True)
            return len(pipes)

        return self._on_loop(reset)

    def heal(self) -> None:
        """No delay, no throttle, no blackhole any more. What `half_open` killed stays dead."""

        def reset() -> None:
            self._delay_s, self._rate_bytes_s = 0.0, None
            self._is_passing.set()

        self._on_loop(reset)

    def stop(self) -> None:
        """Reset what is open and stop listening."""
        if self._thread is None:
            return
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_S)
        self._thread = None

    def _socket(self) -> socket.socket:
        made = socket.socket()
        if self.buffer_bytes is not None:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.buffer_bytes)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.buffer_bytes)
        made.setblocking(False)
        return made

    def _on_loop(self, call: Callable[[], T]) -> T:
        """Run `call` in the proxy's thread and wait for what it returns."""

        async def run() -> T:
            return call()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(START_S)

    def _run(self, listener: socket.socket) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.add_reader(listener, self._accept, listener)
        try:
            self._loop.run_forever()
        finally:
            self._loop.remove_reader(listener)
            tasks = list(self._tasks)  # the set empties itself as they end
            for task in tasks:
                task.cancel()
            self._loop.run_until_complete(_all_of(tasks))
            for pipe in list(self._pipes):  # accepted while we stopped
                self._end(pipe, abort=True)
            listener.close()
            self._loop.close()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _accept(self, listener: socket.socket) -> None:
        """Known as a pipe from its first moment, so that nothing accepted while we stop is left open."""
        with contextlib.suppress(BlockingIOError, ConnectionError):
            near, _ = listener.accept()
            near.setblocking(False)
            pipe = _Pipe(near, self._socket())
            self._pipes.add(pipe)
            self._spawn(self._connect(pipe))

    async def _connect(self, pipe: _Pipe) -> None:
        near, far = pipe.near, pipe.far
        try:
            await self._loop.sock_connect(far, ("127.0.0.1", self.target_port))
        except OSError:
            self._end(pipe, abort=True)
            return
        for end in (near, far):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pipe.tasks = [self._spawn(self._pump(pipe, near, far)), self._spawn(self._pump(pipe, far, near))]

    async def _pump(self, pipe: _Pipe, source: socket.socket, sink: socket.socket) -> None:
        """Read, hold for the delay, write; the two halves overlap so that a delay does not become a throttle."""
        small = self.buffer_bytes is not None
        in_flight: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(1 if small else IN_FLIGHT_CHUNKS)
        writer = self._spawn(self._write(pipe, in_flight, sink))
        pipe.tasks.append(writer)
        try:
            while True:
                await self._is_passing.wait()
                data = await self._loop.sock_recv(source, self._chunk_bytes())
                if not pipe.is_swallowed:
                    await in_flight.put((self._loop.time() + self._delay_s, data))
                if not data:
                    break
            await writer
        except OSError:
            self._end(pipe, abort=True)
            return
        pipe.directions_ended += 1
        if pipe.directions_ended == 2:
            self._end(pipe, abort=False)

    def _chunk_bytes(self) -> int:
        if self._rate_bytes_s is None:
            return CHUNK_BYTES
        return max(1, min(CHUNK_BYTES, int(self._rate_bytes_s / 20)))

    async def _write(self, pipe: _Pipe, in_flight: asyncio.Queue[tuple[float, bytes]], sink: socket.socket) -> None:
        while True:
            due, data = await in_flight.get()
            await asyncio.sleep(max(0.0, due - self._loop.time()))
            await self._is_passing.wait()
            if not data:
                with contextlib.suppress(OSError):
                    sink.shutdown(socket.SHUT_WR)
                return
            if pipe.is_swallowed:
                continue
            try:
                await self._loop.sock_sendall(sink, data)
            except OSError:
                self._end(pipe, abort=True)
                return
            if self._rate_bytes_s is not None:
                await asyncio.sleep(len(data) / self._rate_bytes_s)

    def _end(self, pipe: _Pipe, *, abort: bool) -> None:
        self._pipes.discard(pipe)
        for task in pipe.tasks:
            task.cancel()
        for end in (pipe.near, pipe.far):
            with contextlib.suppress(OSError, ValueError):
                self._loop.remove_reader(end)
                self._loop.remove_writer(end)
        pipe.close(abort=abort)


async def _all_of(tasks: list[asyncio.Task[None]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)
