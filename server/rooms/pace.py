"""Deadlines of one room: start + n × period, never now + period. Pure arithmetic on a monotonic ``now``."""

import math

from attrs import define

CATCH_UP_TICKS_MAX = 8
AFTER_BEAT_S = 0.003
GRID_S = 0.05  # of whole beats (`server.clock`), as are the usual periods


def on_grid(now: float) -> float:
    """The last point of a grid that all rooms share: deadlines of equal periods then meet, and their frames travel together.

    It lies AFTER_BEAT_S behind a beat, so that what was read there is in time for the tick.
    """
    return math.floor((now - AFTER_BEAT_S) / GRID_S) * GRID_S + AFTER_BEAT_S


@define
class Pace:
    """``ticks`` counts the periods since ``start``; what was skipped moved the start."""

    start: float
    period_s: float
    ticks: int = 0
    skipped_s: float = 0.0

    @property
    def deadline(self) -> float:
        """When the next tick is due."""
        return self.start + (self.ticks + 1) * self.period_s

    def due(self, now: float) -> int:
        """How many ticks to run now, at most CATCH_UP_TICKS_MAX."""
        behind = int((now - self.start) / self.period_s + 1e-9) - self.ticks
        return max(0, min(behind, CATCH_UP_TICKS_MAX))

    def skip(self, now: float, after_ticks: int = CATCH_UP_TICKS_MAX) -> float:
        """Gives up the time that catching up would not reach; returns the seconds skipped, 0 where none were.

        Nothing is given up before ``after_ticks`` are missing: then all at once but CATCH_UP_TICKS_MAX.
        """
        behind = int((now - self.start) / self.period_s + 1e-9) - self.ticks
        if behind <= max(after_ticks, CATCH_UP_TICKS_MAX):
            return 0.0
        lost_s = (behind - CATCH_UP_TICKS_MAX) * self.period_s
        self.start += lost_s
        self.skipped_s += lost_s
        return lost_s
