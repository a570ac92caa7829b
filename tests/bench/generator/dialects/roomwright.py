"""Roomwright's clients: a hello with a guest's token, binary inputs, acks and pings as docs/protocol.md asks for them.

Frames are not decoded (the witness does that, later): the header is read, the client's head kept by the protocol's rule, and
the answers found. What many clients of a room get in common is looked at once.
"""

import asyncio
import json
import struct
from time import monotonic
from typing import Any

from game.binary import put_uvarint
from game.wire.acks import AckPace
from game.wire.client import PING_EVERY_S, RESYNC_AFTER_MAX_S, RESYNC_AFTER_S
from game.wire.messages import BIN
from tests.bench.generator import framing
from tests.bench.generator.client import Client
from tests.bench.generator.http import Poster
from tests.bench.generator.tally import Tally

KEY, PATCH, HEAD = 1, 2, 3
INPUT, ACK = 0x11, 0x12
STEPS = 65_535  # of dx and dy from -1 to 1


class Shared:
    """One frame's common bytes: what `shape` found, and the ack's payload. Kept per room, of the newest frame."""

    def __init__(self, data: bytes = b"\xff") -> None:
        self.bytes = data
        if data[0] in (KEY, PATCH, HEAD):
            self.kind, self.epoch, self.seq, self.base, self.answers_at = shape(data)
            self.bytes = data[: self.answers_at]
            ack = bytearray((ACK,))
            put_uvarint(ack, self.epoch)
            put_uvarint(ack, self.seq)
            self.ack = bytes(ack)


class RoomwrightClient(Client):
    """A player (or, by its path, a spectator). `shared` is common to the clients of its room."""

    protocols = (BIN,)

    def __init__(
        self, number: int, room: int, tally: Tally, loop: asyncio.AbstractEventLoop, plan: dict[str, Any]
    ) -> None:
        super().__init__(number, room, tally, loop)
        self.plan = plan
        self.token: str = plan["tokens"][number] if plan.get("tokens") else ""
        self.shared: list[Shared] = plan["shared"].setdefault(room, [Shared()])
        self.head = (-1, -1)
        self.is_key_wanted = True
        self.sent_at: dict[int, float] = {}
        self.next_n = 1
        self.acks = AckPace()
        self.ping_at = 0.0
        self.resync_at = 0.0
        self.resync_wait_s = RESYNC_AFTER_S
        self.reason = ""

    @property
    def is_player(self) -> bool:
        """Players come first in a room; the others watch."""
        players = self.plan.get("players_per_room")
        return players is None or self.number // self.plan["rooms"] < players

    def path(self) -> str:
        code = self.plan["codes"][self.room]
        return f"/ws/{code}" if self.is_player else f"/ws/{code}/watch"

    async def prepare(self, poster: Poster) -> None:
        """Becomes a guest, where no token was given."""
        if not self.token:
            self.token = (await poster.post("/api/guest", {}))["token"]

    def opened(self) -> None:
        hello = {"type": "hello", "token": self.token, "schema": self.recording is not None}
        self.send(framing.TEXT, json.dumps(hello).encode())
        self.ping_at = monotonic() + PING_EVERY_S

    def text(self, data: bytes, now: float) -> None:
        if data.startswith(b'{"type":"pong"'):
            return
        message = json.loads(data)
        if message["type"] == "welcome":
            self.acks.begin(message["send_hz"], now)
        elif message["type"] == "goodbye":
            self.reason = f"{message['code']} {message['name']} {message.get('reason', '')}".strip()
        elif message["type"] == "refused":
            self.tally.inputs_refused += 1
            self.tally.fault(f"refused: {message['what']} {message['reason']}")
        elif message["type"] == "rebase":
            self.tally.fault("rebase: the loop skipped time")

    def binary(self, data: bytes, now: float) -> None:
        shared = self.shared[0]
        if not data.startswith(shared.bytes):
            shared = self.shared[0] = Shared(data)
        self._follow(shared, len(data), now)
        has_answers = shared.kind != HEAD and data[shared.answers_at] != 0
        if has_answers:
            self._answers(data, shared.answers_at, now)
        if self.acks.on_frame(now):
            self._ack(now)

    def _follow(self, shared: Shared, size: int, now: float) -> None:
        """The client rule of docs/protocol.md, without the state."""
        position = (shared.epoch, shared.seq)
        if shared.kind == KEY:
            is_further = position > self.head or self.is_key_wanted
        else:
            is_gap = self.is_key_wanted or shared.epoch != self.head[0] or shared.base > self.head[1]
            is_further = position > self.head and not is_gap and shared.kind == PATCH
            if is_gap and position > self.head:
                self._gap(now)
        if is_further:
            is_first = self.head[0] < 0
            self.head, self.is_key_wanted = position, False
            self.resync_wait_s = RESYNC_AFTER_S
            self.update(size, now)
            self.position = shared.seq
            if is_first:
                self.is_in()
        elif self.tally.is_open:
            self.tally.payload_bytes += size
            self.tally.wire_bytes += size + (2 if size < 126 else 4)

    def _gap(self, now: float) -> None:
        self.tally.protocol_gaps += 1
        if self.head[0] >= 0 and now >= self.resync_at:
            self.resync_at, self.resync_wait_s = (
                now + self.resync_wait_s,
                min(self.resync_wait_s * 2, RESYNC_AFTER_MAX_S),
            )
            self.tally.resyncs += 1
            self.send(framing.TEXT, b'{"type":"resync"}')

    def _answers(self, data: bytes, at: int, now: float) -> None:
        count, at = uvarint(data, at)
        for _ in range(count):
            _, at = uvarint(data, at)
            n, at = uvarint(data, at)
            _, at = uvarint(data, at)
            _, at = uvarint(data, at)
            length, at = uvarint(data, at)
            at += length
            sent = self.sent_at.pop(n, None)
            if sent is None:
                continue  # told before
            if length:
                self.tally.inputs_refused += 1
            elif self.tally.is_open:
                self.tally.inputs_answered += 1
                self.tally.rtts_s.append(now - sent)

    def _ack(self, now: float) -> None:
        self.acks.on_ack(now)
        shared = self.shared[0]
        if (shared.epoch, shared.seq) == self.head:
            self.send(framing.BINARY, shared.ack)
            return
        out = bytearray((ACK,))
        put_uvarint(out, self.head[0])
        put_uvarint(out, self.head[1])
        self.send(framing.BINARY, bytes(out))

    def steer(self, dx: float, dy: float, now: float) -> None:
        if not self.is_player:
            return
        n, self.next_n = self.next_n, self.next_n + 1
        out = bytearray((INPUT, 0))
        put_uvarint(out, n)
        put_uvarint(out, max(0, self.head[0]))
        put_uvarint(out, max(0, self.head[1]))
        out += b"\x00\x00"  # as soon as possible; the game's one input
        out += struct.pack("<HH", int((dx + 1) * STEPS / 2 + 0.5), int((dy + 1) * STEPS / 2 + 0.5))
        self.sent_at[n] = now
        self.acks.on_input()
        self.send(framing.BINARY, bytes(out))
        if self.tally.is_open:
            self.tally.inputs_sent += 1

    def poll(self, now: float) -> None:
        if self.head[0] >= 0 and self.acks.is_due(now):
            self._ack(now)
        if now >= self.ping_at > 0:
            self.ping_at = now + PING_EVERY_S
            self.send(framing.TEXT, b'{"type":"ping","t":%d}' % round(now * 1000))

    def _closed(self, why: str) -> None:
        super()._closed(self.reason or why)


def uvarint(data: bytes, at: int) -> tuple[int, int]:
    """The value at ``at`` and the place after it."""
    byte = data[at]
    if byte < 0x80:
        return byte, at + 1
    value, shift = byte & 0x7F, 7
    while True:
        at += 1
        byte = data[at]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at + 1
        shift += 7


def shape(data: bytes) -> tuple[int, int, int, int, int]:
    """Kind, epoch, seq, base of a frame, and where its answers begin (docs/protocol.md, frames)."""
    epoch, at = uvarint(data, 1)
    seq, at = uvarint(data, at)
    behind, at = uvarint(data, at)
    _, at = uvarint(data, at)
    _, at = uvarint(data, at)
    sections, at = uvarint(data, at)
    for _ in range(sections):
        _, at = uvarint(data, at + 1)
        deltas, at = uvarint(data, at)
        for _ in range(deltas):
            _, at = uvarint(data, at)
            length, at = uvarint(data, at)
            at += length
    return data[0], epoch, seq, seq - behind, at
