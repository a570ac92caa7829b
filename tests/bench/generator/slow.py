"""Readers on links too thin for their room: how far behind they fall, and what the server does about it."""

import asyncio
from statistics import median
from time import monotonic
from typing import Any

from attrs import define, field

from tests.bench.generator.client import Client
from tests.bench.generator.crowd import POLL_S, Crowd, connect
from tests.bench.generator.http import Poster
from tests.bench.generator.tally import Tally
from tests.support.proxy import TcpProxy

HZ = 20
LINK_BUFFER_BYTES = 4096  # the link's own; the server's kernel keeps what buffers it likes
LAST_S = 5


@define(eq=False)
class SlowReaders:
    """One more client in each of the first rooms, behind a proxy that will pass only a share of what the room sends."""

    crowd: Crowd
    proxy: TcpProxy
    readers: list[Client] = field(factory=list)
    tally: Tally = field(factory=Tally)
    behind_s: list[list[float]] = field(factory=list)
    _task: asyncio.Task[None] | None = None

    @classmethod
    async def joined(cls, crowd: Crowd) -> "SlowReaders":
        """All joined, nothing throttled yet."""
        plan = crowd.plan
        proxy = TcpProxy(plan["port"], buffer_bytes=LINK_BUFFER_BYTES)
        proxy.start()
        slow = cls(crowd, proxy)
        poster = Poster(plan["host"], plan["port"])
        for i in range(plan["slow_readers"]):
            reader = crowd.client(plan["clients"] + i, slow.tally)
            await reader.prepare(poster)
            await connect(reader, plan["host"], proxy.port)
            slow.readers.append(reader)
        poster.close()
        return slow

    def throttle(self, bytes_per_s: float) -> None:
        """From now on the links pass so much; once a second it is noted how far behind each reader is."""
        self.proxy.throttle(bytes_per_s)
        self._task = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        began = [(reader.position, self._room_at(reader)) for reader in self.readers]
        offsets = [room - own for own, room in began]
        while True:
            for _ in range(round(1.0 / POLL_S)):
                await asyncio.sleep(POLL_S)
                for reader in self.readers:
                    reader.poll(monotonic())
            self.behind_s.append(
                [
                    (self._room_at(reader) - reader.position - offset) / HZ
                    for reader, offset in zip(self.readers, offsets, strict=True)
                ]
            )

    def _room_at(self, reader: Client) -> int:
        return self.crowd.clients[reader.room].position

    def end(self) -> dict[str, Any]:
        """The readers leave; how far behind each was at the end (median of the last seconds) and at most."""
        if self._task is not None:
            self._task.cancel()
        for reader in self.readers:
            reader.end()
        self.proxy.stop()
        each = list(zip(*self.behind_s, strict=True))
        return {
            "behind_s": [median(values[-LAST_S:]) for values in each],
            "behind_max_s": [max(values) for values in each],
            "slow_closes": self.tally.closes,
            "slow_resyncs": self.tally.resyncs,
        }
