"""Kicks in one room: who is out, what they and others see of it, and why a kick may not be."""

from typing import Any

import pytest
from msgspec.structs import replace

from game.wire.closecodes import Close, Retry
from server.relay import envelope as e
from server.rooms import kicks, room
from server.rooms.outgoing import ToOne
from server.rooms.viewers import RoomFacts
from tests.server.rooms.parlour import Parlour, Salon
from tests.server.rooms.plans import plan_of
from tests.server.rooms.world import EPOCH, INCARNATION, LOOP, LOOP_CHANNEL, STARTED, Person, RoomWorld

NOT_ALLOWED = Close.NOT_ALLOWED.value.code


def told(person: Person) -> list[tuple[int, str]]:
    return [(goodbye.code, goodbye.reason) for goodbye in person.goodbyes]


def test_the_kicked_is_told_why_its_seat_is_free_at_once_and_it_stays_out(monkeypatch: pytest.MonkeyPatch):
    left: list[tuple[int, str]] = []
    leave = Parlour.leave

    def noted(self: Parlour, salon: Salon, seat: int, why: str) -> None:
        left.append((seat, why))
        leave(self, salon, seat, why)

    monkeypatch.setattr(Parlour, "leave", noted)
    world = RoomWorld(plan_of(seats=2, grace="60s"))
    ann, bob = world.person(), world.person(gate="b")
    world.advance(0.5)
    world.kick(0, gate="b")
    world.advance(0.1)
    assert told(ann) == [(NOT_ALLOWED, "enough")] and ann.retry is Retry.NEVER
    assert [(k.problem, k.identity, k.name, k.seats, k.connections) for k in world.kicked] == [
        ("", "p0", "p0", (0,), 1)
    ]
    assert (left, world.room.match.seats.people) == ([(0, "kicked")], 1)
    assert [row.number for row in bob.view.roster] == [1] and bob.is_in
    for again in ("with its token", "afresh"):
        if again == "afresh":
            ann.client.hello = replace(ann.client.hello, resume=None)
        ann.connect("b")
        world.advance(0.3)
        assert not ann.is_open and told(ann)[-1] == (NOT_ALLOWED, "enough"), again
    eve = world.person("spectator", identity="p0")
    cid = world.person(gate="a")
    world.advance(0.5)
    assert told(eve) == [(NOT_ALLOWED, "enough")]
    assert cid.is_in and [grant.seat for grant in cid.welcomes[-1].seats] == [0]


def test_a_kick_is_of_the_person_with_all_seats_and_connections():
    world = RoomWorld(plan_of(delay="1s"))
    two, lost = world.person(slots=2, identity="ann"), world.person(identity="ann", gate="b")
    eve, bob = world.person("spectator", "b", identity="ann"), world.person(gate="b")
    world.advance(1.5)
    lost.drop()
    world.advance(0.2)
    world.kick(1)
    world.advance(0.2)
    assert [(k.seats, k.connections) for k in world.kicked] == [((0, 1, 2), 2)]
    assert told(two) == told(eve) == [(NOT_ALLOWED, "enough")]
    lost.connect("a")
    world.advance(0.3)
    assert told(lost)[-1] == (NOT_ALLOWED, "enough"), "a seat that waits out its grace has no token either"
    assert [hold.number for hold in world.room.match.seats.humans()] == [3] and bob.is_in


def test_a_spectator_is_kicked_by_its_identity():
    world = RoomWorld(plan_of())
    ann, eve = world.person(), world.person("spectator", "b")
    world.advance(0.5)
    world.kick(identity="p1")
    world.advance(0.1)
    assert told(eve) == [(NOT_ALLOWED, "enough")] and ann.is_in
    head = eve.client.head
    ann.do("score", 5)
    world.advance(0.5)
    assert eve.client.head == head


def test_who_is_named_wrongly_is_said_with_what_would_do():
    world = RoomWorld(plan_of(seats=4, bots=2))
    world.person()
    world.advance(0.5)
    bot = world.room.match.seats.bots()[0].number
    for seat, identity in ((bot, ""), (2, ""), (9, ""), (None, "nobody")):
        world.kick(seat, identity)
        world.advance(0.1)
    assert [(k.problem, k.expected) for k in world.kicked] == [
        ("bot", "a person's seat; the server's own bots make way for people"),
        ("not_here", "a seat that somebody has"),
        ("no_such_seat", "a seat from 0 to 3"),
        ("not_here", "one of p0 (seat 0 p0)"),
    ]
    assert world.room.match.seats.people == 1 and not world.room.admission.kept_out


def test_a_bot_takes_the_freed_seat_where_bots_fill_up():
    world = RoomWorld(plan_of(seats=4, bots=3))
    world.person()
    bob = world.person(gate="b")
    world.advance(0.5)
    world.kick(identity="p1")
    world.advance(0.2)
    assert (world.room.match.seats.people, len(world.room.match.seats.bots())) == (1, 2)
    assert told(bob) == [(NOT_ALLOWED, "enough")]


def test_the_next_holder_of_the_seat_is_not_shown_to_the_kicked_though_its_goodbye_is_late():
    """Frames may be faster than the dismissal: the gateway has the kicked in the seat whose next holder's hand goes by."""
    world = RoomWorld(plan_of(seats=2))
    ann, bob = world.person(), world.person()
    world.advance(0.5)
    late: list[dict[str, Any]] = []
    port = world.layer._ports["a-control!"]
    deliver, port.deliver = port.deliver, late.append
    world.kick(0, gate="b")
    world.advance(0.1)
    dan = world.person()
    for value in range(5):
        bob.do("score", value)
        world.advance(0.1)
    assert not ann.goodbyes and late, "the goodbye is on its way, and `watch` has looked at what is written to ann"
    port.deliver = deliver
    for message in late:
        deliver(message)
    world.advance(1.5)
    assert told(ann) == [(NOT_ALLOWED, "enough")]
    assert dan.is_in and [grant.seat for grant in dan.welcomes[-1].seats] == [0]


def test_joins_and_kicks_of_one_tick_are_taken_in_order():
    world = RoomWorld(plan_of(tick_hz=20))
    world.person()
    world.advance(0.5)
    first, then = world.person(identity="new", gate="b"), world.person(identity="old", gate="b")
    world.advance(0.05)
    world.kick(identity="new", gate="b")
    world.kick(identity="old", gate="b")
    world.advance(0.5)
    assert [k.problem for k in world.kicked] == ["", ""]
    assert told(first) == told(then) == [(NOT_ALLOWED, "enough")]


def opened() -> room.Room:
    plan = plan_of()
    facts = RoomFacts(INCARNATION, "K7", 1, EPOCH, STARTED, LOOP, lambda: LOOP_CHANNEL, repr, lambda _: None)
    return room.Room(plan.rooms["parlour"], facts, 0.0)


def answers(of: room.Room) -> list[e.Kicked]:
    return [out.item for out in of.drain() if isinstance(out, ToOne) and isinstance(out.item, e.Kicked)]


def test_a_room_that_has_too_much_to_do_or_ends_says_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(room, "PENDING_MAX", 1)
    full = opened()
    for n in range(2):
        full.receive("a", e.Kick(INCARNATION, f"r{n}", 0, "", "go"))
    assert [(k.request, k.problem) for k in answers(full)] == [("r1", "busy")]
    full.end(Close.ROOM_CLOSED, "nobody was here")
    assert [(k.request, k.problem) for k in answers(full)] == [("r0", "no_such_room")]


def test_the_list_of_those_kept_out_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(kicks, "KEPT_OUT_MAX", 2)
    of = opened()
    for n in range(3):
        of.receive("a", e.Join(INCARNATION, f"c{n}", f"p{n}", "x", "player", ("public",), 1, None))
        of.receive("a", e.Kick(INCARNATION, f"r{n}", None, f"p{n}", "go"))
    of.tick(0.1)
    assert [k.problem for k in answers(of)] == ["", "", ""]
    assert of.admission.kept_out == {"p1": "go", "p2": "go"}
