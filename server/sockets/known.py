"""Which loop holds a room, as the directory said a moment ago: spares a query for each of many who join together.

What is remembered may be out of date: the loop then answers MOVING, and the gateway asks the directory itself. Sans I/O.
"""

from typing import Any

from attrs import define, field

from server.relay import envelope as e

REMEMBERED_S = 1.0
LOST_FOR_S = 30.0
ROOMS_MAX = 10_000


@define(eq=False)
class KnownRooms:
    """Rows of held rooms by code, each for REMEMBERED_S at most; and codes whose room was lost with its loop, for LOST_FOR_S."""

    _rows: dict[str, tuple[float, Any]] = field(factory=dict)
    _lost: dict[str, float] = field(factory=dict)

    def get(self, code: str, now: float) -> Any | None:
        """The row, if it is known and fresh."""
        until, row = self._rows.get(code, (now, None))
        return row if now < until else None

    def keep(self, row: Any, now: float) -> None:
        """Remembers a row that the directory has just given; ones that are out of date make way."""
        self._rows.pop(row.code, None)
        self._rows[row.code] = now + REMEMBERED_S, row
        oldest = next(iter(self._rows))
        while self._rows[oldest][0] <= now or len(self._rows) > ROOMS_MAX:  # overflow: drop_oldest
            del self._rows[oldest]
            oldest = next(iter(self._rows))

    def forget(self, code: str) -> None:
        """Somebody was sent away from there."""
        self._rows.pop(code, None)

    def lose(self, code: str, now: float) -> None:
        """The room of this code ended with the loop that held it."""
        self._lost.pop(code, None)
        self._lost[code] = now + LOST_FOR_S
        oldest = next(iter(self._lost))
        while self._lost[oldest] <= now or len(self._lost) > ROOMS_MAX:  # overflow: drop_oldest
            del self._lost[oldest]
            oldest = next(iter(self._lost))

    def is_lost(self, code: str, now: float) -> bool:
        """Whether it did, a moment ago: people are on their way to open it anew."""
        return self._lost.get(code, now) > now

    def on_announcement(self, announcement: e.Announcement) -> None:
        """A loop told which rooms it holds: the others are not there any more."""
        held = {info.incarnation for info in announcement.rooms if info.state == "open"}
        gone = [
            c for c, (_, row) in self._rows.items() if row.holder == announcement.loop and row.incarnation not in held
        ]
        for code in gone:
            del self._rows[code]
