"""Whether a loop keeps up, by counts: how many of its rooms' turns came late. A loop that does not takes no new rooms, then
no newcomers, before those who are in suffer. Pure; the holder counts and asks, gateways are told.

| takes | becomes | when |
|---|---|---|
| rooms | joins | NO_ROOMS_SHARE of a window's turns were late, in LATE_BEATS_MIN beats or more: a single stall is none |
| joins | nothing | NO_JOINS_SHARE of them were |
| nothing, joins | joins, rooms | CALM_WINDOWS windows in a row had at most CALM_SHARE |

A window is WINDOW_S and LATE_BEATS_MIN beats long at least. One step at most per window, so that new rooms are refused for a while
before anybody is.
"""

from attrs import define

from server.ops.metrics import count
from server.relay.envelope import Takes

WINDOW_S = 1.0
LATE_TICKS = 3  # a turn with so many ticks to run is late; more than CATCH_UP_TICKS_MAX are lost
LATE_BEATS_MIN = 3
NO_ROOMS_SHARE = 0.25
NO_JOINS_SHARE = 0.5
CALM_SHARE = 0.1
CALM_WINDOWS = 6


@define
class Load:
    """A loop's load. `turn` for each room that has ticks to run, `beat` after all of them."""

    takes: Takes = Takes.ROOMS
    turns: int = 0
    late: int = 0
    _late_before: int = 0
    _beats: int = 0
    _late_beats: int = 0
    _calm: int = 0
    _window_ends: float | None = None

    def turn(self, due: int) -> None:
        """A room has ``due`` ticks to run."""
        self.turns += 1
        if due >= LATE_TICKS:
            self.late += 1
            count("late_turns_total")

    def beat(self, now: float) -> bool:
        """All rooms had their turn. Whether what the loop takes changed with it."""
        self._beats += 1
        if self.late > self._late_before:
            self._late_beats += 1
        self._late_before = self.late
        if self._window_ends is None:
            self._window_ends = now + WINDOW_S
        if now < self._window_ends or self._beats < LATE_BEATS_MIN:
            return False
        before, self.takes = self.takes, self._judged()
        self._window_ends = now + WINDOW_S
        self.turns = self.late = self._late_before = self._beats = self._late_beats = 0
        return self.takes is not before

    def _judged(self) -> Takes:
        share = self.late / self.turns if self.turns else 0.0
        is_stalled = self._late_beats >= LATE_BEATS_MIN
        self._calm = self._calm + 1 if share <= CALM_SHARE else 0
        if is_stalled and share >= (NO_ROOMS_SHARE if self.takes is Takes.ROOMS else NO_JOINS_SHARE):
            return Takes(max(self.takes - 1, Takes.NOTHING))
        if self._calm >= CALM_WINDOWS and self.takes is not Takes.ROOMS:
            self._calm = 0
            return Takes(self.takes + 1)
        return self.takes
