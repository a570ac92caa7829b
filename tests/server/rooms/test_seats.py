"""The table in the docstring of `server.rooms.seats`, walked at random: one seat, one connection; generations only grow."""

from typing import ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from server.rooms.seats import Hold, SeatState, SeatTable

SIZE, GRACE_S, EACH = 5, 10.0, 3
people = st.sampled_from(("ann", "bob", "cid"))
seats = st.integers(0, SIZE - 1)


class Seating(RuleBasedStateMachine):
    """A table of five seats beside a model of what each seat is."""

    fired: ClassVar[set[str]] = set()

    def __init__(self) -> None:
        super().__init__()
        self.table = SeatTable(SIZE, GRACE_S, EACH)
        self.now = 0.0
        self.conns = 0
        self.tokens: list[tuple[int, int, str]] = []
        self.used: set[tuple[int, int]] = set()
        self.generations = [0] * SIZE

    def _conn(self) -> str:
        self.conns += 1
        return f"c{self.conns}"

    @rule(who=people, count=st.integers(1, 4))
    def reserve(self, who: str, count: int) -> None:
        """free → taken; refused beyond the seats and beyond what one identity may hold."""
        held = sum(hold.identity == who for hold in self.table.humans())
        free = [hold.number for hold in self.table.holds if hold.state is SeatState.FREE]
        may = not self.table.why_not(who, count)
        assert may == (held + count <= EACH and self.table.people + count <= SIZE)
        if not may or len(free) < count:
            return
        conn = self._conn()
        for expected in free[:count]:
            hold = self.table.reserve(who, who, conn)
            assert hold is not None and hold.number == expected and hold.is_new
            self.tokens.append((hold.number, hold.generation, who))
        self.fired.add("reserve")

    @rule()
    def fill(self) -> None:
        """free → bot, from the top."""
        free = [hold.number for hold in self.table.holds if hold.state is SeatState.FREE]
        hold = self.table.fill("Ada")
        assert (hold.number if hold else None) == max(free, default=None)
        self.fired.add("fill")

    @rule(number=seats)
    def lose(self, number: int) -> None:
        """taken → grace, all the seats of the connection."""
        conn = self.table.holds[number].conn
        lost = self.table.lose(conn, self.now)
        assert all(hold.state is SeatState.GRACE and not hold.conn for hold in lost)
        assert bool(lost) == bool(conn)
        if lost:
            self.fired.add("lose")

    @precondition(lambda self: self.tokens)
    @rule(data=st.data())
    def resume(self, data: st.DataObject) -> None:
        """taken, grace → taken with the next generation, for the last token or one whose welcome may be lost."""
        number, generation, who = data.draw(st.sampled_from(self.tokens))
        hold = self.table.holds[number]
        may = self.table.may_resume(number, generation, who)
        if (number, generation) in self.used:
            assert not may, "a used token resumed a seat"
        if not may:
            return
        assert hold.is_human and hold.identity == who
        before, old_conn, conn = hold.generation, hold.conn, self._conn()
        found, replaced = self.table.resume(number, conn)
        assert (found, replaced) == (hold, old_conn)
        assert (hold.state, hold.conn, hold.generation) == (SeatState.TAKEN, conn, before + 1)
        self.tokens.append((number, hold.generation, who))
        self.fired.add("takeover" if old_conn else "resume")

    @rule(number=seats)
    def confirm(self, number: int) -> None:
        """Heard from: every older token is used up."""
        hold = self.table.holds[number]
        if hold.conn:
            self.table.confirm(hold.conn)
            for each in self.table.of_conn(hold.conn):
                self.used |= {(n, g) for n, g, _ in self.tokens if n == each.number and g < each.generation}
            self.fired.add("confirm")

    @rule(who=people, number=seats)
    def steal(self, who: str, number: int) -> None:
        """Somebody else's token is nobody's."""
        hold = self.table.holds[number]
        if hold.identity != who:
            assert not self.table.may_resume(number, hold.generation, who)
            self.fired.add("steal")

    @rule(seconds=st.sampled_from((1.0, 4.0, 11.0)))
    def expire(self, seconds: float) -> None:
        """grace → free when it runs out, not before."""
        self.now += seconds
        for hold in self.table.expired(self.now):
            assert hold.state is SeatState.GRACE and hold.grace_until <= self.now
            self._release(hold)
            self.fired.add("expire")

    @rule(number=seats)
    def leave(self, number: int) -> None:
        """taken, grace, bot → free."""
        hold = self.table.holds[number]
        if hold.state is not SeatState.FREE:
            self._release(hold)
            self.fired.add("leave")

    def _release(self, hold: Hold) -> None:
        self.table.release(hold)
        self.used |= {(n, g) for n, g, _ in self.tokens if n == hold.number}

    @invariant()
    def one_connection_has_one_identity(self) -> None:
        """No two people share a connection; a taken seat has one, no other has."""
        owners: dict[str, str] = {}
        for hold in self.table.holds:
            assert bool(hold.conn) == (hold.state is SeatState.TAKEN)
            assert bool(hold.identity) == hold.is_human
            if hold.conn:
                assert owners.setdefault(hold.conn, hold.identity) == hold.identity

    @invariant()
    def the_counts_are_right(self) -> None:
        """They are kept where states change."""
        assert self.table.people == sum(hold.is_human for hold in self.table.holds)
        assert self.table.taken == sum(hold.state is not SeatState.FREE for hold in self.table.holds)

    @invariant()
    def generations_only_grow(self) -> None:
        """Also over owners."""
        now = [hold.generation for hold in self.table.holds]
        assert all(new >= old for new, old in zip(now, self.generations, strict=True))
        self.generations = now

    @invariant()
    def nobody_has_too_many(self) -> None:
        """The bound of one identity."""
        held = [hold.identity for hold in self.table.humans()]
        assert all(held.count(who) <= EACH for who in held)


TestSeating = Seating.TestCase
TestSeating.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)


def test_every_rule_of_the_table_was_walked():
    Seating.fired.clear()
    # The same programs each time, and more of them: whether a rule was reached must not be a matter of luck.
    run_state_machine_as_test(
        Seating, settings=settings(TestSeating.settings, max_examples=200, derandomize=True, database=None)
    )
    assert Seating.fired == {
        "reserve", "fill", "lose", "resume", "takeover", "confirm", "steal", "expire", "leave",
    }  # fmt: skip


def test_numbers_that_are_no_seats_resume_nothing():
    table = SeatTable(2, GRACE_S)
    assert not table.may_resume(-1, 0, "") and not table.may_resume(2, 0, "")
    assert not table.may_resume(0, 0, ""), "a free seat is nobody's"
