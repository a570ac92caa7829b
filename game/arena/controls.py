"""What pilots may do and what it does: steering that is held, and markers for the team."""

from game.arena import tuning
from game.arena.messages import Ping, Steer
from game.arena.rounds import is_in_play
from game.arena.world import ArenaWorld, Marker
from game.contract import Refusal


def refuse(world: ArenaWorld, seat: int, command: Steer | Ping) -> Refusal | None:
    """Why an input may not be applied now, or None. Steering while waiting to come back is fine: it is held."""
    ship = world.ships.get(seat)
    if ship is None:
        return Refusal("you have no ship in this match")
    if isinstance(command, Steer):
        if world.phase == "fight" and not is_in_play(world, ship):
            return Refusal("you are out until the next round")
        return None
    if ship.team < 0:
        return Refusal("there are no teams to mark a place for")
    if ship.marker_s > 0.0:
        return Refusal(f"one marker every {tuning.MARKER_EVERY_S:g} s")
    if not (-world.reach <= command.x <= world.reach and -world.reach <= command.y <= world.reach):
        return Refusal("that place is outside the map")
    return None


def apply(world: ArenaWorld, seat: int, command: Steer | Ping) -> None:
    """Carries out an input that `refuse` let through at the tick's beginning; a seat without a ship is passed over."""
    ship = world.ships.get(seat)
    if ship is None:
        return
    if isinstance(command, Ping):
        _mark(world, seat, ship.team, command)
        ship.marker_s = tuning.MARKER_EVERY_S
        return
    ship.turn = command.turn
    ship.is_thrust_held = command.thrust
    ship.is_boost_held = command.boost
    if command.fire and not ship.is_fire_held:
        ship.is_trigger_pulled = True  # a tap that begins and ends within one tick still fires
    ship.is_fire_held = command.fire


def _mark(world: ArenaWorld, seat: int, team: int, ping: Ping) -> None:
    """A pilot has one marker at a time."""
    for number in [number for number, marker in world.markers.items() if marker.seat == seat]:
        del world.markers[number]
    world.markers[world.new_id()] = Marker(seat, team, ping.x, ping.y, tuning.MARKER_S)


def fade_markers(world: ArenaWorld, dt: float) -> None:
    """Takes away markers whose time is over."""
    for ship in world.ships.values():
        if ship.marker_s > 0.0:
            ship.marker_s -= dt
    if not world.markers:
        return
    for number, marker in list(world.markers.items()):
        marker.left_s -= dt
        if marker.left_s <= 0.0:
            del world.markers[number]
