"""Many clients: lets them join so many at a time, steers them by one timer, and keeps them alive."""

import asyncio
import math
import random
from time import monotonic
from typing import Any

from attrs import define, field

from tests.bench.generator.client import Client
from tests.bench.generator.dialects.colyseus import ColyseusClient
from tests.bench.generator.dialects.plain import BareClient, PlainClient
from tests.bench.generator.dialects.roomwright import RoomwrightClient
from tests.bench.generator.http import Poster
from tests.bench.generator.tally import Tally

JOINS_AT_ONCE = 50
WHEEL_STEP_S = 0.005
POLL_S = 0.1
JOIN_TIMEOUT_S = 30.0
HEADINGS = 256
RECORDED_ROOMS_MAX = 8

DIALECTS: dict[str, type[Any]] = {
    "roomwright": RoomwrightClient,
    "colyseus": ColyseusClient,
    "plain": PlainClient,
    "bare": BareClient,
}


@define(eq=False)
class Crowd:
    """``plan`` is the run's plan as JSON says it (`tests.bench.cell`)."""

    plan: dict[str, Any]
    tally: Tally
    clients: list[Client] = field(factory=list)
    join_s: list[float] = field(factory=list)
    _timers: list[asyncio.Task[None]] = field(factory=list)

    @classmethod
    def of(cls, plan: dict[str, Any]) -> "Crowd":
        """All clients, nobody connected; one client in each of up to eight rooms is recorded for the witness."""
        crowd, loop = cls(plan, Tally()), asyncio.get_running_loop()
        plan["shared"] = {}
        rooms = plan["rooms"]
        for number in range(plan["clients"]):
            crowd.clients.append(DIALECTS[plan["dialect"]](number, number % rooms, crowd.tally, loop, plan))
        every = math.ceil(rooms / RECORDED_ROOMS_MAX)
        if plan.get("record"):
            for client in crowd.clients[:rooms:every]:
                client.recording = []
        return crowd

    async def join(self) -> float:
        """Everybody joins, `JOINS_AT_ONCE` at a time; the seconds until the last has its first full state."""
        waiting = iter(self.clients)
        began = monotonic()
        async with asyncio.TaskGroup() as group:
            for _ in range(min(self.plan.get("joins_at_once", JOINS_AT_ONCE), len(self.clients))):
                group.create_task(self._join_each(waiting))
        return monotonic() - began

    async def _join_each(self, waiting: Any) -> None:
        loop = asyncio.get_running_loop()
        host, port = self.plan["host"], self.plan["port"]
        poster = Poster(host, port)
        for client in waiting:
            began = monotonic()
            await client.prepare(poster)
            async with asyncio.timeout(JOIN_TIMEOUT_S):
                await loop.create_connection(lambda made=client: made, host, port)  # type: ignore[misc]
                await client.joined
            self.join_s.append(monotonic() - began)
            await self._make_room_slowly(client)
        poster.close()

    async def _make_room_slowly(self, client: Client) -> None:
        """A peer may limit how fast rooms are made; the plan says so, and that is no part of the measured joins."""
        pause_s = self.plan.get("new_room_every_s", 0.0)
        if pause_s and client.number < self.plan["rooms"]:
            await asyncio.sleep(pause_s)

    def start(self) -> None:
        """Inputs and polling begin."""
        self._timers.append(asyncio.create_task(self._poll()))
        if self.plan["inputs_hz"]:
            self._timers.append(asyncio.create_task(self._steer()))

    def end(self) -> None:
        """Everybody leaves."""
        for timer in self._timers:
            timer.cancel()
        for client in self.clients:
            client.end()

    async def _steer(self) -> None:
        """Each client sends `inputs_hz` inputs a second, each at its own moment of the period."""
        source = random.Random(7)
        slots = max(1, round(1 / self.plan["inputs_hz"] / WHEEL_STEP_S))
        wheel: list[list[Client]] = [[] for _ in range(slots)]
        for client in self.clients:
            wheel[source.randrange(slots)].append(client)
        angles = [2 * math.pi * i / HEADINGS for i in range(HEADINGS)]
        headings = [(math.cos(angle), math.sin(angle)) for angle in angles]
        began, step = monotonic(), 0
        while True:
            now = monotonic()
            while began + step * WHEEL_STEP_S <= now:
                for client in wheel[step % slots]:
                    dx, dy = headings[source.randrange(HEADINGS)]
                    if not client.is_ended:
                        client.steer(dx, dy, now)
                step += 1
            await asyncio.sleep(began + step * WHEEL_STEP_S - monotonic())

    async def _poll(self) -> None:
        while True:
            now = monotonic()
            for client in self.clients:
                client.poll(now)
            await asyncio.sleep(POLL_S)
