"""One room with all kinds of viewers in virtual time: what each promise looks like in a plain story."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from game.codec import body_of
from game.contract import Result
from game.fields import TEAM
from game.tracker import PUBLIC_SECTION, SPECTATORS_SECTION, Section
from game.wire.closecodes import Close
from server.rooms.admission import SPECTATORS_PER_IDENTITY
from server.rooms.room import LINGER_S, Room
from tests.server.rooms.parlour import Clerk
from tests.server.rooms.plans import plan_of
from tests.server.rooms.wires import Weather
from tests.server.rooms.world import INCARNATION, STEP_S, RoomWorld

GUESTS = 45


def settle(world: RoomWorld) -> None:
    world.heal()
    world.check_settled()
    for person in world.people:
        world.watch.check_person(person)


def test_players_and_a_spectator_share_one_room_across_gateways():
    world = RoomWorld(plan_of())
    ann, bob, eve = world.person(), world.person(gate="b"), world.person("spectator", "b")
    world.advance(0.3)
    for value in range(1, 30):
        ann.do("score", value)
        bob.do("score", 100 + value)
        world.advance(0.05)
    settle(world)
    assert ann.view.all("guests")[0].score == 29
    assert set(eve.view.sections) == {PUBLIC_SECTION, SPECTATORS_SECTION}
    assert eve.view.world.odds in (29, 129)
    assert (world.watch.counts["O2.applied"], world.watch.counts["O2.refused"]) == (57, 1)  # 13 is unlucky


def test_an_input_for_a_later_tick_waits_for_it_though_nothing_else_is_sent():
    world = RoomWorld(plan_of())
    ann = world.person()
    world.advance(0.3)
    ann.do("score", 7, for_tick=world.room.tick_no + 20)
    world.advance(0.5)
    assert ann.view.all("guests")[0].score == 0
    world.advance(1.0)
    assert ann.view.all("guests")[0].score == 7
    settle(world)


def test_a_room_where_nothing_happens_spends_no_seq_and_still_lets_people_in():
    world = RoomWorld(plan_of())
    ann = world.person()
    world.advance(1.0)
    seq = world.room.framer.live.seq
    world.advance(3.0)
    assert world.room.framer.live.seq == seq
    eve = world.person("spectator", "b")
    world.advance(1.0)
    assert eve.is_in and ann.is_in
    fay = world.person("spectator", "b")
    world.advance(0.3)
    assert fay.is_in, "a gateway that has all frames already gets one for its newcomer"
    settle(world)


def test_a_newcomer_to_an_idle_room_gets_in_though_its_first_frames_are_lost():
    world = RoomWorld(plan_of())
    world.person()
    world.advance(1.0)
    world.layer.weather = Weather(loss=1.0)
    world.layer.advance(world.now)
    eve = world.person("spectator", "b")
    world.advance(0.2)
    world.layer.weather = Weather(loss=0.0)
    world.advance(2.5)
    assert eve.is_in


def test_a_lost_private_part_in_an_idle_room_is_asked_for():
    world = RoomWorld(plan_of())
    ann = world.person()
    world.advance(1.0)
    ann.do("score", 5)
    world.layer.weather = Weather(loss=0.7)
    world.advance(0.3)
    world.layer.weather = Weather()
    world.advance(3.0)
    settle(world)


def test_a_team_switch_gives_the_new_section_and_takes_the_old_one():
    world = RoomWorld(plan_of())
    ann, bob, cid = world.person(), world.person(), world.person(gate="b")
    world.advance(0.5)
    assert Section(TEAM, 0) in ann.view.sections and Section(TEAM, 1) in bob.view.sections
    ann.do("switch", 1)
    world.advance(0.5)
    assert Section(TEAM, 1) in ann.view.sections and Section(TEAM, 0) not in ann.view.sections
    plans = {guest.__dict__.get("plan") for guest in ann.view.all("guests")}
    assert plans == {"plan-of-1-by-0", "plan-of-1-by-1", None}
    assert "plan-of-0-by-2" in {guest.__dict__.get("plan") for guest in cid.view.all("guests")}
    settle(world)


def test_nobody_is_sent_a_section_after_leaving_its_team_though_the_news_of_it_is_late():
    world = RoomWorld(plan_of())
    ann, bob = world.person(), world.person()
    cid = world.person()
    world.advance(0.5)
    world.layer.weather = Weather(late_s=0.4)
    for value in range(1, 40):
        (ann, bob, cid)[value % 3].do("switch", value)
        world.advance(0.07)
    settle(world)


def test_a_revealed_card_is_seen_by_all_and_hidden_again():
    world = RoomWorld(plan_of())
    ann, bob = world.person(), world.person(gate="b")
    world.advance(0.5)
    assert len(bob.view.all("cards")) == 1
    ann.do("reveal", 1)
    world.advance(0.5)
    assert {card.face for card in bob.view.all("cards")} == {"face-0-1", "face-1-2"}
    ann.do("hide", 2)
    world.advance(0.5)
    assert {card.face for card in bob.view.all("cards")} == {"face-1-2"}
    settle(world)


def test_a_reconnect_keeps_the_seat_and_every_input_is_answered_once():
    world = RoomWorld(plan_of())
    ann = world.person()
    world.advance(0.5)
    for value in range(1, 6):
        ann.do("score", value)
    world.advance(0.02)
    ann.drop()
    world.advance(0.5)
    ann.connect("b")
    world.advance(0.5)
    settle(world)
    assert [g.generation for w in ann.welcomes for g in w.seats] == [1, 2]
    assert len(ann.answers) == 5


def test_answers_that_the_old_connection_lost_reach_the_new_one_in_an_idle_room():
    world = RoomWorld(plan_of())
    ann = world.person()
    world.advance(0.5)
    ann.do("score", 13)  # refused: it changes nothing in the world
    world.advance(0.01)
    ann.walk_away()
    world.advance(0.1)
    assert not ann.answers
    ann.connect()  # the old socket still counts as open: a takeover
    world.advance(0.5)
    assert [grant.generation for welcome in ann.welcomes for grant in welcome.seats] == [1, 2]
    assert ann.is_in and [reason for [(_, reason)] in ann.answers.values()] == ["unlucky"]
    settle(world)


@pytest.mark.parametrize("weather", [Weather(frame_loss=1.0), Weather(part_loss=1.0)], ids=["frames", "private parts"])
@pytest.mark.parametrize("frames", [1, 10, 45])
def test_answers_are_not_lost_with_the_frames_that_carried_them(weather: Weather, frames: int):
    world = RoomWorld(plan_of())
    ann, bob = world.person(), world.person(gate="b")  # two gateways: public and private parts travel apart
    world.advance(0.5)
    world.layer.weather = weather
    ann.do("score", 13)  # refused: nothing else in the world tells of it
    for value in range(100, 100 + frames):
        bob.do("score", value)
        world.advance(0.05)
    world.layer.weather = Weather()
    for value in range(200, 230):
        bob.do("score", value)
        world.advance(0.05)
    assert [reason for [(_, reason)] in ann.answers.values()] == ["unlucky"]
    settle(world)


def test_a_connection_that_takes_over_is_told_at_once_what_the_old_one_was_not():
    world = RoomWorld(plan_of())
    ann, bob = world.person(), world.person()
    world.advance(0.5)
    ann.do("score", 13)
    world.advance(0.01)
    ann.walk_away()
    for value in range(100, 160):  # until no frame repeats it any more
        bob.do("score", value)
        world.advance(0.05)
    assert not ann.answers
    ann.connect()
    world.advance(0.2)
    assert ann.is_in and [reason for [(_, reason)] in ann.answers.values()] == ["unlucky"]
    settle(world)


def test_who_gets_a_seat_gets_none_of_the_answers_of_who_had_it_before():
    world = RoomWorld(plan_of())
    ann = world.person()
    bob = world.person()
    world.advance(0.5)
    for _ in range(5):
        ann.do("score", 13)
        world.advance(0.05)
    seat = ann.welcomes[-1].seats[0].seat
    ann.client.leave()
    eve = world.person()
    world.advance(0.5)
    bob.do("score", 1)
    world.advance(0.5)
    assert [grant.seat for grant in eve.welcomes[-1].seats] == [seat]
    eve.do("score", 2)
    world.advance(0.5)
    assert len(ann.answers) == 5 and [[reason for _, reason in given] for given in eve.answers.values()] == [[""]]
    settle(world)


def test_a_welcome_that_is_lost_on_the_way_does_not_cost_the_seat():
    world = RoomWorld(plan_of())
    ann = world.person()
    world.advance(0.5)
    ann.drop()
    world.advance(0.1)
    ann.connect()
    world.advance(0.06)
    assert len(ann.welcomes) == 1
    ann.drop()  # the welcome of generation 2 was on its way
    world.advance(0.5)
    ann.connect()
    world.advance(0.5)
    assert ann.is_in and [w.seats[0].seat for w in ann.welcomes] == [0, 0]
    assert world.room.match.seats.people == 1


def test_a_seat_that_its_owner_never_heard_of_is_free_at_once():
    world = RoomWorld(plan_of(seats=2))
    ann = world.person()
    world.layer.weather = Weather(late_s=0.05)
    world.advance(0.03)
    ann.drop()
    world.advance(1.0)
    assert world.room.match.seats.people == 0


def test_two_on_one_keyboard_come_back_together_and_a_takeover_frees_nothing_by_halves():
    world = RoomWorld(plan_of())
    ann = world.person(slots=2)
    world.advance(0.5)
    ann.do("score", 1, slot=0)
    ann.do("score", 2, slot=1)
    world.advance(0.3)
    ann.drop()
    world.advance(0.2)
    ann.connect("b")
    world.advance(0.5)
    ann.do("score", 3, slot=1)
    settle(world)
    assert [g.seat for g in ann.welcomes[-1].seats] == [0, 1]
    assert world.room.match.seats.people == 2


def test_one_identity_holds_at_most_four_seats_and_displaces_no_bot_in_vain():
    Clerk.seen.clear()
    world = RoomWorld(plan_of(seats=6, bots=6))
    ann = world.person(slots=4, identity="ann")
    world.advance(0.5)
    bots = [hold.number for hold in world.room.match.seats.bots()]
    more = world.person(slots=1, identity="ann")
    world.advance(0.5)
    assert ann.is_in and more.goodbyes[0].code == Close.NOT_ALLOWED.value.code
    assert [hold.number for hold in world.room.match.seats.bots()] == bots


def test_people_take_bots_seats_and_bots_come_back_when_they_leave():
    Clerk.seen.clear()
    world = RoomWorld(plan_of(seats=4, bots=3))
    ann = world.person()
    world.advance(0.5)
    assert (world.room.match.seats.people, len(world.room.match.seats.bots())) == (1, 2)
    others = [world.person(gate="b") for _ in range(3)]
    world.advance(0.5)
    assert (world.room.match.seats.people, len(world.room.match.seats.bots())) == (4, 0)
    others[0].client.leave()
    others[1].client.leave()
    world.advance(0.5)
    assert (world.room.match.seats.people, len(world.room.match.seats.bots())) == (2, 1)
    settle(world)
    assert ann.is_in
    for seat, hands in Clerk.seen:
        assert hands <= {f"hand-of-{seat}"}, "O13: a bot saw another's hand"


def test_after_a_match_everybody_learns_the_end_and_inputs_are_answered():
    world = RoomWorld(plan_of())
    ann = world.person()
    world.advance(0.5)
    ann.do("end", 1)
    ann.do("score", 2)
    world.advance(0.5)
    ann.do("score", 3)
    world.advance(0.5)
    assert ann.view.room.phase == "ended" and len(world.desk.over) == 1
    assert ann.answers[0, 3][0][1] == "match ended"
    assert [(seat.number, seat.identity) for seat in world.desk.over[0].seats] == [(0, "p0")]
    late = world.person()
    world.advance(LINGER_S + 1.0)
    assert late.goodbyes[0].code == ann.goodbyes[0].code == Close.ROOM_CLOSED.value.code
    assert world.room.is_over


def test_nobody_is_shown_the_end_before_its_result_is_written_down(monkeypatch: pytest.MonkeyPatch):
    world = RoomWorld(plan_of())
    ann = world.person()
    world.advance(0.5)
    results: list[Result] = []
    monkeypatch.setattr(Room, "result_is_written", lambda _, result: results.append(result))
    ann.do("end", 1)
    world.advance(1.0)
    ann.do("score", 2)
    late = world.person()
    world.advance(0.5)
    assert ann.view.room.phase == "playing" and len(results) == 1
    assert ann.answers[0, 2][0][1] == "match ended" and world.room.info().state == "ended"
    assert late.goodbyes[0].code == Close.ROOM_CLOSED.value.code
    monkeypatch.undo()
    world.room.result_is_written(results[0])
    world.advance(0.3)
    assert (ann.view.room.phase, ann.view.room.summary) == ("ended", "told to end")
    settle(world)


def test_inputs_before_the_match_are_refused_by_name():
    world = RoomWorld(plan_of(min_players=2))
    ann = world.person()
    world.advance(0.5)
    ann.do("score", 1)
    world.advance(0.5)
    assert ann.answers[0, 1][0][1] == "match waiting"


@pytest.mark.parametrize("sees", ["public", "everything"])
def test_delayed_spectators_see_it_later_and_see_the_end(sees):
    world = RoomWorld(plan_of(delay="2s", sees=sees))
    ann, eve = world.person(), world.person("spectator", "b")
    world.advance(0.5)
    ann.client.say("hello, all")
    for value in range(1, 20):
        ann.do("score", value)
        world.advance(0.05)
    assert not eve.chat
    world.advance(1.0)
    late = world.person("spectator", "b")
    far = world.person("spectator", "a")
    eve.client.say("hello from later")
    world.advance(3.0)
    assert eve.is_in and late.is_in and far.is_in
    assert sorted(line.text for line in eve.chat) == ["hello from later", "hello, all"]
    assert [line.text for line in ann.chat] == ["hello, all"]
    settle(world)
    assert world.watch.counts["O14"] > 10
    ann.do("end", 100)
    world.advance(1.5)
    assert eve.is_open
    world.advance(LINGER_S + 1.0)
    world.advance(3.0)
    assert eve.goodbyes[0].code == Close.ROOM_CLOSED.value.code and world.room.is_over


def test_a_delayed_spectator_whose_gateway_lost_frames_gets_the_shown_ones_again():
    world = RoomWorld(plan_of(delay="2s"))
    ann, eve = world.person(), world.person("spectator", "b")
    world.advance(3.0)
    for value in range(1, 15):
        ann.do("score", value)
        world.advance(0.05)
    world.layer.weather = Weather(loss=0.9)
    world.advance(2.2)
    settle(world)
    assert eve.is_in


def test_a_delayed_spectator_whose_first_frames_were_all_lost_gets_in_though_nothing_happens():
    world = RoomWorld(plan_of(delay="1s"))
    world.person()
    eve = world.person("spectator", "b")
    world.advance(0.9)
    world.layer.weather = Weather(loss=1.0)
    world.advance(1.5)
    settle(world)
    assert eve.is_in


def test_chat_lines_that_the_layer_lost_are_fetched_in_one_order():
    world = RoomWorld(plan_of(history=5))
    ann, bob, eve = world.person(), world.person(gate="b"), world.person("spectator", "b")
    world.advance(0.5)
    world.layer.weather = Weather(loss=0.5, repeat=0.3, late_s=0.2)
    for number in range(20):
        (ann, bob, eve)[number % 3].client.say(f"line {number}")
        world.advance(0.1)
    settle(world)
    assert [len(p.chat) for p in (ann, bob, eve)] == [20, 20, 20]


def test_a_newcomer_gets_the_history_that_the_room_type_names():
    world = RoomWorld(plan_of(history=0))
    ann = world.person()
    world.advance(0.5)
    ann.client.say("before")
    world.advance(0.5)
    bob = world.person()
    world.advance(0.5)
    ann.client.say("after")
    world.advance(0.5)
    assert [line.text for line in bob.chat] == ["after"]
    settle(world)


def test_a_seat_is_free_after_its_grace_and_an_empty_room_ends():
    world = RoomWorld(plan_of(grace="1s"))
    ann = world.person()
    world.advance(0.5)
    ann.drop()
    world.advance(0.5)
    assert world.room.match.seats.people == 1
    world.advance(1.0)
    assert world.room.match.seats.people == 0
    ann.connect()
    world.advance(0.5)
    assert ann.goodbyes[0].code == Close.CANNOT_RESUME.value.code
    world.advance(4.0)
    assert world.room.is_over


def test_spectators_beyond_the_limit_are_told():
    world = RoomWorld(plan_of())
    crowd = [world.person("spectator") for _ in range(21)]
    world.advance(1.0)
    assert sum(p.is_in for p in crowd) == 20
    assert [p.goodbyes[0].code for p in crowd if p.goodbyes] == [Close.OVERLOADED.value.code]


def test_skipped_time_is_announced():
    world = RoomWorld(plan_of())
    ann = world.person()
    world.advance(0.5)
    world.room.rebase(1.5)
    world.advance(0.5)
    assert ann.is_in
    settle(world)


@pytest.mark.parametrize("seed", range(6))
def test_a_rough_layer_only_slows_things_down(seed):
    world = RoomWorld(plan_of(bots=3), seed=seed)
    people = [world.person(gate="ab"[n % 2]) for n in range(3)] + [world.person("spectator", "b")]
    world.advance(0.5)
    world.layer.weather = Weather(loss=0.15, repeat=0.15, late_s=0.12)
    for value in range(20, 80):
        if people[value % 3].is_in:
            people[value % 3].do(("score", "switch", "reveal", "hide")[value % 4], value)
        if value % 17 == 0:
            people[value % 3].drop()
        if value % 17 == 5:
            for person in people:
                if not person.is_open:
                    person.connect()
        world.advance(0.05)
    settle(world)


def test_one_identity_cannot_take_all_places_of_the_spectators():
    world = RoomWorld(plan_of())
    own = [world.person("spectator", "ab"[n % 2], identity="ann") for n in range(20)]
    world.advance(1.0)
    assert sum(person.is_in for person in own) == SPECTATORS_PER_IDENTITY
    told = [person.goodbyes[-1] for person in own if person.goodbyes]
    assert {goodbye.code for goodbye in told} == {Close.NOT_ALLOWED.value.code}
    assert told[0].reason.startswith("spectators_per_identity: one identity may watch a room 8 times")
    others = [world.person("spectator", "b") for _ in range(20 - SPECTATORS_PER_IDENTITY)]
    world.advance(1.0)
    assert all(person.is_in for person in others)
    late, seated = world.person("spectator", identity="ann"), world.person("player", identity="ann")
    world.advance(1.0)
    assert seated.is_in and not late.is_in


def test_guests_who_hang_up_while_their_room_opens_are_in_no_list():
    """Each one's Part was kept beside each Join and replayed through the very list that it stood in: lists doubled, for good."""
    world = RoomWorld(plan_of())
    world.opens_at = world.now + 1.0
    guests = [world.person("player", "ab"[n % 2]) for n in range(GUESTS)]
    world.advance(0.3)
    waiting = world.desk.claims._waiting[INCARNATION]
    assert len(waiting) == GUESTS
    for guest in guests:
        guest.drop()
    world.advance(0.3)
    assert not waiting and world.watch.counts["lost before admitted"] == GUESTS
    world.advance(1.0)
    assert not world.room.viewers and not world.room.match.seats.people
    ann = world.person()
    world.heal()
    assert ann.is_in and ann.client.welcome.seats[0].seat == 0  # type: ignore[union-attr]  # it is in
    world.check_settled()


@pytest.mark.parametrize("steps", range(10))
def test_who_hangs_up_at_any_moment_of_coming_in_holds_no_seat_beyond_its_grace(steps):
    world = RoomWorld(plan_of())
    world.advance(0.2)
    guest = world.person()
    world.advance(steps * STEP_S)
    guest.drop()
    world.advance(0.3)
    is_lost = bool(world.watch.counts.get("lost before admitted"))
    assert not world.room.viewers
    assert is_lost <= (not world.room.match.seats.people), "a seat that nobody has a token for waits for nobody"
    world.advance(world.room.plan.reconnect_grace_s + 0.5)
    assert not world.room.match.seats.people


def test_an_input_that_the_authors_class_does_not_take_is_malformed_and_no_fault_of_the_room(monkeypatch):
    """Any player could have ended the room by it: the class is free to refuse values that its fields allow each by itself."""
    world = RoomWorld(plan_of())
    ann, bob = world.person(), world.person(gate="b")
    world.advance(0.3)

    def picky(message: Any, values: list[int]) -> Any:
        if values[1] == 77:
            raise ValueError("never 77")
        return body_of(message, values)

    monkeypatch.setattr("server.rooms.room.body_of", picky)
    world.faults_expected = 1
    ann.do("score", 77)
    bob.do("score", 5)
    with capture_logs():
        world.advance(0.5)
    assert [reason for _, reason in ann.answers[0, 1]] == ["malformed"] and [r for _, r in bob.answers[0, 1]] == [""]
    assert not world.room.is_over and world.room.faults.noted == 1


def test_a_fault_in_what_one_person_said_costs_that_person_its_connection(monkeypatch):
    world = RoomWorld(plan_of())
    ann, eve = world.person(), world.person(gate="b")
    world.advance(0.3)
    whole = world.room.talk.say

    def broken(viewer: object, *args: object) -> None:
        if viewer is world.room.viewers.get(eve.conn):
            raise RuntimeError("our own bug")
        whole(viewer, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(type(world.room.talk), "say", lambda self, *args: broken(*args))
    world.faults_expected = 1
    eve.client.say("a line")
    with capture_logs():
        world.advance(0.5)
    assert eve.goodbyes[-1].code == Close.INTERNAL.value.code
    ann.client.say("another")
    ann.do("score", 5)
    world.advance(0.5)
    assert ann.is_in and ann.chat and not world.room.is_over
