"""Decodes what a client of the hand-written consumer received: whole states as JSON, coordinates as 16-bit numbers."""

import json
import struct

from tests.bench.witness.law import SIZE, State

HEAD = struct.Struct("<dBI")


def states_of_plain(recording: bytes) -> list[State]:
    """Every state, in order."""
    states, at = [], 0
    while at < len(recording):
        now, _, length = HEAD.unpack_from(recording, at)
        at += HEAD.size
        message = json.loads(recording[at : at + length])
        at += length
        if "movers" in message:
            movers = {m["id"]: (m["x"] * SIZE / 65535, m["y"] * SIZE / 65535, m["hp"]) for m in message["movers"]}
            states.append(State(now, message["tick"], movers))
    return states
