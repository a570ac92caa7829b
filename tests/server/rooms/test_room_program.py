"""Any program of joins, inputs, drops, team switches and bad weather keeps the promises that `watch.py` checks."""

from collections import Counter
from typing import ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from game.wire.closecodes import Close, Retry
from tests.server.rooms.parlour import UNLUCKY
from tests.server.rooms.plans import plan_of
from tests.server.rooms.wires import Weather
from tests.server.rooms.world import STEP_S, Person, RoomWorld

PEOPLE_MAX = 8
REACHING = 120  # programs, of which each kind of event must be in some
ROLES = ("player", "player", "bot", "spectator")
gates = st.sampled_from(("a", "b"))


class RoomProgram(RuleBasedStateMachine):
    """The rules act on people by number, so that a failing program shrinks well."""

    world: RoomWorld
    fired: ClassVar[Counter[str]] = Counter()

    @initialize(
        seed=st.integers(0, 1000),
        bots=st.sampled_from((0, 3)),
        delay=st.sampled_from(("0s", "1s")),
        roles=st.lists(st.sampled_from(ROLES), min_size=2, max_size=4),
        opening_ms=st.sampled_from((0, 0, 200, 1000)),
    )
    def open(self, seed: int, bots: int, delay: str, roles: list[str], opening_ms: int) -> None:
        """A room of one of four kinds, with a few people in it or before its door, for it may take a while to open."""
        self.world = RoomWorld(plan_of(bots=bots, delay=delay), seed=seed)
        self.world.opens_at = self.world.now + opening_ms / 1000
        self.value = UNLUCKY
        for n, role in enumerate(roles):
            self.world.person(role, "ab"[n % 2])
        self.world.advance(0.3)

    @precondition(lambda self: len(self.world.people) < PEOPLE_MAX)
    @rule(role=st.sampled_from(ROLES), gate=gates, slots=st.sampled_from((1, 1, 2)))
    def join(self, role: str, gate: str, slots: int) -> None:
        """Somebody comes."""
        self.world.person(role, gate, slots=1 if role == "spectator" else slots)

    @precondition(lambda self: len(self.world.people) < PEOPLE_MAX)
    @rule(role=st.sampled_from(ROLES), gate=gates, slots=st.sampled_from((1, 2)), steps=st.integers(0, 6))
    def come_and_hang_up(self, role: str, gate: str, slots: int, steps: int) -> None:
        """Somebody comes and is gone before being let in, or just after."""
        person = self.world.person(role, gate, slots=1 if role == "spectator" else slots)
        self.world.advance(steps * STEP_S)
        person.drop()

    @rule(
        who=st.integers(0, PEOPLE_MAX),
        what=st.sampled_from(("score", "switch", "reveal", "hide")),
        slot=st.integers(0, 1),
        times=st.integers(1, 3),
    )
    def act(self, who: int, what: str, slot: int, times: int) -> None:
        """A player does something that nobody did before."""
        if person := self._player(who):
            for _ in range(times):
                self.value += 1
                person.do(what, self.value, slot % len(person.client.welcome.seats))  # type: ignore[union-attr]  # it plays

    @rule(who=st.integers(0, PEOPLE_MAX))
    def act_unlucky(self, who: int) -> None:
        """A player does what the rules refuse."""
        if person := self._player(who):
            person.do("score", UNLUCKY)

    @rule(who=st.integers(0, PEOPLE_MAX))
    def say(self, who: int) -> None:
        """A line of chat."""
        person = self._person(who)
        if person and person.is_in and person.route.role.value != "bot":
            person.client.say(f"line of {person.identity} at {self.world.now}")

    @rule(who=st.integers(0, PEOPLE_MAX))
    def drop(self, who: int) -> None:
        """A socket breaks."""
        person = self._person(who)
        if person:
            person.drop()

    @rule(who=st.integers(0, PEOPLE_MAX))
    def walk_away(self, who: int) -> None:
        """A socket goes dead, and its gateway does not know."""
        person = self._person(who)
        if person and person.is_open:
            person.walk_away()

    @rule(who=st.integers(0, PEOPLE_MAX), gate=gates)
    def come_back(self, who: int, gate: str) -> None:
        """Somebody whose socket broke or went dead connects again, perhaps elsewhere."""
        person = self._person(who)
        if person and not person.is_open and person.retry is not Retry.NEVER:
            person.connect(gate)

    @rule(who=st.integers(0, PEOPLE_MAX))
    def leave(self, who: int) -> None:
        """Somebody gives up the seats."""
        person = self._person(who)
        if person and person.is_open:
            person.client.leave()

    @precondition(lambda self: self.world.people)
    @rule(who=st.integers(0, PEOPLE_MAX), by_seat=st.booleans(), gate=gates)
    def kick(self, who: int, by_seat: bool, gate: str) -> None:
        """The staff remove somebody, at any gateway, by its last seat or by its name."""
        person = self._person(who)
        assert person is not None
        seats = person.client.welcome.seats if person.client.welcome else ()
        seat = seats[-1].seat if seats and by_seat else None
        self.world.kick(seat, "" if seat is not None else person.identity, gate)

    @rule(ms=st.sampled_from((10, 20, 50, 120, 500, 1500)))
    def advance(self, ms: int) -> None:
        """Time passes."""
        self.world.advance(ms / 1000)

    @rule(
        loss=st.sampled_from((0.0, 0.1, 0.5)),
        repeat=st.sampled_from((0.0, 0.3)),
        late=st.sampled_from((0.0, 0.03, 0.3)),
    )
    def weather(self, loss: float, repeat: float, late: float) -> None:
        """The layer gets better or worse."""
        self.world.layer.weather = Weather(loss, repeat, late)

    def teardown(self) -> None:
        """All heals, and nothing is left open."""
        if not hasattr(self, "world"):
            return
        world = self.world
        world.heal()
        if not world.room.is_over:
            world.check_settled()
        for person in world.people:
            world.watch.check_person(person)
        self._check_kicks()
        self.fired.update({kind: n for kind, n in world.watch.counts.items() if n})
        self.fired["came back"] += sum(len(person.welcomes) > 1 for person in world.people)

    def _check_kicks(self) -> None:
        """Each kick is answered, and who was removed was told so and is out: tokens and all."""
        out = self.world.room.admission.kept_out
        self.fired.update(answer.problem or "kicked" for answer in self.world.kicked)
        assert {answer.identity for answer in self.world.kicked if not answer.problem} == set(out)
        for person in self.world.people:
            if person.identity in out:
                assert not person.is_in, f"O11: {person.conn} is in after its kick"
                # A room that is over turns nobody away here: that is its holder's part.
                assert not person.is_open or self.world.room.is_over, f"O11: {person.conn} is connected after its kick"
                goodbyes = [goodbye for goodbye in person.goodbyes if goodbye.code == Close.NOT_ALLOWED.value.code]
                assert all(goodbye.reason == "enough" for goodbye in goodbyes)
                self.fired["told"] += bool(goodbyes)

    def _player(self, who: int) -> Person | None:
        playing = [p for p in self.world.people if p.is_in and p.client.welcome and p.client.welcome.seats]
        return playing[who % len(playing)] if playing else None

    def _person(self, who: int) -> Person | None:
        return self.world.people[who % len(self.world.people)] if self.world.people else None


TestRoomProgram = RoomProgram.TestCase
TestRoomProgram.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


def test_the_programs_reach_what_they_are_about():
    RoomProgram.fired.clear()
    # The same programs each time: whether something was reached must not be a matter of luck.
    run_state_machine_as_test(
        RoomProgram, settings=settings(TestRoomProgram.settings, derandomize=True, database=None, max_examples=REACHING)
    )
    often = {kind for kind, times in RoomProgram.fired.items() if times >= 5}
    assert often >= {
        "kicked",
        "told",
        "not_here",
        "came back",
        "lost before admitted",
        "replaced",
        "O2.applied",
        "O2.refused",
        "O13",
        "O14",
        "O24",
    }
