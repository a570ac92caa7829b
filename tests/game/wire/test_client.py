"""The client's machine, where the scripts of the vectors do not tell the story already."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from game.binary import BadBytes
from game.codec import Delta, Group, TableDelta, encode_delta
from game.schema import schema_of
from game.tracker import PUBLIC_SECTION
from game.wire import messages as m
from game.wire.client import LOST, Answered, Applied, Client, ClientError, ClientState, GameEvent
from game.wire.closecodes import BARE, Close, Retry, retry_of, table_markdown
from game.wire.frames import Answer, Blob, Frame, FrameKind, InputMessage, Part, decode_client_bytes, encode_frame
from game.wire.limits import Limit, TokenBucket
from game.wire.session import SessionRules
from tests.vectors.generate import SCHEMA, SECTIONS, welcome
from tests.vectors.generate import story as sample_story
from tests.vectors.sample import Sample, Shout, Steer


def joined(**more: Any) -> Client:
    client = Client(m.Hello(), True, SCHEMA, **more)
    client.start(0.0)
    client.receive(m.encode(welcome()), 0.0)
    client.data_to_send()
    client.news()
    return client


def live() -> tuple[Client, Any]:
    client, told = joined(), sample_story()
    client.receive(encode_frame(told.frame(None, SECTIONS)), 0.0)
    client.data_to_send()
    client.news()
    return client, told


def sent(client: Client) -> list[Any]:
    return [m.decode_client(d) if isinstance(d, str) else decode_client_bytes(SCHEMA, d) for d in client.data_to_send()]


def reconnected(client: Client, again: m.Welcome, code: int = 1006) -> None:
    client.closed(code)
    client.start(10.0)
    client.data_to_send()
    client.receive(m.encode(again), 10.0)


def test_a_welcome_for_another_schema_breaks_the_protocol():
    client = Client(m.Hello(), True, schema_of(Sample, True))
    client.start(0.0)
    with pytest.raises(BadBytes, match="expected schema"):
        client.receive(m.encode(welcome()), 0.0)
    assert client.state is ClientState.CONNECTING


def test_a_schema_that_is_not_what_its_fingerprint_says_breaks_the_protocol():
    client = Client(m.Hello(schema=True))
    for schema in ({"tables": 5}, SCHEMA.as_json() | {"sees_everything": True}):
        with pytest.raises(BadBytes, match="expected a schema"):
            client.receive(m.encode(m.SchemaMessage(SCHEMA.fingerprint, schema)), 0.0)
    client.receive(m.encode(m.SchemaMessage(SCHEMA.fingerprint, SCHEMA.as_json())), 0.0)
    assert client.schema is not None
    assert client.schema.fingerprint == SCHEMA.fingerprint


def test_a_frame_before_the_welcome_breaks_the_protocol():
    client = Client(m.Hello(), True, SCHEMA)
    with pytest.raises(BadBytes, match="expected a welcome"):
        client.receive(encode_frame(sample_story().frame(None, SECTIONS)), 0.0)


def test_a_frame_that_does_not_fit_changes_nothing_at_all():
    client, told = live()
    assert client.view is not None
    before = client.view.digest()
    told.world.ships[1].x = 9.0
    told.advance()
    good = told.frame(1, SECTIONS)
    seats = SCHEMA.tables[1]
    unknown = Delta(False, [TableDelta(seats, (), [Group(1, [77], [[5]])])])
    for chain in ([Blob(2, encode_delta(unknown))], [*good.parts[0].chain, Blob(3, encode_delta(unknown))]):
        parts = [*good.parts[:-1], Part(good.parts[-1].section, chain)]
        client.receive(encode_frame(Frame(good.kind, 1, 3, 1, 5, 5, parts)), 0.1)
        assert client.view.digest() == before
    assert client.divergences >= 1
    assert (client.head.seq, client.gaps) == (1, 1)
    client.receive(encode_frame(told.frame(1, SECTIONS)), 0.2)
    assert client.head.seq == 1, "only a key heals a state that did not fit"
    client.receive(encode_frame(told.frame(None, SECTIONS)), 0.3)
    assert client.head.seq == 2


def test_a_stale_frame_is_acknowledged():
    client, told = live()
    key = encode_frame(told.frame(None, SECTIONS))
    client.poll(0.3)
    assert len(sent(client)) == 1
    client.receive(key, 0.4)
    client.poll(0.6)
    (ack,) = sent(client)
    assert ack.position == client.head


@pytest.mark.parametrize("rate_per_s", [10.0, 40.0, 200.0])
def test_whoever_comes_back_with_hundreds_of_inputs_is_no_flood_and_keeps_their_order(rate_per_s: float):
    client, told = live()
    for n in range(600):
        client.send_input(Steer(0.1), for_tick=n)
    client.data_to_send()
    rules = SessionRules("play", "player", SCHEMA, {"input": Limit(rate_per_s, int(rate_per_s) * 2)})
    flood = TokenBucket(rules.flood)
    reconnected(client, welcome(0, "token-2", 2))
    numbers: list[int] = []
    for step in range(1, 400):
        now = 10.0 + step * 0.05
        for message in sent(client):
            assert flood.take(now), f"closed as a flood at input {numbers[-1]}"
            if isinstance(message, InputMessage):
                numbers.append(message.n)
        told.advance()
        told.world.ships[1].x += 1.0
        client.receive(encode_frame(told.frame(None, SECTIONS)), now)
        client.poll(now)
        if step == 20:
            client.send_input(Steer(0.2))
    assert numbers == list(range(1, 602))


def test_a_new_connection_acknowledges_nothing_of_the_old_one():
    client, _ = live()
    reconnected(client, welcome(0, "token-2", 2))
    client.poll(11.0)
    assert sent(client) == []


def test_inputs_sent_while_away_go_out_after_the_welcome_in_order_and_count_nothing_as_seen():
    client, _ = live()
    client.send_input(Steer(0.1))
    client.closed(1006)
    client.send_input(Steer(0.2))
    client.start(5.0)
    client.send_input(Steer(0.3))
    assert [type(x) for x in sent(client)] == [m.Hello]
    client.receive(m.encode(welcome(0, "token-2", 2)), 6.0)
    inputs = sent(client)
    assert [i.n for i in inputs] == [1, 2, 3]
    assert {(i.seen.epoch, i.seen.seq) for i in inputs} == {(0, 0)}


def test_an_answer_that_got_lost_with_the_connection_is_told_as_lost():
    client, told = live()
    for _ in range(3):
        client.send_input(Steer())
    reconnected(client, welcome(3, "token-2", 2))
    assert sent(client) == []
    told.advance()
    client.receive(encode_frame(told.frame(None, SECTIONS, [Answer(0, 3, 50)])), 10.1)
    assert [(n.answer.n, n.answer.reason) for n in client.news() if isinstance(n, Answered)] == [
        (3, ""),
        (1, LOST),
        (2, LOST),
    ]
    assert client.unanswered == {}


@pytest.mark.parametrize("case", ["another seat", "another room", "joined afresh"])
def test_inputs_of_a_seat_that_is_gone_are_told_as_lost_and_numbered_anew(case: str):
    client, _ = live()
    client.send_input(Steer())
    client.send_input(Shout("a", "calm", 1))
    again = welcome(0, "token-2", 1)
    if case == "another seat":
        again = m.Welcome(
            **{k: getattr(again, k) for k in again.__struct_fields__} | {"seats": (m.SeatGrant(0, 2, 1, 7),)}
        )
    if case == "another room":
        again = m.Welcome(**{k: getattr(again, k) for k in again.__struct_fields__} | {"incarnation": "inc-2"})
    reconnected(client, again, 4440 if case == "joined afresh" else 1006)
    assert [(n.answer.n, n.answer.reason) for n in client.news() if isinstance(n, Answered)] == [(1, LOST), (2, LOST)]
    assert sent(client) == []
    assert client.send_input(Steer()) == (8 if case == "another seat" else 1)


def test_what_is_unanswered_at_the_end_is_told_as_lost():
    client, _ = live()
    numbers = [client.send_input(Steer(0.1)) for _ in range(2)]
    assert client.closed(4410) is Retry.NEVER
    assert client.news() == []
    client.give_up()
    news = client.news()
    assert [(item.answer.n, item.is_lost) for item in news if isinstance(item, Answered)] == [
        (n, True) for n in numbers
    ]
    assert not client.unanswered and client.numbering > 0


def test_a_refused_input_is_answered():
    client, _ = live()
    n = client.send_input(Steer())
    client.receive(m.encode(m.Refused("input", "not_accepted", "", 0, n)), 0.1)
    answered, refused = client.news()
    assert isinstance(answered, Answered)
    assert answered.answer.reason == "not_accepted"
    assert isinstance(refused, m.Refused)


def test_a_joiner_hears_nothing_of_the_past_and_a_resync_everything_once():
    told = sample_story()
    key = told.key(PUBLIC_SECTION)
    from game.contract import Event
    from game.fields import PUBLIC
    from tests.vectors.sample import Boom

    told.advance(Event(Boom(1.0), PUBLIC))
    frame = Frame(FrameKind.KEY, 1, 2, 2, 6, 100, [Part(PUBLIC_SECTION, [key, told.patch(PUBLIC_SECTION, 1)])])
    client = joined()
    client.receive(encode_frame(frame), 0.0)
    assert [type(n) for n in client.news()] == [Applied]
    told.advance(Event(Boom(2.0), PUBLIC))
    frame = Frame(FrameKind.KEY, 1, 3, 3, 9, 150, [Part(PUBLIC_SECTION, [key, told.patch(PUBLIC_SECTION, 1)])])
    client.receive(encode_frame(frame), 0.1)
    assert [n.body.x for n in client.news() if isinstance(n, GameEvent)] == [2.0]


def test_a_foreign_input_and_too_many_unanswered_are_the_callers_mistake():
    client, _ = live()
    with pytest.raises(ClientError, match=r"expected an input of \['Steer', 'Shout'\], got int"):
        client.send_input(5)
    with pytest.raises(ClientError, match="expected a welcome"):
        Client(m.Hello()).send_input(Steer())
    for _ in range(1024):
        client.send_input(Steer())
    with pytest.raises(ClientError, match="1024 inputs are unanswered"):
        client.send_input(Steer())


@pytest.mark.parametrize(
    ("code", "retry"),
    [(code, Retry.BACKOFF) for code in (1000, 1001, 1005, 1006, 1011, 1012, 1013, 1015, 3000, 4000, 4999)]
    + [(code, Retry.NEVER) for code in (1002, 1007, 1009)]
    + [(c.value.code, c.value.retry) for c in Close if c is not Close.NORMAL],
)
def test_a_close_without_a_goodbye_says_what_to_do(code: int, retry: Retry):
    assert retry_of(code, is_told=False) is retry
    client, _ = live()
    assert client.closed(code) is retry
    assert (client.hello.resume is None) == (retry is Retry.FRESH)


@pytest.mark.parametrize("close", list(Close))
def test_a_goodbye_counts_whatever_the_close_frame_says(close: Close):
    assert retry_of(close.value.code) is close.value.retry
    for code in (close.value.code, 1000, 1006):
        client, _ = live()
        client.receive(m.encode(m.Goodbye(close.value.code, close.value.name)), 5.0)
        assert client.closed(code) is close.value.retry


def test_a_bare_1000_resumes_the_seat_and_is_final_only_after_the_own_leave():
    client, _ = live()
    token = client.hello.resume
    assert client.closed(1000) is Retry.BACKOFF
    client.start(6.0)
    assert token is not None
    assert m.decode_client(str(client.data_to_send()[0])) == client.hello
    assert client.hello.resume == token
    left, _ = live()
    left.leave()
    assert left.closed(1000) is Retry.NEVER
    left.start(7.0)
    assert left.closed(1000) is Retry.BACKOFF


def test_a_seat_outlives_a_silence_and_a_slow_line():
    # A closed laptop is a silence: it must come back to its seat.
    assert Close.TIMEOUT.value.retry is Close.TOO_SLOW.value.retry is Retry.BACKOFF


def test_close_codes_are_those_an_application_may_use_and_are_told_apart():
    codes = [c.value.code for c in Close]
    assert len(set(codes)) == len(codes) == len({c.value.name for c in Close})
    assert all(code == 1000 or 4400 <= code < 4600 for code in codes)
    assert all(c.value.retry is Retry.BACKOFF for c in Close if c.value.code >= 4500)
    assert table_markdown().count("\n") == len(codes) + len(BARE) + 2


@settings(max_examples=200)
@given(st.lists(st.one_of(st.binary(max_size=40), st.text(max_size=40)), max_size=10), st.booleans())
def test_whatever_the_server_says_is_read_or_refused(data: list[bytes | str], is_live: bool):
    client = live()[0] if is_live else joined()
    for i, message in enumerate(data):
        try:
            client.receive(message, i * 0.1)
        except (BadBytes, m.BadMessage):
            continue
        client.poll(i * 0.1)


_FRAME = encode_frame(sample_story().frame(None, SECTIONS))


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, len(_FRAME) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_damaged_frame_is_applied_whole_or_not_at_all(damage: list[tuple[int, int]]):
    client, _ = live()
    assert client.view is not None
    before, head = client.view.digest(), client.head
    data = bytearray(_FRAME)
    for at, byte in damage:
        data[at] = byte
    try:
        client.receive(bytes(data), 0.1)
    except (BadBytes, m.BadMessage):
        assert (client.view.digest(), client.head) == (before, head)
    else:
        assert client.head != head or client.view.digest() == before
