"""Any program of joins, inputs, drops, team switches and bad weather keeps the promises that `watch.py` checks."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from game.wire.closecodes import Retry
from tests.server.rooms.parlour import UNLUCKY
from tests.server.rooms.plans import plan_of
from tests.server.rooms.wires import Weather
from tests.server.rooms.world import Person, RoomWorld

PEOPLE_MAX = 8
gates = st.sampled_from(("a", "b"))


class RoomProgram(RuleBasedStateMachine):
    """The rules act on people by number, so that a failing program shrinks well."""

    world: RoomWorld

    @initialize(seed=st.integers(0, 1000), bots=st.sampled_from((0, 3)), delay=st.sampled_from(("0s", "1s")))
    def open(self, seed: int, bots: int, delay: str) -> None:
        """A room of one of four kinds."""
        self.world = RoomWorld(plan_of(bots=bots, delay=delay), seed=seed)
        self.value = UNLUCKY

    @precondition(lambda self: len(self.world.people) < PEOPLE_MAX)
    @rule(role=st.sampled_from(("player", "bot", "spectator")), gate=gates, slots=st.sampled_from((1, 1, 2)))
    def join(self, role: str, gate: str, slots: int) -> None:
        """Somebody comes."""
        self.world.person(role, gate, slots=1 if role == "spectator" else slots)

    @rule(
        who=st.integers(0, PEOPLE_MAX),
        what=st.sampled_from(("score", "switch", "reveal", "hide")),
        slot=st.integers(0, 1),
    )
    def act(self, who: int, what: str, slot: int) -> None:
        """A player does something that nobody did before."""
        person = self._person(who)
        if person and person.is_in and person.client.welcome and slot < len(person.client.welcome.seats):
            self.value += 1
            person.do(what, self.value, slot)

    @rule(who=st.integers(0, PEOPLE_MAX))
    def act_unlucky(self, who: int) -> None:
        """A player does what the rules refuse."""
        person = self._person(who)
        if person and person.is_in and person.client.welcome and person.client.welcome.seats:
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

    @rule(who=st.integers(0, PEOPLE_MAX), gate=gates)
    def come_back(self, who: int, gate: str) -> None:
        """Somebody whose socket broke connects again, perhaps elsewhere."""
        person = self._person(who)
        if person and not person.is_open and person.retry is not Retry.NEVER:
            person.connect(gate)

    @rule(who=st.integers(0, PEOPLE_MAX))
    def leave(self, who: int) -> None:
        """Somebody gives up the seats."""
        person = self._person(who)
        if person and person.is_open:
            person.client.leave()

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

    def _person(self, who: int) -> Person | None:
        return self.world.people[who] if who < len(self.world.people) else None


TestRoomProgram = RoomProgram.TestCase
TestRoomProgram.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
