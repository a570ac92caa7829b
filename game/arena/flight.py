"""How ships move: turning, thrust, drag, walls, rocks and bumping into each other. No damage is done here."""

from math import sqrt

from game.arena import tuning
from game.arena.world import ArenaWorld, Rock, Ship
from game.math import COS, SIN, TURN


def turn(ship: Ship, dt: float) -> None:
    """Turns as the pilot steers; the heading stays in 0…TURN."""
    heading = ship.heading + ship.turn * tuning.TURN_RATE * dt
    if heading < 0.0:
        heading += TURN
    if heading >= TURN:
        heading -= TURN
    ship.heading = heading


def fly(ship: Ship, reach: float, dt: float) -> None:
    """Thrust and drag, then one step along the velocity, then the walls."""
    _burn_fuel(ship, dt)
    slow = 1.0 - tuning.DRAG * dt
    vx, vy = ship.vx * slow, ship.vy * slow
    if ship.is_thrusting:
        push = tuning.THRUST * dt * (tuning.BOOST_FACTOR if ship.is_boosting else 1.0)
        pointing = int(ship.heading)
        vx += COS[pointing] * push
        vy += SIN[pointing] * push
    ship.x, ship.vx = _within(ship.x + vx * dt, vx, reach - tuning.SHIP_RADIUS)
    ship.y, ship.vy = _within(ship.y + vy * dt, vy, reach - tuning.SHIP_RADIUS)


def _burn_fuel(ship: Ship, dt: float) -> None:
    ship.is_thrusting = ship.is_thrust_held or ship.is_boost_held
    ship.is_boosting = ship.is_boost_held and ship.boost > 0.0
    if ship.is_boosting:
        ship.boost = max(0.0, ship.boost - tuning.BOOST_DRAIN * dt)
    elif not ship.is_boost_held and ship.boost < 1.0:
        ship.boost = min(1.0, ship.boost + tuning.BOOST_REFILL * dt)


def _within(place: float, speed: float, limit: float) -> tuple[float, float]:
    if place > limit:
        return limit, -speed * tuning.WALL_BOUNCE
    if place < -limit:
        return -limit, -speed * tuning.WALL_BOUNCE
    return place, speed


def bounce_off_rocks(world: ArenaWorld, ships: list[Ship]) -> None:
    """Pushes ships out of rocks and turns their speed around."""
    for rock in world.rocks.values():
        reach = rock.radius + tuning.SHIP_RADIUS
        for ship in ships:
            dx = ship.x - rock.x
            dy = ship.y - rock.y
            if -reach < dx < reach and -reach < dy < reach and dx * dx + dy * dy < reach * reach:
                _push_out(ship, rock, dx, dy, reach)


def _push_out(ship: Ship, rock: Rock, dx: float, dy: float, reach: float) -> None:
    distance = sqrt(dx * dx + dy * dy)
    nx, ny = (dx / distance, dy / distance) if distance > 0.0 else (1.0, 0.0)
    ship.x, ship.y = rock.x + nx * reach, rock.y + ny * reach
    inward = ship.vx * nx + ship.vy * ny
    if inward < 0.0:
        ship.vx -= (1.0 + tuning.WALL_BOUNCE) * inward * nx
        ship.vy -= (1.0 + tuning.WALL_BOUNCE) * inward * ny


def bump(ships: list[Ship]) -> None:
    """Ships are equally heavy discs: they are parted and swap their speeds along the line between them."""
    reach = 2.0 * tuning.SHIP_RADIUS
    for index, one in enumerate(ships):
        x, y = one.x, one.y
        for other in ships[index + 1 :]:
            dx = other.x - x
            if -reach < dx < reach:
                dy = other.y - y
                if dx * dx + dy * dy < reach * reach:
                    _part(one, other, dx, dy, reach)
                    x, y = one.x, one.y


def _part(one: Ship, other: Ship, dx: float, dy: float, reach: float) -> None:
    distance = sqrt(dx * dx + dy * dy)
    nx, ny = (dx / distance, dy / distance) if distance > 0.0 else (1.0, 0.0)
    apart = (reach - distance) * 0.5
    one.x, one.y = one.x - nx * apart, one.y - ny * apart
    other.x, other.y = other.x + nx * apart, other.y + ny * apart
    closing = (one.vx - other.vx) * nx + (one.vy - other.vy) * ny
    if closing > 0.0:
        one.vx, one.vy = one.vx - closing * nx, one.vy - closing * ny
        other.vx, other.vy = other.vx + closing * nx, other.vy + closing * ny
