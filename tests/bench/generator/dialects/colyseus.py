"""Colyseus' clients: matchmaking over HTTP, then its room protocol with state patches counted and not decoded."""

import asyncio
import math
from typing import Any

import msgspec

from tests.bench.generator import framing
from tests.bench.generator.client import Client
from tests.bench.generator.http import Poster
from tests.bench.generator.tally import Tally

JOIN_ROOM, ROOM_DATA, ROOM_STATE, ROOM_STATE_PATCH = 10, 13, 14, 15
CODE_MASK = 0x1F
INPUT = bytes((ROOM_DATA, 0xA5)) + b"input"
ACK_BYTES = 1 + 1 + 3  # the code, then the string "ack"


class ColyseusClient(Client):
    """A player."""

    def __init__(
        self, number: int, room: int, tally: Tally, loop: asyncio.AbstractEventLoop, plan: dict[str, Any]
    ) -> None:
        super().__init__(number, room, tally, loop)
        self.size = math.ceil(plan["clients"] / plan["rooms"]) + (plan["slow_readers"] > 0)
        self.players_per_room = plan.get("players_per_room")
        self.rooms = plan["rooms"]
        self.seat: dict[str, Any] = {}
        self.sent_at: dict[int, float] = {}
        self.seq = 0

    def path(self) -> str:
        seat = self.seat
        return f"/{seat['processId']}/{seat['roomId']}?sessionId={seat['sessionId']}"

    async def prepare(self, poster: Poster) -> None:
        """Asks the matchmaker for a place."""
        self.seat = await poster.post("/matchmake/joinOrCreate/arena", {"key": self.room, "size": self.size})

    def text(self, data: bytes, now: float) -> None:
        self.tally.fault("text from a binary protocol")

    def binary(self, data: bytes, now: float) -> None:
        code = data[0] & CODE_MASK
        if code == ROOM_STATE_PATCH:
            self.update(len(data), now)
        elif code == ROOM_DATA:
            self._answer(msgspec.msgpack.decode(data[ACK_BYTES:]), now)
        elif code == JOIN_ROOM:
            self.send(framing.BINARY, bytes((JOIN_ROOM,)))
        elif code == ROOM_STATE:
            self.is_in()

    def _answer(self, seq: int, now: float) -> None:
        sent = self.sent_at.pop(seq, None)
        if sent is not None and self.tally.is_open:
            self.tally.inputs_answered += 1
            self.tally.rtts_s.append(now - sent)

    def steer(self, dx: float, dy: float, now: float) -> None:
        if self.players_per_room is not None and self.number // self.rooms >= self.players_per_room:
            return
        self.seq += 1
        self.sent_at[self.seq] = now
        self.send(framing.BINARY, INPUT + msgspec.msgpack.encode({"dx": dx, "dy": dy, "seq": self.seq}))
        if self.tally.is_open:
            self.tally.inputs_sent += 1
