"""Where ships and pickups come in. A round's starting places are drawn in secret; later ones keep away from foes."""

from game.arena import tuning
from game.arena.damage import stand_still
from game.arena.messages import Spawned
from game.arena.world import ArenaWorld, Ship
from game.contract import Event
from game.fields import PUBLIC
from game.math import COS, SIN, TURN, heading
from game.rng import Rng

_PLACES = 16
_CLEARANCE = 34.0
_TRIES = 8


def plan_places(world: ArenaWorld, rng: Rng) -> None:
    """Shuffles the starting places of a round: numbers of points on a circle, dealt from the end of the list."""
    world.spawn_plan = list(range(_PLACES))
    rng.shuffle(world.spawn_plan)


def place_at_start(world: ArenaWorld, ship: Ship, rng: Rng) -> None:
    """Puts a ship on its starting place: any point of the circle in free-for-all, its team's arc otherwise."""
    if not world.spawn_plan:
        plan_places(world, rng)
    spot = world.spawn_plan.pop()
    if ship.team >= 0 and world.team_wins:
        width = TURN // len(world.team_wins)
        angle = (ship.team * width + spot * width // (2 * _PLACES)) % TURN
    else:
        angle = spot * TURN // _PLACES
    distance = world.reach * 0.85
    _put(ship, COS[angle] * distance, SIN[angle] * distance)


def come_in(world: ArenaWorld, ship: Ship, rng: Rng, events: list[Event]) -> None:
    """Brings a ship into a running round, as far from its foes as a few random places allow."""
    foes = [other for other in world.ships.values() if other.is_alive and other.side != ship.side]
    best, best_distance = free_place(world, rng), -1.0
    for _ in range(_TRIES):
        x, y = free_place(world, rng)
        nearest = min(((foe.x - x) * (foe.x - x) + (foe.y - y) * (foe.y - y) for foe in foes), default=0.0)
        if nearest > best_distance:
            best, best_distance = (x, y), nearest
    _put(ship, *best)
    events.append(Event(Spawned(ship.seat), PUBLIC))


def free_place(world: ArenaWorld, rng: Rng) -> tuple[float, float]:
    """A random place inside the map and the ring, clear of rocks; the ring's middle if there is hardly any room."""
    span = min(world.reach, world.ring_radius * 0.7)
    limit = world.reach - _CLEARANCE
    for _ in range(_TRIES):
        x = max(-limit, min(limit, world.ring_x + rng.uniform(-span, span)))
        y = max(-limit, min(limit, world.ring_y + rng.uniform(-span, span)))
        if all(_is_clear(x - rock.x, y - rock.y, rock.radius + _CLEARANCE) for rock in world.rocks.values()):
            return x, y
    return world.ring_x, world.ring_y


def _is_clear(dx: float, dy: float, distance: float) -> bool:
    return dx * dx + dy * dy >= distance * distance


def _put(ship: Ship, x: float, y: float) -> None:
    stand_still(ship)
    ship.x, ship.y = x, y
    ship.heading = float(heading(-x, -y))
    ship.hp, ship.boost = tuning.HP_MAX, 1.0
    ship.ammo = max(ship.ammo, tuning.AMMO_START)
    ship.cooldown_s = ship.refill_s = ship.respawn_s = ship.credit_s = 0.0
    ship.hit_by = -1
    ship.guard_s = tuning.SPAWN_GUARD_S
    ship.is_alive = ship.is_shielded = True
