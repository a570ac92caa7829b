"""Gateways and loops that do not fit each other, loops that drain, and a database that is away: told by name, to be tried again."""

from typing import Any

import pytest
from attrs import evolve
from structlog.testing import capture_logs

from game.wire.closecodes import Close, Retry
from server.relay import envelope as e
from server.relay.terms import terms_of
from server.rooms.holder import Holder
from server.routing.plan import RoomPlan
from server.sockets.gateway import RETRY_S, Found, NotFound
from server.sockets.who import Who
from tests.server.rooms.parlour import Do
from tests.server.rooms.plans import plan_of
from tests.server.sockets.process import NODE, Process, Row

ANN = Who("ann", "Ann", "guest")
MOVING = Close.MOVING.value.code


def other_schema(plan: RoomPlan) -> RoomPlan:
    """The same with a schema in which something is scaled otherwise."""
    return evolve(plan, schema=evolve(plan.schema, inputs=tuple(reversed(plan.schema.inputs)), events=()))


OTHERS = {
    "plan": lambda plan: evolve(plan, seats=plan.seats + 1),
    "schema": other_schema,
}


def announce(process: Process) -> None:
    process.holder._announce()


async def told(process: Process, path: str = "/ws/K7", who: str = "ann") -> str:
    """Why a client is turned away; it must be told a time to come back."""
    player = await process.joined(path, who)
    assert player.code == MOVING, (player.code, player.client.goodbye)
    goodbye = player.client.goodbye
    assert goodbye is not None
    assert goodbye.retry_after_s
    assert player.client.closed(MOVING) is Retry.BACKOFF
    return goodbye.reason


@pytest.mark.parametrize("what", OTHERS)
async def test_a_gateway_refuses_what_no_loop_holds_as_it_does(process, what):
    process.holder.plans = {"parlour": OTHERS[what](process.plan.rooms["parlour"])}
    announce(process)
    with capture_logs() as logs:
        await told(process)  # before or after it heard the announcement
        before = len(process.rows)
        for _ in range(3):
            assert f"expected {what}" in await told(process)
    assert len(process.rows) == before, "no row is written for a room that nobody could hold"
    assert not process.holder.rooms
    assert 1 <= len([line for line in logs if line["event"] == "room.not_served" and line["where"] == "gateway"]) <= 1
    process.holder.plans = process.plan.rooms
    announce(process)
    ann = await process.joined("/ws/K8", "ann")
    assert ann.code is None


@pytest.mark.parametrize("what", OTHERS)
async def test_a_loop_refuses_a_room_and_a_seat_on_other_terms(process, what, monkeypatch):
    """The gateway has not heard yet that the loop is another one."""
    monkeypatch.setattr("server.rooms.holder.RETRY_JOIN_S", 0.01)
    ann = await process.joined("/ws/K7", "ann")
    assert ann.code is None
    monkeypatch.setattr(Holder, "_announce", lambda *_: None)
    process.holder.plans = {"parlour": OTHERS[what](process.plan.rooms["parlour"])}
    for held in process.holder.rooms.values():
        held.room.plan = process.holder.plans["parlour"]
    with capture_logs() as logs:
        for path in ("/ws/K7", "/ws/K8"):
            assert "cannot serve the room" in await told(process, path)
    assert len([line for line in logs if line["event"] == "room.not_served"]) == 1
    assert len(process.holder.rooms) == 1
    ann.client.send_input(Do("score", 1))
    await ann.until(lambda: not ann.client.unanswered)


async def test_a_loop_of_an_older_version_is_refused_by_name(process, monkeypatch):
    """It says nothing of terms, not even in Joined; its rooms are shown to nobody here."""
    ann = await process.joined("/ws/K7", "ann")
    (held,) = process.holder.rooms.values()
    held.room.admission.terms = e.UNTOLD
    assert "older version" in await told(process, who="bob")
    seen = process.hub.loops.seen[NODE]
    monkeypatch.setattr(Holder, "_announce", lambda *_: None)
    process.hub.loops.seen[NODE] = evolve(seen, carries={}, at=seen.at + 60.0)
    assert "older version" in await told(process, who="eve")
    assert ann.code is None


async def test_a_gateway_goes_on_to_the_loop_that_has_its_plan(process):
    await process.gateway._listen_for("")
    terms, route = terms_of(process.plan.rooms["parlour"]), process.plan.routes[0]
    seen, now = process.hub.loops.seen[NODE], process.gateway.now()
    process.hub.loops.seen["another"] = evolve(seen, node="another", carries={"parlour": evolve_terms(terms)}, rooms=0)
    process.hub.loops.seen["drained"] = evolve(seen, node="drained", is_draining=True, rooms=0)
    process.hub.loops.seen[NODE] = evolve(seen, rooms=50, at=now)
    found = [await process.gateway.find(route, f"R{n}", Who(f"g{n}", "G", "guest")) for n in range(20)]
    assert {place.loop for place in found if isinstance(place, Found)} == {NODE}
    assert len([place for place in found if isinstance(place, Found)]) == 20


def evolve_terms(terms: e.Terms) -> e.Terms:
    return e.Terms("another", terms.plan, terms.protocol)


# ---- who holds the room is not known


@pytest.mark.parametrize("role", [0, 2])
async def test_a_room_whose_loop_drains_or_is_silent_or_unknown_is_never_called_none(process, role):
    await process.gateway._listen_for("")
    route, loops = process.plan.routes[role], process.hub.loops
    seen, now = loops.seen[NODE], process.gateway.now()
    process.gateway._started_at = -1e9  # it need not wait for the first announcements

    async def answer(code: str) -> NotFound:
        found = await process.gateway.find(route, code, ANN)
        assert isinstance(found, NotFound)
        return found

    process.rows["K7"] = Row("K7-1", "K7", "parlour", 1, 1, "drained", "")
    loops.seen["drained"] = evolve(seen, node="drained", at=now + 5.0, is_draining=True)
    process.rows["K8"] = Row("K8-1", "K8", "parlour", 1, 1, "never heard", "")
    loops.listening_since = now  # just restarted: it cannot say that a loop is dead
    for code in ("K7", "K8"):
        found = await answer(code)
        assert (found.close, found.retry_after_s) == (Close.MOVING, RETRY_S), found
    assert not process.closed


async def test_a_spectator_of_a_room_that_died_with_its_loop_waits_for_who_opens_it_anew(process):
    await process.gateway._listen_for("")
    route, loops = process.plan.routes[2], process.hub.loops
    loops.listening_since = process.gateway._started_at = -1e9
    process.rows["K7"] = Row("K7-1", "K7", "parlour", 1, 1, "dead", "")
    for _ in range(2):
        found = await process.gateway.find(route, "K7", ANN)
        assert isinstance(found, NotFound)
        assert (found.close, found.retry_after_s) == (Close.MOVING, RETRY_S)
    assert process.closed == ["K7-1"]
    nowhere = await process.gateway.find(route, "K9", ANN)
    assert isinstance(nowhere, NotFound)
    assert nowhere.close is Close.NO_SUCH_ROOM, "a room that never was is none"
    ann = await process.joined("/ws/K7", "ann")
    eve = await process.joined("/ws/K7/watch", "eve")
    assert (ann.code, eve.code) == (None, None)


async def test_a_loop_that_ends_says_so_first_and_is_chosen_no_more(process):
    ann = await process.joined("/ws/K7", "ann")
    said: list[e.Announcement] = []
    process.hub.on_announcement = lambda announcement, now: said.append(announcement)
    await process.holder.drain("the server restarts")
    await ann.until(lambda: False)
    assert ann.code == MOVING
    assert said[0].is_draining
    assert said[-1].is_draining
    for path in ("/ws/K7", "/ws/K7/watch", "/ws/NEW"):
        await told(process, path, "bob")
    assert not process.holder.rooms


async def test_a_loop_that_slept_for_long_gives_up_the_rooms_that_were_taken_for_dead(process):
    """The loop that woke showed them beside the new ones of the same codes, for as long as they were not empty."""
    ann = await process.joined("/ws/K7", "ann")
    bob = await process.joined("/ws/K8", "bob")
    dead = ann.welcome.incarnation
    del process.rows["K7"]  # a gateway that heard nothing of the loop has ended it

    async def still_held(rooms: Any) -> set[str]:
        return {row.incarnation for row in process.rows.values() if (row.incarnation, row.epoch) in rooms}

    process.holder.services = evolve(process.holder.services, still_held=still_held)
    process.holder.note_slept(9.0)
    await ann.until(lambda: False)
    assert ann.code == MOVING
    assert dead not in process.holder.rooms
    assert bob.welcome.incarnation in process.holder.rooms
    bob.client.send_input(Do("score", 1))
    await bob.until(lambda: not bob.client.unanswered)
    assert bob.code is None


# ---- the database is away


def lose_database(process: Process) -> None:
    async def away(*_: Any) -> Any:
        raise ConnectionError("the database is away " * 100)

    directory, people = process.gateway.directory, process.gateway.people
    process.gateway.directory = evolve(directory, find=away, open_room=away, close=away)
    process.gateway.people = evolve(people, missed_notices=away, notices_seen=away, of_scope=away)


async def test_without_a_database_who_comes_late_or_back_gets_into_a_live_room(process):
    ann = await process.joined("/ws/K7", "ann")
    announce(process)
    await ann.until(lambda: process.hub.loops.place_of("K7", process.gateway.now()))
    lose_database(process)
    process.gateway.known.forget("K7")
    with capture_logs() as logs:
        bob = await process.joined("/ws/K7", "bob")
        eve = await process.joined("/ws/K7/watch", "eve")
        await ann.socket.disconnect()
        back = await process.joined("/ws/K7", "ann", resume=ann.welcome.resume)
    assert (bob.code, eve.code, back.code) == (None, None, None)
    assert back.welcome.seats[0].seat == ann.welcome.seats[0].seat
    assert not [line for line in logs if line["log_level"] in ("error", "exception", "critical")]
    lines = [line for line in logs if line["event"] == "database.unavailable"]
    assert len(lines) == 1, "once in a while, not for each"
    assert len(str(lines[0])) < 500


@pytest.mark.parametrize("path", ["/ws/NEW", "/ws/NEW/watch"])
async def test_without_a_database_a_room_that_no_loop_tells_of_is_to_be_tried_again(process, path):
    lose_database(process)
    reason = await told(process, path)
    assert "database" in reason
    assert "away" not in reason, "the database's own words are for the log"


async def test_without_a_database_a_cookie_is_to_be_tried_again(process):
    lose_database(process)
    player = await process.joined("/ws/K7", "")
    assert player.code == Close.OVERLOADED.value.code
    goodbye = player.client.goodbye
    assert goodbye is not None
    assert goodbye.retry_after_s


async def test_a_kick_without_a_database_answers(process):
    lose_database(process)
    process.gateway.kicks.find = process.gateway.directory.find
    answer = await process.gateway.kicks.kick("K7", 0, "", "x", "staff")
    assert answer.problem == "no_answer"


async def test_a_message_of_another_version_is_refused_and_logged_once(process):
    port = process.hub.control
    with capture_logs() as logs:
        for version in (2, 2, 2, "x"):
            port.send(port.channel, {"type": e.CONTROL, "v": version, "kind": "loop", "d": b"\xc1"})
        ann = await process.joined("/ws/K7", "ann")
    assert ann.code is None
    refused = [line for line in logs if line["event"] == "layer.version_refused"]
    assert len(refused) == 2
    assert "got 2" in refused[0]["why"]
    assert not [line for line in logs if line["event"] == "layer.deliver_failed"]


def test_plans_of_this_file_differ():
    plan = plan_of().rooms["parlour"]
    assert {what: terms_of(change(plan)) == terms_of(plan) for what, change in OTHERS.items()} == {
        "plan": False,
        "schema": False,
    }
