"""A loop process: no sockets, only rooms. Runs until SIGTERM or SIGINT, then drains. Called by `__main__`."""

import asyncio
import signal

from server.django_setup import prepare

prepare()

import structlog  # noqa: E402

from server.asgi import planned  # noqa: E402
from server.ops.log import configure_logging  # noqa: E402
from server.wiring import LOOP, Parts  # noqa: E402

log = structlog.get_logger()


async def run_loop() -> None:
    """Holds rooms until told to stop."""
    configure_logging()
    parts = Parts(planned(), frozenset({LOOP}))
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await parts.start()
    log.info("loop.started", node=parts.holder.node if parts.holder else "")
    await stop.wait()
    await parts.drain()
