"""Whatever players do, in whatever order, the rules never raise and nothing leaves its declared range."""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from game.arena.messages import Ping, Steer
from game.contract import Refusal, Seat
from game.fields import Kind
from game.schema import schema_of
from tests.game.arena.match import Match
from tests.game.viewers import Viewers

SEATS = st.integers(0, 6)
COMMANDS: st.SearchStrategy[Any] = st.one_of(
    st.builds(Steer, st.integers(-8, 8).map(lambda n: n / 8), st.booleans(), st.booleans(), st.booleans()),
    st.builds(Ping, st.integers(-16384, 16384).map(lambda n: n / 16), st.integers(-16384, 16384).map(lambda n: n / 16)),
)


class AnyPlay(RuleBasedStateMachine):
    """Joins, leaves, lost connections and inputs in any order, refused or not, between bursts of ticks."""

    @initialize(
        mode=st.sampled_from(["ffa", "teams"]),
        tick_hz=st.sampled_from([20, 30, 60]),
        rounds=st.integers(1, 3),
        chart=st.sampled_from(["nebula", "belt", "void"]),
        ships=st.integers(0, 5),
        seed=st.integers(0, 2**64 - 1),
    )
    def begin(self, *, mode: str, tick_hz: int, rounds: int, chart: str, ships: int, seed: int) -> None:
        self.match = Match.of(
            ships, seed=seed, tick_hz=tick_hz, mode=mode, rounds=rounds, map=chart, round_s=30, lives=1
        )
        self.viewers = Viewers(self.match.game, self.match.world)

    @rule(number=SEATS, team=st.none() | st.integers(0, 1), is_bot=st.booleans())
    def join(self, number: int, team: int | None, is_bot: bool) -> None:
        if number not in self.match.world.ships:
            self.match.game.join(self.match.world, Seat(number, "név", team, is_bot), self.match.rng)

    @rule(number=SEATS)
    def leave(self, number: int) -> None:
        self.match.game.leave(self.match.world, number, "left")

    @rule(number=SEATS, is_connected=st.booleans())
    def connection(self, number: int, is_connected: bool) -> None:
        self.match.game.connected(self.match.world, number, is_connected)

    @rule(inputs=st.lists(st.tuples(SEATS, COMMANDS), max_size=8), ticks=st.sampled_from([1, 10, 60]))
    def play(self, inputs: list[tuple[int, Any]], ticks: int) -> None:
        match = self.match
        allowed = []
        for seat, command in inputs:
            verdict = match.game.validate(match.world, seat, command)
            assert verdict is None or isinstance(verdict, Refusal)
            if verdict is None:
                allowed.append((seat, command))
        match.step(*allowed)
        for _ in range(ticks):
            match.step()
        self.viewers.show(list(match.world.ships), match.events)
        match.events.clear()
        match.game.result(match.world)

    @invariant()
    def nothing_was_clamped(self) -> None:
        if hasattr(self, "viewers"):
            assert self.viewers.tracker.clamped == {}

    @invariant()
    def ships_are_whole(self) -> None:
        if hasattr(self, "match"):
            for seat, ship in self.match.world.ships.items():
                assert ship.seat == seat
                assert 0.0 <= ship.hp <= 100.0
                assert not (ship.is_alive and ship.hp == 0.0)
                assert ship.is_alive or (ship.vx, ship.vy) == (0.0, 0.0)


TestAnyPlay = AnyPlay.TestCase
TestAnyPlay.settings = settings(stateful_step_count=20)  # a step here is up to a second of play


def test_every_wire_value_of_every_input_is_survived() -> None:
    """The ends of each field's range, all combined, and inputs that nobody validated."""
    for message in schema_of(type(Match.of(0).game)).inputs:
        assert message.cls is not None
        assert all(field.spec.kind in (Kind.NUM, Kind.FLAG) for field in message.fields)
        lowest = message.cls(*[_value(field.spec, 0) for field in message.fields])
        highest = message.cls(*[_value(field.spec, field.spec.steps) for field in message.fields])
        for mode in ("ffa", "teams"):
            Match.of(3, mode=mode).fight().run(2.0, (0, lowest), (1, highest), (99, lowest)).run(1.0, (0, highest))


def _value(spec: Any, q: int) -> Any:
    return q > 0 if spec.kind is Kind.FLAG else spec.min + q * spec.step
