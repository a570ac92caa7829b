"""The rooms that this gateway opened: how fast, and how many at a time, for each identity, each address and all together.

A room counts for whoever opened it until its loop announces its end, or nothing at all for ROOM_SILENT_S. Sans I/O.
"""

from attrs import define, field, frozen

from game.wire.closecodes import Close
from game.wire.limits import Limit, TokenBucket
from server.ops.metrics import count
from server.relay import envelope as e
from server.sockets.caps import Caps
from server.web.ratelimit import RateLimit

NEW_ROOMS = Limit(5.0, 50)
NEW_ROOMS_EACH = Limit(0.2, 10)
NEW_ROOMS_PER_ADDRESS = Limit(1.0, 40)
CREATORS_MAX = 10_000
ROOMS_PER_IDENTITY = 12
ROOMS_PER_ADDRESS = 40
ROOMS_MAX = 2_000
RETRY_NEW_ROOM_S = 5.0
ROOM_SILENT_S = 15.0  # a new room's first announcement comes when somebody is in; from then on, one a second


@frozen
class NotOpened:
    """Why there is no new room."""

    close: Close
    reason: str
    retry_after_s: float | None = None


@define
class _Opened:
    identity: str
    address: str
    until: float


@define(eq=False)
class OpenedRooms:
    """``caps`` says what an address may have, and counts."""

    caps: Caps
    _rooms: dict[str, _Opened] = field(factory=dict)
    _all: TokenBucket = field(factory=lambda: TokenBucket(NEW_ROOMS))
    _creators: RateLimit = field(factory=lambda: RateLimit(NEW_ROOMS_EACH, CREATORS_MAX))
    _addresses: RateLimit = field(factory=lambda: RateLimit(NEW_ROOMS_PER_ADDRESS))

    def __len__(self) -> int:
        return len(self._rooms)

    def why_not(self, identity: str, address: str, now: float) -> NotOpened | None:
        """Why an identity ("" for nobody that is known) at an address may open no room now; where it may, that is spent."""
        self._forget_silent(now)
        is_counted = self.caps.of_address(ROOMS_PER_ADDRESS, address) is not None
        reason = self._held(identity, address)
        if reason:
            return NotOpened(Close.NOT_ALLOWED, f"{reason}; play in those, or wait until one has ended")
        if identity and self._creators.wait_s(identity, now):
            return _too_fast("new_rooms_per_identity")
        if is_counted and self._addresses.wait_s(address, now):
            return _too_fast("new_rooms_per_address")
        if not self._all.take(now):
            return _too_fast("new_rooms")
        if len(self._rooms) >= ROOMS_MAX:
            return _too_fast("rooms_per_gateway")
        return None

    def note(self, incarnation: str, identity: str, address: str, now: float) -> None:
        """The room was opened."""
        if incarnation not in self._rooms:
            self._rooms[incarnation] = _Opened(identity, address, now + ROOM_SILENT_S)
            self.caps.draw("rooms_per_identity", identity)
            self.caps.draw("rooms_per_address", address)

    def on_announcement(self, announcement: e.Announcement, now: float) -> None:
        """A loop told which rooms it holds, and which has ended."""
        for info in announcement.rooms:
            opened = self._rooms.get(info.incarnation)
            if opened is not None and info.state == "ended":
                self._drop(info.incarnation)
            elif opened is not None:
                opened.until = now + ROOM_SILENT_S

    def _held(self, identity: str, address: str) -> str:
        most = self.caps.of_address(ROOMS_PER_ADDRESS, address)
        reason = self.caps.why_not("rooms_per_identity", identity, ROOMS_PER_IDENTITY) if identity else ""
        if not reason and most is not None:
            reason = self.caps.why_not("rooms_per_address", address, most)
        return reason

    def _forget_silent(self, now: float) -> None:
        for incarnation in [name for name, opened in self._rooms.items() if opened.until <= now]:
            self._drop(incarnation)

    def _drop(self, incarnation: str) -> None:
        opened = self._rooms.pop(incarnation)
        self.caps.give_back("rooms_per_identity", opened.identity)
        self.caps.give_back("rooms_per_address", opened.address)


def _too_fast(limit: str) -> NotOpened:
    count("limit_refusals_total", limit=limit)
    return NotOpened(Close.OVERLOADED, f"{limit}: too many new rooms; try again in a while", RETRY_NEW_ROOM_S)
