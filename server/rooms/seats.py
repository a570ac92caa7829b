"""Who sits where: seats, their grace, and generations. Sans I/O; the room calls it at tick boundaries.

| state | on | becomes |
|---|---|---|
| free | reserve | taken |
| free | fill | bot |
| taken | lost | grace |
| taken | resume | taken, generation + 1 (the newer connection takes over) |
| grace | resume | taken, generation + 1 |
| grace | grace runs out | free |
| taken, grace, bot | leave | free |
"""

from collections.abc import Iterable
from enum import Enum

from attrs import define, field


class SeatState(Enum):
    """A seat's state; the module's table has the transitions."""

    FREE = "free"
    TAKEN = "taken"
    GRACE = "grace"
    BOT = "bot"


@define
class Hold:
    """One seat. ``generation`` grows at each resume and never falls; ``conn`` is empty while disconnected.

    ``first_generation`` is the one that the seat was taken with. Until its holder is heard from (``is_confirmed``), the
    welcome with the newest token may be lost, so the one before still fits.
    """

    number: int
    state: SeatState = SeatState.FREE
    identity: str = ""
    name: str = ""
    conn: str = ""
    generation: int = 0
    first_generation: int = 0
    is_confirmed: bool = False
    grace_until: float = 0.0

    @property
    def is_bot(self) -> bool:
        """Whether the loop plays it."""
        return self.state is SeatState.BOT

    @property
    def is_new(self) -> bool:
        """Whether nobody can have a token for it but the connection that took it."""
        return self.generation == self.first_generation and not self.is_confirmed

    @property
    def is_human(self) -> bool:
        """Whether it belongs to somebody outside, connected or not."""
        return self.state in (SeatState.TAKEN, SeatState.GRACE)


@define
class SeatTable:
    """All seats of a room. ``per_identity`` bounds how many one identity may hold.

    ``people``: how many seats belong to somebody outside; ``taken``: how many are not free. Counted where a state changes,
    for each tick asks.
    """

    size: int
    grace_s: float
    per_identity: int = 4
    holds: list[Hold] = field(init=False)
    people: int = 0
    taken: int = 0
    _in_grace: int = 0
    _unconfirmed: set[str] = field(factory=set)

    def __attrs_post_init__(self) -> None:
        self.holds = [Hold(number) for number in range(self.size)]

    def why_not(self, identity: str, count: int) -> str:
        """Why that many seats cannot be reserved, bots making way; "" where they can."""
        held = self._held_by(identity)
        if held + count > self.per_identity:
            return f"one identity may hold {self.per_identity} seats and has {held}"
        if self.people + count > self.size:
            return f"expected {count} free seats of {self.size}, found {self.size - self.people}"
        return ""

    def reserve(self, identity: str, name: str, conn: str) -> Hold | None:
        """The lowest free seat, or None where all are taken or this identity has enough."""
        if self._held_by(identity) >= self.per_identity:
            return None
        for hold in self.holds:
            if hold.state is SeatState.FREE:
                self._take(hold, SeatState.TAKEN, identity, name, conn)
                return hold
        return None

    def fill(self, name: str) -> Hold | None:
        """A bot takes the highest free seat, so that people keep the low ones."""
        for hold in reversed(self.holds):
            if hold.state is SeatState.FREE:
                self._take(hold, SeatState.BOT, "", name, "")
                return hold
        return None

    def may_resume(self, number: int, generation: int, identity: str) -> bool:
        """Whether a token fits: the seat is still theirs and the generation the last. A used token resumes nothing."""
        if not 0 <= number < self.size:
            return False
        hold = self.holds[number]
        is_last = generation == hold.generation
        is_before_lost_welcome = hold.first_generation <= generation == hold.generation - 1 and not hold.is_confirmed
        return hold.is_human and hold.identity == identity and (is_last or is_before_lost_welcome)

    def resume(self, number: int, conn: str) -> tuple[Hold, str]:
        """The seat for a newer connection, with the one that it replaces ("" for none). `may_resume` comes first."""
        hold = self.holds[number]
        replaced, hold.conn = hold.conn, conn
        self._become(hold, SeatState.TAKEN)
        hold.is_confirmed = False
        self._unconfirmed.add(conn)
        hold.generation += 1
        return hold, replaced

    def confirm(self, conn: str) -> None:
        """The connection was heard from, so it has its welcome: older tokens are used up."""
        if conn in self._unconfirmed:
            self._unconfirmed.remove(conn)
            for hold in self.of_conn(conn):
                hold.is_confirmed = True

    def lose(self, conn: str, now: float) -> list[Hold]:
        """The connection is lost: its seats wait out their grace."""
        self._unconfirmed.discard(conn)
        lost = self.of_conn(conn)
        for hold in lost:
            self._become(hold, SeatState.GRACE)
            hold.conn, hold.grace_until = "", now + self.grace_s
        return lost

    def release(self, hold: Hold) -> None:
        """The seat is free again; its generation stays, so that no old token fits."""
        self._unconfirmed.discard(hold.conn)
        self._become(hold, SeatState.FREE)
        hold.identity, hold.name, hold.conn = "", "", ""

    def expired(self, now: float) -> list[Hold]:
        """Seats whose grace has run out."""
        if not self._in_grace:
            return []
        return [hold for hold in self.holds if hold.state is SeatState.GRACE and now >= hold.grace_until]

    def of_conn(self, conn: str) -> list[Hold]:
        """The seats of one connection."""
        return [hold for hold in self.holds if conn and hold.conn == conn]

    def humans(self) -> Iterable[Hold]:
        """Seats of people, connected or in grace."""
        return (hold for hold in self.holds if hold.is_human)

    def bots(self) -> list[Hold]:
        """Seats of bots."""
        return [hold for hold in self.holds if hold.state is SeatState.BOT]

    def _held_by(self, identity: str) -> int:
        return sum(hold.identity == identity and hold.is_human for hold in self.holds)

    def _become(self, hold: Hold, state: SeatState) -> None:
        for seat_state, change in ((hold.state, -1), (state, 1)):
            self.people += change * (seat_state in (SeatState.TAKEN, SeatState.GRACE))
            self.taken += change * (seat_state is not SeatState.FREE)
            self._in_grace += change * (seat_state is SeatState.GRACE)
        hold.state = state

    def _take(self, hold: Hold, state: SeatState, identity: str, name: str, conn: str) -> None:
        self._become(hold, state)
        hold.identity, hold.name, hold.conn = identity, name, conn
        hold.generation += 1
        hold.first_generation, hold.is_confirmed = hold.generation, False
        self._unconfirmed.add(conn)
