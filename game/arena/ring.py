"""The shrinking ring: where it is when, and what it does to ships outside it. `game.arena.rules` calls it every tick."""

from math import sqrt

from game.arena import tuning
from game.arena.damage import hurt
from game.arena.world import ArenaWorld
from game.contract import Event
from game.rng import Rng

_COVERS_CORNERS = 1.42  # a little more than the square root of 2


def open_ring(world: ArenaWorld, rng: Rng) -> None:
    """Draws where this round's ring will close, and opens it over the whole map."""
    offset = world.reach * 0.35
    world.ring_x = rng.uniform(-offset, offset)
    world.ring_y = rng.uniform(-offset, offset)
    world.ring_radius = _widest(world)


def shrink(world: ArenaWorld) -> None:
    """Sets the radius for the time the fight has lasted: it holds, shrinks to its core, then closes altogether."""
    share = world.phase_s / world.round_s
    core = world.reach * tuning.RING_CORE_SHARE
    if share <= tuning.RING_HOLD:
        world.ring_radius = _widest(world)
    elif share <= tuning.RING_CORE:
        done = (share - tuning.RING_HOLD) / (tuning.RING_CORE - tuning.RING_HOLD)
        widest = _widest(world)
        world.ring_radius = widest - (widest - core) * done
    elif share < 1.0:
        world.ring_radius = core * (1.0 - share) / (1.0 - tuning.RING_CORE)
    else:
        world.ring_radius = 0.0


def burn(world: ArenaWorld, dt: float, events: list[Event]) -> None:
    """Hurts every living ship outside the ring; a shield is no help."""
    share = min(1.0, world.phase_s / world.round_s)
    damage = (tuning.RING_DAMAGE + tuning.RING_DAMAGE_GROWTH * share) * dt
    for ship in world.ships.values():
        if ship.is_alive and outside(world, ship.x, ship.y):
            hurt(world, ship, damage, ship.hit_by if ship.credit_s > 0.0 else -1, events)


def outside(world: ArenaWorld, x: float, y: float) -> bool:
    """Whether a place is outside the ring now."""
    dx = x - world.ring_x
    dy = y - world.ring_y
    return dx * dx + dy * dy >= world.ring_radius * world.ring_radius


def _widest(world: ArenaWorld) -> float:
    """The radius at which the ring covers the whole square, wherever its middle is."""
    far_x = max(world.ring_x, -world.ring_x) / world.reach + 1.0
    far_y = max(world.ring_y, -world.ring_y) / world.reach + 1.0
    return world.reach * max(_COVERS_CORNERS, sqrt(far_x * far_x + far_y * far_y))
