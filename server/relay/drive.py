"""Gives a gateway's hub its time: what was queued goes out soon, and everything is looked at now and then.

Wiring runs it as a task of the gateway; the simulated world does the same.
"""

import asyncio
import contextlib
from collections.abc import Callable

import structlog

from server.clock import monotonic, sleep_until
from server.ops.metrics import count
from server.relay.hub import Hub

log = structlog.get_logger()

HUB_TICK_S = 0.01
LOOK_EVERY_S = 0.1


async def drive(hub: Hub, wake: asyncio.Event, poll: Callable[[float], None]) -> None:
    """Flushes what was queued within HUB_TICK_S, and looks around every 100 ms when nothing was; so does ``poll(now)``."""
    while True:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_EVERY_S):
                await wake.wait()
            await sleep_until(monotonic() + HUB_TICK_S)
        wake.clear()
        for look in (poll, hub.tick):
            try:
                look(monotonic())
            except Exception:
                log.exception("hub.tick_failed")
                count("faults_total", where="hub")
