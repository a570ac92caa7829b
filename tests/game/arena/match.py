"""Arena matches for tests: a game, a world with seated ships, and a way to let time pass."""

from collections.abc import Iterable
from typing import Any

from attrs import define, field

from game.arena import Arena
from game.arena.options import ArenaOptions
from game.arena.world import ArenaWorld, Ship
from game.contract import Event, Seat
from game.rng import Rng


@define
class Match:
    """One match without bots. ``run`` steps it; everything that happened is in ``events``."""

    game: Arena
    world: ArenaWorld
    rng: Rng
    tick: int = 0
    events: list[Event] = field(factory=list)

    @classmethod
    def of(cls, ships: int = 2, seed: int = 7, tick_hz: int = 60, **options: Any) -> "Match":
        game = Arena(tick_hz=tick_hz, teams=("red", "blue"))
        rng = Rng.from_seed(seed)
        match = cls(game, game.setup(ArenaOptions(**options), rng), rng)
        for number in range(ships):
            match.join(number)
        return match

    def join(self, number: int) -> Ship:
        self.game.join(self.world, Seat(number, f"pilot {number}"), self.rng)
        return self.world.ships[number]

    def step(self, *inputs: tuple[int, Any]) -> list[Event]:
        found = list(self.game.step(self.world, inputs, self.tick, self.rng))
        self.tick += 1
        self.events += found
        return found

    def run(self, seconds: float, *inputs: tuple[int, Any]) -> "Match":
        self.step(*inputs)
        for _ in range(int(seconds * self.game.tick_hz + 0.5) - 1):
            self.step()
        return self

    def fight(self) -> "Match":
        """To the first tick of the fight, with nobody protected any more."""
        while self.world.phase != "fight":
            self.step()
        for ship in self.world.ships.values():
            ship.guard_s, ship.is_shielded = 0.0, False
        return self

    def bodies(self, kind: type) -> list[Any]:
        return [event.body for event in self.events if isinstance(event.body, kind)]


def put(ship: Ship, x: float, y: float, heading: float = 0.0) -> Ship:
    """Sets a ship down at rest."""
    ship.x, ship.y, ship.heading, ship.vx, ship.vy = x, y, heading, 0.0, 0.0
    return ship


def living(ships: Iterable[Ship]) -> list[int]:
    """The seats of the ships that fly."""
    return [ship.seat for ship in ships if ship.is_alive]
