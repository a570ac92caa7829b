"""A loop whose ticks run late takes no new rooms, then no newcomers, and all again when it keeps up: by counts, in virtual time."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from game.wire.closecodes import Close
from server.clock import OwnTime, Source, replaced
from server.relay import envelope as e
from server.relay.envelope import Takes
from server.relay.link import Link
from server.relay.terms import terms_of
from server.rooms import holder as holder_module
from server.rooms.holder import LATE_CATCH_UP_TICKS, RETRY_LATE_S, SLICE_S, Holder, Services
from server.rooms.load import CALM_WINDOWS, LATE_BEATS_MIN, LATE_TICKS, WINDOW_S, Load
from server.rooms.room import Room
from tests.server.rooms.plans import plan_of
from tests.server.rooms.world import _eval

GATE = "gate"
BEAT_S = 1 / 40


def takes_of(who: Load | Holder) -> Takes:
    """What it takes now, which changes with every beat."""
    return who.takes


def windows(load: Load, due: list[int], count: int = 1, now: float = 0.0) -> float:
    """So many windows of beats at each of which every room has as many ticks to run as ``due`` says."""
    for _ in range(count * round(WINDOW_S / BEAT_S)):
        now += BEAT_S
        for ticks in due:
            load.turn(ticks)
        load.beat(now)
    return now


def test_a_loop_that_keeps_up_takes_all():
    load = Load()
    windows(load, [1] * 40, 20)
    assert takes_of(load) is Takes.ROOMS


def test_one_step_at_a_time_and_back():
    load, now, seen = Load(), 0.0, []
    now = windows(load, [1] * 10, 2, now)
    for due in ([LATE_TICKS] * 10,) * 3 + ([1] * 10,) * (2 * CALM_WINDOWS + 1):
        now = windows(load, due, 1, now)
        seen.append(load.takes)
    calm = [takes for takes in seen if takes is not Takes.ROOMS]
    assert seen[0] >= Takes.JOINS and Takes.JOINS in calm[:2] and Takes.NOTHING in calm[:3]
    assert seen[-1] is Takes.ROOMS
    assert len(calm) >= 2 * CALM_WINDOWS


def test_one_slow_room_among_many_is_its_own_business():
    load = Load()
    windows(load, [8] + [1] * 9, 20)
    assert takes_of(load) is Takes.ROOMS


@given(st.lists(st.integers(20, 60), max_size=20))
def test_a_stall_now_and_then_is_no_overload(gaps: list[int]):
    load, now = Load(), 0.0
    for gap in gaps:
        for n in range(gap):
            now += BEAT_S if n else 1.5
            for _ in range(5):
                load.turn(8 if n == 0 else 1)
            assert not load.beat(now)
    assert takes_of(load) is Takes.ROOMS


def test_however_long_its_beats_are_a_late_loop_is_noticed():
    load, now = Load(), 0.0
    for _ in range(2 * LATE_BEATS_MIN + 1):
        now += 5.0
        load.turn(8)
        load.beat(now)
    assert takes_of(load) is Takes.NOTHING


def test_a_loop_without_rooms_is_calm_again():
    load = Load()
    now = windows(load, [8], 4)
    assert takes_of(load) is Takes.NOTHING
    windows(load, [], 2 * CALM_WINDOWS + 2, now)
    assert takes_of(load) is Takes.ROOMS


# ---- a loop process


@define
class Layer:
    """In a port's place: keeps what is sent."""

    channel: str = "channel"
    announcements: list[e.Announcement] = field(factory=list)
    news: int = 0

    def send(self, channel: str, message: Any) -> None:
        """To a gateway: its link keeps it, too."""

    def group_send(self, group: str, message: Any) -> None:
        """To all."""
        self.news += message.get("kind") == "news"
        if message.get("kind") == "loop":
            self.announcements.append(e.announcement_decoder.decode(message["d"]))


@define(eq=False)
class Loop:
    """A holder at a clock of its own. A tick of a room takes ``cost_s``; ``step`` lets time pass as `Holder.run` does."""

    now: float = 1000.0
    cost_s: float = 0.0
    layer: Layer = field(factory=Layer)
    holder: Holder = field(init=False)
    terms: e.Terms = field(init=False)
    joins: int = 0

    def __attrs_post_init__(self) -> None:
        async def claim(_incarnation: str) -> int:
            return 1

        async def nothing(*_: Any) -> bool:
            return True

        services = Services(claim, nothing, nothing, nothing, repr, _eval, lambda: datetime.now(UTC))
        layer: Any = self.layer
        plan = plan_of(delay="0s", grace="30s")
        self.terms = terms_of(plan.rooms["parlour"])
        self.holder = Holder("loop", layer, layer, plan.rooms, services)
        self.holder._links[GATE] = Link(GATE, "gate's channel", self.now)

    async def step(self, seconds: float) -> None:
        """Beats until so much time has passed; the gateway goes on being heard."""
        end = self.now + seconds
        while self.now < end:
            self.holder._links[GATE].heard_at = self.now
            deadline = await self.holder.beat(self.now)
            self.now = max(self.now + 0.0005, deadline)
            await asyncio.sleep(0)

    async def host(self, *names: str) -> None:
        """A gateway asks for rooms."""
        for name in names:
            self.holder._on_item(GATE, e.Host(name, name.upper(), "parlour", 1, self.terms))
        for _ in range(3):
            await asyncio.sleep(0)

    async def join(self, room: str, identity: str, *, resume: str | None = None, role: str = "player") -> e.ToGateway:
        """The loop's answer to a join."""
        self.joins += 1
        conn = f"c{self.joins}"
        self.holder._on_item(GATE, e.Join(room, conn, identity, identity, role, ("public",), 1, resume, self.terms))
        for _ in range(400):
            for item in self.holder._links[GATE]._unacked:
                if isinstance(item, (e.Joined, e.JoinRefused)) and item.conn == conn:
                    return item
            await self.step(0.01)
        raise AssertionError("no answer to a join")

    @property
    def skipped(self) -> float:
        """Seconds of ticks that its rooms lost."""
        return sum(held.pace.skipped_s for held in self.holder.rooms.values())


@pytest.fixture
async def loop(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Loop]:
    """A loop with four rooms, each with a player; in the last one somebody's seat waits for them."""
    made = Loop()
    tick = Room.tick

    def costly(room: Room, now: float) -> None:
        tick(room, now)
        made.now += made.cost_s

    monkeypatch.setattr(Room, "tick", costly)
    own = OwnTime()
    with replaced(Source(lambda: made.now, lambda: datetime.now(UTC), lambda: own)), capture_logs():
        await made.host("one", "two", "three", "four")
        for room in ("one", "two", "three", "four"):
            assert isinstance(await made.join(room, f"{room}'s"), e.Joined)
        yield made


PERIOD_S = 1 / 40  # of the four rooms' ticks


async def test_a_loop_that_is_busy_but_on_time_takes_all(loop: Loop):
    loop.cost_s = 0.8 * PERIOD_S / 4
    await loop.step(10.0)
    assert takes_of(loop.holder) is Takes.ROOMS
    assert not loop.skipped


async def test_a_late_loop_refuses_rooms_first_and_loses_no_tick_before(loop: Loop):
    loop.cost_s = 1.15 * PERIOD_S / 4
    while takes_of(loop.holder) is Takes.ROOMS:
        await loop.step(0.05)
        assert loop.now < 1100.0
    assert takes_of(loop.holder) is Takes.JOINS
    assert not loop.skipped
    assert loop.layer.announcements[-1].takes is Takes.JOINS  # at once, not with the next second's
    await loop.host("five")
    refused = await loop.join("five", "eve")
    assert isinstance(refused, e.JoinRefused) and refused.close == Close.MOVING.value.code  # another loop may
    assert isinstance(await loop.join("one", "eve"), e.Joined)
    while takes_of(loop.holder) is Takes.JOINS:
        await loop.step(0.05)
        assert loop.now < 1100.0
    told = [announcement.takes for announcement in loop.layer.announcements]
    assert [takes for n, takes in enumerate(told) if n == 0 or takes is not told[n - 1]] == [
        Takes.ROOMS,
        Takes.JOINS,
        Takes.NOTHING,
    ]


async def test_newcomers_are_told_when_to_come_and_who_comes_back_is_let_in(loop: Loop):
    ann = await loop.join("one", "ann")
    bob = await loop.join("one", "bob")
    assert isinstance(ann, e.Joined) and isinstance(bob, e.Joined)
    fay = await loop.join("one", "fay")  # whose newer tab takes over while the older is open
    assert isinstance(fay, e.Joined)
    for joined in (ann, bob):
        loop.holder._on_item(GATE, e.AckItem("one", joined.conn, 1, 1))
        loop.holder._on_item(GATE, e.Part("one", joined.conn, is_lost=True))
    loop.cost_s = 1.3 * PERIOD_S / 4
    while takes_of(loop.holder) is not Takes.NOTHING:
        await loop.step(0.02)
        assert loop.now < 1100.0
    for role in ("player", "bot", "spectator"):
        refused = await loop.join("two", "eve", role=role)
        assert isinstance(refused, e.JoinRefused)
        assert (refused.close, refused.retry_after_s) == (Close.OVERLOADED.value.code, RETRY_LATE_S)
        assert refused.reason.startswith("joins_when_late: ")
    assert isinstance(await loop.join("one", "ann", resume=ann.resume), e.Joined)
    assert isinstance(await loop.join("one", "fay", resume=fay.resume), e.Joined)
    assert isinstance(await loop.join("one", "bob"), e.Joined)  # without its token, but its seat waits
    loop.cost_s = 0.1 * PERIOD_S / 4
    await loop.step(20.0)
    assert takes_of(loop.holder) is Takes.ROOMS
    assert isinstance(await loop.join("two", "eve"), e.Joined)
    await loop.host("five")
    assert isinstance(await loop.join("five", "eve"), e.Joined)


async def test_a_full_loop_takes_no_room_more_but_joins(loop: Loop, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(holder_module, "ROOMS_MAX", 4)
    await loop.host("five")
    assert takes_of(loop.holder) is Takes.JOINS and "five" not in loop.holder.rooms
    refused = await loop.join("five", "eve")
    assert isinstance(refused, e.JoinRefused) and refused.close == Close.MOVING.value.code
    assert isinstance(await loop.join("one", "eve"), e.Joined)


async def test_others_of_the_process_have_their_turn_however_late_its_rooms_are(loop: Loop):
    """Links and heartbeats that fell silent for seconds ended all rooms of a loaded server."""
    turns: list[float] = []

    async def other() -> None:
        while True:
            turns.append(loop.now)
            await asyncio.sleep(0)

    loop.cost_s = 0.9 * PERIOD_S  # four times of what there is time for
    while takes_of(loop.holder) is not Takes.NOTHING:
        await loop.step(0.02)
        assert loop.now < 1100.0
    task, news = asyncio.create_task(other()), loop.layer.news
    await loop.step(10.0)
    task.cancel()
    assert max(later - at for at, later in pairwise(turns)) <= SLICE_S + LATE_CATCH_UP_TICKS * loop.cost_s + 1e-6
    assert loop.skipped and len(loop.holder.rooms) == 4  # they are slow, and live
    assert 0 < loop.layer.news - news <= 4 * 10  # skipped time is told once a second, not in each turn
