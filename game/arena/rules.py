"""Arena: the game class, which only says in what order things happen. The loop calls it; each rule has its own file.

Nothing here leaves + - * / and square roots, so every machine computes the same bytes.
"""

from collections.abc import Sequence
from typing import ClassVar

from game.arena import controls, flight, pickups, ring, rounds, seating, shots, spawn
from game.arena.maps import MAPS
from game.arena.messages import EVENTS, INPUTS, Ping, Steer
from game.arena.options import ArenaOptions
from game.arena.world import ArenaWorld, Rock, Ship
from game.contract import Event, Game, Refusal, Result, Seat
from game.rng import Rng


class Arena(Game):
    """Thrust ships in a shrinking ring: the last side left wins the round."""

    Options: ClassVar[type] = ArenaOptions
    World: ClassVar[type] = ArenaWorld
    inputs: ClassVar[tuple[type, ...]] = INPUTS
    events: ClassVar[tuple[type, ...]] = EVENTS

    def setup(self, options: ArenaOptions, rng: Rng) -> ArenaWorld:
        """An empty map. Raises ValueError where the mode is teams and the room type names fewer than two."""
        if options.mode == "teams" and len(self.teams) < 2:
            raise ValueError(
                f"arena in mode 'teams' expected at least two team names in the room type, got {self.teams!r}"
            )
        chosen = MAPS[options.map]
        world = ArenaWorld(
            mode=options.mode,
            rounds=options.rounds,
            lives=options.lives,
            round_s=float(options.round_s),
            reach=chosen.reach,
            tick_hz=self.tick_hz,
            rocks={number: Rock(*rock) for number, rock in enumerate(chosen.rocks, 1)},
            team_wins=[0] * len(self.teams) if options.mode == "teams" else [],
        )
        ring.open_ring(world, rng)
        spawn.plan_places(world, rng)
        return world

    def join(self, world: ArenaWorld, seat: Seat, rng: Rng) -> None:
        """The newcomer flies at once, unless the ring has all but closed."""
        seating.join(world, seat, rng)

    def leave(self, world: ArenaWorld, seat: int, reason: str) -> None:
        """Takes the ship and all that is the seat's out of the world."""
        seating.leave(world, seat)

    def connected(self, world: ArenaWorld, seat: int, is_connected: bool) -> None:
        """A pilot whose connection is lost lets go of the controls."""
        if not is_connected:
            seating.let_go(world, seat)

    def team_of(self, world: ArenaWorld, seat: int) -> int | None:
        """The team of a seat; None in free-for-all."""
        ship = world.ships.get(seat)
        return None if ship is None or ship.team < 0 else ship.team

    def validate(self, world: ArenaWorld, seat: int, command: Steer | Ping) -> Refusal | None:
        """None, or what the pilot did wrong."""
        return controls.refuse(world, seat, command)

    def step(
        self, world: ArenaWorld, inputs: Sequence[tuple[int, Steer | Ping]], tick: int, rng: Rng
    ) -> Sequence[Event]:
        """Controls, clock, ships, shots, pickups, ring: in this order."""
        dt = 1.0 / self.tick_hz
        events: list[Event] = []
        for seat, command in inputs:
            controls.apply(world, seat, command)
        rounds.advance(world, dt, rng, self.teams, events)
        controls.fade_markers(world, dt)
        flying = _fly_ships(world, dt, rng, events)
        shots.fly_shots(world, flying, dt, events)
        if world.phase == "fight":
            pickups.appear(world, dt, rng)
            pickups.take(world, flying, events)
            ring.shrink(world)
            ring.burn(world, dt, events)
        return events

    def accepts_newcomers(self, world: ArenaWorld) -> bool:
        """Not in the end of the last round: whoever came then would see nothing else."""
        return rounds.has_time_for_newcomers(world)

    def result(self, world: ArenaWorld) -> Result | None:
        """The match's winners, once the last round's intermission is over."""
        return rounds.match_result(world, self.teams) if world.is_finished else None


def _fly_ships(world: ArenaWorld, dt: float, rng: Rng, events: list[Event]) -> list[Ship]:
    """Every ship's own business for one step; returns the living ones."""
    flying: list[Ship] = []
    is_countdown = world.phase == "countdown"
    for ship in world.ships.values():
        if not ship.is_alive:
            seating.wait(world, ship, dt, rng, events)
            continue
        flying.append(ship)
        flight.turn(ship, dt)
        if is_countdown:
            continue
        seating.cool_down(ship, dt)
        flight.fly(ship, world.reach, dt)
        shots.reload(ship, dt)
        shots.shoot(world, ship, dt, events)
    flight.bounce_off_rocks(world, flying)
    flight.bump(flying)
    return flying
