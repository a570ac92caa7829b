"""`python inprocess.py MOVERS TICKS`: what one room's rules and encoding cost, with no loop, layer or socket around them.

Run as a script with the measured checkout on PYTHONPATH. Prints JSON: microseconds per tick, of `step` and of the frame.
"""

import json
import sys
from importlib import import_module
from time import process_time

from game.contract import Seat
from game.rng import Rng
from game.schema import RoomRow, schema_of
from server.rooms.stream import Stream
from server.routing.plan import FramesSpec

WARM_TICKS = 200
HZ = 20
FRAMES = FramesSpec(window=3, rung_every=8, rung_span=32, keyframe_every=60)


def main(movers: int, ticks: int) -> dict[str, float]:
    """Steps and cuts ``ticks`` frames after a warm-up."""
    rules = import_module("arena50")  # from the folder that the bench puts on the path
    game, rng = rules.Arena50(tick_hz=HZ, seats=50), Rng.from_seed(1)
    world = game.setup(rules.ArenaOptions(movers=movers), rng)
    game.join(world, Seat(0, "one"), rng)
    stream = Stream(schema_of(rules.Arena50), FRAMES)
    sources = {"_room": RoomRow(), "_seats": {}, "world": world, "movers": world.movers}

    def stepped(first: int, count: int) -> float:
        began = process_time()
        for tick in range(first, first + count):
            game.step(world, (), tick, rng)
        return process_time() - began

    def shown(first: int, count: int) -> float:
        began = process_time()
        for tick in range(first, first + count):
            game.step(world, (), tick, rng)
            stream.cut(sources, (), (), (), is_forced=False)
        return process_time() - began

    shown(1, WARM_TICKS)
    step_s, both_s = stepped(WARM_TICKS + 1, ticks), shown(WARM_TICKS + ticks + 1, ticks)
    return {"step_us": 1e6 * step_s / ticks, "frame_us": 1e6 * (both_s - step_s) / ticks}


json.dump(main(int(sys.argv[1]), int(sys.argv[2])), sys.stdout)
