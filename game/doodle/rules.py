"""Doodle: everybody has a cursor, and a cursor with its pen down leaves dots that the others see.

Read this file to learn how a game is written. First what exists (attrs classes: every field says how it travels and who may
see it), then what players may send, then what happens. Nothing here knows of sockets, rooms or clocks.
"""

from collections.abc import Sequence
from typing import ClassVar

from attrs import define, field, validators

from game.contract import Event, Game, Seat
from game.fields import PUBLIC, entities, flag, num, text, whole
from game.rng import Rng


@define
class DoodleOptions:
    """What a room type may set in routing.yaml: how many dots the page keeps."""

    dots: int = field(default=600, validator=[validators.ge(1), validators.le(5000)])


@define
class Cursor:
    """One player's pointer. A field without an audience would stay on the server."""

    seat: int = whole(0, 255, audience=PUBLIC)
    name: str = text(48, audience=PUBLIC)
    colour: int = whole(0, 15, audience=PUBLIC)
    x: float = num(0, 1000, step=0.25, audience=PUBLIC, default=500.0)
    y: float = num(0, 1000, step=0.25, audience=PUBLIC, default=500.0)
    pen: bool = flag(audience=PUBLIC)


@define
class Dot:
    """A drop of ink."""

    x: float = num(0, 1000, step=0.25, audience=PUBLIC)
    y: float = num(0, 1000, step=0.25, audience=PUBLIC)
    colour: int = whole(0, 15, audience=PUBLIC)


@define
class Page:
    """The whole state: two collections that players see, and two plain fields that they don't."""

    cursors: dict[int, Cursor] = entities(Cursor, audience=PUBLIC, owner="seat")
    dots: dict[int, Dot] = entities(Dot, audience=PUBLIC)
    dots_max: int = 600
    next_dot: int = 1


@define
class Move:
    """What a player sends: where the pointer is now, and whether its pen is down."""

    x: float = num(0, 1000, step=0.25)
    y: float = num(0, 1000, step=0.25)
    pen: bool = flag()


class Doodle(Game):
    """The rules. One instance serves a room; all state is in the page."""

    Options: ClassVar[type] = DoodleOptions
    World: ClassVar[type] = Page
    inputs: ClassVar[tuple[type, ...]] = (Move,)

    def setup(self, options: DoodleOptions, rng: Rng) -> Page:
        """An empty page."""
        return Page(dots_max=options.dots)

    def join(self, world: Page, seat: Seat, rng: Rng) -> None:
        """A cursor for the newcomer."""
        world.cursors[seat.number] = Cursor(seat.number, seat.name, seat.number % 16)

    def leave(self, world: Page, seat: int, reason: str) -> None:
        """The cursor goes; its ink stays."""
        world.cursors.pop(seat, None)

    def step(self, world: Page, inputs: Sequence[tuple[int, Move]], tick: int, rng: Rng) -> Sequence[Event]:
        """Moves the cursors; one with its pen down leaves a dot, and the oldest dots make room."""
        for seat, move in inputs:
            cursor = world.cursors.get(seat)
            if cursor is not None:
                cursor.x, cursor.y, cursor.pen = move.x, move.y, move.pen
                if move.pen:
                    world.dots[world.next_dot] = Dot(move.x, move.y, cursor.colour)
                    world.next_dot += 1
        while len(world.dots) > world.dots_max:
            del world.dots[next(iter(world.dots))]
        return ()
