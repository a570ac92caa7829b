"""Daphne's server with this project's sockets, bounded inboxes, and an end that says goodbye.

Stock Daphne sends no close frame on SIGTERM and swallows the failure of its own clean-up (docs/decisions/0006).
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import structlog
from daphne import http_protocol, ws_protocol
from daphne import server as daphne_server
from daphne.server import Server
from twisted.internet import defer, tcp

from game.wire.closecodes import Close
from server.clock import monotonic, sleep_until
from server.serving.defaults import configured
from server.serving.descriptors import Descriptors
from server.serving.door import Door
from server.serving.protocol import RoomSocketProtocol, are_insides_known
from server.serving.requests import RoomHttpFactory
from server.serving.steady import steady
from server.sockets.outlet import EXTENSION, INTAKE

log = structlog.get_logger()
steady(daphne_server, http_protocol, ws_protocol)

DRAIN_S = 8.0
CLOSE_HANDSHAKE_S = 5.0
GOODBYE_S = 0.3  # for a goodbye's way to the kernel


class RoomServer(Server):  # type: ignore[misc]  # daphne ships no types
    """``drain`` is awaited before the last connection is dropped. ``failure``: why it ended without being told to."""

    drain: Callable[[], Awaitable[None]]
    send_buffer_bytes: int = 0
    failure: str = ""
    door: Door | None = None
    requests: RoomHttpFactory | None = None
    descriptors: Descriptors

    def listen_success(self, port: Any) -> None:
        """Installs our protocol before the first connection.

        Sockets inherit the listener's send buffer: a small one hides less from the pacing. A broken frame is answered
        with a close code instead of a reset, and a slow reader gets time to read its own.
        """
        super().listen_success(port)
        tcp._reservedFD = self.descriptors  # type: ignore[assignment]  # noqa: SLF001 - Twisted's own tells nobody
        self.descriptors.reserve()
        self.descriptors.ports.append(port)
        self.ws_factory.are_insides_known = are_insides_known()
        self.ws_factory.setProtocolOptions(failByDrop=False, closeHandshakeTimeout=CLOSE_HANDSHAKE_S)
        self.ws_factory.protocol = configured(self.ws_factory)
        if not self.ws_factory.are_insides_known:
            log.warning("server.unknown_versions", effect="sockets are written to through ASGI")
        requests = self.requests = self.requests or RoomHttpFactory(self, self.descriptors)
        if port.factory is not self.http_factory:
            port.factory.wrappedFactory = requests  # TLS
        elif self.ws_factory.are_insides_known and self._has_plain_handshakes():
            self.door = self.door or Door(requests, self.ws_factory, descriptors=self.descriptors)
            port.factory = self.door
        else:
            port.factory = requests
        if self.send_buffer_bytes and getattr(port, "socket", None) is not None:
            port.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.send_buffer_bytes)

    def listen_error(self, failure: Any) -> None:
        """Daphne's own would end the process with 0."""
        self.fail(f"cannot listen at {self.endpoints[0]}: {failure.getErrorMessage()}")

    def fail(self, why: str) -> None:
        """Ends the server; whoever runs it says why, and exits with a status that says so."""
        self.failure = self.failure or why
        self.stop()

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        """Daphne's own, with a bounded inbox and the extension; HTTP stays as it is."""
        if not isinstance(protocol, RoomSocketProtocol):
            return super().create_application(protocol, scope)
        scope["asgi"] = {"version": "3.0", "spec_version": "2.3"}
        direct = protocol.direct_socket()
        scope["extensions"] = {INTAKE: protocol.intake()}
        if direct is not None:
            scope["extensions"][EXTENSION] = direct
        inbox = protocol.new_inbox()
        application = self.application(scope=scope, receive=inbox.get, send=partial(self.handle_reply, protocol))
        self.connections[protocol]["application_instance"] = asyncio.ensure_future(application)
        return inbox

    def timeout_checker(self) -> None:
        """Daphne's own, every 2 s."""
        if self.door is not None:
            self.door.close_silent()
        if self.requests is not None:
            self.requests.look()
        self.descriptors.look(monotonic())
        super().timeout_checker()

    def _has_plain_handshakes(self) -> bool:
        """Whether nothing is set that `handshake` does not know of."""
        sockets = self.ws_factory
        is_open_to_all = sockets.allowedOrigins == ["*"] and not sockets.maxConnections and not sockets.externalPort
        return is_open_to_all and not sockets.trustXForwardedFor and not self.proxy_forwarded_address_header

    def kill_all_applications(self) -> Any:
        """Twisted's shutdown waits for what this returns."""
        return defer.Deferred.fromFuture(asyncio.ensure_future(self._end()))

    async def _end(self) -> None:
        log.info("server.draining", connections=len(self.connections))
        try:
            async with asyncio.timeout(DRAIN_S):
                await self.drain()
        except TimeoutError:
            log.warning("server.drain_timeout", after_s=DRAIN_S)
        sockets = [p for p in self.connections if isinstance(p, RoomSocketProtocol) and p.state == p.STATE_OPEN]
        for protocol in sockets:  # of whom no part of the server knew, yet or any more
            protocol.say_goodbye(Close.MOVING, "the server restarts", 1.0)
        if sockets:
            await sleep_until(monotonic() + GOODBYE_S)
        tasks = [d["application_instance"] for d in self.connections.values() if "application_instance" in d]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
