"""The Channels consumer that every route's class derives from: a thin shell around one :class:`Connection`.

It owns no layer channel and skips Channels' database housekeeping per message (a thread hop each): state frames and inputs
never touch the database. `routing.compile` makes one subclass per route.
"""

from typing import Any, ClassVar

import structlog
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer

from game.wire import messages as m
from game.wire.closecodes import Close
from game.wire.session import Session, SessionRules
from server.routing.plan import RoutePlan
from server.sockets.connection import Connection, rules_of
from server.sockets.gateway import Gateway
from server.sockets.outlet import EXTENSION, INTAKE, AsgiOutlet, DirectOutlet, IntakeExtension, Outlet

log = structlog.get_logger()

SUBPROTOCOLS = (m.BIN, m.JSON)


class RoomConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels ships no types
    """One socket of one route. Subclasses set ``route``; wiring sets ``gateway`` on this class."""

    route: ClassVar[RoutePlan]
    gateway: ClassVar[Gateway]
    is_paced: ClassVar[bool] = True
    rules: ClassVar[SessionRules | None] = None
    channel_layer_alias = "sockets-own-no-channel"

    connection: Connection | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Runs the consumer; whatever ends it, the seats are told.

        Channels' own would listen to a layer as well, with a task for each of both.
        """
        self.scope, self.base_send, self.channel_layer = scope, send, None
        try:
            while True:
                await self.dispatch(await receive())
        except StopConsumer:
            pass
        finally:
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
        session = Session(self._rules(), chosen == m.BIN, self.gateway.now())
        code = self.scope["url_route"]["kwargs"]["room"]
        connection = self.connection = Connection(self.route, self.gateway, self.scope, code, session)
        if not connection.enter():
            await self.close()  # before the accept: the handshake is answered with 403, and nothing is kept
            return
        if chosen is None:
            session.finish(Close.TOO_OLD, f"expected one of the subprotocols {', '.join(SUBPROTOCOLS)}")
        intake: IntakeExtension | None = (self.scope.get("extensions") or {}).get(INTAKE)
        if intake is not None:
            intake.expect(session.rules.flood)
            connection.allow = intake.allow
        outlet = self._new_outlet(connection)
        try:
            await self.accept(subprotocol=chosen)
        except BaseException:  # a cancel, too: nobody else knows of the outlet yet
            outlet.stop()
            raise
        connection.open(outlet)

    @classmethod
    def _rules(cls) -> SessionRules:
        """The route's, made for its first connection and shared by all."""
        if cls.rules is None or cls.rules.is_paced is not cls.is_paced:
            cls.rules = rules_of(cls.route, is_paced=cls.is_paced)
        return cls.rules

    def _new_outlet(self, connection: Connection) -> Outlet:
        """The direct way where the server offers it: messages then come straight to the connection, too."""
        socket = (self.scope.get("extensions") or {}).get(EXTENSION)
        if socket is None:
            return AsgiOutlet(self.base_send, connection.end_slow)
        socket.deliver = connection.receive
        return DirectOutlet(socket, connection.end_slow, connection.session.hold)

    def _on_receive(self, message: dict[str, Any]) -> None:
        if self.connection is None:
            return
        data = message.get("bytes")
        self.connection.receive(data if data is not None else message.get("text") or "")
