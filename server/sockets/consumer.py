"""The Channels consumer that every route's class derives from: a thin shell around one :class:`Connection`.

It owns no layer channel and skips Channels' database housekeeping per message (a thread hop each): state frames and inputs
never touch the database. `routing.compile` makes one subclass per route.
"""

import asyncio
from typing import Any, ClassVar

import structlog
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer

from game.wire import messages as m
from game.wire.closecodes import Close
from game.wire.session import Session
from server.ops.metrics import count
from server.routing.plan import RoutePlan
from server.sockets.connection import Connection, rules_of
from server.sockets.gateway import Gateway

log = structlog.get_logger()

SUBPROTOCOLS = (m.BIN, m.JSON)


class RoomConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels ships no types
    """One socket of one route. Subclasses set ``route``; wiring sets ``gateway`` on this class."""

    route: ClassVar[RoutePlan]
    gateway: ClassVar[Gateway]
    is_paced: ClassVar[bool] = True
    channel_layer_alias = "sockets-own-no-channel"

    connection: Connection | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Runs the consumer; whatever ends it, the seats are told."""
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        try:
            await super().__call__(scope, receive, send)
        finally:
            for task in self._tasks:
                task.cancel()
            if self.connection is not None:
                self.connection.lost()
                self.connection = None

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Routes one ASGI message; no database housekeeping, for no handler here touches the database."""
        match message["type"]:
            case "websocket.connect":
                await self.websocket_connect(message)
            case "websocket.receive":
                self._on_receive(message)
            case "websocket.disconnect":
                raise StopConsumer  # `__call__` cleans up; Channels' own handler would touch the database in a thread
            case other:
                log.warning("socket.unknown_message", type=str(other)[:40])

    async def connect(self) -> None:
        """Chooses the subprotocol and starts the session; the rest waits for the hello."""
        offered = self.scope.get("subprotocols") or []
        chosen = next((name for name in offered if name in SUBPROTOCOLS), None)
        await self.accept(subprotocol=chosen)
        now = self.gateway.now()
        session = Session(rules_of(self.route, is_paced=self.is_paced), chosen == m.BIN, now)
        code = self.scope["url_route"]["kwargs"]["room"]
        self.connection = Connection(self.route, self.gateway, self.scope, code, session, self._wake.set)
        if chosen is None:
            session.finish(Close.TOO_OLD, f"expected one of the subprotocols {', '.join(SUBPROTOCOLS)}")
            self.connection.flush()
        self._tasks = [asyncio.create_task(self._write_all(self.connection))]

    def _on_receive(self, message: dict[str, Any]) -> None:
        if self.connection is None:
            return
        data = message.get("bytes")
        self.connection.receive(data if data is not None else message.get("text") or "")

    async def _write_all(self, connection: Connection) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while connection.out:
                data = connection.out.popleft()
                if isinstance(data, bytes):
                    await self._send({"type": "websocket.send", "bytes": data})
                else:
                    await self._send({"type": "websocket.send", "text": data})
            close = connection.session.close
            if close is not None:
                count("closes_total", code=str(close.value.code))
                await self._send({"type": "websocket.close", "code": close.value.code, "reason": close.value.name})
                return

    async def _send(self, message: dict[str, Any]) -> None:
        try:
            await self.base_send(message)
        except Exception as error:  # noqa: BLE001 - each server has its own error for a socket that closes meanwhile
            log.debug("socket.send_failed", error=repr(error))
