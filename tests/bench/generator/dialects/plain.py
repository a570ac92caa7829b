"""Clients of the hand-written Channels consumer, in JSON and in binary, and of the bare ASGI application."""

import asyncio
import json
from typing import Any

from tests.bench.generator import framing
from tests.bench.generator.client import Client
from tests.bench.generator.tally import Tally


class PlainClient(Client):
    """A player; the server's messages of state are texts, or binary where the peer packs them."""

    def __init__(
        self, number: int, room: int, tally: Tally, loop: asyncio.AbstractEventLoop, plan: dict[str, Any]
    ) -> None:
        super().__init__(number, room, tally, loop)
        self.sent_at: dict[int, float] = {}
        self.seq = 0

    def path(self) -> str:
        return f"/ws/{self.room}"

    def text(self, data: bytes, now: float) -> None:
        if data.startswith(b'{"ack":'):
            self._answer(json.loads(data)["ack"], now)
        else:
            self._state(data, now)

    def binary(self, data: bytes, now: float) -> None:
        self._state(data, now)

    def _state(self, data: bytes, now: float) -> None:
        self.update(len(data), now)
        self.is_in()

    def _answer(self, seq: int, now: float) -> None:
        sent = self.sent_at.pop(seq, None)
        if sent is not None and self.tally.is_open:
            self.tally.inputs_answered += 1
            self.tally.rtts_s.append(now - sent)

    def steer(self, dx: float, dy: float, now: float) -> None:
        self.seq += 1
        self.sent_at[self.seq] = now
        self.send(framing.TEXT, json.dumps({"dx": dx, "dy": dy, "seq": self.seq}).encode())
        if self.tally.is_open:
            self.tally.inputs_sent += 1


class BareClient(PlainClient):
    """A client of an application that only accepts: in as soon as it is connected."""

    def opened(self) -> None:
        self.is_in()
