"""How many are in each room, kept in the directory for the admin: all rooms of a loop in one query, and only what changed.

It runs beside the loop and waits for the database alone: no tick ever does. The lobby needs none of it, for loops
announce their rooms each second. Wiring runs it.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping

import structlog
from attrs import define, field

from server.clock import monotonic, sleep_until
from server.ops.faults import Faults
from server.ops.metrics import count
from server.rooms.room import Room

log = structlog.get_logger()

NOTE_EVERY_S = 5.0
NOTED_AT_ONCE_MAX = 200  # rooms in one query; what is beyond comes NOTE_EVERY_S later

Counts = Mapping[tuple[str, int], tuple[int, int, int]]


@define(eq=False)
class CountNotes:
    """``rooms()`` are those that this loop holds; ``write`` takes players, bots and spectators by incarnation and epoch."""

    rooms: Callable[[], Collection[Room]]
    write: Callable[[Counts], Awaitable[object]]
    _noted: dict[tuple[str, int], tuple[int, int, int]] = field(factory=dict)
    _faults: Faults = field(factory=Faults)

    async def run(self) -> None:
        """Notes every NOTE_EVERY_S until cancelled. The first time everybody's rooms are empty, as the directory has them."""
        while True:
            await sleep_until(monotonic() + NOTE_EVERY_S)
            await self.note()

    async def note(self) -> None:
        """One query, or none. What could not be written is written the next time."""
        now: dict[tuple[str, int], tuple[int, int, int]] = {}
        for room in self.rooms():
            try:
                now[_key(room)] = _counts(room)
            except Exception as error:  # noqa: BLE001 - noted, with its stack; the other rooms are counted
                self._faults.note(error, "counts.room_failed", "counts", room=room.facts.incarnation)
        self._noted = {key: noted for key, noted in self._noted.items() if key in now}
        changed = [key for key, counts in now.items() if self._noted.get(key, (0, 0, 0)) != counts]
        rows = {key: now[key] for key in changed[:NOTED_AT_ONCE_MAX]}
        if not rows:
            return
        try:
            await self.write(rows)
        except Exception as error:  # noqa: BLE001 - a database's own errors: the rooms need nothing of it
            count("faults_total", where="counts")
            log.warning("counts.not_noted", rooms=len(rows), error=repr(error))
            return
        self._noted |= rows


def _key(room: Room) -> tuple[str, int]:
    return room.facts.incarnation, room.facts.epoch


def _counts(room: Room) -> tuple[int, int, int]:
    info = room.info()
    return info.players, info.bots, info.spectators
