"""Daphne as this project's server: started with the parts of the process, ended by a drain that says goodbye.

Stock Daphne sends no close frame on SIGTERM and swallows the failure of its own clean-up (docs/decisions). Called by
`__main__` only.
"""

from daphne.server import Server, twisted_loop  # isort: skip - chooses Twisted's reactor, so it comes first

import asyncio
import errno
import socket
from typing import Any

import structlog
from twisted.internet import defer

from server.asgi import application_of
from server.wiring import Parts

log = structlog.get_logger()

DRAIN_S = 8.0
CLOSE_HANDSHAKE_S = 5.0


class RoomServer(Server):  # type: ignore[misc]  # daphne ships no types
    """``parts`` start before the first connection is served, and drain before the last is dropped."""

    parts: Parts
    send_buffer_bytes: int = 0

    def listen_success(self, port: Any) -> None:
        """Sockets inherit the listener's send buffer: a small one hides less from the pacing.

        A broken frame is answered with a close code instead of a reset, and a slow reader gets time to read its own.
        """
        super().listen_success(port)
        self.ws_factory.setProtocolOptions(failByDrop=False, closeHandshakeTimeout=CLOSE_HANDSHAKE_S)
        if self.send_buffer_bytes:
            port.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.send_buffer_bytes)

    def kill_all_applications(self) -> Any:
        """Twisted's shutdown waits for what this returns."""
        return defer.Deferred.fromFuture(twisted_loop.create_task(self._end()))

    async def _end(self) -> None:
        log.info("server.draining", connections=len(self.connections))
        try:
            async with asyncio.timeout(DRAIN_S):
                await self.parts.drain()
        except TimeoutError:
            log.warning("server.drain_timeout", after_s=DRAIN_S)
        tasks = [d["application_instance"] for d in self.connections.values() if "application_instance" in d]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def serve(parts: Parts, host: str, port: int, send_buffer_bytes: int = 0) -> None:
    """Serves until SIGTERM or SIGINT. Raises SystemExit with one line where the address cannot be had.

    ``send_buffer_bytes`` bounds the kernel's buffer of each socket; 0 leaves it to the kernel.
    """
    check_address(host, port)
    endpoint = f"tcp:port={port}:interface={host.replace(':', chr(92) + ':')}"
    server: RoomServer = RoomServer(
        application_of(parts),
        [endpoint],
        verbosity=0,
        ping_interval=20,
        ping_timeout=30,
        websocket_connect_timeout=5,
        websocket_handshake_timeout=5,
        http_timeout=60,
        server_name="roomwright",
        ready_callable=lambda: _start(server, host, port),
    )
    server.parts = parts
    server.send_buffer_bytes = send_buffer_bytes
    server.run()


def check_address(host: str, port: int) -> None:
    """Says what to do where the port is taken or the host is not ours: Daphne itself would say nothing."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SystemExit(_address_problem(host, port, error)) from None


def _address_problem(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is in use; choose another: ROOMWRIGHT_PORT={port + 1} make run"
    if error.errno == errno.EACCES:
        return (
            f"port {port} needs privileges that this user lacks; choose one above 1023: ROOMWRIGHT_PORT=8000 make run"
        )
    return f"cannot listen on {host}:{port}: {error.strerror}; see ROOMWRIGHT_HOST and ROOMWRIGHT_PORT"


def _start(server: RoomServer, host: str, port: int) -> None:
    task = twisted_loop.create_task(server.parts.start())
    task.add_done_callback(lambda done: _report(server, done))
    shown = f"[{host}]" if ":" in host else host
    log.info("server.listening", url=f"http://{shown}:{port}/", parts=sorted(server.parts.roles))


def _report(server: RoomServer, task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and task.exception() is not None:
        log.critical("server.start_failed", error=repr(task.exception()))
        server.stop()
