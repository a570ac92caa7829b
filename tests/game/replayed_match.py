"""A shipped game's match between bots, live and recorded: `python -m tests.game.replayed_match arena` prints its hashes.

With a file's name too, it replays that record instead. `tests/game/test_replay_games.py` runs it in other processes.
"""

import importlib
import sys
from pathlib import Path

from game.contract import Game, Policy, Seat
from game.replay import Record, Recorder, replay, state_hash
from game.rng import Rng
from tests.game.viewers import Viewers

GAMES = {
    "arena": ("game.arena:Arena", ("game.arena.bots:Ace", "game.arena.bots:Chaser", "game.arena.bots:Drifter")),
    "doodle": ("game.doodle:Doodle", ("game.doodle.bots:Scribbler",)),
}
TICKS = 900


def named(path: str) -> type:
    """A class by module and name."""
    module, _, name = path.partition(":")
    found = getattr(importlib.import_module(module), name)
    assert isinstance(found, type)
    return found


def game_of(name: str) -> Game:
    """The game, as a room type with two teams would have it."""
    made = named(GAMES[name][0])(tick_hz=60, seats=8, teams=("red", "blue"))
    assert isinstance(made, Game)
    return made


def live(name: str, seed: int = 5) -> tuple[list[str], bytes]:
    """Fifteen seconds of bots that come, go and lose their connection; the hash after every tick, and the record."""
    game = game_of(name)
    options = type(game).Options()
    recorder = Recorder.of(game, seed, options)
    rng, chance = Rng.from_seed(seed), Rng.from_seed(seed, 1)
    world = game.setup(options, rng)
    viewers = Viewers(game, world)
    minds: dict[int, Policy] = {}
    hashes = [state_hash(world, rng)]
    for tick in range(1, TICKS + 1):
        if tick % 40 == 1 and len(minds) < 6:
            seat = Seat(len(minds), f"Zoë {tick}", len(minds) % 2, is_bot=len(minds) % 3 == 0)
            game.join(world, seat, rng)
            recorder.joined(seat)
            minds[seat.number] = named(GAMES[name][1][seat.number % len(GAMES[name][1])])()
        if tick in (300, 360):
            game.connected(world, 1, tick == 360)
            recorder.linked(1, tick == 360)
        if tick == 600:
            game.leave(world, 2, "kicked")
            recorder.left(2, "kicked")
            minds[2] = Policy()
        inputs = []
        if tick % 3 == 0:
            seats = [number for number, mind in minds.items() if type(mind) is not Policy]
            viewers.show(seats)
            for number in seats:
                body = minds[number].act(viewers.views[number], tick, chance)
                if body is not None and game.validate(world, number, body) is None:
                    inputs.append((number, body))
        game.step(world, inputs, tick, rng)
        recorder.tick(tick, inputs=inputs)
        hashes.append(state_hash(world, rng))
        if tick % 300 == 0:
            recorder.checkpoint(world, rng)
    return hashes, recorder.to_bytes()


if __name__ == "__main__":
    name, *path = sys.argv[1:]
    print(*(replay(Record.from_bytes(Path(path[0]).read_bytes()), game_of(name)) if path else live(name)[0]), sep="\n")
