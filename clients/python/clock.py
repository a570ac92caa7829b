"""The Python client's only clock: everything else in `clients/python` is handed a time or a function from here.

Deadlines, round trips and latency use `monotonic`; `wall_now` is for what people read (it may
step, and nothing may depend on its order). Sleeping lives here too. A check in `tests/checks` holds it so.
"""

import asyncio
import time
from datetime import UTC, datetime


def monotonic() -> float:
    """Seconds that never step or go back, from an arbitrary start, good within one process."""
    return time.monotonic()


def wall_now() -> datetime:
    """The date and time in UTC, aware of its zone: for reports and log lines."""
    return datetime.now(UTC)


async def sleep_until(deadline: float) -> None:
    """Return at `deadline` (seconds of `monotonic`) or soon after; one already past still lets other tasks run once."""
    await asyncio.sleep(max(0.0, deadline - monotonic()))
