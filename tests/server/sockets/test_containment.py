"""A fault of ours in what one connection or one room is owed costs that one, once in the log, and nobody else anything."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from game.wire import messages as m
from game.wire.closecodes import Close
from game.wire.session import Session
from server.clock import monotonic
from server.ops.metrics import REGISTRY
from server.relay import envelope as e
from server.relay.feed import Feed
from server.relay.hub import STREAM_FAULTS_MAX
from server.rooms.room import Room
from server.sockets.connection import Connection
from server.sockets.outlet import AsgiOutlet
from tests.server.rooms.parlour import Do
from tests.server.sockets.process import Player, Process
from tests.support.waiting import until

INTERNAL = Close.INTERNAL.value.code


def break_for(monkeypatch: pytest.MonkeyPatch, cls: type, name: str, is_victim: Callable[..., bool]) -> list[int]:
    """The method raises for the victim; how often it did."""
    whole, times = getattr(cls, name), [0]

    def broken(self: Any, *args: Any, **kwargs: Any) -> Any:
        if is_victim(self):
            times[0] += 1
            raise RuntimeError(f"our own bug in {cls.__name__}.{name}")
        return whole(self, *args, **kwargs)

    monkeypatch.setattr(cls, name, broken)
    return times


def session_of(process: Process, identity: str) -> Session:
    return next(member.session for member in process.hub.members() if member.identity == identity)


def faults(where: str) -> float:
    return REGISTRY.get_sample_value("roomwright_faults_total", {"where": where}) or 0.0


async def goes_on(*players: Player) -> None:
    """Each plays, speaks, and is shown the others' doing."""
    for player in players:
        player.client.send_input(Do("score", 3))
        player.client.say(f"{player.welcome.name} is here")
    for player in players:
        await player.until(lambda player=player: not player.client.unanswered)
        assert player.code is None and player.client.gaps == 0


# ---- one connection


METHODS = ("take", "own_answers", "catch_up", "offer_chat", "poll", "data_to_send", "commands", "receive", "send")


@pytest.mark.parametrize("name", METHODS)
async def test_a_fault_in_one_session_costs_that_one_its_connection(process, monkeypatch, name):
    ann, eve, bob = [await process.joined("/ws/K7", who) for who in ("ann", "eve", "bob")]
    carl = await process.joined("/ws/ELSEWHERE", "carl")
    await goes_on(ann, eve, bob, carl)
    victim = session_of(process, "eve")
    times = break_for(monkeypatch, Session, name, lambda session: session is victim)
    with capture_logs() as logs:
        await break_and_go_on(process, ann, eve, bob, carl)
        await until(f"{name} raised", lambda: times[0])
        await goes_on(ann, bob, carl)
        await eve.until(lambda: False)
    assert eve.code == INTERNAL
    told = Counter((line["event"], line["where"]) for line in logs if line["log_level"] == "error")
    assert told and set(told.values()) == {1}, "logged once for each place, not once a frame"
    assert all(line.get("conn") for line in logs if line["log_level"] == "error")


async def break_and_go_on(process: Process, ann: Player, eve: Player, bob: Player, carl: Player) -> None:
    """Eve says something and is to be told something; the others play on."""
    eve.client.send_input(Do("score", 9))
    await eve.socket.send_to(text_data=m.encode(m.Resync()))  # so that it stands apart and is looked at by itself
    for data in eve.client.data_to_send():
        await eve.socket.send_to(**{"bytes_data" if isinstance(data, bytes) else "text_data": data})
    process.hub.users.on_notice({"id": 1, "text": "to all", "audience": "everybody", "to": ""})
    await goes_on(ann, bob, carl)


@pytest.mark.parametrize("name", ["send", "leave", "write"])
async def test_a_fault_in_one_outlet_costs_that_one_its_connection(process, monkeypatch, name):
    broken: list[object] = []  # a cohort keeps the method, so it is another from the beginning
    if name == "leave":  # is asked only where not all was taken
        whole = AsgiOutlet.send
        monkeypatch.setattr(AsgiOutlet, "send", lambda self, frame: 0 if self in broken else whole(self, frame))
    times = break_for(monkeypatch, AsgiOutlet, name, lambda outlet: outlet in broken)
    ann, eve, bob = [await process.joined("/ws/K7", who) for who in ("ann", "eve", "bob")]
    await goes_on(ann, eve, bob)
    broken.append(next(c for c in process.gateway.connections.values() if c.identity == "eve").outlet)
    await goes_on(ann, bob)
    await until(f"{name} raised", lambda: times[0])
    await goes_on(ann, bob)
    await eve.until(lambda: False)
    assert eve.code == INTERNAL


@pytest.mark.parametrize("name", ["admit", "turn_away"])
async def test_a_fault_as_one_is_let_in_or_turned_away(process, monkeypatch, name):
    ann = await process.joined("/ws/K7", "ann")
    break_for(monkeypatch, Connection, name, lambda connection: connection.identity == "eve")
    if name == "turn_away":
        process.claim_error = "somebody else holds it"
    eve = await process.joined("/ws/K7" if name == "admit" else "/ws/NEW", "eve")
    assert eve.code == INTERNAL
    await goes_on(ann)
    await eve.socket.disconnect()
    await until("its place", lambda: not process.hub._joining and len(process.hub.members()) == 1)
    await until("its seat", lambda: process.holder.rooms["K7-1"].room.match.seats.people == 1)


async def test_a_fault_in_how_a_socket_is_left_still_frees_the_seat(process, monkeypatch):
    ann, eve = [await process.joined("/ws/K7", who) for who in ("ann", "eve")]
    await goes_on(ann, eve)
    victim = session_of(process, "eve")
    break_for(monkeypatch, Session, "leave_cohort", lambda session: session is victim)
    await eve.socket.disconnect()
    room = process.holder.rooms["K7-1"].room
    await until("the loop to hear of it", lambda: len(room.viewers) == 1)
    await goes_on(ann)
    assert not [conn for conn in process.gateway.connections.values() if conn.identity == "eve"]


# ---- what started it


async def test_answers_that_no_reader_takes_cost_their_own_connection_only(process, monkeypatch):
    """JSON inputs for tick 2^53 - 1 with growing n: the answers raised while a parcel was handed out, and newer rooms starved."""
    monkeypatch.setattr("server.rooms.inputs.MARGIN_MAX", 1 << 60)  # as if no margin were cut
    eve = process.socket("/ws/BAD", m.JSON)
    assert (await eve.connect())[0]
    await eve.send_to(text_data=m.encode(m.Hello(token="eve")))
    await until("eve", lambda: "BAD-1" in process.holder.rooms)
    ann, carl = await process.joined("/ws/BAD", "ann"), await process.joined("/ws/NEWER", "carl")
    for n in range(1, 6):
        await eve.send_to(text_data=json.dumps(
            {"type": "input", "n": n, "for_tick": 2**53 - 1, "body": {"type": "Do", "what": "score", "value": 1}}
        ))  # fmt: skip
    await until("the fault", lambda: process.hub.faults.noted)
    await goes_on(ann, carl)
    while (message := await eve.receive_output(5))["type"] != "websocket.close":
        pass
    assert message["code"] == INTERNAL


async def test_an_input_for_the_last_tick_there_is_gets_its_answer(process):
    eve = process.socket("/ws/BAD", m.JSON)
    assert (await eve.connect())[0]
    await eve.send_to(text_data=m.encode(m.Hello(token="eve")))
    answers: list[Any] = []
    is_sent = False
    while not answers:
        message = json.loads((await eve.receive_output(5))["text"])
        answers += message.get("answers", [])
        if message["type"] == "key" and not is_sent:
            is_sent = True
            body = {"type": "Do", "what": "score", "value": 1}
            await eve.send_to(
                text_data=json.dumps({"type": "input", "n": 2**53 - 1, "for_tick": 2**53 - 1, "body": body})
            )
    assert answers[0]["applied"] and answers[0]["n"] == 2**53 - 1 and answers[0]["margin"] == 2**31 - 1
    assert not process.hub.faults.noted and not process.holder._faults.noted


# ---- one room


@pytest.mark.parametrize("name", ["on_public", "on_private"])
@pytest.mark.parametrize("is_for_good", [False, True])
async def test_a_fault_in_one_rooms_frames_begins_its_stream_anew_or_ends_it(process, monkeypatch, name, is_for_good):
    ann, eve = await process.joined("/ws/GOOD", "ann"), await process.joined("/ws/BAD", "eve")
    await goes_on(ann, eve)
    feed = next(watched.feed for (room, _), watched in process.hub._watched.items() if room == "BAD-2")
    times = break_for(monkeypatch, Feed, name, lambda each: each is feed and (is_for_good or not times[0]))
    eve.client.send_input(Do("score", 4))
    if is_for_good:
        await eve.until(lambda: False)
        assert eve.code == INTERNAL and times[0] > STREAM_FAULTS_MAX
    else:
        await eve.until(lambda: times[0] and not eve.client.unanswered)
        assert eve.code is None
    await goes_on(ann)
    assert ann.client.gaps == 0


@pytest.mark.parametrize("name", ["tick", "drain", "info", "drop_gateway"])
async def test_a_fault_in_one_room_of_the_loop_costs_that_room(process, monkeypatch, name):
    ann, _ = await process.joined("/ws/GOOD", "ann"), await process.joined("/ws/BAD", "eve")
    bad = process.holder.rooms["BAD-2"].room
    times = break_for(monkeypatch, Room, name, lambda room: room is bad)
    if name == "drop_gateway":
        process.holder._lose_gateway("another-gateway")
    await until(f"{name} raised", lambda: times[0])
    await goes_on(ann)
    assert "GOOD-1" in process.holder.rooms and (name in ("info", "drop_gateway")) == ("BAD-2" in process.holder.rooms)


async def test_a_fault_as_one_room_ends_lets_the_others_say_goodbye(process, monkeypatch):
    eve, ann = await process.joined("/ws/BAD", "eve"), await process.joined("/ws/GOOD", "ann")
    bad = process.holder.rooms["BAD-1"].room
    break_for(monkeypatch, Room, "end", lambda room: room is bad)
    await process.holder.drain("the server restarts")
    await ann.until(lambda: False)
    assert ann.code == Close.MOVING.value.code and not process.holder.rooms
    assert eve.code is None


async def test_a_frame_that_cannot_be_packed_ends_its_room_and_what_travels_with_it_arrives(process):
    ann, eve = await process.joined("/ws/GOOD", "ann"), await process.joined("/ws/BAD", "eve")
    await goes_on(ann, eve)
    process.holder.rooms["BAD-2"].room.framer.live.tracker.seq = 2**70  # what msgpack has no number for
    eve.client.send_input(Do("score", 4))
    await goes_on(ann)
    await eve.until(lambda: False)
    assert eve.code == INTERNAL and list(process.holder.rooms) == ["GOOD-1"]
    assert [incident.room_type for incident in process.incidents] == ["parlour"]


async def test_an_item_that_cannot_be_packed_costs_who_said_it_and_no_other_of_the_link(process):
    ann, eve = [await process.joined("/ws/K7", who) for who in ("ann", "eve")]
    await goes_on(ann, eve)
    said = next(c for c in process.gateway.connections.values() if c.identity == "eve")
    loop, incarnation = process.hub.loop_of(said)
    process.hub.push(loop, e.SayItem(incarnation, said.conn, "\ud800"))
    await goes_on(ann)
    await eve.until(lambda: False)
    assert eve.code == INTERNAL and not process.hub.loops.links[loop].is_broken


async def test_a_word_to_one_connection_that_cannot_be_packed_costs_that_one(process):
    ann, eve = [await process.joined("/ws/K7", who) for who in ("ann", "eve")]
    conn = next(c for c in process.gateway.connections.values() if c.identity == "eve").conn
    process.holder._push("gate-1", e.Sections("K7-1", conn, (("seat", 2**70),), 1))
    await goes_on(ann)
    await eve.until(lambda: False)
    assert eve.code == INTERNAL
    await until("its place", lambda: len(process.holder.rooms["K7-1"].room.viewers) == 1)


async def test_one_step_of_the_gateways_second_that_fails_keeps_no_other_from_its_turn(process, monkeypatch):
    ann = await process.joined("/ws/K7", "ann")
    hub = process.hub
    times = break_for(monkeypatch, type(hub), "_measure", lambda each: each is hub)
    before = faults("hub")
    await until("two seconds", lambda: times[0] >= 2)
    await goes_on(ann)
    assert faults("hub") >= before + 2
    assert len([whom for whom in hub.faults._logged if whom[0] == "hub.tick_failed"]) == 1
    assert monotonic() - hub.loops.links["loop-1"].heard_at < 3.0
