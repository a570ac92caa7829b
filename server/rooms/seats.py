"""Who sits where: seats, their grace, and generations. Sans I/O; the room calls it at tick boundaries.

| state | on | becomes |
|---|---|---|
| free | reserve | taken |
| free | fill | bot |
| taken | lost | grace |
| taken | resume, or its player without a token (``same_player: take_over``) | taken, generation + 1 (the newer connection takes over) |
| grace | resume | taken, generation + 1 |
| grace | its player comes without a token: always (``take_over``), or where no new seat is to be had (``new_seat``) | taken, generation + 1 |
| grace | grace runs out | free |
| grace | a newcomer to a full room, where its player was hardly ever connected (`SeatTable.yielding`) | free |
| taken, grace, bot | leave | free |

Grace is a credit: a seat is without a connection for as long as its credit lasts. A new seat has the whole `grace_s`; a second
away costs a second, a second connected gives `EARNING` back. So who drops often and comes back keeps the seat, and who only
comes back to renew the grace does not.
"""

from collections.abc import Iterable
from enum import Enum

from attrs import define, field, frozen

from game.wire.closecodes import Close
from server.ops.metrics import count

ROOM_SEATS_PER_IDENTITY = 4  # seats of one room that one identity may hold
EARNING = (
    2.0  # seconds of grace that a connected second gives back: away for two thirds of the time is kept up for ever
)
REGAINING = 1.0  # the same for somebody who has no seat
YIELD_AFTER_S = (
    5.0  # a seat without connection is safe from newcomers for so long, and for EARNING times its time connected
)
CREDITS_MAX = 1_000  # identities whose used-up grace a room remembers after their seats are gone; overflow: drop_oldest


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
    welcome with the newest token may be lost, so the one before still fits. ``since``: when it was connected or lost, in
    seconds; until then it was connected for ``linked_s``, and ``credit_s`` of grace were left.
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
    since: float = 0.0
    linked_s: float = 0.0
    credit_s: float = 0.0

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

    @property
    def yields_at(self) -> float:
        """From when on a seat in grace goes to a newcomer who finds the room full."""
        return self.since + YIELD_AFTER_S + EARNING * self.linked_s


@frozen
class WhyNot:
    """Why somebody gets no seat. ``retry_after_s``: when the next one may be free, where that is known."""

    close: Close
    reason: str
    retry_after_s: float | None = None


@define
class SeatTable:
    """All seats of a room. ``per_identity`` bounds how many one identity may hold.

    ``people``: how many seats belong to somebody outside; ``taken``: how many are not free. Counted where a state changes,
    for each tick asks.
    """

    size: int
    grace_s: float
    per_identity: int = ROOM_SEATS_PER_IDENTITY
    holds: list[Hold] = field(init=False)
    people: int = 0
    taken: int = 0
    _in_grace: int = 0
    _unconfirmed: set[str] = field(factory=set)
    _credits: dict[str, tuple[float, float]] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.holds = [Hold(number) for number in range(self.size)]

    def why_not(self, identity: str, count: int, now: float = 0.0) -> WhyNot | None:
        """Why that many seats cannot be reserved, bots and seats that `yielding` has making way; None where they can.

        4403 where another try brings the same, 4503 where a seat may be free then.
        """
        held = self._held_by(identity)
        if count > self.size:
            return WhyNot(Close.NOT_ALLOWED, f"expected at most {self.size} slots, the seats of this room, got {count}")
        if held + count > self.per_identity:
            return WhyNot(Close.NOT_ALLOWED, f"one identity may hold {self.per_identity} seats and has {held}")
        free = self.size - self.people
        if count > free and count > free + len(self.yielding(identity, now)):
            soonest = min((min(hold.grace_until, hold.yields_at) for hold in self._away()), default=None)
            after_s = None if soonest is None else round(max(0.1, soonest - now), 1)
            return WhyNot(Close.OVERLOADED, f"expected {count} free seats of {self.size}, found {free}", after_s)
        return None

    def yielding(self, identity: str, now: float) -> list[Hold]:
        """Seats in grace that others than ``identity`` hold and that a newcomer to a full room gets: the longest lost first.

        Their players were away for longer, this time, than YIELD_AFTER_S and EARNING times what they were ever connected.
        """
        found = [hold for hold in self._away() if hold.identity != identity and now > hold.yields_at]
        return sorted(found, key=lambda hold: (hold.since, hold.number))

    def of_identity(self, identity: str) -> list[Hold]:
        """The seats of one player, connected or in grace."""
        return [hold for hold in self.holds if hold.is_human and hold.identity == identity]

    def lost_by(self, identity: str, count: int) -> list[Hold]:
        """At most so many of the player's seats that have no connection, those that were lost last; by number."""
        lost = [hold for hold in self._away() if hold.identity == identity]
        return sorted(sorted(lost, key=lambda hold: -hold.since)[:count], key=lambda hold: hold.number)

    def reserve(self, identity: str, name: str, conn: str, now: float = 0.0) -> Hold | None:
        """The lowest free seat, or None where all are taken or this identity has enough."""
        if self._held_by(identity) >= self.per_identity:
            return None
        for hold in self.holds:
            if hold.state is SeatState.FREE:
                self._take(hold, SeatState.TAKEN, identity, name, conn)
                hold.since, hold.linked_s, hold.credit_s = now, 0.0, self._credit(identity, now)
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

    def resume(self, number: int, conn: str, now: float = 0.0) -> tuple[Hold, str]:
        """The seat for a newer connection, with the one that it replaces ("" for none). `may_resume` comes first."""
        hold = self.holds[number]
        if hold.state is SeatState.GRACE:
            hold.credit_s, hold.since = max(0.0, hold.grace_until - now), now
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
            linked_s = max(0.0, now - hold.since)
            hold.credit_s = min(self.grace_s, hold.credit_s + EARNING * linked_s)
            hold.since, hold.linked_s = now, hold.linked_s + linked_s
            hold.conn, hold.grace_until = "", now + hold.credit_s
        return lost

    def release(self, hold: Hold) -> None:
        """The seat is free again; its generation stays, so that no old token fits."""
        self._unconfirmed.discard(hold.conn)
        self._remember_credit(hold)
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
        return len(self.of_identity(identity))

    def _away(self) -> list[Hold]:
        return [hold for hold in self.holds if hold.state is SeatState.GRACE] if self._in_grace else []

    def _credit(self, identity: str, now: float) -> float:
        """What is left of the grace of somebody who has used it up here before."""
        credit_s, at = self._credits.get(identity, (self.grace_s, now))
        return min(self.grace_s, credit_s + REGAINING * max(0.0, now - at))

    def _remember_credit(self, hold: Hold) -> None:
        """A player's next seat has no more grace than this one had, but for the time between: leaving and coming renews nothing."""
        if not hold.is_human:
            return
        left = (0.0, hold.grace_until) if hold.state is SeatState.GRACE else (hold.credit_s, hold.since)
        self._credits.pop(hold.identity, None)
        if left[0] < self.grace_s:
            self._credits[hold.identity] = left
        if len(self._credits) > CREDITS_MAX:
            count("queue_overflows_total", queue="seat_credits", policy="drop_oldest")
            del self._credits[next(iter(self._credits))]

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
