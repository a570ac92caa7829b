"""Who comes again without a resume token, and who holds seats that nobody is at: each in virtual time, on a real room."""

from collections.abc import Iterator

import pytest

from game.wire.closecodes import BY_CODE, Close, Retry
from game.wire.limits import Limit
from server.relay import envelope as e
from server.rooms.outgoing import ToOne
from server.rooms.room import Room
from server.rooms.seats import EARNING, ROOM_SEATS_PER_IDENTITY, YIELD_AFTER_S, SeatState
from server.rooms.viewers import RoomFacts
from server.rooms.voices import Voices
from tests.server.rooms.plans import plan_of
from tests.server.rooms.world import STARTED, Person, RoomWorld, _eval

GRACE_S = 30.0
AUDIENCES = ("public", "team", "seat")


class Door:
    """A room, and people who come to it by bare joins: no sockets, no sessions, a tick for each step."""

    def __init__(self, seats: int = 16, same_player: str = "new_seat") -> None:
        self.now = 1000.0
        plan = plan_of(seats=seats, grace="30s", same_player=same_player).rooms["parlour"]
        facts = RoomFacts("k7-1", "K7", 1, 1, STARTED, "loop", lambda: "channel", repr, _eval)
        self.room = Room(plan, facts, self.now)
        self.conns: Iterator[int] = iter(range(100_000))

    def tell(self, item: e.ToLoop, takes_s: float = 0.025) -> list[e.ToGateway]:
        self.now += takes_s
        self.room.receive("gw", item)
        self.room.tick(self.now)
        return [out.item for out in self.room.drain() if isinstance(out, ToOne)]

    def join(
        self, who: str, slots: int = 1, resume: str | None = None, role: str = "player"
    ) -> e.Joined | e.JoinRefused:
        join = e.Join("k7-1", f"c{next(self.conns)}", who, who, role, AUDIENCES, slots, resume)
        answer = next(out for out in self.tell(join) if isinstance(out, e.Joined | e.JoinRefused))
        if isinstance(answer, e.Joined):
            self.tell(e.AckItem("k7-1", answer.conn, 1, 0))
        return answer

    def hang_up(self, joined: e.Joined | e.JoinRefused) -> None:
        assert isinstance(joined, e.Joined), joined
        self.tell(e.Part("k7-1", joined.conn, is_lost=True))

    def wait(self, seconds: float) -> None:
        for _ in range(round(seconds * 4)):
            self.now += 0.25
            self.room.tick(self.now)
            self.room.drain()

    def seatless(self) -> int:
        return sum(hold.state is SeatState.GRACE for hold in self.room.match.seats.holds)


def seats_of(joined: e.Joined | e.JoinRefused) -> list[tuple[int, int]]:
    assert isinstance(joined, e.Joined), joined
    return [(granted.seat, granted.generation) for granted in joined.seats]


def refusal(answer: e.Joined | e.JoinRefused) -> Close:
    assert isinstance(answer, e.JoinRefused), answer
    return BY_CODE[answer.close]


# ---- seats that nobody is at


def test_four_guests_who_only_come_back_to_renew_their_grace_do_not_keep_sixteen_seats():
    door = Door()
    tokens: dict[str, str | None] = {f"squatter{n}": None for n in range(4)}
    held = []
    for _ in range(20):  # ten minutes
        for who, token in tokens.items():
            answer = door.join(who, ROOM_SEATS_PER_IDENTITY, token)
            if isinstance(answer, e.JoinRefused):
                assert refusal(answer) is Close.CANNOT_RESUME
                answer = door.join(who, ROOM_SEATS_PER_IDENTITY)
            assert isinstance(answer, e.Joined)
            tokens[who] = answer.resume
            door.hang_up(answer)
        for _ in range(29):
            door.wait(1.0)
            held.append(door.seatless())
    assert max(held[:29]) == 16, "the first absence has the whole grace"
    assert sum(held) / len(held) < 16 * 0.6, (
        "afterwards they have what they earn: a second away for a second without seats"
    )
    assert min(held[29:]) == 0


def test_a_newcomer_to_a_full_room_gets_a_seat_whose_players_came_only_to_take_it():
    door = Door()
    for n in range(4):
        door.hang_up(door.join(f"squatter{n}", ROOM_SEATS_PER_IDENTITY))
    first = door.join("ann")
    assert isinstance(first, e.JoinRefused)
    assert refusal(first) is Close.OVERLOADED
    assert first.retry_after_s is not None and 0.0 < first.retry_after_s <= YIELD_AFTER_S + 1.0
    door.wait(first.retry_after_s + 0.25)
    assert seats_of(door.join("ann"))[0][0] == 0, "the seat that was lost first"
    assert door.room.match.seats.people == 16


def test_new_guests_in_turn_do_not_keep_a_newcomer_out_either():
    door = Door()
    for n in range(40):
        if not isinstance(answer := door.join(f"squatter{n}", ROOM_SEATS_PER_IDENTITY), e.JoinRefused):
            door.hang_up(answer)
        door.wait(1.0)
    door.wait(YIELD_AFTER_S)
    assert seats_of(door.join("ann"))


def test_a_phone_on_a_train_keeps_its_seat_for_an_hour():
    door = Door(seats=2)
    phone, other = door.join("phone"), door.join("other")
    assert isinstance(other, e.Joined)
    for n in range(120):
        door.wait(12.0 + n % 7)
        door.hang_up(phone)
        door.wait((8.0, 15.0, 20.0)[n % 3])
        assert refusal(door.join("newcomer")) is Close.OVERLOADED, "the room is full, and the phone will come back"
        assert isinstance(phone, e.Joined)
        phone = door.join("phone", 1, phone.resume)
        assert seats_of(phone)[0][0] == 0


def test_leaving_and_coming_again_renews_no_grace():
    door = Door()
    door.hang_up(door.join("ann"))
    door.wait(GRACE_S + 1.0)
    assert door.seatless() == 0
    door.hang_up(door.join("ann"))
    door.wait(8.0)
    assert door.seatless() == 0, "a second without a seat gives a second of grace back, and it had hardly two"
    door.wait(60.0)
    door.hang_up(door.join("ann"))
    door.wait(GRACE_S - 2.0)
    assert door.seatless() == 1


def test_what_is_remembered_of_used_grace_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("server.rooms.seats.CREDITS_MAX", 5)
    door = Door()
    for n in range(9):
        door.hang_up(door.join(f"guest{n}"))
    door.wait(GRACE_S + 1.0)
    assert len(door.room.match.seats._credits) == 5


def test_a_connected_second_gives_two_back():
    door = Door()
    joined = door.join("ann")
    door.hang_up(joined)
    door.wait(GRACE_S - 1.0)
    assert isinstance(joined, e.Joined)
    joined = door.join("ann", 1, joined.resume)
    door.wait(10.0)
    door.hang_up(joined)
    left = door.room.match.seats.holds[0].grace_until - door.now
    assert left == pytest.approx(1.0 + 10.0 * EARNING, abs=0.5)


# ---- the same player without a token


def test_a_fifth_tab_is_told_that_it_may_not_and_an_outsider_that_the_room_is_full():
    door = Door(seats=4)
    for _ in range(ROOM_SEATS_PER_IDENTITY):
        assert isinstance(door.join("ann"), e.Joined)
    fifth = door.join("ann")
    assert refusal(fifth) is Close.NOT_ALLOWED and refusal(fifth).value.retry is Retry.NEVER
    assert isinstance(fifth, e.JoinRefused) and "4 seats" in fifth.reason
    bob = door.join("bob")
    assert refusal(bob) is Close.OVERLOADED and refusal(bob).value.retry is Retry.BACKOFF


def test_what_no_retry_can_cure_is_final():
    door = Door(seats=2)
    assert refusal(door.join("ann", slots=3)) is Close.NOT_ALLOWED
    without = plan_of(seats=2).rooms["parlour"]
    assert without.spectators is not None
    object.__setattr__(door.room.admission, "plan", _without_spectators(door))
    assert refusal(door.join("eve", role="spectator")) is Close.NOT_ALLOWED


def _without_spectators(door: Door) -> object:
    from attrs import evolve

    return evolve(door.room.plan, spectators=None)


def test_in_a_full_room_its_own_lost_seat_is_given_back_without_a_token():
    door = Door(seats=2)
    ann, bob = door.join("ann"), door.join("bob")
    (seat, generation) = seats_of(ann)[0]
    door.wait(60.0)
    door.hang_up(ann)
    assert refusal(door.join("cid")) is Close.OVERLOADED
    again = door.join("ann")
    assert seats_of(again) == [(seat, generation + 1)]
    assert isinstance(ann, e.Joined) and isinstance(bob, e.Joined)
    assert refusal(door.join("ann", 1, ann.resume)) is Close.CANNOT_RESUME, "the older token is used up"


def test_a_room_with_a_free_seat_gives_a_new_one():
    door = Door(seats=3)
    ann = door.join("ann")
    door.hang_up(ann)
    assert seats_of(door.join("ann"))[0][0] == 1


def test_a_player_at_its_own_limit_gets_back_what_it_lost():
    door = Door()
    tabs = [door.join("ann") for _ in range(ROOM_SEATS_PER_IDENTITY)]
    door.hang_up(tabs[2])
    assert seats_of(door.join("ann")) == [(2, 2)]


def test_take_over_gives_the_newer_connection_the_seat_and_tells_the_older_one():
    world = RoomWorld(plan_of(same_player="take_over"))
    first: Person = world.person(identity="ann")
    world.advance(0.5)
    first.do("score", 7)
    world.advance(0.5)
    second = world.person(identity="ann", gate="b")
    world.advance(0.5)
    assert second.is_in and not first.is_open
    assert [goodbye.code for goodbye in first.goodbyes] == [Close.REPLACED.value.code]
    assert second.client.welcome is not None
    grant = second.client.welcome.seats[0]
    assert (grant.seat, grant.generation, grant.answered_through) == (0, 2, 1)
    second.do("score", 9)
    world.advance(0.5)
    assert second.view.all("guests")[0].score == 9 and len(second.view.all("guests")) == 1
    world.heal()
    world.check_settled()
    for person in world.people:
        world.watch.check_person(person)


def test_take_over_finds_a_lost_seat_too_and_adds_what_is_missing():
    door = Door(same_player="take_over")
    ann = door.join("ann")
    door.hang_up(ann)
    assert seats_of(door.join("ann", slots=2)) == [(0, 2), (1, 1)]
    assert seats_of(door.join("ann")) == [(0, 3)]
    assert door.room.match.seats.holds[1].state is SeatState.GRACE


def test_refuse_lets_nobody_in_twice_but_by_token():
    door = Door(seats=2, same_player="refuse")
    ann = door.join("ann")
    assert refusal(door.join("ann")) is Close.NOT_ALLOWED
    door.hang_up(ann)
    assert refusal(door.join("ann")) is Close.NOT_ALLOWED
    assert isinstance(ann, e.Joined)
    assert seats_of(door.join("ann", 1, ann.resume)) == [(0, 2)]
    assert isinstance(door.join("bob"), e.Joined)


def test_a_taken_over_seat_tells_its_newcomer_nothing_that_it_must_not_count_and_loses_no_input():
    """The older connection's last inputs are still unanswered, unacknowledged, or on their way when the newer one comes."""
    world = RoomWorld(plan_of(same_player="take_over"))
    first = world.person(identity="ann")
    world.advance(0.3)
    seconds = []
    for n in range(6):
        for value in range(20 + 10 * n, 25 + 10 * n):
            first.do("score", value)
        world.advance(0.01 * n)
        second = world.person(identity="ann", gate="ab"[n % 2])
        seconds.append(second)
        world.advance(0.4)
        assert second.is_in and not first.is_open
        second.do("score", 100 + n)
        world.advance(0.2)
        assert second.view.all("guests")[0].score == 100 + n
        assert list(second.answers) == [(0, second.sent[0][1])], "its own answer, and nobody else's"
        first = second
    world.heal()
    world.check_settled()
    for person in world.people:
        world.watch.check_person(person)


def test_lines_over_several_gateways_are_counted_by_the_room_and_whoever_said_too_much_is_told():
    world = RoomWorld(plan_of())
    world.room.voices = Voices(Limit(0.1, 4))  # and one line that is late
    ann, bob = world.person(identity="ann"), world.person(gate="b")
    world.advance(0.3)
    for n in range(4):
        for line in range(3):
            ann.client.say(f"ann {n} {line}")
        world.advance(0.3)
        ann.drop()
        ann.connect("ba"[n % 2])
        world.advance(0.3)
    bob.client.say("bob's")
    world.advance(0.3)
    assert [line.text for line in bob.chat] == ["ann 0 0", "ann 0 1", "ann 0 2", "ann 1 0", "ann 1 1", "bob's"]
    assert [(refused.what, refused.reason) for refused in ann.refused] == [("chat", "rate")] * 7
    world.heal()
    world.check_settled()
