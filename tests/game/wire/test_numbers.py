"""The extremes of every number that a client may send, in both subprotocols: each is refused or can be answered, by bytes that can be read."""

import json
from typing import Any

import msgspec
import pytest

from game.binary import NUMBER_LIMIT, put_uvarint
from game.wire import messages as m
from game.wire import session as s
from game.wire.frames import ACK, INPUT, Answer, InputMessage, answer_rows, decode_client_bytes
from game.wire.limits import EARLY_TICKS_MAX, MARGIN_MAX, Limit
from server.relay import envelope as e
from server.rooms.inputs import InputQueue, Pending
from server.sockets.connection import input_item
from tests.game.wire.test_session import live_session, new_session, playing, said
from tests.vectors.generate import SCHEMA

GENEROUS = {"input": Limit(1e6, 10**6), "chat": Limit(1e6, 10**6), "leave": None}
BEYOND = (
    NUMBER_LIMIT,
    NUMBER_LIMIT + 1,
    2**63 - 1,
    2**63,
    2**64 - 1,
    2**64,
    10**300,
    -1,
    -(2**31),
    -(2**53),
    -(2**63),
    -(2**64),
)
WITHIN = (0, 1, 2, 2**31 - 1, 2**31, 2**32, NUMBER_LIMIT - 2, NUMBER_LIMIT - 1)
OTHERS = ("NaN", "Infinity", "-Infinity", "1e999", "1.5", "true", "null", '"1"', "[]", "{}", "-0")
BODY = {"type": "Steer", "turn": 0.5, "thrust": True}

# Every field of every message: its place, in a message that is right but for it.
FIELDS: dict[str, str] = {
    "input.n": '{"type":"input","n":@,"body":%s}',
    "input.slot": '{"type":"input","n":1,"slot":@,"body":%s}',
    "input.seen.epoch": '{"type":"input","n":1,"seen":[@,0],"body":%s}',
    "input.seen.seq": '{"type":"input","n":1,"seen":[0,@],"body":%s}',
    "input.for_tick": '{"type":"input","n":1,"for_tick":@,"body":%s}',
    "input.body.turn": '{"type":"input","n":1,"body":{"type":"Steer","turn":@,"thrust":true}}',
    "input.body.type": '{"type":"input","n":1,"body":{"type":@,"turn":0.5,"thrust":true}}',
    "ack.epoch": '{"type":"ack","epoch":@}',
    "ack.seq": '{"type":"ack","epoch":1,"seq":@}',
    "ack.notices": '{"type":"ack","notices":[@]}',
    "chat.since": '{"type":"chat","since":@}',
    "ping.t": '{"type":"ping","t":@}',
    "hello.v": '{"type":"hello","v":@}',
    "hello.slots": '{"type":"hello","slots":@}',
}


def in_json(field: str, value: object) -> str:
    text = FIELDS[field]
    return text.replace("%s", json.dumps(BODY)).replace("@", value if isinstance(value, str) else str(value))


def sent(field: str, value: object) -> s.Session:
    """A session that has got that, and what it says can be read by any client."""
    session = (
        new_session(GENEROUS, is_binary=False) if field.startswith("hello") else live_session(GENEROUS, is_binary=False)
    )
    session.receive(in_json(field, value), 0.1)
    return session


def packed(session: s.Session) -> list[Any]:
    """What goes on to the room, as it arrives there."""
    items: list[Any] = []
    for command in session.commands():
        match command:
            case s.Submit():
                items.append(input_item("r", "c", command))
            case s.Acknowledge(position=position):
                items.append(e.AckItem("r", "c", position.epoch, position.seq))
    return list(e.unpack_to_loop(e.pack(items)))


@pytest.mark.parametrize("field", FIELDS)
def test_no_number_gets_past_its_bound_or_into_an_exception(field):
    for value in (*BEYOND, *WITHIN, *OTHERS):
        session = sent(field, value)
        packed(session)
        for message in said(session):
            assert not isinstance(message, m.Refused) or message.detail


@pytest.mark.parametrize("field", [field for field in FIELDS if field != "input.body.turn"])
def test_what_is_beyond_a_javascript_number_is_refused_by_name(field):
    for value in BEYOND:
        if field == "ping.t" and abs(value) < NUMBER_LIMIT:
            continue  # a clock may stand before its zero
        session = sent(field, value)
        assert not session.commands() or field == "input.body.type"
        (refused,) = said(session)
        assert isinstance(refused, m.Refused) and refused.reason in ("bad_message", "malformed")


def binary_input(*numbers: int) -> bytes:
    out = bytearray((INPUT,))
    for number in (*numbers, 0):
        put_uvarint(out, number)
    return bytes(out) + b"\x96\x01"


@pytest.mark.parametrize("place", range(5))
@pytest.mark.parametrize("value", [*WITHIN, *(number for number in BEYOND if number >= 0)])
def test_the_same_in_bytes(place, value):
    numbers = [0, 1, 0, 0, 0]
    numbers[place] = value
    session = live_session(GENEROUS)
    session.receive(binary_input(*numbers), 0.1)
    items = packed(session)
    assert said(session) or [item.n for item in items] == [numbers[1]]


@pytest.mark.parametrize("value", [*WITHIN, *(number for number in BEYOND if number >= 0)])
def test_an_ack_of_what_was_never_sent_in_bytes(value):
    for numbers in ((value, 0), (1, value)):
        session, _, _ = playing()
        out = bytearray((ACK,))
        for number in numbers:
            put_uvarint(out, number)
        said(session)
        session.receive(bytes(out), 0.1)
        packed(session)
        assert all(isinstance(message, m.Refused) for message in said(session))


@pytest.mark.parametrize("for_tick", WITHIN)
@pytest.mark.parametrize("arrived", [0, 7, 2**24, 2**31])
def test_every_answer_can_be_read_however_far_off_the_clients_clock_is(for_tick, arrived):
    queue = InputQueue()
    for n in (1, NUMBER_LIMIT - 1):
        assert queue.receive(Pending(n, for_tick, object(), "", arrived))
    for due in [*queue.due(arrived + 1), *queue.due(arrived + EARLY_TICKS_MAX + 1)]:
        queue.answer(due, arrived + 1, "")
    answers = queue.rows(0, (1, 1), 5).read()
    assert [answer.n for answer in answers] == [1, NUMBER_LIMIT - 1], "an honest client waits for its answer"
    exact = for_tick - arrived - 1 if for_tick else 0
    assert {answer.margin for answer in answers} == {max(-MARGIN_MAX, min(exact, MARGIN_MAX))}


def test_the_widest_margin_is_the_same_in_all_forms():
    for margin in (MARGIN_MAX, -MARGIN_MAX):
        assert answer_rows([Answer(0, 1, 1, "", margin)]).read()[0].margin == margin
        assert abs(margin) < 2**31, "a whole number in any language"


def test_an_ack_names_so_many_notices_and_no_more():
    session = live_session()
    session.receive(m.encode(m.Ack(notices=tuple(range(1, m.NOTICES_ACKED_MAX + 1)))), 0.1)
    assert session.commands() == [s.NoticesSeen(tuple(range(1, m.NOTICES_ACKED_MAX + 1)))] and not said(session)
    session.receive(m.encode(m.Ack(notices=tuple(range(1, m.NOTICES_ACKED_MAX + 2)))), 0.1)
    (refused,) = said(session)
    assert not session.commands() and isinstance(refused, m.Refused) and str(m.NOTICES_ACKED_MAX) in refused.detail


def test_numbers_of_the_envelope_have_their_whole_range():
    """What a client may say fits into what the processes say to each other."""
    top = NUMBER_LIMIT - 1
    items: list[Any] = [e.AckItem("r", "c", top, top), e.InputItem("r", "c", top, top, top, top, top, 0, b"", "")]
    assert e.unpack_to_loop(e.pack(items)) == items
    with pytest.raises((OverflowError, msgspec.MsgspecError)):
        e.pack([e.AckItem("r", "c", 2**64, 0)])
    assert isinstance(decode_client_bytes(SCHEMA, binary_input(0, top, top, top, top)), InputMessage)
