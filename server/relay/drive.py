"""Gives a gateway's hub its time: what was queued goes out soon, and everything is looked at now and then.

Wiring runs it as a task of the gateway; the simulated world does the same.
"""

import asyncio
import contextlib
from collections.abc import Callable

from server.clock import monotonic, sleep_until
from server.relay.hub import Hub

FLUSH_EVERY_S = 0.01
LOOK_EVERY_S = 0.1


async def drive(hub: Hub, wake: asyncio.Event, poll: Callable[[float], None]) -> None:
    """Flushes what was queued, FLUSH_EVERY_S apart, and looks around every 100 ms when nothing was; so does ``poll(now)``.

    What one round of reading brought is queued by the time this task runs, and goes out together.
    """
    flush_at = 0.0
    while True:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_EVERY_S):
                await wake.wait()
            if monotonic() < flush_at:
                await sleep_until(flush_at)
        wake.clear()
        flush_at = monotonic() + FLUSH_EVERY_S
        for look in (poll, hub.tick):
            try:
                look(monotonic())
            except Exception as error:  # noqa: BLE001 - noted, with its stack
                hub.faults.note(error, "hub.tick_failed", "hub")
