"""Our server with a wall clock that SIGUSR1 sets two days forward and SIGUSR2 four days back: `python stepping_server.py PORT`."""

import signal
import sys
import time

from server.serving.serve import serve  # isort: skip - chooses Twisted's reactor, so it comes first

from datetime import timedelta

from attrs import evolve

from server import clock
from server.asgi import planned
from server.ops.log import configure_logging
from server.wiring import GATEWAY, LOOP, WORKER, Parts

DAY_S = 86_400.0


def main(port: str) -> None:
    date, real, offset_s = time.time, clock.Source(), 0.0

    def step(by_s: float) -> None:
        nonlocal offset_s
        offset_s += by_s

    time.time = lambda: date() + offset_s
    stepping = evolve(real, wall_now=lambda: real.wall_now() + timedelta(seconds=offset_s))
    signal.signal(signal.SIGUSR1, lambda *_: step(2 * DAY_S))
    signal.signal(signal.SIGUSR2, lambda *_: step(-4 * DAY_S))
    configure_logging()
    with clock.replaced(stepping):
        serve(Parts(planned(), frozenset({GATEWAY, LOOP, WORKER})), "127.0.0.1", int(port))


if __name__ == "__main__":
    main(*sys.argv[1:])
