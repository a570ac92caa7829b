"""Pickups: when one appears, where, and what it gives. The timer is hidden, so nobody can wait for the next one."""

from game.arena import tuning
from game.arena.messages import KINDS, Taken
from game.arena.spawn import free_place
from game.arena.world import ArenaWorld, Pickup, Ship
from game.contract import Event
from game.fields import PUBLIC
from game.rng import Rng


def appear(world: ArenaWorld, dt: float, rng: Rng) -> None:
    """Puts a new one inside the ring from time to time, up to a limit."""
    world.pickup_s -= dt
    if world.pickup_s > 0.0:
        return
    world.pickup_s = tuning.PICKUP_EVERY_S * rng.uniform(0.6, 1.4)
    if len(world.pickups) < tuning.PICKUPS_MAX and world.ring_radius > tuning.RING_NO_SPAWN:
        x, y = free_place(world, rng)
        world.pickups[world.new_id()] = Pickup(rng.choice(KINDS), x, y)


def take(world: ArenaWorld, ships: list[Ship], events: list[Event]) -> None:
    """Gives each pickup to the first ship that touches it."""
    reach = tuning.PICKUP_RADIUS + tuning.SHIP_RADIUS
    taken: list[int] = []
    for number, pickup in world.pickups.items():
        for ship in ships:
            dx, dy = ship.x - pickup.x, ship.y - pickup.y
            if -reach < dx < reach and dx * dx + dy * dy < reach * reach and ship.is_alive:
                _give(ship, pickup.kind)
                taken.append(number)
                events.append(Event(Taken(ship.seat, pickup.kind), PUBLIC))
                break
    for number in taken:
        del world.pickups[number]


def _give(ship: Ship, kind: str) -> None:
    if kind == "ammo":
        ship.ammo = min(tuning.AMMO_MAX, ship.ammo + tuning.PICKUP_AMMO)
    elif kind == "health":
        ship.hp = min(tuning.HP_MAX, ship.hp + tuning.PICKUP_HEALTH)
    elif kind == "rapid":
        ship.rapid_s = tuning.PICKUP_RAPID_S
    else:
        ship.guard_s = max(ship.guard_s, tuning.PICKUP_SHIELD_S)
        ship.is_shielded = True
