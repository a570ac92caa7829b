"""A small game with one of everything that can travel: the vectors and many tests are made from it."""

from collections.abc import Sequence
from typing import Any, ClassVar

from attrs import define, field

from game.contract import Event, Game, Seat
from game.fields import NOBODY, PUBLIC, SEAT, SPECTATORS, TEAM, Audience, choice, entities, flag, num, text, whole
from game.rng import Rng


@define
class Ship:
    """Public, with a seat's and a team's secrets."""

    seat: int | None = None
    team: int | None = None
    x: float = num(-100, 100, step=0.5, audience=PUBLIC)
    hp: int = whole(0, 100, audience=PUBLIC, default=100)
    name: str = text(12, audience=PUBLIC)
    is_burning: bool = flag(audience=PUBLIC)
    ammo: int = whole(0, 70_000, audience=SEAT)
    plan: str = choice(("hold", "attack", "flee"), audience=TEAM)
    mind: float = num(0, 1, step=0.001)


@define
class Card:
    """Exists for whomever ``shown_to`` says."""

    holder: int | None = None
    side: int | None = None
    shown_to: Audience = SEAT
    face: str = choice(("ace", "king", "queen"), audience=PUBLIC)
    note: str = text(20, audience=SEAT)


@define
class Mine:
    """A thing without fields: only its existence is known, and only to spectators."""

    depth: float = 0.0


@define
class SampleWorld:
    """Scalars and collections."""

    radius: float = num(0, 1000, step=0.01, audience=PUBLIC, default=500.0)
    phase: str = choice(("calm", "storm"), audience=PUBLIC)
    odds: float = num(0, 1, step=0.01, audience=SPECTATORS)
    secret: int = whole(-5, 5, audience=NOBODY)
    ships: dict[int, Ship] = entities(Ship, audience=PUBLIC, owner="seat", team="team")
    cards: dict[int, Card] = entities(Card, audience=SEAT, owner="holder", team="side", audience_of="shown_to")
    mines: dict[int, Mine] = entities(Mine, audience=SPECTATORS)
    memory: list[int] = field(factory=list)


@define
class Steer:
    """Where to go."""

    turn: float = num(-1, 1, step=0.01)
    thrust: bool = flag()


@define
class Shout:
    """Something to say in play."""

    words: str = text(10)
    mood: str = choice(("calm", "angry"))
    times: int = whole(-2, 300)


@define
class Boom:
    """Something blew up."""

    x: float = num(-100, 100, step=0.5)
    size: int = whole(1, 3, default=1)


class Sample(Game):
    """Rules that do a little of everything; not much fun to play."""

    World: ClassVar[type] = SampleWorld
    inputs: ClassVar[tuple[type, ...]] = (Steer, Shout)
    events: ClassVar[tuple[type, ...]] = (Boom,)

    def setup(self, options: Any, rng: Rng) -> SampleWorld:
        """A storm every other time."""
        return SampleWorld(phase=rng.choice(("calm", "storm")))

    def join(self, world: SampleWorld, seat: Seat, rng: Rng) -> None:
        """A ship at a random place."""
        world.ships[seat.number] = Ship(seat.number, seat.team, x=rng.uniform(-100, 100), name=seat.name)

    def leave(self, world: SampleWorld, seat: int, reason: str) -> None:
        """The ship is gone."""
        world.ships.pop(seat, None)

    def connected(self, world: SampleWorld, seat: int, is_connected: bool) -> None:
        """A lost connection sets the ship on fire."""
        world.ships[seat].is_burning = not is_connected

    def team_of(self, world: SampleWorld, seat: int) -> int | None:
        """The ship's."""
        ship = world.ships.get(seat)
        return None if ship is None else ship.team

    def step(self, world: SampleWorld, inputs: Sequence[tuple[int, Any]], tick: int, rng: Rng) -> Sequence[Event]:
        """Ships drift by what they steer and by chance."""
        events = []
        world.radius -= 0.013
        for seat, body in inputs:
            ship = world.ships[seat]
            if isinstance(body, Steer):
                ship.x += body.turn
            else:
                ship.name = body.words
        for ship in world.ships.values():
            ship.x += rng.uniform(-0.1, 0.1)
            ship.mind = rng.unit()
            if rng.below(20) == 0:
                events.append(Event(Boom(ship.x), PUBLIC))
        world.memory = [*world.memory, tick][-3:]
        return events
