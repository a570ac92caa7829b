"""How a gateway finds rooms: one query for many who join together, and never for long a room that is not there any more."""

import asyncio
from typing import Any

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from game.wire.closecodes import Close
from server.relay import envelope as e
from server.sockets.gateway import Found, NotFound
from server.sockets.known import REMEMBERED_S, KnownRooms
from server.sockets.opened import NEW_ROOMS_EACH
from server.sockets.who import Who
from tests.server.sockets.process import NODE, Process, Row

ANN, EVE = Who("ann", "Ann", "guest"), Who("eve", "Eve", "guest")


class Counted:
    """A directory function that counts its calls, each of which takes a turn of the event loop."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.calls = inner, 0

    async def __call__(self, *args: Any) -> Any:
        self.calls += 1
        await asyncio.sleep(0)
        return await self.inner(*args)


def count_questions(process: Process) -> tuple[Counted, Counted]:
    directory = process.gateway.directory
    find, open_room = Counted(directory.find), Counted(directory.open_room)
    process.gateway.directory = evolve(directory, find=find, open_room=open_room)
    return find, open_room


async def test_a_held_room_is_asked_for_once_and_anew_after_a_moment(process):
    find, _ = count_questions(process)
    now = process.gateway.now()
    process.gateway.now = lambda: now
    process.rows["K7"] = Row("K7-1", "K7", "parlour", 1, 1, NODE, "channel")
    route = process.plan.routes[0]
    for _ in range(5):
        assert await process.gateway.find(route, "K7", ANN) == Found("K7-1", NODE, "channel")
    assert find.calls == 1
    now += REMEMBERED_S
    process.rows["K7"] = Row("K7-2", "K7", "parlour", 1, 1, NODE, "channel")
    assert (await process.gateway.find(route, "K7", ANN)).incarnation == "K7-2"


async def test_who_was_sent_away_asks_the_directory_itself(process):
    count_questions(process)
    process.rows["K7"] = Row("K7-1", "K7", "parlour", 1, 1, NODE, "channel")
    route = process.plan.routes[0]
    assert (await process.gateway.find(route, "K7", ANN)).incarnation == "K7-1"
    process.rows["K7"] = Row("K7-2", "K7", "parlour", 1, 1, NODE, "channel")
    assert (await process.gateway.find(route, "K7", ANN, is_again=True)).incarnation == "K7-2"
    assert (await process.gateway.find(route, "K7", EVE)).incarnation == "K7-2"  # and the others gain by it


async def test_a_room_whose_loop_fell_silent_is_not_taken_from_memory(process):
    find, _ = count_questions(process)
    process.rows["K7"] = Row("K7-1", "K7", "parlour", 1, 1, NODE, "channel")
    route = process.plan.routes[0]
    await process.gateway.find(route, "K7", ANN)
    process.hub.loops.seen[NODE] = evolve(process.hub.loops.seen[NODE], at=-1e9)
    process.hub.loops.seen["loop-2"] = evolve(process.hub.loops.seen[NODE], node="loop-2", at=process.gateway.now())
    process.rows["K7"] = Row("K7-1", "K7", "parlour", 1, 2, "loop-2", "its channel")
    assert await process.gateway.find(route, "K7", ANN) == Found("K7-1", "loop-2", "its channel")
    assert find.calls == 2


async def test_many_who_come_at_once_open_one_room(process):
    _, open_room = count_questions(process)
    route = process.plan.routes[0]
    crowd = [Who(f"g{n}", "G", "guest") for n in range(80)]  # more than the new rooms that are free at once
    found = await asyncio.gather(*(process.gateway.find(route, "K7", who) for who in crowd))
    assert open_room.calls == 1
    assert {place.incarnation for place in found} == {"K7-1"}


async def test_new_rooms_of_one_identity_are_still_limited(process):
    route = process.plan.routes[0]
    found = [await process.gateway.find(route, f"R{n}", ANN) for n in range(NEW_ROOMS_EACH.burst + 1)]
    assert [type(place) for place in found] == [Found] * NEW_ROOMS_EACH.burst + [NotFound]
    assert found[-1].close is Close.OVERLOADED


async def test_a_newcomer_who_is_led_to_an_ended_room_gets_into_the_next_one(process):
    ann = await process.joined("/ws/K7", "ann")
    # It is remembered as held; then it ends without a word that this gateway hears.
    await process.gateway.find(process.plan.routes[0], "K7", EVE)
    assert process.gateway.known.get("K7", process.gateway.now()) is not None
    process.holder._remove(process.holder.rooms[ann.welcome.incarnation])
    process.rows.clear()
    eve = await process.joined("/ws/K7", "eve")
    assert eve.code is None
    assert eve.welcome.incarnation != ann.welcome.incarnation


def info(incarnation: str, state: str = "open") -> e.RoomInfo:
    return e.RoomInfo(incarnation, "code", "parlour", 0, 0, 0, 8, state, 1)


def test_a_loop_s_announcement_ends_what_it_does_not_hold():
    known = KnownRooms()
    for name, loop in (("a", "one"), ("b", "one"), ("c", "one"), ("d", "two")):
        known.keep(Row(f"{name}-1", name, "parlour", 1, 1, loop, "channel"), 0.0)
    known.on_announcement(e.Announcement("one", "channel", (info("a-1"), info("b-1", "ended"))))
    assert [name for name in "abcd" if known.get(name, 0.5)] == ["a", "d"]


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.floats(0, 0.7), st.booleans())))
def test_nothing_is_remembered_for_longer_than_it_may(steps: list[tuple[str, float, bool]]):
    known, kept, now = KnownRooms(), dict[str, tuple[float, int]](), 0.0
    for n, (code, later, is_kept) in enumerate(steps):
        now += later
        if is_kept:
            known.keep(Row(f"{code}-{n}", code, "parlour", 1, 1, "loop", "channel"), now)
            kept[code] = now, n
        else:
            known.forget(code)
            kept.pop(code, None)
        for name in "abcdef":
            at, number = kept.get(name, (-10.0, 0))
            found = known.get(name, now)
            assert (found.incarnation if found else None) == (f"{name}-{number}" if now < at + REMEMBERED_S else None)
