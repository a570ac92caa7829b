"""`python inprocess.py MOVERS TICKS`: what one room's rules and encoding cost, with no loop, layer or socket around them.

Run as a script with the measured checkout on PYTHONPATH. Prints JSON: microseconds per tick, of `step` and of the frame.
"""

import json
import sys
from time import process_time

from arena50 import Arena50, ArenaOptions
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
    game, rng = Arena50(tick_hz=HZ, seats=50), Rng(1)
    world = game.setup(ArenaOptions(movers=movers), rng)
    game.join(world, Seat(0, "one"), rng)
    stream = Stream(schema_of(Arena50), FRAMES)
    sources = {"_room": RoomRow(), "_seats": {}, "world": world, "movers": world.movers}
    step_s = cut_s = 0.0
    for tick in range(1, WARM_TICKS + ticks + 1):
        if tick == WARM_TICKS:
            step_s = cut_s = 0.0
        began = process_time()
        game.step(world, (), tick, rng)
        stepped = process_time()
        stream.cut(sources, (), (), (), is_forced=False)
        cut_s += process_time() - stepped
        step_s += stepped - began
    return {"step_us": 1e6 * step_s / ticks, "frame_us": 1e6 * cut_s / ticks}


json.dump(main(int(sys.argv[1]), int(sys.argv[2])), sys.stdout)
