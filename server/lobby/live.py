"""The live room table: what the loops announce about their rooms, kept for as long as they keep announcing.

Pure: announcements and `now` (monotonic seconds) come in, rows go out. One per gateway process; wiring feeds it from
the layer, the lobby's views read it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from attrs import define, field, frozen

from server.routing.spec import Prefer
from server.web.address import is_local

STALE_AFTER_S = 5.0  # loops announce every second
PROMISED_FOR_S = 5.0  # how long a place that quick play gave away is counted before its player must have joined
OPENED_FOR_S = 15.0  # how long a room that we opened ourselves is kept without its loop's first announcement
ROOMS_MAX = 10_000
PROMISES_PER_ADDRESS = 64


@frozen
class LiveRoom:
    """One room as last announced; `seen` is when (monotonic seconds). `options` are those that quick play matches by."""

    incarnation: str
    code: str
    room_type: str
    players: int
    bots: int
    spectators: int
    seats: int
    state: str
    tick: int
    seen: float
    expires: float
    options: Mapping[str, Any] = field(factory=dict)
    accepts_newcomers: bool = True

    @property
    def is_joinable(self) -> bool:
        """Whether a player may still find a seat, bots give theirs up, and the rules want newcomers."""
        return self.state == "open" and self.accepts_newcomers and self.players < self.seats


@define
class LiveRooms:
    """The table, at most `ROOMS_MAX` rooms; beyond that the one unheard of for longest goes (overflow: drop_oldest)."""

    _rooms: dict[str, LiveRoom] = field(factory=dict, init=False)
    _promised: dict[str, list[tuple[float, str]]] = field(factory=dict, init=False)

    def announce(self, announcement: Mapping[str, Any], now: float) -> bool:
        """Take in `{inc, code, type, players, bots, spectators, seats, state, tick}`; False if that is not what it is.

        `options` ({}) and `is_open` (True) may be there too.

        A room whose state is "ended" leaves the table at once.
        """
        room = _read(announcement, now)
        if room is None:
            return False
        self._rooms.pop(room.incarnation, None)  # re-inserted below: the dict's order is the order of hearing
        if room.state == "ended":
            self._promised.pop(room.incarnation, None)
        else:
            self._put(room)
        return True

    def opened(
        self,
        incarnation: str,
        code: str,
        room_type: str,
        seats: int,
        now: float,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        """Show a room that was opened a moment ago and that no loop has announced yet."""
        if incarnation not in self._rooms:
            until = now + OPENED_FOR_S
            room = LiveRoom(incarnation, code, room_type, 0, 0, 0, seats, "open", 0, now, until, dict(options or {}))
            self._put(room)

    def rooms(self, now: float) -> list[LiveRoom]:
        """The rooms heard of lately, fullest first, then by code."""
        self._forget(now)
        return sorted(self._rooms.values(), key=lambda room: (-room.players, room.code))

    def joinable(
        self, room_type: str, now: float, prefer: Prefer = Prefer.FULLEST, options: Mapping[str, Any] | None = None
    ) -> LiveRoom | None:
        """The joinable room of this type and these options that is preferred, places promised lately counted in.

        Of equal ones the fuller.
        """
        candidates = [
            (room.players + self._promises(room.incarnation, now), room)
            for room in self.rooms(now)
            if room.room_type == room_type and room.is_joinable and room.options == dict(options or {})
        ]
        with_place = [(taken, room) for taken, room in candidates if taken < room.seats]
        return max(with_place, key=_RANK[prefer])[1] if with_place else None

    def promise(self, incarnation: str, now: float, address: str = "") -> None:
        """Count one more player in this room until its own announcements can show them.

        An address ("" for this machine's own) is believed PROMISES_PER_ADDRESS at a time (overflow: ignore): nobody takes a place
        from others by asking for it again and again.
        """
        self._promises(incarnation, now)
        own = sum(who == address and until > now for kept in self._promised.values() for until, who in kept)
        if incarnation in self._rooms and (is_local(address) or own < PROMISES_PER_ADDRESS):
            self._promised.setdefault(incarnation, []).append((now + PROMISED_FOR_S, address))

    def _promises(self, incarnation: str, now: float) -> int:
        kept = [(until, who) for until, who in self._promised.get(incarnation, ()) if until > now]
        if kept:
            self._promised[incarnation] = kept
        else:
            self._promised.pop(incarnation, None)
        return len(kept)

    def _put(self, room: LiveRoom) -> None:
        self._rooms[room.incarnation] = room
        if len(self._rooms) > ROOMS_MAX:
            self._drop(next(iter(self._rooms)))

    def _forget(self, now: float) -> None:
        for incarnation in [room.incarnation for room in self._rooms.values() if room.expires <= now]:
            self._drop(incarnation)

    def _drop(self, incarnation: str) -> None:
        del self._rooms[incarnation]
        self._promised.pop(incarnation, None)


_RANK: Mapping[Prefer, Callable[[tuple[int, LiveRoom]], int]] = {
    Prefer.FULLEST: lambda pair: pair[0],
    Prefer.EMPTIEST: lambda pair: -pair[0],
    Prefer.NEWEST: lambda pair: -pair[1].tick,
}


def _read(announcement: Mapping[str, Any], now: float) -> LiveRoom | None:
    texts = [announcement.get(key) for key in ("inc", "code", "type", "state")]
    counts = [announcement.get(key) for key in ("players", "bots", "spectators", "seats", "tick")]
    if not all(isinstance(text, str) and text for text in texts):
        return None
    if not all(isinstance(count, int) and count >= 0 for count in counts):
        return None
    incarnation, code, room_type, state = (str(text) for text in texts)
    players, bots, spectators, seats, tick = (int(count or 0) for count in counts)
    options, is_open = announcement.get("options", {}), announcement.get("is_open", True)
    if not isinstance(options, Mapping) or not isinstance(is_open, bool):
        return None
    return LiveRoom(
        incarnation, code, room_type, players, bots, spectators, seats, state, tick, now, now + STALE_AFTER_S,
        dict(options), is_open,
    )  # fmt: skip
