"""Processes without sockets: a loop, which runs until SIGTERM or SIGINT and then drains, and a kick. Called by `__main__`."""

import asyncio
import signal

from server.asgi import planned  # isort: skip - sets Django up, once what a start needs is there

import structlog
from django.conf import settings

from server.lobby.moderation import Wanted, named
from server.ops.log import configure_logging
from server.starting import fail
from server.wiring import GATEWAY, LOOP, Parts

log = structlog.get_logger()


async def run_loop() -> None:
    """Holds rooms until told to stop."""
    configure_logging(level=settings.ROOMWRIGHT.log_level)
    parts = Parts(planned(), frozenset({LOOP}))
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        await parts.start()
    except Exception as error:  # noqa: BLE001 - whatever it is, an operator reads one line and a status
        raise fail(f"the loop could not start: {error!r}", 1) from None
    log.info("loop.started", node=parts.holder.node if parts.holder else "")
    await stop.wait()
    await parts.drain()


async def run_kick(wanted: Wanted) -> str:
    """Removes somebody from a room, whichever process holds it; what is to be said of it. Raises LookupError for why not."""
    configure_logging(level=settings.ROOMWRIGHT.log_level)
    parts = Parts(planned(), frozenset({GATEWAY}))
    try:
        answer = await parts.kick(wanted.code, wanted.seat, wanted.identity, wanted.reason, "command line")
    finally:
        await parts.drain()
    if answer.problem:
        raise LookupError(f"{answer.problem}: expected {answer.expected}; got {named(wanted)}")
    seats = f", seats {', '.join(map(str, answer.seats))} free" if answer.seats else ""
    return f"{answer.identity} ({answer.name}) is out of room {wanted.code}: {answer.connections} connections{seats}"
