"""Deltas have one form only: what decodes encodes to the same bytes, and whatever does not is refused with BadBytes."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from game.binary import BadBytes, Reader, put_ids, put_uvarint, uvarint
from game.codec import decode_delta, delta_from_json, delta_json, encode_delta, values_from_json
from game.schema import schema_of
from game.wire.frames import (
    InputMessage,
    decode_client_bytes,
    decode_frame,
    encode_ack,
    encode_frame,
    encode_input,
    frame_from_json,
)
from game.wire.messages import BadMessage, decode_client, decode_server
from tests.game.strategies import Story, stories
from tests.vectors.generate import SCHEMA, _deltas, _frames
from tests.vectors.sample import Sample

numbers = st.integers(0, 2**53 - 1)


@given(numbers)
def test_varints_round_trip(value: int):
    reader = Reader(uvarint(value))
    assert reader.uvarint() == value
    reader.end()


@given(st.sets(st.one_of(st.integers(0, 300), numbers), max_size=60).map(sorted))
def test_id_sets_round_trip(ids: list[int]):
    out = bytearray()
    put_ids(out, ids)
    reader = Reader(bytes(out))
    assert reader.ids() == ids
    reader.end()


@given(st.binary(max_size=30))
def test_an_id_set_has_one_form(data: bytes):
    reader = Reader(data)
    try:
        ids = reader.ids()
    except BadBytes:
        return
    out = bytearray()
    put_ids(out, ids)
    assert bytes(out) == data[: reader.at]


def test_a_wide_bitmap_is_quick_to_read_and_write():
    # A big integer shifted once per id took minutes here.
    ids = list(range(0, 800_000, 2))
    out = bytearray()
    put_ids(out, ids)
    assert Reader(bytes(out)).ids() == ids


def test_a_bitmap_may_not_be_huge_for_few_bytes():
    data = bytearray()
    put_uvarint(data, (1 << 50) << 1 | 1)
    data += b"\x00\x01\x01"
    with pytest.raises(BadBytes):
        Reader(bytes(data)).ids()


@settings(max_examples=40)
@given(stories(), st.integers(1, 20), st.integers(0, 8))
def test_deltas_of_any_world_round_trip_in_both_forms(story: Story, frames: int, back: int):
    for _ in range(frames):
        story.change()
        story.advance()
    for section in story.sections:
        for delta in (story.tracker.key(section), story.tracker.patch(section, max(0, frames - back))):
            data = encode_delta(delta)
            decoded = decode_delta(story.schema, data)
            assert encode_delta(decoded) == data
            readable = delta_json(decoded)
            again = delta_from_json(story.schema, readable)
            assert encode_delta(again) == data
            assert delta_json(again) == readable


SEEDS = [*_deltas().values()]
FRAME_SEEDS = [encode_frame(f) for f in _frames().values()]


def _damaged(seeds: list[bytes]) -> st.SearchStrategy[bytes]:
    def damage(seed: bytes, cuts: list[tuple[int, bytes]]) -> bytes:
        out = bytearray(seed)
        for at, piece in cuts:
            out[at % (len(out) + 1) : at % (len(out) + 1) + len(piece)] = piece
        return bytes(out)

    cuts = st.lists(st.tuples(st.integers(0, 4000), st.binary(max_size=4)), max_size=4)
    return st.one_of(st.binary(max_size=80), st.builds(damage, st.sampled_from(seeds), cuts))


@settings(max_examples=400)
@given(_damaged(SEEDS))
def test_any_bytes_are_a_delta_of_one_form_or_refused(data: bytes):
    try:
        delta = decode_delta(SCHEMA, data)
    except BadBytes:
        return
    assert encode_delta(delta) == data
    assert encode_delta(delta_from_json(SCHEMA, delta_json(delta))) == data


@settings(max_examples=400)
@given(_damaged(FRAME_SEEDS))
def test_any_bytes_are_a_frame_of_one_form_or_refused(data: bytes):
    try:
        frame = decode_frame(data)
    except BadBytes:
        return
    assert encode_frame(frame) == data


@settings(max_examples=300)
@given(_damaged([bytes.fromhex("1100018002e80700780101"), bytes.fromhex("12017f")]))
def test_any_bytes_are_a_client_message_of_one_form_or_refused(data: bytes):
    try:
        message = decode_client_bytes(SCHEMA, data)
    except BadBytes:
        return
    assert (encode_input(message) if isinstance(message, InputMessage) else encode_ack(message)) == data


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)),
    max_leaves=12,
)


@given(json_values)
def test_any_json_is_refused_as_a_frame(value: object):
    with pytest.raises(BadBytes):
        frame_from_json(SCHEMA, value)


@given(st.sampled_from(["tables", "events", "kind"]), json_values)
def test_a_readable_delta_with_any_part_replaced_is_read_or_refused(key: str, value: object):
    whole = delta_json(decode_delta(SCHEMA, SEEDS[4])) | {key: value}
    try:
        delta = delta_from_json(SCHEMA, whole)
    except BadBytes:
        return
    assert decode_delta(SCHEMA, encode_delta(delta)) == delta


@given(
    st.sampled_from(["Steer", "Shout", "Nonsense"]),
    st.dictionaries(st.sampled_from(["turn", "thrust", "words"]), json_values),
)
def test_any_input_body_is_read_or_refused(name: str, fields: dict[str, object]):
    try:
        message, values = values_from_json(SCHEMA.inputs, {"type": name} | fields)
    except BadBytes:
        return
    assert message.name == name
    assert len(values) == len(message.fields)


@given(st.text(max_size=200))
def test_any_text_is_a_message_or_refused(data: str):
    for decode in (decode_client, decode_server):
        try:
            decode(data)
        except BadMessage:
            continue


@pytest.mark.parametrize(
    "text", ['"\ud800"', "[" * 100_000, '{"type":"ping","t":1e999}', '{"type":"chat","text":"\\ud800"}']
)
def test_hostile_text_is_refused(text: str):
    with pytest.raises(BadMessage):
        decode_client(text)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"type": "Shout", "words": "elevenbytes", "mood": "calm", "times": 0}, "at most 10 bytes of text"),
        ({"type": "Shout", "words": "", "mood": "sad", "times": 0}, r"expected one of \['calm', 'angry'\]"),
        ({"type": "Shout", "words": "", "mood": "calm", "times": 1.0}, "a whole number, got float"),
        ({"type": "Shout", "words": "", "mood": "calm", "times": 10**400}, "Shout.times: expected -2 … 300"),
        ({"type": "Shout", "words": "", "mood": "calm"}, "Shout.times is missing"),
        ({"type": "Steer", "turn": True, "thrust": True}, "Steer.turn: expected a number, got bool"),
        ({"type": "Steer", "turn": 1.5, "thrust": True}, "Steer.turn: expected -1.0 … 1.0, got 1.5"),
        ({"type": "Steer", "turn": 0, "thrust": True, "x": 1}, r"unknown fields \['x'\]"),
        ({"type": "Jump"}, r"expected a type among \['Steer', 'Shout'\], got 'Jump'"),
        ([], "expected an object with a type, got list"),
    ],
)
def test_an_input_that_does_not_fit_says_why(body: object, why: str):
    with pytest.raises(BadBytes, match=why):
        values_from_json(SCHEMA.inputs, body)


def test_the_sample_schema_is_the_one_of_the_vectors():
    assert schema_of(Sample) == SCHEMA  # the cache may have let go of the very object
    assert Story(Random(1)).schema.tables
