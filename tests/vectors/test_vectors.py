"""The vector files are fresh, and Python keeps to them when it reads them as another language would."""

import json
from typing import Any

import pytest

from game.binary import BadBytes, Reader, put_ids, uvarint
from game.codec import decode_delta, delta_from_json, delta_json, encode_delta
from game.fields import Kind
from game.quantize import dequantize, quantize
from game.schema import schema_from_json
from game.text import clean_line, clean_name
from game.view import SectionState
from game.wire import messages as m
from game.wire.client import Client
from game.wire.frames import (
    InputMessage,
    decode_client_bytes,
    decode_frame,
    encode_ack,
    encode_frame,
    encode_input,
    frame_from_json,
    frame_json,
    input_json,
)
from tests.vectors.generate import FILES, HERE, SCHEMA, sections_json, text_of


def load(name: str) -> Any:
    return json.loads((HERE / f"{name}.json").read_text("utf-8"))


@pytest.mark.parametrize("name", FILES)
def test_the_files_are_fresh(name: str):
    assert (HERE / name).read_text("utf-8") == text_of(name), "run python -m tests.vectors.generate --write"


def test_the_schema_reads_back_with_its_fingerprint():
    vector = load("schema")
    assert schema_from_json(vector["schema"]).fingerprint == vector["fingerprint"] == SCHEMA.fingerprint


def test_primitives():
    vectors = load("primitives")
    for v in vectors["varints"]:
        assert uvarint(v["value"]).hex() == v["hex"]
    for v in vectors["ids"]:
        out = bytearray()
        put_ids(out, v["ids"])
        assert out.hex() == v["hex"]
        assert Reader(bytes.fromhex(v["hex"])).ids() == v["ids"]
    for data in vectors["varints_refused"]:
        with pytest.raises(BadBytes):
            Reader(bytes.fromhex(data)).uvarint()
    for data in vectors["ids_refused"]:
        with pytest.raises(BadBytes):
            Reader(bytes.fromhex(data)).ids()


def test_quantization():
    for v in load("quantize"):
        (wire,) = (
            schema_from_json(
                {
                    "tables": [],
                    "inputs": [{"name": "It", "fields": [v["field"]]}],
                    "events": [],
                    "sees_everything": False,
                }
            )
            .inputs[0]
            .fields
        )
        value = float(v["value"]) if wire.spec.kind is Kind.NUM else v["value"]
        assert quantize(wire.spec, value) == v["q"], v
        assert dequantize(wire.spec, v["q"]) == v["seen_as"]


def test_deltas_and_frames_in_both_forms():
    for v in load("deltas")["deltas"]:
        delta = decode_delta(SCHEMA, bytes.fromhex(v["hex"]))
        assert delta_json(delta) == v["json"]
        assert encode_delta(delta_from_json(SCHEMA, v["json"])).hex() == v["hex"]
    for v in load("frames")["frames"]:
        frame = decode_frame(bytes.fromhex(v["hex"]))
        assert frame_json(SCHEMA, frame) == v["json"]
        assert encode_frame(frame_from_json(SCHEMA, v["json"])).hex() == v["hex"]


def test_inputs_and_acks_in_both_forms():
    vectors = load("client")
    for v in vectors["inputs"]:
        message = decode_client_bytes(SCHEMA, bytes.fromhex(v["hex"]))
        assert isinstance(message, InputMessage)
        assert input_json(message) == v["json"]
        assert encode_input(message).hex() == v["hex"]
    for v in vectors["acks"]:
        message = decode_client_bytes(SCHEMA, bytes.fromhex(v["hex"]))
        assert not isinstance(message, InputMessage)
        assert encode_ack(message).hex() == v["hex"]


def test_what_moves_by_a_rate_is_where_the_server_takes_it_to_be():
    vectors = load("motion")
    schema = schema_from_json(vectors["schema"])
    assert schema.fingerprint == vectors["fingerprint"]
    states: dict[str, SectionState] = {}
    for step in vectors["steps"]:
        for name, v in step["sections"].items():
            state = states.setdefault(name, SectionState(send_hz=vectors["send_hz"]))
            if v["delta"] is not None:
                state.apply(decode_delta(schema, bytes.fromhex(v["delta"]), step["seq"]))
            state.move_on(step["seq"])
            assert encode_delta(state.as_key(schema)).hex() == v["held"], step["seq"]


def test_text_from_people():
    for v in load("text")["texts"]:
        assert (clean_line(v["given"]), clean_name(v["given"])) == (v["line"], v["shown"]), v["name"]


def test_bad_bytes_are_refused():
    for v in load("deltas")["refused"]:
        with pytest.raises(BadBytes):
            decode_delta(SCHEMA, bytes.fromhex(v["hex"]))
    for v in load("frames")["refused"]:
        with pytest.raises(BadBytes):
            decode_frame(bytes.fromhex(v["hex"]))
    for data in load("client")["refused"]:
        with pytest.raises(BadBytes):
            decode_client_bytes(SCHEMA, bytes.fromhex(data))


@pytest.mark.parametrize("script", load("scripts"), ids=lambda s: f"{s['subprotocol'][-4:]} {s['name']}")
def test_a_client_that_knows_only_the_schema_follows_the_script(script: dict[str, Any]):
    hello = m.decode_client(json.dumps(script["hello"]))
    assert isinstance(hello, m.Hello)
    client = Client(hello, script["subprotocol"] == m.BIN, schema_from_json(load("schema")["schema"]))
    for step in script["steps"]:
        now = step["at_s"]
        if "closed" in step:
            client.closed(step["closed"])
        if "start" in step:
            client.start(now)
        if "receive" in step:
            data = step["receive"]
            client.receive(bytes.fromhex(data["hex"]) if "hex" in data else data["text"], now)
        if "poll" in step:
            client.poll(now)
        if "send_input" in step:
            sent = step["send_input"]
            fields = {k: v for k, v in sent["body"].items() if k != "type"}
            body = type(sent["body"]["type"], (), fields)()
            client.send_input(body, sent["slot"], sent["for_tick"])
        expect = step["expect"]
        assert [client.head.epoch, client.head.seq] == expect["head"]
        assert (client.state.value, client.gaps) == (expect["state"], expect["gaps"])
        assert sections_json(client.view) == expect["sections"]
        out = [{"hex": s.hex()} if isinstance(s, bytes) else json.loads(s) for s in client.data_to_send()]
        assert out == expect["sent"]
        assert sorted(n for _, n in client.unanswered) == expect["unanswered"]
        assert len(client.news()) == len(expect["news"])
