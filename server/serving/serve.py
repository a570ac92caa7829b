"""Serves a process's parts: they start before the first connection, and drain before the last is dropped.

Called by `__main__` only.
"""

from server.serving import reactor  # isort: skip - Twisted's reactor is chosen before anything else imports it

reactor.install()

import asyncio  # noqa: E402
import gc  # noqa: E402

import structlog  # noqa: E402

from server.asgi import application_of  # noqa: E402
from server.serving.descriptors import Descriptors  # noqa: E402
from server.serving.server import RoomServer  # noqa: E402
from server.starting import check_address, fail  # noqa: E402
from server.wiring import Parts  # noqa: E402

log = structlog.get_logger()

YOUNG_OBJECTS_MAX = 10_000  # Python's own is 700


def serve(parts: Parts, host: str, port: int, send_buffer_bytes: int = 0) -> None:
    """Serves until SIGTERM or SIGINT. Raises SystemExit with one line where the address cannot be had.

    ``send_buffer_bytes`` bounds the kernel's buffer of each socket; 0 leaves it to the kernel.
    """
    check_address(host, port)
    shown = f"[{host}]" if ":" in host else host
    endpoint = f"tcp:port={port}:interface={host.replace(':', chr(92) + ':')}"
    serve_at(parts, endpoint, f"http://{shown}:{port}/", send_buffer_bytes)


def serve_at(parts: Parts, endpoint: str, url: str, send_buffer_bytes: int = 0) -> None:
    """Serves at any endpoint in Twisted's words (``ssl:8443:privateKey=key.pem:certKey=cert.pem``), shown as ``url``."""
    server: RoomServer = RoomServer(
        application_of(parts),
        [endpoint],
        verbosity=0,
        ping_interval=20,
        ping_timeout=30,
        websocket_timeout=-1,  # no socket is too old
        websocket_connect_timeout=5,
        websocket_handshake_timeout=5,
        http_timeout=60,
        server_name="roomwright",
        ready_callable=lambda: _start(server, parts, url),
    )
    server.drain = parts.drain
    server.descriptors = Descriptors()
    parts.checks["descriptors"] = server.descriptors.is_well
    server.send_buffer_bytes = send_buffer_bytes
    server.run()
    if server.failure:
        raise fail(server.failure, 1)


def _start(server: RoomServer, parts: Parts, url: str) -> None:
    task = reactor.loop().create_task(parts.start())
    task.add_done_callback(lambda done: _report(server, done))
    log.info("server.listening", url=url, parts=sorted(parts.roles))


def _report(server: RoomServer, task: "asyncio.Task[None]") -> None:
    """What was loaded by now stays for good: the collector need not look through it with every few hundred newcomers.

    Nor need it look so often: a closed connection leaves nothing for it, and fifty newcomers are ten thousand objects.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS_MAX)
    if not task.cancelled() and task.exception() is not None:
        server.fail(f"the server could not start: {task.exception()!r}")
