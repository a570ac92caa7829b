"""One socket of a room: bytes between a WebSocket and the protocol's client, which decides everything.

Three tasks: one reads, one writes, one lets time pass. What waits to be written is bounded; beyond the bound the
socket is dropped and resumed (overflow: reconnect), since a server that does not read will not read more.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable

from attrs import define, field
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from clients.python import clock
from clients.python.lobby import is_loopback
from clients.python.metrics import Metrics
from game.wire.client import Client, News

OUTBOX_MAX = 4096
OPEN_WITHIN_S = 10.0
CLOSE_WITHIN_S = 2.0
POLL_EVERY_S = 0.1
SILENT_FOR_S = 8.0  # a server sends a HEAD at least once a second, and answers pings
LATE_S = 0.5  # a poll that comes so much late tells that we slept, not that the server was silent
ABNORMAL = 1006
MESSAGE_MAX_BYTES = 4 << 20


class HandshakeRefusedError(Exception):
    """The server answered the handshake with no: there is no such route, or nobody may use it."""


@define(eq=False)
class Link:
    """One connection: `open`, then `run` until it ends."""

    url: str
    subprotocol: str
    client: Client
    on_news: Callable[[list[News], float], None]
    metrics: Metrics
    _socket: ClientConnection | None = None
    _outbox: deque[bytes | str] = field(factory=deque)
    _has_output: asyncio.Event = field(factory=asyncio.Event)
    _heard_at: float = 0.0

    async def open(self) -> None:
        """The handshake. Raises OSError (TimeoutError among them) and HandshakeRefusedError."""
        address = self.url.replace("ws", "http", 1)
        try:
            self._socket = await connect(
                self.url,
                subprotocols=[Subprotocol(self.subprotocol)],
                compression=None,
                proxy=None if is_loopback(address) else True,
                open_timeout=OPEN_WITHIN_S,
                close_timeout=CLOSE_WITHIN_S,
                max_size=MESSAGE_MAX_BYTES,
            )
        except InvalidStatus as error:
            status = error.response.status_code
            if status >= 500:
                raise ConnectionError(f"the server answers HTTP {status}") from error
            raise HandshakeRefusedError(
                f"{self.url}: the server refused the handshake with HTTP {status}; expected a route of its routing.yaml"
            ) from error
        except InvalidHandshake as error:
            raise HandshakeRefusedError(f"{self.url}: {error}; expected a Roomwright server") from error
        except EOFError as error:
            raise ConnectionError("the connection was closed during the handshake") from error
        if self._socket.subprotocol != self.subprotocol:
            await self._socket.close()
            raise HandshakeRefusedError(f"{self.url}: expected a server that speaks {self.subprotocol}")

    async def run(self) -> int:
        """Speaks until the socket closes; returns its close code. Raises what the client raises for a broken server."""
        socket = self._opened()
        self._heard_at = clock.monotonic()
        self.client.start(self._heard_at)
        self.flush()
        companions = [asyncio.create_task(self._write()), asyncio.create_task(self._pass_time())]
        try:
            async for data in socket:
                now = self._heard_at = clock.monotonic()
                self.metrics.received(data)
                rtt_before = self.client.rtt_ms
                self.client.receive(data, now)
                if self.client.rtt_ms is not None and self.client.rtt_ms != rtt_before:
                    self.metrics.pings_ms.append(self.client.rtt_ms)
                self.on_news(self.client.news(), now)
                self.flush()
        except ConnectionClosed:
            pass  # its code is read below
        finally:
            for task in companions:
                task.cancel()
            await asyncio.gather(*companions, return_exceptions=True)
            await self._close()
        return ABNORMAL if socket.close_code is None else socket.close_code

    def flush(self) -> None:
        """Hands to the writer what the client wants to say."""
        self._outbox.extend(self.client.data_to_send())
        if len(self._outbox) > OUTBOX_MAX:
            self._drop()
        elif self._outbox:
            self._has_output.set()

    async def _write(self) -> None:
        socket = self._opened()
        with contextlib.suppress(ConnectionClosed):  # the reader notices it too, and ends the connection
            while True:
                await self._has_output.wait()
                self._has_output.clear()
                while self._outbox:
                    await socket.send(self._outbox.popleft())

    async def _pass_time(self) -> None:
        at = clock.monotonic()
        while True:
            at = max(at + POLL_EVERY_S, clock.monotonic())
            await clock.sleep_until(at)
            now = clock.monotonic()
            if now - at > LATE_S:  # a laptop that slept, or a bot that thought: what came meanwhile is not read yet
                self._heard_at = min(now, self._heard_at + now - at)
            self.client.poll(now)
            self.flush()
            if now - self._heard_at > SILENT_FOR_S:
                self._drop()

    def _drop(self) -> None:
        """Ends the socket without ceremony; the reader sees it closed."""
        self._outbox.clear()
        self._opened().transport.abort()

    async def _close(self) -> None:
        with contextlib.suppress(OSError):
            await self._opened().close()

    def _opened(self) -> ClientConnection:
        assert self._socket is not None  # noqa: S101 - open() comes first
        return self._socket
