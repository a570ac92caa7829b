"""Hit points, deaths and who gets the kill. Shots and the ring call it; nothing else takes a life."""

from game.arena import tuning
from game.arena.messages import Boom
from game.arena.world import ArenaWorld, Ship
from game.contract import Event
from game.fields import PUBLIC


def hurt(world: ArenaWorld, ship: Ship, damage: float, by: int, events: list[Event]) -> None:
    """Takes hit points; at none left the ship blows up and ``by`` (a seat, or -1) gets the kill."""
    ship.hp -= damage
    ship.peace_s = 0.0
    if ship.hp <= 0.0:
        ship.hp = 0.0
        _blow_up(world, ship, by, events)


def _blow_up(world: ArenaWorld, ship: Ship, by: int, events: list[Event]) -> None:
    killer = world.ships.get(by)
    if killer is not None:
        killer.kills += 1
    ship.is_alive = False
    ship.deaths += 1
    ship.lives -= 1
    ship.respawn_s = tuning.RESPAWN_AFTER_S if ship.lives > 0 else 0.0
    stand_still(ship)
    if ship.lives <= 0:
        release_controls(ship)
    events.append(Event(Boom(ship.x, ship.y, ship.seat, -1 if killer is None else by), PUBLIC))


def stand_still(ship: Ship) -> None:
    """No speed, no flames, no shield."""
    ship.vx = ship.vy = 0.0
    ship.is_thrusting = ship.is_boosting = ship.is_shielded = False
    ship.guard_s = ship.rapid_s = 0.0


def release_controls(ship: Ship) -> None:
    """As if every key were let go; the next Steer takes over."""
    ship.turn = 0.0
    ship.is_thrust_held = ship.is_fire_held = ship.is_boost_held = ship.is_trigger_pulled = False
