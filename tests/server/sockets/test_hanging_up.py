"""Guests who hang up on their way in, at every place where they can, leave nothing behind."""

import asyncio
from typing import Any

import pytest

from game.wire import messages as m
from server.sockets.connection import SEEN_MAX
from server.sockets.consumer import RoomConsumer
from tests.server.sockets.process import Process
from tests.support.waiting import until

GUESTS = 45  # of as many rooms, as in the report; below what one gateway opens at once
PLACES = ("nothing", "hello", "scope", "find", "open", "claim", "missed")


def left_behind(process: Process) -> dict[str, int]:
    """How much of each list in the gateway and in the loop is still there because of somebody."""
    hub, gateway, holder = process.hub, process.gateway, process.holder
    rooms = [held.room for held in holder.rooms.values()]
    return {
        "connections": len(gateway.connections),
        "joining": len(hub._joining),
        "members": len(hub.members()) + len(hub._where) + len(hub._watched),
        "users": len(hub.users._users),
        "openings": len(gateway._opening),
        "claims": sum(map(len, holder._claims._waiting.values())),
        "coming": sum(len(room._coming) + len(room._pending) for room in rooms),
        "seats": sum(room.match.seats.people + len(room.viewers) for room in rooms),
    }


async def come(process: Process, place: str) -> list[Any]:
    """Guests of rooms of their own, stopped at that place."""
    process.held_at = place
    sockets = [process.socket(f"/ws/ROOM{n}") for n in range(GUESTS)]
    for n, socket in enumerate(sockets):
        assert (await socket.connect())[0]
        if place != "nothing":
            await socket.send_to(text_data=m.encode(m.Hello(token=None if place == "scope" else f"guest{n}")))
    if place not in ("nothing", "hello"):
        await until(f"{GUESTS} guests at {place}", lambda: process.stopped >= GUESTS)
    return sockets


async def hang_up(sockets: list[Any]) -> None:
    for socket in sockets:
        await socket.disconnect()


@pytest.mark.parametrize("place", PLACES)
async def test_who_hangs_up_on_the_way_in_leaves_nothing_behind(process, place):
    tasks = asyncio.all_tasks()
    await hang_up(await come(process, place))
    process.go_on()
    await until(f"nothing left: {left_behind(process)}", lambda: not any(left_behind(process).values()))
    await until("no task left", lambda: asyncio.all_tasks() <= tasks)
    ann = await process.joined("/ws/ROOM0", "ann")
    assert ann.code is None and ann.welcome.seats[0].seat == 0


async def test_guests_who_hang_up_while_their_rooms_open_wait_in_no_list(process):
    """Each one's Part was put into every pending claim's list, and again for each claim that ended: lists doubled."""
    sockets = await come(process, "claim")
    assert left_behind(process)["claims"] == GUESTS
    await hang_up(sockets)
    await until("nobody waits", lambda: not left_behind(process)["claims"])
    process.go_on()
    await until("the rooms", lambda: len(process.holder.rooms) == GUESTS)
    assert not left_behind(process)["seats"]


async def test_a_guest_who_leaves_while_it_is_looked_for_its_room_is_not_seated(process):
    (guest, *others) = await come(process, "find")
    await guest.send_to(text_data=m.encode(m.Leave()))
    while (await guest.receive_output(1))["type"] != "websocket.close":
        pass
    await hang_up(others)
    (leaving,) = [task for each in process.gateway.connections.values() for task in each._tasks]
    process.go_on()
    await asyncio.wait([leaving], timeout=5)
    assert leaving.done() and not left_behind(process)["joining"]


async def test_a_socket_that_breaks_while_it_is_accepted_leaves_no_task(process):
    tasks = asyncio.all_tasks()
    accepting = asyncio.Event()

    async def send(message: dict[str, Any]) -> None:
        accepting.set()
        await asyncio.Event().wait()

    connects = iter([{"type": "websocket.connect"}])

    async def receive() -> dict[str, Any]:
        return next(connects)

    kwargs = {"room": "ROOM"}
    scope = {"type": "websocket", "path": "/ws/ROOM", "subprotocols": [m.BIN], "url_route": {"kwargs": kwargs}}
    consumer = next(cls for cls in RoomConsumer.__subclasses__() if cls.route.role.value == "player")()
    run = asyncio.create_task(consumer(scope, receive, send))
    await accepting.wait()
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
    await until("no task left", lambda: asyncio.all_tasks() <= tasks)
    assert not any(left_behind(process).values())


async def test_so_many_rooms_wait_for_the_directory_and_no_more(process, monkeypatch):
    monkeypatch.setattr("server.sockets.gateway.OPENING_MAX", GUESTS - 5)
    process.held_at = "open"
    sockets = [process.socket(f"/ws/ROOM{n}") for n in range(GUESTS)]
    for n, socket in enumerate(sockets):
        assert (await socket.connect())[0]
        await socket.send_to(text_data=m.encode(m.Hello(token=f"guest{n}")))
    refused = [m.decode_server((await socket.receive_output(5))["text"]) for socket in sockets[-5:]]
    assert [goodbye.code for goodbye in refused if isinstance(goodbye, m.Goodbye)] == [4503] * 5
    assert len(process.gateway._opening) == GUESTS - 5
    await hang_up(sockets)
    process.go_on()
    await until("nothing left", lambda: not any(left_behind(process).values()))


async def test_acks_of_notices_ask_the_database_one_question_at_a_time(process):
    ann = await process.joined("/ws/K7", "ann")
    (connection,) = process.gateway.connections.values()
    process.held_at = "seen"
    for first in range(1, 3 * SEEN_MAX, 10):
        await ann.socket.send_to(text_data=m.encode(m.Ack(notices=tuple(range(first, first + 10)))))
    await until("all to be read", lambda: len(connection._seen) == SEEN_MAX)
    await until("one question", lambda: process.stopped == 1)
    assert len(connection._tasks) == 1
    process.go_on()
    await until("it to be told", lambda: not connection._seen and not connection._tasks)
    assert ann.code is None
