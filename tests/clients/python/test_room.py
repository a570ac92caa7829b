"""A room from the inside, over a real socket: view, inputs and answers, chat, events, and leaving."""

import asyncio
from typing import Literal

import pytest

from clients.python import (
    BadInputError,
    NotServedError,
    RoomClosedError,
    RoomError,
    UnknownAnswerError,
    UnreachableError,
    connect,
)
from game.wire.closecodes import Close
from tests.clients.python.dots import DotsGame, Move, Moved
from tests.clients.python.loopback import Loopback
from tests.support.waiting import until

SUBPROTOCOLS: list[Literal["bin", "json"]] = ["bin", "json"]
by_subprotocol = pytest.mark.parametrize("subprotocol", SUBPROTOCOLS)


@by_subprotocol
async def test_a_bot_plays_with_the_schema_alone(server: Loopback, subprotocol: Literal["bin", "json"]):
    async with connect(server.url, game="dots", name="Ann", subprotocol=subprotocol) as room:
        assert [seat.name for seat in room.view.roster] == ["Ann"]
        assert room.view.mine("dots")[0].ink == 1000
        answer = await room.answer(await room.send({"type": "Move", "x": 3, "y": -4}))
        assert answer.reason == ""
        async for frame in room.frames():
            if frame.tick >= answer.tick:
                break
        own = room.view.mine("dots")[0]
        assert (own.x, own.y, own.ink) == (3.0, -4.0, 999)
        assert not hasattr(own, "secret")


async def test_with_the_rules_events_are_instances(server: Loopback):
    async with connect(server.url, game="dots", rules=DotsGame) as room:
        await room.send(Move(1, 1))
        async for event in room.events():
            assert event.body == Moved(room.seat or 0)
            break
    assert server.hellos[-1].schema is False


async def test_without_them_events_are_dicts(server: Loopback):
    async with connect(server.url, game="dots") as room:
        await room.send(room.input("Move"))
        async for event in room.events():
            assert (event.name, event.body) == ("Moved", {"seat": room.seat})
            break


@by_subprotocol
async def test_every_input_has_one_answer(server: Loopback, subprotocol: Literal["bin", "json"]):
    async with connect(server.url, game="dots", subprotocol=subprotocol) as room:
        numbers = [await room.send(Move(x=95.0 if i % 3 == 0 else 5.0)) for i in range(12)]
        answers = [await room.answer(n) for n in numbers]
    assert numbers == list(range(1, 13))
    assert [a.reason for a in answers] == ["illegal" if i % 3 == 0 else "" for i in range(12)]


async def test_answers_that_nobody_will_give(server: Loopback):
    async with connect(server.url, game="dots") as room:
        with pytest.raises(UnknownAnswerError, match="never sent"):
            await room.answer(1)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"type": "Jump"}, "expected an input of Move"),
        ({"type": "Move", "x": 1000}, "got 1000"),
        ("forward", "expected an input of"),
        (Move(x="far"), "expected a number"),  # type: ignore[arg-type]
    ],
)
async def test_wrong_inputs_are_told_before_they_travel(server: Loopback, wrong: object, told: str):
    async with connect(server.url, game="dots") as room:
        with pytest.raises(BadInputError, match=told):
            await room.send(wrong)
        assert (await room.answer(await room.send(Move(1, 1)))).reason == ""


async def test_two_players_see_each_other_and_chat_in_one_order(server: Loopback):
    async with (
        connect(server.url, room="K7", game="dots", name="Ann") as ann,
        connect(server.url, room="K7", game="dots", name="Bob") as bob,
    ):
        await ann.answer(await ann.send(Move(10, 20)))
        await until("Bob to see Ann's dot", lambda: [d for d in bob.view.all("dots") if d.x == 10])
        await asyncio.gather(ann.say("one"), bob.say("two"), ann.say("three"))
        await until("all lines everywhere", lambda: len(ann.chat) == len(bob.chat) == 3)
        assert ann.chat == bob.chat
        assert [line.n for line in bob.chat] == [1, 2, 3]
        assert [line.text async for line in _first(bob.lines(), 3)] == [line.text for line in bob.chat]


async def test_a_spectator_sees_no_private_field_and_its_inputs_are_refused(server: Loopback):
    async with connect(server.url, room="K7", game="dots") as player:
        async with connect(server.url, room="K7", role="spectator") as room:
            assert room.seat is None
            await until("the player's dot", lambda: room.view.all("dots"))
            assert not hasattr(room.view.all("dots")[0], "ink")
            n = await room.send(Move(1, 1))
            assert (await room.answer(n)).reason == "not_accepted"
            async for refused in room.refusals():
                assert (refused.what, refused.reason) == ("input", "not_accepted")
                break
        assert player.view.mine("dots")[0].ink == 1000


async def test_a_refused_chat_line_is_told(server: Loopback):
    async with connect(server.url, game="dots") as room:
        await room.say("   ")
        async for refused in room.refusals():
            assert (refused.what, refused.reason) == ("chat", "length")
            break


async def test_a_resync_brings_a_keyframe(server: Loopback):
    async with connect(server.url, game="dots") as room:
        await room.resync()
        async for frame in room.frames():
            if frame.kind.name == "KEY" and frame.tick > room.client.resyncs:
                break
        assert room.client.resyncs == 1


async def test_a_slow_reader_gets_the_newest_frame(server: Loopback):
    async with connect(server.url, game="dots") as room:
        frames = room.frames()
        first = await anext(frames)
        await until("ten more frames", lambda: room.metrics.frames >= 10)
        second = await anext(frames)
        assert second.tick >= first.tick + 9
        assert second.tick == room.tick


async def test_leaving_the_block_frees_the_seat(server: Loopback):
    async with connect(server.url, game="dots", room="K7") as room:
        assert list(server.room().seats) == [room.seat]
    assert server.room().seats == {}
    with pytest.raises(RoomClosedError):
        await room.send(Move(1, 1))


async def test_an_error_in_the_block_frees_the_seat_too(server: Loopback):
    with pytest.raises(ZeroDivisionError):
        async with connect(server.url, game="dots", room="K7"):
            raise ZeroDivisionError
    assert server.room().seats == {}


async def test_the_end_of_the_match_ends_the_loops(server: Loopback):
    async with connect(server.url, game="dots") as room:
        await server.goodbye_all(Close.ROOM_CLOSED, "Ann has won")
        ticks = [frame.tick async for frame in room.frames()]
        assert len(ticks) <= 2
        assert room.goodbye is not None
        assert room.goodbye.reason == "Ann has won"


async def test_nobody_there():
    with pytest.raises(UnreachableError, match=r"no Roomwright server answers.*make run"):
        async with connect("http://127.0.0.1:1", game="dots"):
            pass
    with pytest.raises(UnreachableError, match="nobody answers at ws"):
        async with connect("http://127.0.0.1:1", path="/ws/dots/K7", token="t"):
            pass
    with pytest.raises(RoomError, match="expected an address"):
        async with connect("127.0.0.1:1", game="dots"):
            pass


async def test_no_such_thing_there(server: Loopback):
    with pytest.raises(NotServedError, match="one of dots, got chess"):
        async with connect(server.url, game="chess"):
            pass
    with pytest.raises(NotServedError, match="no room 'K8'"):
        async with connect(server.url, room="K8"):
            pass
    with pytest.raises(NotServedError, match="HTTP 403"):
        async with connect(server.url, path="/ws/elsewhere/K7"):
            pass
    server.on_hello = lambda _hello: Close.NO_SUCH_ROOM
    with pytest.raises(NotServedError, match="4404 no_such_room"):
        async with connect(server.url, game="dots"):
            pass


async def test_a_server_that_never_sends_a_frame_is_given_up(server: Loopback):
    server.room().is_paused = True
    with pytest.raises(UnreachableError, match=r"no first frame within 0\.3 s"):
        async with connect(server.url, game="dots", room="K7", open_for_s=0.3):
            pass


async def test_a_full_server_is_told_when_patience_ends(server: Loopback):
    server.on_hello = lambda _hello: Close.OVERLOADED
    with pytest.raises(UnreachableError, match="4503 overloaded"):
        async with connect(server.url, game="dots", open_for_s=0.6):
            pass
    assert len(server.hellos) >= 2


async def test_another_version_of_the_game_is_refused(server: Loopback):
    class Other(DotsGame):
        inputs = (Moved,)

    with pytest.raises(RoomClosedError, match="4426 too_old"):
        async with connect(server.url, game="dots", rules=Other):
            pass


async def _first(items, count):
    for _ in range(count):
        yield await anext(items)


async def test_ticks_go_on_while_the_room_is_idle(server: Loopback):
    async with connect(server.url, game="dots", room="K7") as room:
        server.room().is_paused = True
        seen = [tick async for tick in _first(room.ticks(), 5)]
        assert seen == sorted(seen)
        assert seen[-1] > seen[0]
        assert room.metrics.frames <= 3
        server.room().is_paused = False
        await server.goodbye_all(Close.ROOM_CLOSED)
        async for _tick in room.ticks():
            pass
