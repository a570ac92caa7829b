"""Guns and bullets: ammunition, cooldown, flight and hits. Rocks and walls stop a shot; one's own side does not."""

from game.arena import tuning
from game.arena.damage import hurt
from game.arena.messages import DryFire, Fired, Hit
from game.arena.world import ArenaWorld, Ship, Shot
from game.contract import Event
from game.fields import PUBLIC, SEAT
from game.math import COS, SIN


def reload(ship: Ship, dt: float) -> None:
    """Lets the gun cool and the magazine fill up slowly to what a ship starts with."""
    ship.cooldown_s = max(0.0, ship.cooldown_s - dt)
    ship.rapid_s = max(0.0, ship.rapid_s - dt)
    if ship.ammo < tuning.AMMO_START:
        ship.refill_s += dt
        if ship.refill_s >= tuning.AMMO_REFILL_EVERY_S:
            ship.refill_s = 0.0
            ship.ammo += 1


def shoot(world: ArenaWorld, ship: Ship, dt: float, events: list[Event]) -> None:
    """Fires if the trigger is held, or was pulled and let go within this tick, and the gun is ready."""
    pulled, ship.is_trigger_pulled = ship.is_trigger_pulled, False
    if not (pulled or ship.is_fire_held) or ship.cooldown_s > dt * 0.5:
        return
    is_rapid = ship.rapid_s > 0.0
    if ship.ammo <= 0 and not is_rapid:
        if pulled:
            events.append(Event(DryFire(), SEAT, ship.seat))
        return
    if not is_rapid:
        ship.ammo -= 1
    ship.cooldown_s = tuning.RAPID_EVERY_S if is_rapid else tuning.FIRE_EVERY_S
    world.shots[world.new_id()] = _bullet(ship)
    events.append(Event(Fired(ship.seat), PUBLIC))


def _bullet(ship: Ship) -> Shot:
    pointing = int(ship.heading)
    along, across = COS[pointing], SIN[pointing]
    return Shot(
        seat=ship.seat,
        team=ship.team,
        x=ship.x + along * tuning.SHIP_RADIUS,
        y=ship.y + across * tuning.SHIP_RADIUS,
        heading=pointing,
        side=ship.side,
        vx=along * tuning.SHOT_SPEED,
        vy=across * tuning.SHOT_SPEED,
        life_s=tuning.SHOT_LIFE_S,
    )


def fly_shots(world: ArenaWorld, ships: list[Ship], dt: float, events: list[Event]) -> None:
    """Moves every shot one step and lets it hit at most one thing."""
    reach = world.reach
    rocks = [(rock.x, rock.y, rock.radius * rock.radius) for rock in world.rocks.values()]
    spent: list[int] = []
    for number, shot in world.shots.items():
        shot.life_s -= dt
        x = shot.x = shot.x + shot.vx * dt
        y = shot.y = shot.y + shot.vy * dt
        if shot.life_s <= 0.0 or not (-reach < x < reach and -reach < y < reach):
            spent.append(number)
            continue
        struck = _struck(shot, ships)
        if struck is not None:
            _strike(world, shot, struck, events)
            spent.append(number)
            continue
        for rock_x, rock_y, square in rocks:
            if (x - rock_x) * (x - rock_x) + (y - rock_y) * (y - rock_y) < square:
                spent.append(number)
                break
    for number in spent:
        del world.shots[number]


def _struck(shot: Shot, ships: list[Ship]) -> Ship | None:
    """The first living ship of another side that the shot touches."""
    reach = tuning.SHIP_RADIUS + tuning.SHOT_RADIUS
    x, y, side = shot.x, shot.y, shot.side
    for ship in ships:
        dx = ship.x - x
        if -reach < dx < reach:
            dy = ship.y - y
            if dx * dx + dy * dy < reach * reach and ship.side != side and ship.is_alive:
                return ship
    return None


def _strike(world: ArenaWorld, shot: Shot, ship: Ship, events: list[Event]) -> None:
    events.append(Event(Hit(shot.x, shot.y, ship.seat, shot.seat), PUBLIC))
    if world.phase != "fight" or ship.is_shielded:
        return
    ship.hit_by, ship.credit_s = shot.seat, tuning.CREDIT_S
    hurt(world, ship, tuning.SHOT_DAMAGE, shot.seat, events)
