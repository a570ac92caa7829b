"""The gateway's machine: what each state takes, how inputs keep their order, and when a client is waited for or given up."""

from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from game.codec import encode_delta
from game.fields import SEAT
from game.tracker import PUBLIC_SECTION, Section
from game.wire import messages as m
from game.wire import session as s
from game.wire.acks import AckPace
from game.wire.client import Client
from game.wire.closecodes import Close
from game.wire.frames import (
    AckMessage,
    Answer,
    FrameKind,
    InputMessage,
    Position,
    answer_rows,
    decode_frame,
    encode_ack,
    encode_input,
)
from game.wire.limits import Limit, Overflow
from game.wire.ring import Ring, RingFrame
from tests.vectors.generate import SCHEMA, welcome
from tests.vectors.generate import Story as Told
from tests.vectors.generate import story as sample_story
from tests.vectors.texts import FAMILY, PERSIAN

STEER = SCHEMA.inputs[0]
ALL = {"input": Limit(40.0, 80), "chat": Limit(1.0, 5), "leave": None}
SECTIONS = (PUBLIC_SECTION, Section(SEAT, 1))


def new_session(
    accepts: dict[str, Limit | None] | None = None, *, is_binary: bool = True, is_paced: bool = True
) -> s.Session:
    rules = s.SessionRules("sample.play", "player", SCHEMA, ALL if accepts is None else accepts, is_paced=is_paced)
    return s.Session(rules, is_binary, 0.0)


def live_session(
    accepts: dict[str, Limit | None] | None = None, *, answered: int = 0, is_binary: bool = True, is_paced: bool = True
) -> s.Session:
    session = new_session(accepts, is_binary=is_binary, is_paced=is_paced)
    session.receive(m.encode(m.Hello()), 0.0)
    session.attached(welcome(answered), SECTIONS, 0, 0.0)
    session.commands()
    session.data_to_send()
    return session


def add(ring: Ring, told: Told, answers: dict[int, tuple[Answer, ...]] | None = None) -> None:
    """The story's newest frame, as a patch and as a KEY."""
    seq = told.tracker.seq
    base = max(0, seq - 3)
    ring.add(
        RingFrame(seq, base, seq * 3, seq * 50, {seat: answer_rows(own) for seat, own in (answers or {}).items()}),
        {section: (False, told.patch(section, base).data) for section in SECTIONS},
        {section: encode_delta(told.tracker.key(section)) for section in SECTIONS},
    )


def playing(frames: int = 1, **more: Any) -> tuple[s.Session, Ring, Told]:
    session, ring, told = live_session(**more), Ring(1), sample_story()
    for i in range(frames):
        if i:
            told.advance()
        add(ring, told)
        session.offer(ring, i * 0.05)
    return session, ring, told


def an_input(n: int, *, slot: int = 0, seen: tuple[int, int] = (0, 0)) -> bytes:
    return encode_input(InputMessage(slot, n, Position(*seen), 0, STEER, [100, 0]))


def said(session: s.Session) -> list[Any]:
    return [m.decode_server(d) if isinstance(d, str) else decode_frame(d) for d in session.data_to_send()]


# ---- states


MESSAGES: dict[str, str | bytes] = {
    "hello": m.encode(m.Hello()),
    "input": an_input(1),
    "ack": encode_ack(AckMessage(Position(0, 0))),
    "resync": m.encode(m.Resync()),
    "chat": m.encode(m.Say(text="hello")),
    "leave": m.encode(m.Leave()),
    "ping": m.encode(m.Ping(5.0)),
    "schema": m.encode(m.WantSchema()),
}
WRONG = "closed 4405"
TABLE = {  # state: message: what comes of it
    "hello": dict.fromkeys(MESSAGES, WRONG) | {"hello": "Attach"},
    "joining": {
        "hello": WRONG, "input": "refused wrong_state", "ack": "refused future", "resync": "nothing",
        "chat": "refused wrong_state", "leave": "closed 1000", "ping": "Pong", "schema": "SchemaMessage",
    },
    "live": {
        "hello": WRONG, "input": "Submit", "ack": "refused future", "resync": "nothing", "chat": "SayLine",
        "leave": "closed 1000", "ping": "Pong", "schema": "SchemaMessage",
    },
    "closed": dict.fromkeys(MESSAGES, "nothing"),
}  # fmt: skip


@pytest.mark.parametrize(("state", "name"), [(state, name) for state in TABLE for name in MESSAGES])
def test_each_state_takes_its_own_messages(state: str, name: str):
    session = live_session() if state == "live" else new_session()
    if state == "joining":
        session.receive(MESSAGES["hello"], 0.0)
    if state == "closed":
        session.finish(Close.NORMAL)
    session.commands()
    session.data_to_send()
    session.receive(MESSAGES[name], 0.0)
    messages, commands = said(session), session.commands()
    match TABLE[state][name]:
        case "nothing":
            assert (messages, commands) == ([], [])
        case str(expected) if expected.startswith("closed"):
            assert session.close is not None
            assert expected == f"closed {session.close.value.code}"
            assert isinstance(messages[-1], m.Goodbye)
        case str(expected) if expected.startswith("refused"):
            assert [f"refused {r.reason}" for r in messages] == [expected]
            assert commands == []
        case expected:
            assert [type(x).__name__ for x in (*messages, *commands)] == [expected]


def test_a_client_that_left_while_its_seat_was_sought_stays_closed():
    session = new_session()
    session.receive(m.encode(m.Hello()), 0.0)
    session.receive(m.encode(m.Leave()), 0.1)
    session.attached(welcome(), SECTIONS, 0, 0.2)
    assert session.state is s.SessionState.CLOSED
    assert not any(isinstance(x, m.Welcome) for x in said(session))


@pytest.mark.parametrize(
    ("hello", "close"),
    [
        (m.Hello(v=2), Close.TOO_OLD),
        (m.Hello(fingerprint="another"), Close.TOO_OLD),
        (m.Hello(slots=0), Close.BAD_MESSAGE),
        (m.Hello(slots=5), Close.BAD_MESSAGE),
    ],
)
def test_a_hello_that_cannot_be_served_is_told_why(hello: m.Hello, close: Close):
    session = new_session()
    session.receive(m.encode(hello), 0.0)
    assert session.close is close
    (goodbye,) = said(session)
    assert goodbye.reason.startswith("expected")


def test_another_fingerprint_is_fine_for_a_client_that_asks_for_the_schema():
    session = new_session()
    session.receive(m.encode(m.Hello(fingerprint="another", schema=True)), 0.0)
    assert [type(c) for c in session.commands()] == [s.Attach]


def test_no_hello_and_silence_end_a_connection():
    for session, deadline_s in ((new_session(), s.HELLO_WITHIN_S), (live_session(), s.SILENT_FOR_S)):
        closes = []
        for now in (deadline_s, deadline_s + 0.1):
            session.poll(now)
            closes.append(session.close)
        assert closes == [None, Close.TIMEOUT]


# ---- inputs


def numbers(session: s.Session) -> list[tuple[int, str]]:
    return [(c.n, c.reason) for c in session.commands() if isinstance(c, s.Submit)]


def test_inputs_sent_again_are_passed_on_once():
    session = live_session(answered=5)
    for n in (4, 5, 6, 7, 7, 6, 8):
        session.receive(an_input(n), 0.0)
    assert numbers(session) == [(6, ""), (7, ""), (8, "")]
    assert said(session) == []


@pytest.mark.parametrize("data", [an_input(1, slot=1), an_input(0), an_input(1, seen=(1, 2))])
def test_an_input_of_no_seat_number_or_of_the_future_is_refused(data: bytes):
    session, _, _ = playing()
    session.data_to_send()
    session.receive(data, 0.0)
    assert [r.reason for r in said(session)] == ["wrong_state"]
    assert numbers(session) == []


def test_before_the_first_frame_an_input_may_have_been_seen_on_an_earlier_connection():
    session = live_session()
    session.receive(an_input(1, seen=(1, 9)), 0.0)
    assert numbers(session) == [(1, "")]


def test_a_route_without_inputs_refuses_them_by_number():
    session = live_session({"chat": None})
    session.receive(an_input(3), 0.0)
    (refused,) = said(session)
    assert (refused.reason, refused.slot, refused.n) == ("not_accepted", 0, 3)


@pytest.mark.parametrize("is_binary", [True, False])
def test_a_malformed_input_is_answered_in_its_turn(is_binary: bool):
    session = live_session({"input": Limit(1.0, 2, Overflow.DROP_OLDEST)}, is_binary=is_binary)

    def send(n: int, *, is_good: bool = True) -> None:
        if is_binary:
            data = an_input(n)
            session.receive(data if is_good else data[:-1] + b"\x09", 0.0)
        else:
            body = {"type": "Steer", "turn": 0.0 if is_good else 7.0, "thrust": False}
            session.receive(m.encode(m.Input(n, body)), 0.0)

    for n in (1, 2, 3):
        send(n)
    send(4, is_good=False)
    send(5)
    assert numbers(session) == [(1, ""), (2, "")]
    (told,) = said(session)
    assert (told.reason, told.n) == ("malformed", None)
    session.poll(1.0)
    assert numbers(session) == [(3, ""), (4, "malformed")]
    session.poll(2.0)
    assert numbers(session) == [(5, "")]


def test_drop_oldest_refuses_the_oldest_that_wait():
    session = live_session({"input": Limit(1.0, 1, Overflow.DROP_OLDEST)})
    for n in range(1, 13):
        session.receive(an_input(n), 0.0)
    waiting = s.WAITING_INPUTS_MAX
    assert numbers(session) == [(1, ""), (2, "rate"), (3, "rate"), (4, "rate")]
    for t in range(1, waiting + 1):
        session.poll(float(t))
    assert numbers(session) == [(n, "") for n in range(5, 13)]


def test_refuse_answers_by_rate_and_close_closes():
    session = live_session({"input": Limit(1.0, 2, Overflow.REFUSE)})
    for n in range(1, 5):
        session.receive(an_input(n), 0.0)
    assert numbers(session) == [(1, ""), (2, ""), (3, "rate"), (4, "rate")]
    session = live_session({"input": Limit(1.0, 2, Overflow.CLOSE)})
    for n in range(1, 5):
        session.receive(an_input(n), 0.0)
    assert session.close is Close.RATE


@given(
    st.lists(st.tuples(st.integers(1, 30), st.booleans(), st.floats(0, 0.3)), max_size=60), st.sampled_from(Overflow)
)
def test_inputs_reach_the_loop_by_growing_numbers_each_once(sent: list[tuple[int, bool, float]], overflow: Overflow):
    session = live_session({"input": Limit(5.0, 3, overflow)})
    now, got = 0.0, []
    for n, is_good, wait in sent:
        now += wait
        session.poll(now)
        session.receive(an_input(n) if is_good else an_input(n)[:-1] + b"\x09", now)
        got += numbers(session)
    for _ in range(40):
        now += 0.3
        session.poll(now)
    got += numbers(session)
    assert [n for n, _ in got] == sorted({n for n, _ in got})
    if session.close is None:
        taken = 0
        for n, _, _ in sent:
            if n > taken:
                taken = n
                assert n in [m for m, _ in got]


def test_what_a_route_accepts_is_no_flood():
    # Forty inputs and their acks a second were taken for a flood after seven seconds.
    session, ring, told = playing()
    session.data_to_send()
    now = 0.0
    for n in range(1, 40 * 12):
        now += 1 / 40
        session.receive(an_input(n), now)
        if n % 2:
            told.advance()
            add(ring, told)
            session.offer(ring, now)
            session.receive(encode_ack(AckMessage(session.head)), now)
    assert session.close is None


def test_a_flood_ends_the_connection():
    session = live_session()
    for _ in range(1000):
        session.receive(m.encode(m.Ping(1.0)), 0.0)
    assert session.close is Close.RATE


def test_too_many_errors_end_the_connection():
    session = live_session()
    for _ in range(30):
        session.receive("{", 0.0)
    assert session.close is Close.TOO_MANY_ERRORS
    (goodbye,) = [x for x in said(session) if isinstance(x, m.Goodbye)]
    assert goodbye.code == 4422


def test_binary_in_the_json_subprotocol_is_refused():
    session = live_session(is_binary=False)
    session.receive(an_input(1), 0.0)
    assert [r.reason for r in said(session)] == ["bad_message"]


# ---- frames and pacing


def test_the_first_frame_is_a_key_that_includes_the_join():
    session, ring, told = new_session(), Ring(1), sample_story()
    add(ring, told)
    session.receive(m.encode(m.Hello()), 0.0)
    session.attached(welcome(), SECTIONS, 4, 0.0)
    session.offer(ring, 0.0)
    assert [type(x) for x in said(session)] == [m.Welcome]
    told.advance()
    add(ring, told)
    session.offer(ring, 0.05)
    (frame,) = said(session)
    assert (frame.kind, frame.seq) == (FrameKind.KEY, 2)


def test_a_frame_is_sent_once_and_a_resync_brings_a_key():
    session, ring, _ = playing()
    session.offer(ring, 0.1)
    assert len(session.data_to_send()) == 1
    session.receive(m.encode(m.Resync()), 0.2)
    session.offer(ring, 0.2)
    (frame,) = said(session)
    assert (frame.kind, frame.seq) == (FrameKind.KEY, 1)


def test_a_ring_with_a_hole_is_a_wish_for_a_key():
    session, ring = live_session(), Ring(1)
    ring.add(RingFrame(5, 2, 15, 250), {PUBLIC_SECTION: (False, b"")})
    session.offer(ring, 0.0)
    assert session.commands() == [s.WantKey()]


def test_a_client_that_does_not_acknowledge_is_paused_then_gets_the_newest_and_at_last_is_closed():
    session, ring, told = playing()
    session.data_to_send()
    for i in range(1, 40):
        told.advance()
        add(ring, told)
        session.offer(ring, i * 0.05)
    sent = said(session)
    assert s.PAUSE_AFTER_S / 0.05 - 1 <= len(sent) <= s.PAUSE_AFTER_S / 0.05 + 1
    assert session.frames_skipped == 39 - len(sent)
    session.receive(encode_ack(AckMessage(sent[-1].position)), 2.0)
    session.offer(ring, 2.0)
    (caught_up,) = said(session)
    assert (caught_up.kind, caught_up.base, caught_up.seq) == (FrameKind.PATCH, sent[-1].seq, told.tracker.seq)
    session.receive(MESSAGES["ping"], 11.9)
    session.poll(12.0)
    assert session.close is None
    session.poll(12.1)
    assert session.close is Close.TOO_SLOW


def test_no_frame_is_put_behind_bytes_that_the_socket_has_not_taken():
    session, ring, told = playing()
    session.data_to_send()
    session.hold()
    for now in (0.05, 0.1):
        told.advance()
        add(ring, told)
        session.offer(ring, now)
    assert said(session) == []
    assert session.is_waiting
    assert session.frames_skipped == 2
    session.is_held = False
    session.offer(ring, 0.1)
    (frame,) = said(session)
    assert frame.seq == told.tracker.seq


def test_a_socket_that_takes_nothing_is_closed_even_if_no_frame_is_unacknowledged():
    session, ring, told = playing()
    session.receive(encode_ack(AckMessage(said(session)[-1].position)), 0.02)
    session.hold()
    for n in range(1, 240):
        now = n * 0.05
        if n % 20 == 0:
            session.receive(MESSAGES["ping"], now)
        told.advance()
        add(ring, told)
        session.offer(ring, now)
        session.poll(now)
    assert session.close is Close.TOO_SLOW


def test_without_pacing_a_socket_that_takes_too_little_gets_every_frame():
    session, ring, told = playing(is_paced=False)
    session.data_to_send()
    session.hold()
    told.advance()
    add(ring, told)
    session.offer(ring, 0.05)
    assert len(said(session)) == 1


def test_a_link_that_falls_behind_gets_one_frame_at_a_time_until_it_keeps_up_again():
    session, ring, told = playing()
    key = said(session)[-1]
    session.receive(encode_ack(AckMessage(key.position)), 0.02)

    def shown(now: float) -> list[Any]:
        told.advance()
        add(ring, told)
        session.offer(ring, now)
        return said(session)

    def acked(position: Position, now: float) -> None:
        session.receive(encode_ack(AckMessage(position)), now)

    first, second, third = (shown(now)[0] for now in (1.0, 1.05, 1.1))
    acked(first.position, 1.02 + s.LATE_S)  # within a period and some jitter of the best: on time
    assert len(shown(1.3)) == 1
    acked(second.position, 1.4)  # 0.35 s, where it has been 0.02: the way is filling up
    assert shown(1.45) == []
    acked(third.position, 1.5)
    assert shown(1.55) == []  # the fourth is still on its way
    acked(session.head, 1.7)
    (alone,) = shown(1.75)
    assert shown(1.8) == []
    acked(alone.position, 1.85)
    assert [len(shown(now)) for now in (1.9, 1.95, 2.0)] == [1, 1, 1]


def test_a_link_that_is_too_narrow_for_all_frames_gets_what_it_can_carry_and_is_never_far_behind():
    session, ring, told = playing()
    session.receive(encode_ack(AckMessage(said(session)[-1].position)), 0.02)
    on_the_way: list[tuple[float, float, Position]] = []
    behind: list[float] = []
    carried_at, worst = 0.0, 0.0
    pace, held = AckPace(), session.head
    pace.begin(20, 0.0)
    for i in range(1, 1200):  # a minute; each frame takes the link two periods
        now = i * 0.05
        arrived = [(at, shown, position) for at, shown, position in on_the_way if at <= now]
        on_the_way = on_the_way[len(arrived) :]
        for _, shown, position in arrived:
            held = position
            worst = max(worst, now - shown)
            behind.append(now - shown)
            pace.on_frame(now)
        if pace.is_due(now):
            pace.on_ack(now)
            session.receive(encode_ack(AckMessage(held)), now)
        told.advance()
        add(ring, told)
        session.offer(ring, now)
        for frame in said(session):
            carried_at = max(carried_at, now) + 0.1
            on_the_way.append((carried_at, now, frame.position))
    assert worst < 1.0
    assert sorted(behind)[len(behind) // 2] < 0.3
    assert len(behind) > 200


def test_a_link_that_acknowledges_seldom_and_in_time_gets_every_frame():
    session, ring, told = playing()
    newest = said(session)[-1]
    at = [(0.0, newest)]
    for i in range(1, 200):
        now = i * 0.05
        told.advance()
        add(ring, told)
        session.offer(ring, now)
        at += [(now, frame) for frame in said(session)]
        if i % 13 == 0:
            acknowledged = max((pair for pair in at if pair[0] <= now - 0.1), key=lambda pair: pair[0])[1]
            session.receive(encode_ack(AckMessage(acknowledged.position)), now)
    assert len(at) == 200
    assert session.frames_skipped == 0


def test_frames_that_vanish_in_the_client_are_followed_by_another_that_shows_the_gap():
    # Slow and quiet: each frame comes long after the one before, so that the pause began with the first that vanished.
    session, ring, told = playing()
    session.receive(encode_ack(AckMessage(said(session)[-1].position)), 0.02)
    sent_at = []
    for i in range(1, 12):
        now = i * 0.8
        told.advance()
        add(ring, told)
        session.offer(ring, now)
        sent_at += [now for _ in said(session)]
    assert session.close is None
    assert [round(at, 1) for at in sent_at] == [0.8, 1.6, 4.0, 7.2], "a reader that has stopped is sent little"


def test_a_resync_ends_a_pause():
    # A lost frame: the client can acknowledge nothing more, the session waited for an acknowledgement. For ever.
    session, ring, told = playing(3)
    session.data_to_send()
    told.advance()
    add(ring, told)
    session.offer(ring, 2.0)
    assert session.data_to_send() == []
    session.receive(m.encode(m.Resync()), 2.1)
    session.offer(ring, 2.1)
    (frame,) = said(session)
    assert (frame.kind, frame.seq) == (FrameKind.KEY, 4)


def test_a_client_that_only_asks_for_keys_is_closed_all_the_same():
    session, ring, told = playing()
    now, keys = 0.0, 0
    while session.close is None and now < 60:
        now += 0.1
        told.advance()
        add(ring, told)
        session.receive(m.encode(m.Resync()), now)
        session.offer(ring, now)
        session.poll(now)
        keys += len([x for x in said(session) if getattr(x, "kind", None) is FrameKind.KEY])
    assert session.close in (Close.TOO_SLOW, Close.TOO_MANY_ERRORS)
    assert now < 12
    assert keys < 40


def test_a_key_at_a_place_that_was_acknowledged_before_is_acknowledged_again():
    # An idle room's KEY after a resync stands where the client already was; its ack was ignored, and the client closed.
    session, ring, _ = playing()
    ack = encode_ack(AckMessage(Position(1, 1)))
    session.receive(ack, 0.1)
    session.receive(m.encode(m.Resync()), 1.0)
    session.offer(ring, 1.0)
    session.receive(ack, 1.1)
    session.receive(MESSAGES["ping"], 11.0)
    session.poll(12.0)
    assert session.close is None
    assert [c.position for c in session.commands() if isinstance(c, s.Acknowledge)] == [Position(1, 1)]


def test_acknowledging_the_future_is_an_error_and_moves_nothing():
    session, _, _ = playing()
    session.data_to_send()
    session.receive(encode_ack(AckMessage(Position(1, 2))), 0.1)
    assert [r.reason for r in said(session)] == ["future"]
    assert session.commands() == []


def test_answers_stand_in_the_frame_of_their_seat():
    session, ring, told = playing()
    session.data_to_send()
    told.advance()
    add(ring, told, {1: (Answer(0, 3, 6),), 2: (Answer(0, 9, 6),)})
    session.offer(ring, 0.05)
    (frame,) = said(session)
    assert [a.n for a in frame.answers] == [3]


def test_json_viewers_with_the_same_chains_do_not_get_each_others_sections():
    # Empty chains are one object: the cache took a seat's frame for another's.
    ring, told = Ring(1), sample_story()
    sections = [(PUBLIC_SECTION, Section(SEAT, 1)), (PUBLIC_SECTION, Section(SEAT, 2))]
    sessions = []
    for own in sections:
        session = live_session(is_binary=False)
        session.change_sections(own)
        sessions.append(session)
    for _ in range(2):
        told.advance()
        every = {PUBLIC_SECTION, *(own[1] for own in sections)}
        seq = told.tracker.seq
        ring.add(
            RingFrame(seq, seq - 1, seq, seq),
            {one: (False, told.patch(one, seq - 1).data) for one in every},
            {one: encode_delta(told.tracker.key(one)) for one in every},
        )
        for session in sessions:
            session.offer(ring, 0.0)
    for own, session in zip(sections, sessions, strict=True):
        last = m.decode_server(str(session.data_to_send()[-1]))
        assert isinstance(last, dict)
        assert [x["of"] for x in last["sections"]] == [one.of for one in own]


def test_the_pong_tells_the_rooms_time_and_tick():
    session = live_session()
    session.receive(m.encode(m.Ping(1.0)), 0.5)
    ring, told = Ring(1), sample_story()
    add(ring, told)
    session.offer(ring, 1.0)
    session.receive(m.encode(m.Ping(2.0)), 1.25)
    before, _, after = said(session)
    assert (before.at_ms, before.tick) == (0, 0)
    assert (after.t, after.at_ms, after.tick) == (2.0, 50 + 250, 3)


# ---- chat


def lines(first: int, last: int) -> list[m.ChatLine]:
    return [m.ChatLine(n, "Ada", "player", f"line {n}") for n in range(first, last + 1)]


def test_chat_is_offered_once_and_repaired_at_once():
    session = live_session()
    log = lines(1, 3)
    session.offer_chat(log)
    session.offer_chat(log)
    (chat,) = said(session)
    assert ([line.n for line in chat.lines], chat.after) == ([1, 2, 3], 0)
    session.receive(m.encode(m.Say(since=1)), 0.0)
    (again,) = said(session)
    assert ([line.n for line in again.lines], again.after) == ([2, 3], 1)
    session.receive(m.encode(m.Say(since=1_000)), 0.0)
    log += lines(4, 4)
    session.offer_chat(log)
    (chat,) = said(session)
    assert ([line.n for line in chat.lines], chat.after) == ([4], 3)


@pytest.mark.parametrize("text", ["", "  ", "x" * 241, "\u3164", "\u200b\u2800\x00", "\u202e"])
def test_chat_of_no_or_too_great_length_is_refused(text: str):
    session = live_session()
    session.receive(m.encode(m.Say(text=text)), 0.0)
    assert [r.reason for r in said(session)] == ["length"]


def test_a_line_is_cleaned_before_it_is_measured_and_said():
    session = live_session()
    for text in ("\x1b[31mred\x00 \u202eder", "\u202e" * 241 + "x", "e\u0301" * 240, f"{PERSIAN}\u2028{FAMILY}"):
        session.receive(m.encode(m.Say(text=text)), 0.0)
    said_lines = [command.text for command in session.commands() if isinstance(command, s.SayLine)]
    assert said_lines == ["[31mred der", "x", "\u00e9" * 240, f"{PERSIAN} {FAMILY}"]


def test_a_line_is_measured_in_bytes_too():
    session = live_session()
    session.rules = evolve(session.rules, chat_length=2000)
    for text in ("\u6f22" * 667, "\u6f22" * 666):
        session.receive(m.encode(m.Say(text=text)), 0.0)
    assert [r.reason for r in said(session)] == ["length"]
    assert [command.text for command in session.commands() if isinstance(command, s.SayLine)] == ["\u6f22" * 666]


@pytest.mark.parametrize("escape", ["\\ud83d", "\\ude00", "\\ude00\\ud83d"])
def test_half_a_pair_in_json_never_gets_further(escape: str):
    session = live_session()
    session.receive(f'{{"type": "chat", "text": "a{escape}b"}}', 0.0)
    lines_said = [command.text for command in session.commands() if isinstance(command, s.SayLine)]
    assert lines_said == ["ab"] or [(r.what, r.reason) for r in said(session)] == [("message", "bad_message")]


def test_chat_beyond_its_rate_is_refused():
    session = live_session()
    for _ in range(6):
        session.receive(m.encode(m.Say(text=" well  done ")), 0.0)
    assert [c for c in session.commands() if isinstance(c, s.SayLine)] == [s.SayLine("well done")] * 5
    assert [r.reason for r in said(session)] == ["rate"]


# ---- anything


@settings(max_examples=200)
@given(
    st.lists(
        st.one_of(st.binary(max_size=30), st.text(max_size=40), st.sampled_from(list(MESSAGES.values()))), max_size=40
    ),
    st.booleans(),
    st.booleans(),
)
def test_whatever_comes_nothing_is_raised_and_what_goes_out_is_readable(
    data: list[bytes | str], is_live: bool, is_binary: bool
):
    session = live_session(is_binary=is_binary) if is_live else new_session(is_binary=is_binary)
    ring, told = Ring(1), sample_story()
    add(ring, told)
    client = Client(m.Hello(), is_binary, SCHEMA)
    if is_live:
        client.receive(m.encode(welcome()), 0.0)
    for i, message in enumerate(data):
        session.receive(message, i * 0.1)
        session.offer(ring, i * 0.1)
        session.poll(i * 0.1)
        session.commands()
        for out in session.data_to_send():
            if is_live:
                client.receive(out, i * 0.1)
