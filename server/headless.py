"""Processes without sockets: a loop, which runs until SIGTERM or SIGINT and then drains, and a kick. Called by `__main__`."""

import asyncio
import signal

from server.django_setup import prepare

prepare()

import structlog  # noqa: E402

from server.asgi import planned  # noqa: E402
from server.lobby.moderation import Wanted, named  # noqa: E402
from server.ops.log import configure_logging  # noqa: E402
from server.wiring import GATEWAY, LOOP, Parts  # noqa: E402

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


async def run_kick(wanted: Wanted) -> str:
    """Removes somebody from a room, whichever process holds it; what is to be said of it. Raises LookupError for why not."""
    configure_logging()
    parts = Parts(planned(), frozenset({GATEWAY}))
    try:
        answer = await parts.kick(wanted.code, wanted.seat, wanted.identity, wanted.reason, "command line")
    finally:
        await parts.drain()
    if answer.problem:
        raise LookupError(f"{answer.problem}: expected {answer.expected}; got {named(wanted)}")
    seats = f", seats {', '.join(map(str, answer.seats))} free" if answer.seats else ""
    return f"{answer.identity} ({answer.name}) is out of room {wanted.code}: {answer.connections} connections{seats}"
