"""Virtual WebSockets between the real consumer and a client machine: in order, with delay, and with every bad habit.

Like Daphne's, the server's end never pushes back: what a reader does not read piles up (``unread_bytes``), and it is the
session's pacing that keeps it small. Used by the simulated world only.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from random import Random
from typing import Any

from attrs import define, field

from server.clock import stopwatch
from server.verify.simloop import arrive_at

Data = bytes | str
GONE = 1006
DELAY_S = 0.002, 0.02


@define(eq=False)
class SimSocket:
    """One connection. ``on_data`` and ``on_close`` are the client's; ``app_receive`` and ``app_send`` are the consumer's.

    ``read_rate``: messages a second that the client reads (None: all at once, 0.0: it stopped). ``is_half_open``: nothing
    passes any more, and nobody is told.
    """

    number: int
    random: Random
    on_data: Callable[[Data], None]
    on_close: Callable[[int, str], None]
    delay_s: tuple[float, float] = DELAY_S
    read_rate: float | None = None
    is_half_open: bool = False
    cut_after: int | None = None
    unread_bytes: int = 0
    unread_bytes_max: int = 0
    delivered: int = 0
    is_closed: bool = False
    on_written: Callable[[Data], None] | None = None
    _to_app: "deque[dict[str, Any]]" = field(factory=deque)
    _app_waits: "asyncio.Future[None] | None" = None
    _up_at: float = 0.0
    _down_at: float = 0.0
    _unread: "deque[Data | int]" = field(factory=deque)
    _reads_at: float = 0.0
    _is_app_told: bool = False

    # ---- the client's end

    def open(self) -> None:
        """The handshake."""
        self._up({"type": "websocket.connect"})

    def send(self, data: Data) -> None:
        """A message of the client."""
        if not self.is_closed:
            body = {"bytes": data} if isinstance(data, bytes) else {"text": data}
            self._up({"type": "websocket.receive", **body})

    def close(self, code: int = 1000, why: str = "client") -> None:
        """The client's end is closed; the server hears of it."""
        if not self.is_closed:
            self.is_closed = True
            self._up({"type": "websocket.disconnect", "code": code})
            self.on_close(code, why)

    def cut(self, why: str) -> None:
        """The network breaks, and both ends notice."""
        self.close(GONE, why)

    def read_on(self) -> None:
        """The client reads again, all that there is."""
        self.read_rate = None
        self._read()

    # ---- the server's end: an ASGI receive and send

    async def app_receive(self) -> dict[str, Any]:
        """The consumer's next event."""
        while not self._to_app:
            self._app_waits = asyncio.get_running_loop().create_future()
            await self._app_waits
        return self._to_app.popleft()

    async def app_send(self, message: dict[str, Any]) -> None:
        """What the consumer sends."""
        if self.is_closed or self.is_half_open:
            return
        match message["type"]:
            case "websocket.send":
                data = message.get("bytes")
                data = message["text"] if data is None else data
                if self.on_written is not None:
                    self.on_written(data)
                self.unread_bytes += len(data)
                self.unread_bytes_max = max(self.unread_bytes_max, self.unread_bytes)
                self._down(data)
            case "websocket.close":
                self._down(int(message.get("code", 1000)))

    def server_died(self) -> None:
        """The process at the other end is gone: the operating system resets the connection."""
        if not self.is_closed and not self.is_half_open:
            arrive_at(stopwatch() + self.random.uniform(*self.delay_s), self._reset)

    # ---- inside

    def _reset(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            self.on_close(GONE, "server died")

    def _up(self, event: dict[str, Any]) -> None:
        if self.is_half_open:
            return
        self._up_at = max(self._up_at, stopwatch() + self.random.uniform(*self.delay_s))
        arrive_at(self._up_at, lambda: self._reach_app(event))

    def _reach_app(self, event: dict[str, Any]) -> None:
        if self.is_half_open or self._is_app_told:
            return
        self._is_app_told = event["type"] == "websocket.disconnect"
        self._to_app.append(event)
        if self._app_waits is not None and not self._app_waits.done():
            self._app_waits.set_result(None)

    def _down(self, item: Data | int) -> None:
        self._down_at = max(self._down_at, stopwatch() + self.random.uniform(*self.delay_s))
        arrive_at(self._down_at, lambda: self._reach_client(item))

    def _reach_client(self, item: Data | int) -> None:
        if not self.is_half_open and not self.is_closed:
            self._unread.append(item)
            self._read()

    def _read(self) -> None:
        while self._unread and not self.is_closed:
            if self.read_rate is not None:
                if self.read_rate == 0.0:
                    return
                if stopwatch() < self._reads_at - 1e-9:
                    return
                self._reads_at = stopwatch() + 1.0 / self.read_rate
                arrive_at(self._reads_at, self._read)
            self._take(self._unread.popleft())

    def _take(self, item: Data | int) -> None:
        if isinstance(item, int):
            self.is_closed = True
            self._reach_app({"type": "websocket.disconnect", "code": item})
            self.on_close(item, "server")
            return
        self.unread_bytes -= len(item)
        self.on_data(item)
        self.delivered += 1
        if self.cut_after is not None and self.delivered >= self.cut_after:
            self.cut("cut at a message boundary")
