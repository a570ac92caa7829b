"""Many clients: lets them join so many at a time, steers them by one timer, and keeps them alive."""

import asyncio
import math
import random
from collections.abc import Iterator, Sequence
from time import monotonic
from typing import Any

from attrs import define, field

from tests.bench.generator.client import Client
from tests.bench.generator.dialects.colyseus import ColyseusClient
from tests.bench.generator.dialects.plain import BareClient, PlainClient
from tests.bench.generator.dialects.roomwright import RoomwrightClient
from tests.bench.generator.http import HttpError, Poster
from tests.bench.generator.tally import Tally

WHEEL_STEP_S = 0.005
POLL_S = 0.1
JOIN_TIMEOUT_S = 30.0
JOIN_ALL_S = 60.0
HEADINGS = 256
RECORDED_ROOMS_MAX = 8

DIALECTS: dict[str, type[Any]] = {
    "roomwright": RoomwrightClient,
    "colyseus": ColyseusClient,
    "plain": PlainClient,
    "bare": BareClient,
}


async def connect(client: Client, host: str, port: int) -> None:
    """Connects and waits for the first full state. Raises TimeoutError, ConnectionError."""
    async with asyncio.timeout(JOIN_TIMEOUT_S):
        await asyncio.get_running_loop().create_connection(lambda: client, host, port)
        await client.joined


@define(eq=False)
class Crowd:
    """``plan`` is the run's plan as JSON says it (`tests.bench.cell`)."""

    plan: dict[str, Any]
    tally: Tally
    clients: list[Client] = field(factory=list)
    join_s: list[float] = field(factory=list)
    _joins_until: float = field(factory=lambda: monotonic() + JOIN_ALL_S)
    _timers: list[asyncio.Task[None]] = field(factory=list)

    @classmethod
    def of(cls, plan: dict[str, Any]) -> "Crowd":
        """All clients, nobody connected; one client in each of up to eight rooms is recorded for the witness."""
        crowd = cls(plan, Tally())
        plan["shared"] = {}
        rooms = plan["rooms"]
        crowd.clients = [crowd.client(number, crowd.tally) for number in range(plan["clients"])]
        every = math.ceil(rooms / RECORDED_ROOMS_MAX)
        if plan.get("record"):
            for client in crowd.clients[:rooms:every]:
                client.recording = []
        return crowd

    def client(self, number: int, tally: Tally) -> Client:
        """One client of the plan's peer, in the room that its number says."""
        dialect = DIALECTS[self.plan["dialect"]]
        made: Client = dialect(number, number % self.plan["rooms"], tally, asyncio.get_running_loop(), self.plan)
        return made

    async def join(self, clients: Sequence[Client]) -> float:
        """They join, so many at a time; the seconds until the last has its first full state."""
        if self.plan["players_per_room"] is not None:  # nobody watches a room that is not there yet
            makers = [client for client in clients if client.number < self.plan["rooms"]]
            clients = clients[len(makers) :]
            await self._join_each(iter(makers))
        began, waiting = monotonic(), iter(clients)
        async with asyncio.TaskGroup() as group:
            for _ in range(min(self.plan["joins_at_once"], len(clients))):
                group.create_task(self._join_each(waiting))
        return monotonic() - began

    async def _join_each(self, waiting: Iterator[Client]) -> None:
        poster = Poster(self.plan["host"], self.plan["port"])
        for client in waiting:
            began = monotonic()
            if began > self._joins_until:
                client.is_ended = True
                self.tally.closed("not tried: the others took too long to join")
                continue
            try:
                await client.prepare(poster)
                await connect(client, self.plan["host"], self.plan["port"])
            except (OSError, TimeoutError, HttpError, asyncio.IncompleteReadError) as error:
                client.is_ended = True
                poster.close()
                self.tally.closed(f"while joining: {str(error) or type(error).__name__}")
                continue
            self.join_s.append(monotonic() - began)
        poster.close()

    def count_anew(self) -> None:
        """Forgets what was counted so far; nothing is counted until the new tally is opened."""
        self.tally = Tally()
        for client in self.clients:
            client.tally, client.updates = self.tally, 0

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
