"""What the network and the server do to a client, over real sockets: it comes back, or says why it does not."""

import asyncio
import time

import pytest

from clients.python import (
    LostInputError,
    ProtocolBrokenError,
    Room,
    RoomClosedError,
    UnknownAnswerError,
    connect,
    link,
)
from game.rng import Rng
from game.wire.closecodes import Close, Retry
from tests.clients.python.dots import Move
from tests.clients.python.loopback import Loopback
from tests.support.waiting import until

NEVER = [
    close for close in Close if close.value.retry is Retry.NEVER and close not in (Close.NORMAL, Close.ROOM_CLOSED)
]
FRESH = [close for close in Close if close.value.retry is Retry.FRESH]
BACKOFF = [close for close in Close if close.value.retry is Retry.BACKOFF]


async def test_a_dropped_socket_resumes_the_same_seat(server: Loopback):
    async with connect(server.url, game="dots", room="K7") as room:
        await room.answer(await room.send(Move(7, 7)))
        seat, generation = room.seat, room.welcome.seats[0].generation
        server.drop_all()
        await until("the resumed connection", lambda: room.metrics.reconnects == 1 and room.is_live)
        assert (room.seat, room.welcome.seats[0].generation) == (seat, generation + 1)
        assert server.hellos[-1].resume is not None
        assert len(server.room().seats) == 1
        assert await room.send(Move(8, 8)) == 2
        assert (await room.answer(2)).reason == ""


async def test_inputs_that_never_arrived_are_sent_again_once(server: Loopback, tcp_proxy):
    proxy = tcp_proxy(server.port)
    async with connect(f"http://127.0.0.1:{proxy.port}", game="dots", room="K7") as room:
        first = await room.answer(await room.send(Move(1, 1)))
        await until(
            "a few frames, so that the old head is beyond the new connection's", lambda: room.tick > first.tick + 3
        )
        proxy.blackhole()
        numbers = [await room.send(Move(n, n)) for n in (2, 3, 4)]
        proxy.cut()
        proxy.heal()
        answers = [await room.answer(n) for n in numbers]
        assert [answer.reason for answer in answers] == ["", "", ""]
        assert server.room().applied == [(room.seat, n) for n in (1, 2, 3, 4)]


async def test_a_close_without_a_goodbye_is_a_broken_line(server: Loopback):
    async with connect(server.url, game="dots", room="K7") as room:
        seat = room.seat
        for connection in server.connected:
            await connection.socket.close(1000)
        await until("the resumed connection", lambda: room.metrics.reconnects == 1 and room.is_live)
        assert room.seat == seat
        assert not room.is_over


async def test_a_bot_that_thinks_for_long_is_not_taken_for_a_silent_server(server: Loopback, monkeypatch):
    monkeypatch.setattr(link, "SILENT_FOR_S", 0.5)
    async with connect(server.url, game="dots", room="K7") as room:
        await room.answer(await room.send(Move(1, 1)))
        for _ in range(3):
            time.sleep(1.2)  # as a laptop that sleeps; nothing that came meanwhile is read yet  # noqa: ASYNC251
            await room.answer(await room.send(Move(2, 2)))
        assert room.metrics.reconnects == 0


async def test_an_input_sent_while_there_is_no_connection_waits_for_it(server: Loopback):
    async with connect(server.url, game="dots", room="K7") as room:
        server.drop_all()
        await until("the client to notice", lambda: not room.is_live)
        assert (await room.answer(await room.send(Move(5, 5)))).reason == ""


async def test_a_half_open_connection_is_noticed_by_its_silence(server: Loopback, tcp_proxy, monkeypatch):
    monkeypatch.setattr(link, "SILENT_FOR_S", 0.5)
    proxy = tcp_proxy(server.port)
    async with connect(f"http://127.0.0.1:{proxy.port}", game="dots", room="K7") as room:
        seat = room.seat
        proxy.half_open()
        await until("the resumed connection", lambda: room.metrics.reconnects >= 1 and room.is_live)
        assert room.seat == seat


async def test_a_slow_link_plays_on(server: Loopback, tcp_proxy):
    proxy = tcp_proxy(server.port)
    proxy.delay(0.1)
    async with connect(f"http://127.0.0.1:{proxy.port}", game="dots", room="K7") as room:
        for n in range(3):
            assert (await room.answer(await room.send(Move(n, n)))).reason == ""
        assert room.metrics.reconnects == 0
        assert min(room.metrics.answers_ms) >= 200


async def test_lost_frames_are_repaired_and_nothing_diverges(server: Loopback):
    chance = Rng.from_seed(5)
    async with connect(server.url, game="dots", room="K7") as room:
        server.lose = lambda: chance.below(100) < 20
        for n in range(40):
            await room.answer(await room.send(Move(n, -n)))
        server.lose = lambda: False
        assert room.client.resyncs > 0
        await until("the newest state", lambda: [(d.x, d.y) for d in room.view.all("dots")] == [(39.0, -39.0)])
        assert room.view.world.moves == 40
        assert room.client.divergences == 0
        assert room.metrics.reconnects == 0


@pytest.mark.parametrize("close", NEVER, ids=lambda close: close.name)
async def test_after_these_goodbyes_it_stays_away(server: Loopback, close: Close):
    async with connect(server.url, game="dots", room="K7") as room:
        await server.goodbye_all(close, "because")
        with pytest.raises(RoomClosedError, match=rf"{close.value.code} {close.value.name} \(because\)") as caught:
            async for _frame in room.frames():
                pass
        assert caught.value.goodbye == room.goodbye
        with pytest.raises(RoomClosedError):
            await room.send(Move(1, 1))
        with pytest.raises(RoomClosedError):
            await room.say("hello?")
    assert len(server.hellos) == 1


@pytest.mark.parametrize("close", FRESH, ids=lambda close: close.name)
async def test_after_these_it_joins_afresh(server: Loopback, close: Close):
    async with connect(server.url, game="dots", room="K7") as room:
        await server.goodbye_all(close)
        await until("the fresh join", lambda: room.metrics.reconnects == 1 and room.is_live)
        assert (await room.answer(await room.send(Move(1, 1)))).reason == ""
    assert [hello.resume for hello in server.hellos] == [None, None]


@pytest.mark.parametrize("close", BACKOFF, ids=lambda close: close.name)
async def test_after_these_it_resumes(server: Loopback, close: Close):
    async with connect(server.url, game="dots", room="K7") as room:
        seat = room.seat
        await server.goodbye_all(close)
        await until("the resumed connection", lambda: room.metrics.reconnects == 1 and room.is_live)
        assert room.seat == seat
    assert server.hellos[-1].resume is not None


async def test_a_resume_that_is_refused_becomes_a_fresh_join(server: Loopback):
    async with connect(server.url, game="dots", room="K7") as room:
        server.room().tokens.clear()
        server.drop_all()
        await until("the fresh join", lambda: len(server.hellos) == 3 and room.is_live)
        assert server.hellos[1].resume is not None
        assert server.hellos[2].resume is None
        assert room.metrics.closes[Close.CANNOT_RESUME.value.code] == 1


async def test_what_an_old_seat_wanted_is_not_sent_for_a_new_one(server: Loopback):
    async with connect(server.url, game="dots", room="K7") as room:
        server.room().is_paused = True
        n = await room.send(Move(50, 50))
        server.room().tokens.clear()
        server.drop_all()
        server.room().is_paused = False
        with pytest.raises(Exception, match="its answer is not kept"):
            await asyncio.wait_for(room.answer(n), 20)
        own = room.view.mine("dots")[0]
        assert (own.x, own.y) == (0.0, 0.0)


def balance(room: Room) -> tuple[int, int]:
    """Inputs sent, and what became of them."""
    counted, waiting = room.metrics, len(room.client.unanswered)
    return counted.inputs_sent, counted.inputs_applied + counted.inputs_refused + counted.inputs_lost + waiting


async def test_an_input_belongs_to_one_room_and_so_does_its_answer(server: Loopback):
    async with connect(server.url, game="dots", room="K7") as room:
        for _ in range(3):
            assert (await room.answer(await room.send(Move(1, 1)))).reason == ""
        new = await server.crash()
        await until("the new room", lambda: room.is_live and room.welcome.incarnation == new.incarnation)
        with pytest.raises(UnknownAnswerError, match="never sent"):
            await room.answer(1)
        new.is_paused = True
        n = await room.send(Move(95, 95))
        asked = asyncio.create_task(room.answer(n))
        await until("the input to arrive", lambda: new.answered == {0: 1})
        assert n == 1 and not asked.done()
        new.is_paused = False
        assert (await asyncio.wait_for(asked, 20)).reason == "illegal"
        assert balance(room) == (4, 4)
        assert (room.metrics.inputs_applied, room.metrics.inputs_refused, room.metrics.inputs_lost) == (3, 1, 0)


async def test_who_waits_for_an_answer_of_a_room_that_crashed_is_told_that_it_is_lost(server: Loopback):
    async with connect(server.url, game="dots", room="K7") as room:
        await room.answer(await room.send(Move(1, 1)))
        server.room().is_paused = True
        numbers = [await room.send(Move(2, 2)) for _ in range(3)]
        asked = [asyncio.create_task(room.answer(n)) for n in numbers]
        new = await server.crash()
        for outcome in await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 20):
            assert isinstance(outcome, LostInputError) and "never sent" not in str(outcome)
        await until("the new room", lambda: room.is_live and room.welcome.incarnation == new.incarnation)
        with pytest.raises(LostInputError, match="is lost: its room or seat is gone"):
            await room.answer(numbers[-1])
        assert (await room.answer(await room.send(Move(3, 3)))).reason == ""
        assert balance(room) == (5, 5)
        assert room.metrics.inputs_lost == 3 and len(room.metrics.answers_ms) == 2


@pytest.mark.parametrize("close", [Close.ROOM_CLOSED, Close.NOT_ALLOWED, Close.TOO_MANY_ERRORS])
async def test_who_waits_for_an_answer_when_the_room_is_over_for_good_is_told_so(server: Loopback, close: Close):
    async with connect(server.url, game="dots", room="K7") as room:
        server.room().is_paused = True
        n = await room.send(Move(2, 2))
        asked = asyncio.create_task(room.answer(n))
        await server.goodbye_all(close)
        with pytest.raises(RoomClosedError, match=str(close.value.code)):
            await asyncio.wait_for(asked, 20)
        with pytest.raises(RoomClosedError, match=str(close.value.code)):
            await room.answer(n)
        assert balance(room) == (1, 1)
        assert room.metrics.inputs_lost == 1


async def test_a_server_that_is_gone_is_given_up_after_the_time_allowed(server: Loopback):
    async with connect(server.url, game="dots", room="K7", reconnect_for_s=0.6) as room:
        server.on_hello = lambda _hello: Close.MOVING
        server.drop_all()
        with pytest.raises(RoomClosedError, match=r"not back within 0\.6 s.*4504 moving"):
            async for _frame in room.frames():
                pass


async def test_a_route_that_is_gone_is_told(server: Loopback):
    async with connect(server.url, game="dots", room="K7") as room:
        server.is_refusing = True
        server.drop_all()
        with pytest.raises(Exception, match="HTTP 403"):
            async for _frame in room.frames():
                pass


@pytest.mark.parametrize("garbage", [b"\x09garbage", b"", "not json", '{"type":"surprise"}'])
async def test_a_server_that_breaks_the_protocol_is_left(server: Loopback, garbage: bytes | str):
    async with connect(server.url, game="dots", room="K7") as room:
        await server.connected[0].socket.send(garbage)
        with pytest.raises(ProtocolBrokenError, match="the server broke the protocol: "):
            async for _frame in room.frames():
                pass


async def test_a_socket_that_takes_nothing_more_is_dropped_and_resumed(server: Loopback, tcp_proxy, monkeypatch):
    monkeypatch.setattr(link, "OUTBOX_MAX", 20)
    proxy = tcp_proxy(server.port, 4096)
    async with connect(f"http://127.0.0.1:{proxy.port}", game="dots", room="K7") as room:
        proxy.blackhole()
        while room.is_live:
            await room.say("x" * 2000)
            await asyncio.sleep(0)
        proxy.heal()
        await until("the resumed connection", lambda: room.metrics.reconnects == 1 and room.is_live)
