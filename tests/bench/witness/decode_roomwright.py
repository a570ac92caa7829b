"""`python decode_roomwright.py RECORDING …`: what Roomwright clients saw, a JSON line per update, by the real client machine.

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


def decode(recording: Path) -> None:
    """Replays a recording into a client and prints its view after each applied frame; first the recording's name."""
    sys.stdout.write(json.dumps(recording.name) + "\n")
    data, at = recording.read_bytes(), 0
    client = Client(m.Hello(schema=True))
    client.start(0.0)
    while at < len(data):
        now, opcode, length = HEAD.unpack_from(data, at)
        at += HEAD.size
        payload = data[at : at + length]
        at += length
        client.receive(payload.decode() if opcode == TEXT else payload, now)
        client.data_to_send()  # the recorded client has answered
        if any(isinstance(news, Applied) for news in client.news()) and client.view is not None:
            movers = [[mover.key, mover.x, mover.y, mover.hp] for mover in client.view.all("movers")]
            sys.stdout.write(json.dumps([now, client.tick, movers]) + "\n")


for word in sys.argv[1:]:
    decode(Path(word))
