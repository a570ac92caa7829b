"""Rooms that a gateway opens: how fast and how many for each identity and address; and none where no loop takes any."""

import asyncio

from attrs import evolve

from game.wire.closecodes import Close
from server.relay import envelope as e
from server.sockets.caps import Caps
from server.sockets.gateway import RETRY_BUSY_S, Found, NotFound
from server.sockets.opened import (
    NEW_ROOMS_EACH,
    NEW_ROOMS_PER_ADDRESS,
    ROOM_SILENT_S,
    ROOMS_PER_ADDRESS,
    ROOMS_PER_IDENTITY,
    OpenedRooms,
)
from server.sockets.who import Who
from tests.server.sockets.process import NODE

ANN = Who("ann", "Ann", "guest")
FAR, OTHER, NEAR = "192.0.2.1", "192.0.2.2", "127.0.0.1"


def info(incarnation: str, state: str = "open") -> e.RoomInfo:
    return e.RoomInfo(incarnation, "code", "parlour", 0, 0, 0, 8, state, 1)


def open_slowly(rooms: OpenedRooms, count: int, identity: str, address: str, now: float = 0.0) -> float:
    """Opens rooms so slowly that no rate is in the way, each of which lives on."""
    for n in range(count):
        now += 10.0
        assert rooms.why_not(identity, address, now) is None
        rooms.note(f"{identity}{address}{n}", identity, address, now)
        keep_all(rooms, now)
    return now


def keep_all(rooms: OpenedRooms, now: float) -> None:
    rooms.on_announcement(e.Announcement("loop", "channel", tuple(info(name) for name in list(rooms._rooms))), now)


def test_an_identity_has_so_many_rooms_at_a_time():
    rooms = OpenedRooms(Caps())
    now = open_slowly(rooms, ROOMS_PER_IDENTITY, "ann", NEAR)
    refused = rooms.why_not("ann", NEAR, now + 1)
    assert refused is not None and refused.close is Close.NOT_ALLOWED
    assert refused.reason.startswith("rooms_per_identity: one identity may have 12 rooms and has 12; play in those")
    assert rooms.why_not("eve", NEAR, now + 1) is None
    rooms.on_announcement(e.Announcement("loop", "channel", (info(f"ann{NEAR}0", "ended"),)), now + 2)
    assert rooms.why_not("ann", NEAR, now + 2) is None


def test_guests_are_free_so_an_address_has_so_many_rooms_whoever_opens_them():
    rooms, now = OpenedRooms(Caps()), 0.0
    for n in range(ROOMS_PER_ADDRESS):  # 40 arena rooms slowed a server until rooms died
        now = open_slowly(rooms, 1, f"guest{n}", FAR, now)
    refused = rooms.why_not("another", FAR, now + 10)
    assert refused is not None and refused.close is Close.NOT_ALLOWED
    assert refused.reason.startswith("rooms_per_address: one address may have 40 rooms")
    assert rooms.why_not("another", OTHER, now + 10) is None


def test_a_class_of_thirty_opens_thirty_rooms_at_once():
    rooms = OpenedRooms(Caps())
    for n in range(30):
        assert rooms.why_not(f"guest{n}", FAR, 0.0) is None
        rooms.note(f"R{n}", f"guest{n}", FAR, 0.0)


def test_rooms_come_at_a_rate_for_each_identity_and_each_address():
    each = OpenedRooms(Caps())
    fast = [each.why_not("ann", NEAR, 0.0) for _ in range(NEW_ROOMS_EACH.burst + 1)]
    assert [refused is not None for refused in fast] == [False] * NEW_ROOMS_EACH.burst + [True]
    assert fast[-1] is not None and fast[-1].close is Close.OVERLOADED and fast[-1].retry_after_s
    address = OpenedRooms(Caps())
    fast = [address.why_not(f"guest{n}", FAR, 0.0) for n in range(NEW_ROOMS_PER_ADDRESS.burst + 1)]
    assert [refused is not None for refused in fast] == [False] * NEW_ROOMS_PER_ADDRESS.burst + [True]
    assert fast[-1] is not None and fast[-1].reason.startswith("new_rooms_per_address: ")
    assert address.why_not("guest", OTHER, 0.0) is None


def test_a_room_that_nobody_announces_counts_no_longer():
    rooms = OpenedRooms(Caps())
    now = open_slowly(rooms, ROOMS_PER_IDENTITY, "ann", FAR)
    assert rooms.why_not("ann", FAR, now + ROOM_SILENT_S + 1) is None
    assert not len(rooms) and not rooms.caps._drawn


async def test_the_gateway_counts_what_it_opens(process):
    process.gateway.caps.per_address = 6  # whose share of rooms is none but the one that everybody has
    ann = await process.joined("/ws/K7", "ann", address=FAR)
    assert ann.code is None and len(process.gateway.opened) == 1
    eve = await process.joined("/ws/K8", "eve", address=FAR)
    assert eve.code == Close.NOT_ALLOWED.value.code and "K8" not in process.rows
    assert eve.client.goodbye.reason.startswith("rooms_per_address: one address may have 1 rooms and has 1")
    assert (await process.joined("/ws/K7", "bob", address=FAR)).code is None
    assert (await process.joined("/ws/K8", "eve", address=OTHER)).code is None


async def test_where_no_loop_takes_rooms_none_is_made_and_the_rooms_that_are_there_are_joined(process):
    ann = await process.joined("/ws/K7", "ann")
    seen = process.hub.loops.seen
    process.holder._load.takes = e.Takes.JOINS
    seen[NODE] = evolve(seen[NODE], takes=e.Takes.JOINS)
    route = process.plan.routes[0]
    refused = await process.gateway.find(route, "K8", ANN)
    assert isinstance(refused, NotFound) and refused.close is Close.OVERLOADED
    assert refused.reason.startswith("rooms_when_busy: ") and refused.retry_after_s == RETRY_BUSY_S
    assert "K8" not in process.rows
    assert (await process.joined("/ws/K7", "eve")).welcome.incarnation == ann.welcome.incarnation
    process.gateway._started_at = process.gateway.now()  # nor is a loop waited for that is there
    await asyncio.wait_for(process.gateway.find(route, "K8", ANN), 5.0)
    process.holder._load.takes = e.Takes.ROOMS
    seen[NODE] = evolve(seen[NODE], takes=e.Takes.ROOMS)
    assert isinstance(await process.gateway.find(route, "K8", ANN), Found)


async def test_gateways_prefer_loops_that_take_rooms(process):
    loops, now = process.hub.loops, process.gateway.now()
    loops.on_announcement(e.Announcement("a", "channel", (), e.Takes.JOINS), now)
    loops.on_announcement(e.Announcement("b", "channel", (), e.Takes.NOTHING), now)
    loops.on_announcement(e.Announcement("c", "channel", (info("1"), info("2"), info("3"))), now)
    loops.seen.pop(NODE, None)
    assert loops.chosen(now).node == "c"
    assert {loop.node for loop in loops.alive(now)} == {"a", "b", "c"}


async def test_who_comes_to_a_late_room_is_told_when_to_come_again(process):
    await process.joined("/ws/K7", "ann")
    process.holder._load.takes = e.Takes.NOTHING
    eve = await process.joined("/ws/K7", "eve")
    assert eve.code == Close.OVERLOADED.value.code
    assert eve.client.goodbye.reason.startswith("joins_when_late: ") and eve.client.goodbye.retry_after_s
