"""Daphne's clock and Twisted's, replaced by one that never steps: they measure with the date, and close what seems old.

Twisted's timers and all of Daphne's deadlines are differences of `time.time()`. A clock that is set forward ends them all at once;
set back, none of them ends any more. Applied by `server` and `reactor`.
"""

from types import ModuleType

from twisted.internet import asyncioreactor

from server.clock import monotonic


class SteadyReactor(asyncioreactor.AsyncioSelectorReactor):
    """Twisted's asyncio reactor with `server.clock`'s time."""

    def seconds(self) -> float:
        """Seconds that never step: what `callLater` and its timers count in."""
        return monotonic()


class SteadyTime:
    """As much of the module `time` as Daphne asks for."""

    @staticmethod
    def time() -> float:
        """Seconds that never step, in place of the date's."""
        return monotonic()


def steady(*modules: ModuleType) -> None:
    """Has these modules of Daphne's, which ``import time``, ask `SteadyTime`."""
    for module in modules:
        module.time = SteadyTime  # type: ignore[attr-defined]
