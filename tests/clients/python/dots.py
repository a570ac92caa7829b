"""A game small enough to test clients with: everybody moves a dot, and owns ink that nobody else sees."""

from collections.abc import Sequence
from typing import Any, ClassVar

from attrs import define

from game.contract import Event, Game, Policy, Refusal, Seat
from game.fields import PUBLIC, SEAT, choice, entities, flag, num, text, whole
from game.rng import Rng
from game.view import View


@define
class Dot:
    seat: int = whole(0, 254, audience=PUBLIC)
    x: float = num(-100, 100, step=0.5, audience=PUBLIC)
    y: float = num(-100, 100, step=0.5, audience=PUBLIC)
    ink: int = whole(0, 1000, audience=SEAT, default=1000)
    secret: str = "never sent"


@define
class Dots:
    dots: dict[int, Dot] = entities(Dot, audience=PUBLIC, owner="seat")
    moves: int = whole(0, 1 << 20, audience=PUBLIC)


@define
class Move:
    x: float = num(-100, 100, step=0.5)
    y: float = num(-100, 100, step=0.5)
    is_fast: bool = flag()
    colour: str = choice(("red", "green"))
    label: str = text(8)


@define
class Moved:
    seat: int = whole(0, 254)


class DotsGame(Game):
    """``Move`` beyond x = 90 is refused as illegal."""

    World: ClassVar[type] = Dots
    inputs: ClassVar[tuple[type, ...]] = (Move,)
    events: ClassVar[tuple[type, ...]] = (Moved,)

    def setup(self, options: Any, rng: Rng) -> Dots:
        return Dots()

    def join(self, world: Dots, seat: Seat, rng: Rng) -> None:
        world.dots[seat.number] = Dot(seat=seat.number)

    def leave(self, world: Dots, seat: int, reason: str) -> None:
        del world.dots[seat]

    def validate(self, world: Dots, seat: int, command: Move) -> Refusal | None:
        return Refusal("illegal") if command.x > 90 else None

    def step(self, world: Dots, inputs: Sequence[tuple[int, Move]], tick: int, rng: Rng) -> list[Event]:
        for seat, move in inputs:
            dot = world.dots[seat]
            dot.x, dot.y, dot.ink = move.x, move.y, dot.ink - 1
            world.moves += 1
        return [Event(Moved(seat), PUBLIC) for seat, _ in inputs]


class Wanderer(Policy):
    """Goes somewhere at every frame."""

    def act(self, view: View, tick: int, rng: Rng) -> Move | None:
        return Move(x=float(rng.between(-90, 90)), y=float(rng.between(-90, 90)))


class Faulty(Policy):
    """Breaks at its first thought."""

    def act(self, view: View, tick: int, rng: Rng) -> Move | None:
        raise ZeroDivisionError("this policy divides by zero")


class Confused(Policy):
    """Answers with something that is no input of the game."""

    def act(self, view: View, tick: int, rng: Rng) -> Any:
        return "forward!"
