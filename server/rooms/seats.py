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
    """One seat. ``generation`` grows at each resume and never falls; ``conn`` is empty while disconnected."""

    number: int
    state: SeatState = SeatState.FREE
    identity: str = ""
    name: str = ""
    team: int | None = None
    conn: str = ""
    generation: int = 0
    grace_until: float = 0.0

    @property
    def is_bot(self) -> bool:
        """Whether the loop plays it."""
        return self.state is SeatState.BOT

    @property
    def is_human(self) -> bool:
        """Whether it belongs to somebody outside, connected or not."""
        return self.state in (SeatState.TAKEN, SeatState.GRACE)


@define
class SeatTable:
    """All seats of a room. ``per_identity`` bounds how many one identity may hold."""

    size: int
    grace_s: float
    per_identity: int = 4
    holds: list[Hold] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.holds = [Hold(number) for number in range(self.size)]

    def reserve(self, identity: str, name: str, conn: str) -> Hold | None:
        """The lowest free seat, or None where all are taken or this identity has enough."""
        if sum(hold.identity == identity for hold in self.humans()) >= self.per_identity:
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

    def resume(self, number: int, generation: int, identity: str, conn: str) -> tuple[Hold, str] | None:
        """The seat again for a newer connection, with the connection that it replaces ("" for none).

        None where the seat is not theirs any more or the generation is not the last: a used token resumes nothing.
        """
        if not 0 <= number < self.size:
            return None
        hold = self.holds[number]
        if not hold.is_human or hold.identity != identity or hold.generation != generation:
            return None
        replaced, hold.conn = hold.conn, conn
        hold.state = SeatState.TAKEN
        hold.generation += 1
        return hold, replaced

    def lose(self, conn: str, now: float) -> list[Hold]:
        """The connection is lost: its seats wait out their grace."""
        lost = [hold for hold in self.holds if conn and hold.conn == conn]
        for hold in lost:
            hold.state, hold.conn, hold.grace_until = SeatState.GRACE, "", now + self.grace_s
        return lost

    def release(self, hold: Hold) -> None:
        """The seat is free again; its generation stays, so that no old token fits."""
        hold.state, hold.identity, hold.name, hold.conn, hold.team = SeatState.FREE, "", "", "", None

    def expired(self, now: float) -> list[Hold]:
        """Seats whose grace has run out."""
        return [hold for hold in self.holds if hold.state is SeatState.GRACE and now >= hold.grace_until]

    def of_conn(self, conn: str) -> list[Hold]:
        """The seats of one connection."""
        return [hold for hold in self.holds if conn and hold.conn == conn]

    def humans(self) -> Iterable[Hold]:
        """Seats of people, connected or in grace."""
        return (hold for hold in self.holds if hold.is_human)

    def bots(self) -> list[Hold]:
        """Seats of bots."""
        return [hold for hold in self.holds if hold.is_bot]

    def _take(self, hold: Hold, state: SeatState, identity: str, name: str, conn: str) -> None:
        hold.state, hold.identity, hold.name, hold.conn = state, identity, name, conn
        hold.generation += 1
