"""The game of the room tests: still unless somebody acts, with a canary in every audience, and ends or fails on request."""

from collections.abc import Sequence
from typing import Any, ClassVar

from attrs import define, field

from game.contract import Event, Game, Policy, Refusal, Result, Seat
from game.fields import PUBLIC, SEAT, SPECTATORS, TEAM, Audience, choice, entities, text, whole
from game.rng import Rng
from game.view import View

ACTIONS = ("score", "switch", "reveal", "hide", "end", "crash")
UNLUCKY = 13


@define
class Guest:
    """One seat."""

    seat: int = whole(0, 255, audience=PUBLIC)
    score: int = whole(0, 1_000_000, audience=PUBLIC)
    hand: str = text(40, audience=SEAT)
    plan: str = text(40, audience=TEAM)
    secret: str = text(40)
    team: int = 0


@define
class Card:
    """Exists for its holder until it is shown to everybody."""

    holder: int = 0
    shown_to: Audience = SEAT
    face: str = text(40, audience=PUBLIC)


@define
class Salon:
    """The world. ``applied`` is the rules' own log of what they got."""

    lap: int = whole(0, 1_000_000, audience=PUBLIC)
    odds: int = whole(0, 1_000_000, audience=SPECTATORS)
    guests: dict[int, Guest] = entities(Guest, audience=PUBLIC, owner="seat", team="team")
    cards: dict[int, Card] = entities(Card, audience=SEAT, owner="holder", audience_of="shown_to")
    applied: list[tuple[int, int]] = field(factory=list)
    cards_made: int = 0
    is_ending: bool = False


@define
class Do:
    """One action; ``value`` marks it, and 13 is refused."""

    what: str = choice(ACTIONS)
    value: int = whole(0, 1_000_000)


@define
class Chime:
    """Something to hear."""

    value: int = whole(0, 1_000_000)


class Parlour(Game):
    """The rules."""

    World: ClassVar[type] = Salon
    inputs: ClassVar[tuple[type, ...]] = (Do,)
    events: ClassVar[tuple[type, ...]] = (Chime,)

    def setup(self, options: Any, rng: Rng) -> Salon:
        """An empty salon."""
        return Salon()

    def join(self, world: Salon, seat: Seat, rng: Rng) -> None:
        """A guest with a hand, a plan and a card."""
        n, team = seat.number, seat.team or 0
        world.guests[n] = Guest(n, 0, f"hand-of-{n}", f"plan-of-{team}-by-{n}", f"secret-of-{n}", team)
        world.cards_made += 1
        world.cards[world.cards_made] = Card(n, SEAT, f"face-{n}-{world.cards_made}")

    def leave(self, world: Salon, seat: int, reason: str) -> None:
        """The guest goes with its cards."""
        world.guests.pop(seat, None)
        for key in [key for key, card in world.cards.items() if card.holder == seat]:
            del world.cards[key]

    def team_of(self, world: Salon, seat: int) -> int | None:
        """The guest's; it may switch."""
        guest = world.guests.get(seat)
        return guest.team if guest and self.teams else None

    def validate(self, world: Salon, seat: int, command: Any) -> Refusal | None:
        """13 is unlucky."""
        return Refusal("unlucky") if command.value == UNLUCKY else None

    def step(self, world: Salon, inputs: Sequence[tuple[int, Do]], tick: int, rng: Rng) -> Sequence[Event]:
        """Does what it is told."""
        events = []
        for seat, do in inputs:
            world.applied.append((seat, do.value))
            world.lap += 1
            guest = world.guests[seat]
            match do.what:
                case "score":
                    guest.score, world.odds = do.value, do.value
                    events.append(Event(Chime(do.value), PUBLIC))
                case "switch" if self.teams:
                    guest.team = 1 - guest.team
                    guest.plan = f"plan-of-{guest.team}-by-{seat}"
                case "reveal" | "hide":
                    for card in world.cards.values():
                        if card.holder == seat:
                            card.shown_to = PUBLIC if do.what == "reveal" else SEAT
                case "end":
                    world.is_ending = True
                case "crash":
                    raise RuntimeError("told to crash")
        return events

    def result(self, world: Salon) -> Result | None:
        """Over when somebody said so."""
        return Result((), {}, "told to end") if world.is_ending else None


class Clerk(Policy):
    """Scores now and then, and only what it may see; keeps what it saw for the tests."""

    seen: ClassVar[list[tuple[int | None, set[str]]]] = []

    def act(self, view: View, tick: int, rng: Rng) -> Do | None:
        """A score every 8th tick."""
        guests = view.all("guests")
        self.seen.append((view.seat, {g.hand for g in guests if "hand" in g.__dict__}))
        return Do("score", 500_000 + tick) if tick % 8 == 0 else None
