"""Plays half a minute with bots and prints the world's hash every ten seconds: `test_determinism` runs it as a process.

python -m tests.game.arena.digest SEED MODE
"""

import hashlib
import sys
from collections.abc import Iterator

import msgspec

from game.arena import Arena
from game.arena.bots import Ace, Chaser, Drifter
from game.arena.options import ArenaOptions
from game.arena.world import ArenaWorld
from game.contract import Seat
from game.rng import Rng
from tests.game.arena.tournament import TEAMS, ask
from tests.game.viewers import Viewers


def digest(world: ArenaWorld, rng: Rng) -> str:
    """BLAKE2b of the whole unquantized state and the random source."""
    return hashlib.blake2b(msgspec.msgpack.encode((world, rng)), digest_size=16).hexdigest()


def digests(seed: int, mode: str, seconds: int = 30) -> Iterator[str]:
    """One hash for every ten seconds of a match of nine bots."""
    game, rng, chance = Arena(teams=TEAMS), Rng.from_seed(seed), Rng.from_seed(seed, stream=1)
    world = game.setup(ArenaOptions(mode=mode), rng)  # type: ignore[arg-type]
    pilots = {number: mind() for number, mind in enumerate((Ace, Chaser, Drifter) * 3)}
    for number in pilots:
        game.join(world, Seat(number, f"bot {number}", is_bot=True), rng)
    viewers = Viewers(game, world)
    for tick in range(1, seconds * game.tick_hz + 1):
        inputs = []
        if tick % 3 == 0:
            viewers.show(pilots)
            inputs = ask(game, viewers, pilots, tick, chance)
        game.step(world, inputs, tick, rng)
        if tick % (10 * game.tick_hz) == 0:
            yield digest(world, rng)


if __name__ == "__main__":
    print(" ".join(digests(int(sys.argv[1]), sys.argv[2])))
