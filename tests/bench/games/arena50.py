"""The reference game of the bench: N movers that all change in every tick, by the law that every peer's server has too.

A mover starts at (137.5 i mod 1000, 71.3 i mod 1000), heads by 2.39996 i radians at 120 units a second, and turns back
at the walls. Velocities are hidden. The bench serves it from a folder on PYTHONPATH, as an author serves a game.
"""

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from attrs import define, field, validators

from game.contract import Event, Game, Seat
from game.fields import PUBLIC, entities, num, whole
from game.rng import Rng

SIZE = 1000.0
SPEED = 120.0
STEP = SIZE / 65535  # two bytes a coordinate


@define
class ArenaOptions:
    """How many movers a room has."""

    movers: int = field(default=50, validator=[validators.ge(1), validators.le(5000)])


@define
class Mover:
    """One entity; where it heads is nobody's to see."""

    x: float = num(0, SIZE, step=STEP, audience=PUBLIC)
    y: float = num(0, SIZE, step=STEP, audience=PUBLIC)
    hp: int = whole(-32768, 32767, audience=PUBLIC, default=100)
    vx: float = 0.0
    vy: float = 0.0


@define
class Arena:
    """The world; a seat steers the mover that `owned` gives it."""

    movers: dict[int, Mover] = entities(Mover, audience=PUBLIC)
    owned: dict[int, int] = field(factory=dict)
    joined: int = 0


@define
class Steer:
    """A new heading, a unit vector."""

    dx: float = num(-1, 1, step=2 / 65535)
    dy: float = num(-1, 1, step=2 / 65535)


class Arena50(Game):
    """The rules."""

    Options: ClassVar[type] = ArenaOptions
    World: ClassVar[type] = Arena
    inputs: ClassVar[tuple[type, ...]] = (Steer,)

    def setup(self, options: ArenaOptions, rng: Rng) -> Arena:
        """All movers, before anybody joins."""
        world = Arena()
        for i in range(options.movers):
            angle = i * 2.39996
            x, y = (i * 137.5) % SIZE, (i * 71.3) % SIZE
            world.movers[i + 1] = Mover(x, y, 100, math.cos(angle) * SPEED, math.sin(angle) * SPEED)
        return world

    def join(self, world: Arena, seat: Seat, rng: Rng) -> None:
        """The next mover, counted round."""
        world.owned[seat.number] = world.joined % len(world.movers) + 1
        world.joined += 1

    def leave(self, world: Arena, seat: int, reason: str) -> None:
        """Its mover goes on by itself."""
        world.owned.pop(seat, None)

    def step(self, world: Arena, inputs: Sequence[tuple[int, Any]], tick: int, rng: Rng) -> Sequence[Event]:
        """Steers, then moves everything."""
        movers = world.movers
        for seat, steer in inputs:
            mover = movers[world.owned[seat]]
            mover.vx, mover.vy = steer.dx * SPEED, steer.dy * SPEED
        dt = 1.0 / self.tick_hz
        for mover in movers.values():
            x, y = mover.x + mover.vx * dt, mover.y + mover.vy * dt
            if x < 0.0 or x > SIZE:
                mover.vx = -mover.vx
                x = min(SIZE, max(0.0, x))
            if y < 0.0 or y > SIZE:
                mover.vy = -mover.vy
                y = min(SIZE, max(0.0, y))
            mover.x, mover.y = x, y
        return ()
