"""Waiting for a thing itself, never for a length of time: ask again until it holds, or fail with what was awaited."""

import asyncio
import inspect
import time
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
POLL_S = 0.01


class WaitedInVainError(AssertionError):
    """What a test waited for did not come."""


def _in_vain(what: str, timeout_s: float) -> WaitedInVainError:
    return WaitedInVainError(f"waited {timeout_s:g} s for {what}, in vain")


def wait_until(what: str, condition: Callable[[], T], timeout_s: float = 20.0) -> T:
    """The first true value of `condition()`; raises `WaitedInVainError` naming `what` after `timeout_s` seconds."""
    deadline = time.monotonic() + timeout_s
    while True:
        if value := condition():
            return value
        if time.monotonic() > deadline:
            raise _in_vain(what, timeout_s)
        time.sleep(POLL_S)


async def until(what: str, condition: Callable[[], Any], timeout_s: float = 20.0) -> Any:
    """`wait_until` for async tests: other tasks run meanwhile, and `condition` may be async."""
    deadline = time.monotonic() + timeout_s
    while True:
        outcome = condition()
        value = await outcome if inspect.isawaitable(outcome) else outcome
        if value:
            return value
        if time.monotonic() > deadline:
            raise _in_vain(what, timeout_s)
        await asyncio.sleep(POLL_S)
