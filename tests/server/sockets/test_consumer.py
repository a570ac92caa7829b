"""A route's compiled consumer as an ASGI application: what a socket gets, in which order, and with which codes."""

import json

import pytest

from game.contract import Result
from game.text import clean_name
from game.wire import messages as m
from game.wire.closecodes import Close
from server.routing.compile import consumer_of, router_of
from tests.server.rooms.parlour import Do, Parlour
from tests.server.rooms.plans import plan_of
from tests.vectors.texts import FAMILY, PERSIAN


def test_every_route_has_a_class_of_its_own():
    plan = plan_of()
    classes = [consumer_of(route) for route in plan.routes]
    assert [cls.__name__ for cls in classes] == ["PlayConsumer", "BotConsumer", "WatchConsumer"]
    assert [cls.route for cls in classes] == list(plan.routes)
    assert len(router_of(plan).routes) == 3


async def test_two_players_and_a_spectator_through_consumers(process):
    ann = await process.joined("/ws/K7", "ann")
    eve = await process.joined("/ws/K7/watch", "eve")
    ann.client.send_input(Do("score", 5))
    await ann.until(lambda: not ann.client.unanswered)
    await eve.until(lambda: eve.view.all("guests")[0].score == 5)
    assert eve.welcome.role == "spectator" and ann.welcome.name == "Ann"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("\x1b[2J\u202eadA\x00", "[2JadA"),
        (f"{PERSIAN}  {FAMILY}", f"{PERSIAN} {FAMILY}"),
        ("\u3164\u200b", "Ann"),
        ("\U000e0041\u2800", "Ann"),
        ("\u6f22" * 24, "\u6f22" * 20),
    ],
)
async def test_a_name_in_a_hello_is_cleaned_before_anybody_sees_it(process, name, shown):
    ann = await process.joined("/ws/K7", "ann", name=name)
    assert ann.welcome.name == shown
    assert [seat.name for seat in ann.view.roster] == [shown]
    (room,) = process.holder.rooms.values()
    assert [hold.name for hold in room.room.match.seats.humans()] == [shown]


async def test_the_longest_name_has_room_for_the_number_of_a_further_seat(process):
    name = clean_name("\u6f22" * 24)
    socket = process.socket("/ws/K7")
    await socket.connect()
    await socket.send_to(m.encode(m.Hello(token="ann", name=name, slots=2)))
    await socket.receive_from()
    (room,) = process.holder.rooms.values()
    names = [hold.name for hold in room.room.match.seats.humans()]
    assert names == [name, f"{name} 2"] and len(names[1].encode()) <= 64


async def test_an_unknown_subprotocol_is_told_which_there_are(process):
    socket = process.socket("/ws/K7", "soap")
    assert (await socket.connect())[0]
    goodbye = json.loads(await socket.receive_from())
    assert goodbye["type"] == "goodbye" and m.BIN in goodbye["reason"]
    assert (await socket.receive_output())["code"] == Close.TOO_OLD.value.code


async def test_a_path_without_a_route_and_a_room_that_nobody_made(process):
    socket = process.socket("/nowhere")
    assert (await socket.connect())[0]
    assert json.loads(await socket.receive_from())["code"] == Close.NO_SUCH_ROOM.value.code
    eve = await process.joined("/ws/EMPTY/watch", "eve")
    assert eve.code == Close.NO_SUCH_ROOM.value.code and not process.rows


async def test_without_an_identity_nobody_comes_in(process):
    ann = await process.joined("/ws/K7", "")
    assert ann.code == Close.UNAUTHENTICATED.value.code


async def test_a_broken_socket_keeps_the_seat_and_a_resume_takes_it_again(process):
    ann = await process.joined("/ws/K7", "ann")
    resume = ann.welcome.resume
    await ann.socket.disconnect()
    again = await process.joined("/ws/K7", "ann", resume=resume)
    assert [(g.seat, g.generation) for g in again.welcome.seats] == [(0, 2)]
    assert not process.hub._joining and len(process.hub.members()) == 1


async def test_a_newer_connection_replaces_the_older(process):
    ann = await process.joined("/ws/K7", "ann")
    await process.joined("/ws/K7", "ann", resume=ann.welcome.resume)
    await ann.until(lambda: False)
    assert ann.code == Close.REPLACED.value.code


async def test_leaving_is_answered_with_a_goodbye_and_frees_the_seat(process):
    ann = await process.joined("/ws/K7", "ann")
    ann.client.leave()
    await ann.until(lambda: False)
    assert ann.code == Close.NORMAL.value.code and ann.client.goodbye is not None
    bob = await process.joined("/ws/K7", "bob")
    assert bob.welcome.seats[0].seat == 0


async def test_rules_that_raise_end_their_room_with_an_incident_and_no_other(process):
    ann = await process.joined("/ws/BAD", "ann")
    bob = await process.joined("/ws/GOOD", "bob")
    ann.client.send_input(Do("crash", 1))
    await ann.until(lambda: False)
    assert ann.code == Close.INTERNAL.value.code
    bob.client.send_input(Do("score", 1))
    await bob.until(lambda: not bob.client.unanswered)
    assert bob.code is None and [i.room_type for i in process.incidents] == ["parlour"] and process.closed == ["BAD-1"]


async def test_a_room_that_cannot_be_claimed_is_looked_for_a_few_times_with_pauses(process, monkeypatch):
    monkeypatch.setattr("server.rooms.holder.RETRY_JOIN_S", 0.05)
    process.claim_error = "somebody else holds it"
    ann = await process.joined("/ws/K7", "ann")
    assert ann.code == Close.MOVING.value.code


@pytest.mark.parametrize(
    "result",
    [
        Result(scores={0: float("nan")}),
        Result(scores={0: float("inf")}),
        Result(scores={0: "7"}),  # type: ignore[dict-item]
        Result(scores={"0": 7}),  # type: ignore[dict-item]
        Result(winners=("red\x00",)),  # type: ignore[arg-type]
        Result(winners=(None,)),  # type: ignore[arg-type]
    ],
)
async def test_a_result_that_no_database_keeps_ends_its_room_with_an_incident(process, monkeypatch, result):
    monkeypatch.setattr(Parlour, "result", lambda _self, world: result if world.is_ending else None)
    ann = await process.joined("/ws/K7", "ann")
    ann.client.send_input(Do("end", 1))
    await ann.until(lambda: False)
    assert ann.code == Close.INTERNAL.value.code
    assert [incident.error for incident in process.incidents if "result(): expected" in incident.error]


async def test_a_fault_of_ours_in_one_room_does_not_stop_the_loop(process, monkeypatch):
    await process.joined("/ws/BAD", "ann")
    bob = await process.joined("/ws/GOOD", "bob")
    bad = process.holder.rooms["BAD-1"].room
    monkeypatch.setattr(type(bad), "drain", _drain_but_for(bad))
    bob.client.send_input(Do("score", 1))
    await bob.until(lambda: not bob.client.unanswered)
    assert "BAD-1" not in process.holder.rooms and "GOOD-2" in process.holder.rooms


def _drain_but_for(bad):
    whole = type(bad).drain

    def drain(self):
        if self is bad:
            raise RuntimeError("our own bug")
        return whole(self)

    return drain


async def test_a_link_that_the_loop_gave_up_is_given_up_by_the_gateway_too(process):
    ann = await process.joined("/ws/K7", "ann")
    process.holder._links.clear()  # as after an overflow
    await ann.until(lambda: False)
    assert ann.code == Close.MOVING.value.code
    again = await process.joined("/ws/K7", "bob")
    assert again.code is None


async def test_a_result_that_a_newer_holder_may_write_is_not_announced_here(process):
    process.is_fenced = True
    ann = await process.joined("/ws/K7", "ann")
    ann.client.send_input(Do("end", 1))
    await ann.until(lambda: ann.view.room.phase == "ended")
    assert ann.code == Close.MOVING.value.code and ann.view.room.phase == "playing"
    assert not process.holder.rooms
