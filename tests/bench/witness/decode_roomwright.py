"""`python decode_roomwright.py RECORDING`: what a Roomwright client saw, one JSON line per update, by the real client machine.

Run as a script with the measured server's own checkout on PYTHONPATH, so that it is that version's client which decodes.
"""

import json
import struct
import sys
from pathlib import Path

from game.wire import messages as m
from game.wire.client import Applied, Client

HEAD = struct.Struct("<dBI")
TEXT = 1


def main() -> None:
    """Replays the recording into a client and prints its view after each applied frame."""
    data, at = Path(sys.argv[1]).read_bytes(), 0
    client = Client(m.Hello(schema=True))
    client.start(0.0)
    while at < len(data):
        now, opcode, length = HEAD.unpack_from(data, at)
        at += HEAD.size
        payload = data[at : at + length]
        at += length
        client.receive(payload.decode() if opcode == TEXT else payload, now)
        if any(isinstance(news, Applied) for news in client.news()) and client.view is not None:
            movers = [[mover.key, mover.x, mover.y, mover.hp] for mover in client.view.all("movers")]
            sys.stdout.write(json.dumps([now, client.tick, movers]) + "\n")


main()
