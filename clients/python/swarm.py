"""Many bots at once, and a report of what they measured: latency, frame gaps, bytes, and everything that went wrong.

They play random inputs (any game) or a policy. One process decodes every frame of every bot; ``client_lag_ms`` in the
report says when that, and not the server, was the limit. docs/clients/python.md describes the JSON.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from attrs import define, field, frozen

from clients.python import clock
from clients.python.bots import drive
from clients.python.errors import RoomError
from clients.python.inputs import random_input
from clients.python.metrics import percentile
from clients.python.room import Room
from clients.python.sdk import Role, connect
from game.contract import Policy
from game.rng import Rng
from game.wire.closecodes import Close

JOINING_AT_ONCE = 32
SETTLE_S = 2.0
LAG_EVERY_S = 0.05
LAG_MAX_MS = 100.0
EXPECTED_CLOSES = {Close.NORMAL.value.code, Close.ROOM_CLOSED.value.code}


@frozen
class Plan:
    """What to run. ``rooms``: codes to spread the bots over; none: quick play. ``input_hz`` counts without a policy."""

    url: str
    game: str | None
    n: int
    seconds: float
    rooms: tuple[str, ...] = ()
    input_hz: float = 2.0
    policy: type[Policy] | None = None
    role: Role = "bot"
    seed: int = 1


@define
class Swarm:
    """One run. ``rooms`` holds every room that was entered, for the report."""

    plan: Plan
    rooms: list[Room] = field(factory=list)
    codes: set[str] = field(factory=set)
    join_ms: list[float] = field(factory=list)
    lag_ms: list[float] = field(factory=list)
    errors: Counter[str] = field(factory=Counter)
    _entering: set[int] = field(factory=set)
    joining_s: float = 0.0
    _started_at: float = 0.0
    _playing_since: float | None = None
    _ended_at: float = 0.0

    async def run(self, stop: asyncio.Event, progress: Callable[[float, int], None]) -> dict[str, Any]:
        """Joins all, plays for the plan's seconds or until ``stop``, leaves, and returns the report.

        ``progress`` is told the seconds played and the number of bots in rooms. Raises RoomError where not one bot got in.
        """
        self._started_at = clock.monotonic()
        is_ending = asyncio.Event()
        gate = asyncio.Semaphore(JOINING_AT_ONCE)
        bots = [asyncio.create_task(self._bot(i, gate, is_ending)) for i in range(self.plan.n)]
        lag = asyncio.create_task(self._measure_lag())
        try:
            await self._play(bots, stop, progress)
        finally:
            is_ending.set()
            self._ended_at = clock.monotonic()
            lag.cancel()
            for index in self._entering:
                bots[index].cancel()
            outcomes = await asyncio.gather(*bots, return_exceptions=True)
        for outcome in outcomes:
            self._note(outcome)
        return self.report()

    async def _play(
        self, bots: list[asyncio.Task[None]], stop: asyncio.Event, progress: Callable[[float, int], None]
    ) -> None:
        while not stop.is_set() and not all(task.done() for task in bots):
            now = clock.monotonic()
            settled = len(self.rooms) + sum(task.done() for task in bots)
            if self._playing_since is None and settled >= self.plan.n:
                self._playing_since, self.joining_s = now, now - self._started_at
            played_s = 0.0 if self._playing_since is None else now - self._playing_since
            progress(min(played_s, self.plan.seconds), len(self.rooms))
            if played_s >= self.plan.seconds:
                return
            await clock.sleep_until(now + 0.1)

    async def _bot(self, index: int, gate: asyncio.Semaphore, is_ending: asyncio.Event) -> None:
        plan = self.plan
        code = plan.rooms[index % len(plan.rooms)] if plan.rooms else None
        entering = connect(plan.url, game=plan.game, room=code, role=plan.role, name=f"swarm {index + 1}")
        async with gate:
            if is_ending.is_set():
                return
            began_at = clock.monotonic()
            self._entering.add(index)
            room = await entering.__aenter__()
            self._entering.remove(index)
        try:
            self.join_ms.append((clock.monotonic() - began_at) * 1000.0)
            self.rooms.append(room)
            self.codes.add(room.code)
            await self._until(is_ending, self._drive(room, Rng.from_seed(plan.seed, index)))
            await self._settle(room)
        finally:
            await entering.__aexit__(None, None, None)

    async def _until(self, is_ending: asyncio.Event, driving: Any) -> None:
        task, ending = asyncio.ensure_future(driving), asyncio.ensure_future(is_ending.wait())
        try:
            await asyncio.wait([task, ending], return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                task.result()
        finally:
            for waiting in (task, ending):
                waiting.cancel()
            await asyncio.gather(task, ending, return_exceptions=True)

    async def _drive(self, room: Room, rng: Rng) -> None:
        if self.plan.role == "spectator" or (self.plan.policy is None and self.plan.input_hz <= 0):
            async for _frame in room.frames():
                pass
        elif self.plan.policy is not None:
            await drive(room, self.plan.policy(), rng)
        else:
            await self._drive_randomly(room, rng)

    async def _drive_randomly(self, room: Room, rng: Rng) -> None:
        interval_s = 1.0 / self.plan.input_hz
        due_at = clock.monotonic() + interval_s * rng.unit()
        async for _tick in room.ticks():
            if clock.monotonic() >= due_at:
                due_at = max(due_at + interval_s, clock.monotonic() - interval_s)
                await room.send(random_input(room.view.schema, rng))

    async def _settle(self, room: Room) -> None:
        """Answers on their way still count."""
        deadline = clock.monotonic() + SETTLE_S
        while room.client.unanswered and not room.is_over and clock.monotonic() < deadline:
            await clock.sleep_until(clock.monotonic() + 0.05)

    async def _measure_lag(self) -> None:
        while True:
            due_at = clock.monotonic() + LAG_EVERY_S
            await clock.sleep_until(due_at)
            self.lag_ms.append((clock.monotonic() - due_at) * 1000.0)

    def _note(self, outcome: BaseException | None) -> None:
        if isinstance(outcome, RoomError) and self.rooms:
            self.errors[str(outcome)[:200]] += 1
        elif isinstance(outcome, Exception):
            raise outcome

    def report(self) -> dict[str, Any]:
        """The run in figures. ``problems`` is empty exactly when nothing was wrong."""
        metrics = [room.metrics for room in self.rooms]
        frames = sum(m.frames for m in metrics)
        frame_bytes, bytes_in = sum(m.frame_bytes for m in metrics), sum(m.bytes_in for m in metrics)
        # From the first join to the end: bots that joined early were fed while the others still joined.
        fed_s = max(1e-9, self._ended_at - self._started_at)
        closes = sum((m.closes for m in metrics), Counter[int]())
        report: dict[str, Any] = {
            "url": self.plan.url,
            "game": self.plan.game,
            "role": self.plan.role,
            "n": self.plan.n,
            "seconds": self.plan.seconds,
            "rooms": sorted(self.codes),
            "joined": len(self.rooms),
            "joins_per_s": round(len(self.rooms) / max(1e-9, self.joining_s or fed_s), 2),
            "join_ms": _spread([self.join_ms]),
            "answer_ms": _spread(m.answers_ms for m in metrics),
            "ping_ms": _spread(m.pings_ms for m in metrics),
            "frame_gap_ms": _spread(m.frame_gaps_ms for m in metrics),
            "frames": frames,
            "bytes_per_frame": round(frame_bytes / frames, 1) if frames else None,
            "bytes_per_s_per_bot": round(bytes_in / fed_s / max(1, len(self.rooms)), 1),
            "bytes_in": bytes_in,
            "inputs": {
                "sent": sum(m.inputs_sent for m in metrics),
                "answered": sum(m.inputs_applied + m.inputs_refused for m in metrics),
                "applied": sum(m.inputs_applied for m in metrics),
                "refused": sum(m.inputs_refused for m in metrics),
                "lost": sum(m.inputs_lost for m in metrics),
                "unanswered": sum(len(room.client.unanswered) for room in self.rooms),
            },
            "gaps": sum(room.client.gaps for room in self.rooms),
            "resyncs": sum(room.client.resyncs for room in self.rooms),
            "divergences": sum(room.client.divergences for room in self.rooms),
            "reconnects": sum(m.reconnects for m in metrics),
            "closes": {str(code): count for code, count in sorted(closes.items())},
            "errors": dict(self.errors),
            "client_lag_ms": _spread([self.lag_ms]),
        }
        return report | {"problems": problems(report), "warnings": warnings(report)}


def problems(report: dict[str, Any]) -> list[str]:
    """What makes a run a failure, in words."""
    found = [f"{count} x {message}" for message, count in report["errors"].items()]
    if report["joined"] < report["n"]:
        found.append(f"{report['n'] - report['joined']} of {report['n']} bots did not get in")
    if report["divergences"]:
        found.append(f"{report['divergences']} divergences: a client's state did not match its patches")
    for code, count in report["closes"].items():
        if int(code) not in EXPECTED_CLOSES:
            found.append(f"{count} unexpected closes with {code}")
    if report["inputs"].get("lost"):
        found.append(
            f"{report['inputs']['lost']} inputs lost: their room or seat was gone, and nobody tells if they were applied"
        )
    if report["inputs"]["unanswered"]:
        found.append(f"{report['inputs']['unanswered']} inputs without an answer {SETTLE_S:g} s after the end")
    return found


def warnings(report: dict[str, Any]) -> list[str]:
    """What makes the figures doubtful."""
    lag_ms = report["client_lag_ms"]["p99"]
    if lag_ms is not None and lag_ms > LAG_MAX_MS:
        return [f"the swarm itself lagged by {lag_ms:.0f} ms (p99): its latencies and gaps are not the server's alone"]
    return []


def _spread(samples: Iterable[Iterable[float]]) -> dict[str, float | int | None]:
    every = [value for part in samples for value in part]
    shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
    found = {name: percentile(every, share) for name, share in shares.items()}
    return {"count": len(every)} | {k: None if v is None else round(v, 2) for k, v in found.items()}
