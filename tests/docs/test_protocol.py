"""The protocol's page keeps its word: its examples decode to one another, its tables are the code's own."""

import json
import re
from itertools import pairwise

import pytest

from game import codec, schema, text, tracker
from game.codec import decode_delta, delta_json
from game.schema import schema_from_json
from game.wire import acks, client, frames, messages, session
from game.wire.closecodes import table_markdown
from game.wire.frames import AckMessage, InputMessage, decode_client_bytes, decode_frame, frame_json, input_json
from tests.support.processes import ROOT
from tests.vectors.generate import SCHEMA

PAGE = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(json|hex) (\w+)\n(.*?)```", PAGE, flags=re.DOTALL)


def _bytes(block: str) -> bytes:
    return bytes.fromhex("".join(line.split("  ")[0] for line in block.splitlines()))


def _readable(kind: str, data: bytes) -> object:
    match kind:
        case "delta":
            return delta_json(decode_delta(SCHEMA, data))
        case "frame":
            return frame_json(SCHEMA, decode_frame(data))
    message = decode_client_bytes(SCHEMA, data)
    if isinstance(message, AckMessage):
        return {"type": "ack", "epoch": message.position.epoch, "seq": message.position.seq}
    assert isinstance(message, InputMessage)
    return input_json(message)


PAIRS = [(a, b) for a, b in pairwise(BLOCKS) if a[0] == "hex"]


@pytest.mark.parametrize(("binary", "text"), PAIRS, ids=[a[1] for a, _ in PAIRS])
def test_bytes_and_json_of_an_example_are_the_same(binary: tuple[str, str, str], text: tuple[str, str, str]):
    assert text[:2] == ("json", binary[1])
    assert _readable(binary[1], _bytes(binary[2])) == json.loads(text[2])


def test_there_is_an_example_of_every_binary_message():
    assert [a[1] for a, _ in PAIRS] == ["delta", "frame", "ack", "input"]


@pytest.mark.parametrize("block", [b for k, d, b in BLOCKS if (k, d) == ("json", "client")])
def test_examples_of_the_clients_messages_are_accepted(block: str):
    read = json.loads(messages.encode(messages.decode_client(block)))
    assert json.loads(block).items() <= read.items()


@pytest.mark.parametrize("block", [b for k, d, b in BLOCKS if (k, d) == ("json", "server")])
def test_examples_of_the_servers_messages_are_its_own(block: str):
    message = messages.decode_server(block)
    assert not isinstance(message, dict)
    assert json.loads(block).items() <= json.loads(messages.encode(message)).items()


def test_the_schema_of_the_page_is_one():
    (block,) = [b for k, d, b in BLOCKS if (k, d) == ("json", "schema")]
    assert schema_from_json(json.loads(block)).as_json() == json.loads(block)


def test_every_message_and_its_keys_are_described():
    for family in (messages.ClientMessage, messages.ServerMessage):
        for cls in family.__args__:
            rows = [row for row in PAGE.splitlines() if row.startswith(f"| `{cls.__struct_config__.tag}`")]
            assert any(all(f"`{name}`" in row for name in cls.__struct_fields__) for row in rows), cls


def test_the_close_codes_are_the_codes():
    found = re.search(r"<!-- close codes.*?-->\n(.*?)<!-- end -->", PAGE, flags=re.DOTALL)
    assert found is not None
    assert found.group(1) == table_markdown(), "paste game.wire.closecodes.table_markdown() into docs/protocol.md"


def test_the_limits_are_the_codes():
    rows = re.findall(r"^\| `([A-Z_]+)` \| ([\d.]+) \|", PAGE, flags=re.MULTILINE)
    assert len(rows) > 10
    for name, value in rows:
        holders = [
            m for m in (acks, session, client, messages, frames, codec, schema, text, tracker) if hasattr(m, name)
        ]
        assert holders, f"no constant {name} in the code"
        assert {float(getattr(m, name)) for m in holders} == {float(value)}, name
