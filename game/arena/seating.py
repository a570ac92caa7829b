"""Pilots come, wait and go: joining a running round, coming back after a death, leaving."""

from game.arena import spawn, tuning
from game.arena.damage import release_controls
from game.arena.world import ArenaWorld, Ship
from game.contract import Event, Seat
from game.rng import Rng


def join(world: ArenaWorld, seat: Seat, rng: Rng) -> None:
    """One click is playing: with all lives early in a round, with one life once the ring is half closed."""
    team = _team_for(world, seat)
    ship = Ship(
        seat=seat.number,
        team=team,
        name=seat.name,
        colour=(seat.number if team < 0 else team) % 16,
        is_bot=seat.is_bot,
        side=seat.number if team < 0 else team,
    )
    world.ships[seat.number] = ship
    world.ships = dict(sorted(world.ships.items()))
    if world.phase != "fight":
        ship.lives = world.lives
        spawn.place_at_start(world, ship, rng)
    elif world.ring_radius > tuning.RING_NO_SPAWN:
        ship.lives = world.lives if world.ring_radius > world.reach * 0.6 else 1
        spawn.come_in(world, ship, rng, [])


def _team_for(world: ArenaWorld, seat: Seat) -> int:
    """The team the room chose, else the smallest one; -1 in free-for-all."""
    if not world.team_wins:
        return -1
    if seat.team is not None and 0 <= seat.team < len(world.team_wins):
        return seat.team
    sizes = [0] * len(world.team_wins)
    for ship in world.ships.values():
        sizes[ship.team] += 1
    return sizes.index(min(sizes))


def leave(world: ArenaWorld, seat: int) -> None:
    """The seat's next pilot inherits nothing: not a shot in flight, not a kill."""
    world.ships.pop(seat, None)
    for number in [number for number, shot in world.shots.items() if shot.seat == seat]:
        del world.shots[number]
    for number in [number for number, marker in world.markers.items() if marker.seat == seat]:
        del world.markers[number]
    for ship in world.ships.values():
        if ship.hit_by == seat:
            ship.hit_by = -1


def let_go(world: ArenaWorld, seat: int) -> None:
    """Releases the controls of a seat, if it has a ship."""
    ship = world.ships.get(seat)
    if ship is not None:
        release_controls(ship)


def cool_down(ship: Ship, dt: float) -> None:
    """Runs down a living ship's protection and its debt to whoever hit it last; mends a hull left in peace."""
    if ship.guard_s > 0.0:
        ship.guard_s = max(0.0, ship.guard_s - dt)
        ship.is_shielded = ship.guard_s > 0.0
    if ship.credit_s > 0.0:
        ship.credit_s -= dt
    if ship.peace_s < tuning.REPAIR_AFTER_S:
        ship.peace_s += dt
    elif ship.hp < tuning.HP_MAX:
        ship.hp = min(tuning.HP_MAX, ship.hp + tuning.REPAIR_PER_S * dt)


def wait(world: ArenaWorld, ship: Ship, dt: float, rng: Rng, events: list[Event]) -> None:
    """Counts down to a dead ship's return, if it has a life left and the ring still lets anybody in."""
    if world.phase == "waiting":
        ship.lives = world.lives
        spawn.come_in(world, ship, rng, events)
    if world.phase != "fight" or ship.lives <= 0:
        return
    ship.respawn_s = max(0.0, ship.respawn_s - dt)
    if ship.respawn_s <= dt * 0.5 and world.ring_radius > tuning.RING_NO_SPAWN:
        spawn.come_in(world, ship, rng, events)
