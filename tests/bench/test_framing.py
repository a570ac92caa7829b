"""The generator's own WebSocket framing, held against the `websockets` library's, and its reading of Roomwright's frames."""

import base64
import json
import socket
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame as LibraryFrame
from websockets.frames import Opcode
from websockets.streams import StreamReader
from websockets.utils import accept_key

from game.fields import PUBLIC
from game.tracker import Section
from game.wire.frames import Answer, Blob, Frame, FrameKind, Part, encode_frame
from tests.bench.generator import framing
from tests.bench.generator.dialects.roomwright import shape, uvarint
from tests.bench.generator.http import HttpError, Poster
from tests.bench.witness.law import SIZE, SPEED, State, judge
from tests.bench.witness.plain import HEAD, states_of_plain

SIZES = st.one_of(st.integers(0, 300), st.sampled_from([125, 126, 127, 65_535, 65_536, 70_000]))
PAYLOADS = SIZES.flatmap(
    lambda size: st.binary(min_size=min(size, 300), max_size=min(size, 300)).map(lambda b: b.ljust(size, b"x"))
)


@given(PAYLOADS, st.integers(0, 2**32))
def test_what_we_send_the_library_reads(payload: bytes, seed: int) -> None:
    sent = framing.client_frame(framing.BINARY, payload, framing.new_mask(framing.masks(seed)))
    reader = StreamReader()
    reader.feed_data(sent)
    parser = LibraryFrame.parse(reader.read_exact, mask=True)
    with pytest.raises(StopIteration) as done:
        next(parser)
    assert done.value.value == LibraryFrame(Opcode.BINARY, payload)


@given(PAYLOADS, st.sampled_from([framing.TEXT, framing.BINARY]))
def test_what_the_library_sends_we_read_whole_or_not_at_all(payload: bytes, opcode: int) -> None:
    data = b"zz" + LibraryFrame(Opcode(opcode), payload).serialize(mask=False)
    assert framing.server_frame(data, 2) == (opcode, len(data) - len(payload), len(data))
    for cut in (cut for cut in (3, 4, 5, 11, len(data) - 1) if 2 < cut < len(data)):
        assert framing.server_frame(data[:cut], 2) is None


@pytest.mark.parametrize("data", [b"\x02\x01a", b"\xc2\x01a", b"\x82\x81abcd\x00"])
def test_fragments_compression_and_masks_from_a_server_are_refused(data: bytes) -> None:
    with pytest.raises(framing.BadFraming, match="expected a whole, unmasked frame"):
        framing.server_frame(data, 0)


def test_every_byte_is_masked_and_comes_back() -> None:
    source = framing.masks(1)
    for size in range(20):
        mask = framing.new_mask(source)
        assert 0 not in mask
        assert framing.masked(framing.masked(bytes(size), mask), mask) == bytes(size)


@pytest.mark.parametrize(
    ("head", "is_good"),
    [
        (b"HTTP/1.1 101 Switching\r\nSec-WebSocket-Accept: {}", True),
        (b"HTTP/1.1 101 Switching\r\nsec-websocket-accept:{}", True),
        (b"HTTP/1.1 101 Switching\r\nSec-WebSocket-Accept: bm90aGluZw==", False),
        (b"HTTP/1.1 403 Forbidden\r\nSec-WebSocket-Accept: {}", False),
        (b"HTTP/1.1 101 Switching", False),
    ],
)
def test_an_upgrade_is_checked(head: bytes, is_good: bool) -> None:
    key = b"0123456789abcdef"
    accept = accept_key(base64.b64encode(key).decode()).encode()
    if is_good:
        framing.check_upgrade(head.replace(b"{}", accept), key)
        return
    with pytest.raises(framing.BadFraming, match="expected a WebSocket upgrade"):
        framing.check_upgrade(head.replace(b"{}", accept), key)


@given(st.integers(0, 2**40), st.binary(max_size=3))
def test_varints_are_read_as_the_game_writes_them(value: int, before: bytes) -> None:
    from game.binary import uvarint as written

    assert uvarint(before + written(value), len(before)) == (value, len(before) + len(written(value)))


@given(
    st.sampled_from(FrameKind),
    st.integers(1, 1000),
    st.integers(40, 10**6),
    st.integers(0, 32),
    st.lists(st.binary(min_size=1, max_size=300), max_size=4),
    st.lists(st.tuples(st.integers(1, 10**4), st.sampled_from(["", "rate"])), max_size=3),
)
def test_a_frame_is_measured_without_decoding_it(
    kind: FrameKind, epoch: int, seq: int, behind: int, blobs: list[bytes], answers: list[tuple[int, str]]
) -> None:
    is_head = kind is FrameKind.HEAD
    base = seq - behind if kind is FrameKind.PATCH else seq
    chain = [Blob(seq - len(blobs) + i, data) for i, data in enumerate(blobs)]
    parts = [] if is_head else [Part(Section(PUBLIC), chain)]
    told = [] if is_head else [Answer(0, n, 5, reason) for n, reason in answers]
    data = encode_frame(Frame(kind, epoch, seq, base, 77, 3850, parts, told))
    found = shape(data)
    assert found[:4] == (kind, epoch, seq, base)
    assert uvarint(data, found[4])[0] == len(told)


async def test_http_answers_with_a_length_in_chunks_or_with_an_error() -> None:
    import asyncio

    answers = [
        b'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{"a": 1}',
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{"a\r\n5\r\n": 2}\r\n0\r\n\r\n',
        b"HTTP/1.1 429 Slow\r\nContent-Length: 4\r\n\r\nlate",
    ]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            assert json.loads(await reader.readexactly(length)) == {"q": "ä"}
            writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, family=socket.AF_INET)
    poster = Poster("127.0.0.1", server.sockets[0].getsockname()[1])
    async with server:
        assert await poster.post("/x", {"q": "ä"}) == {"a": 1}
        assert await poster.post("/x", {"q": "ä"}) == {"a": 2}
        with pytest.raises(HttpError, match="expected 200 from /x, got 429: late"):
            await poster.post("/x", {"q": "ä"})
        poster.close()


def moving(ticks: int, *, dt: float = 0.05, skew: float = 0.0, first: int | None = 1) -> list[State]:
    """Three movers by the law; the last is late by ``skew`` in each tick, and one meets a wall."""
    states = []
    for tick in range(ticks):
        way = tick * dt * SPEED
        wall = min(SIZE, SIZE - 50 + way)
        rows = {1: (100 + way, 10.0, 100.0), 2: (wall, 20.0, 100.0), 3: (500.0, 900 - way + skew * tick, 100.0)}
        states.append(State(tick * dt, None if first is None else first + tick, rows))
    return states


def test_the_law_holds_for_those_who_keep_it() -> None:
    assert judge(moving(8), 3).problems == []
    assert judge(moving(8, dt=0.053, first=None), 3).problems == []
    assert judge(moving(8), 3).strides > 14


@pytest.mark.parametrize(
    ("states", "movers", "problem"),
    [
        (moving(8, skew=0.2), 3, "expected strides of 6.000"),
        (moving(8, dt=0.04), 3, "expected strides of 6.000"),
        (moving(8, skew=0.2, first=None), 3, "expected strides of 6.000"),
        (moving(8), 4, "expected 4 movers, got 3"),
        (moving(1), 3, "expected many states"),
        (moving(8, dt=0.0, first=None), 3, "expected movers that move"),
        (moving(8, dt=1.5, first=None), 3, "a mover outside the arena"),
        (moving(3, dt=1.5, first=None), 3, "expected a stride of at most 120"),
        ([*moving(3), State(9.0, 1, moving(1)[0].movers)], 3, "the tick went back from 3 to 1"),
    ],
)
def test_the_law_is_broken_by_movers_that_lag_stand_or_are_missing(
    states: list[State], movers: int, problem: str
) -> None:
    found = judge(states, movers).problems
    assert any(problem in text for text in found)


def test_a_plain_recording_is_decoded() -> None:
    message = json.dumps({"tick": 4, "movers": [{"id": 7, "x": 65535, "y": 0, "hp": 100}]}).encode()
    ack = b'{"ack":3}'
    data = b"".join(struct.pack("<dBI", 1.5, 1, len(text)) + text for text in (ack, message))
    assert HEAD.size == 13
    assert states_of_plain(data) == [State(1.5, 4, {7: (1000.0, 0.0, 100)})]


def test_the_reference_game_and_its_peers_agree_on_the_law() -> None:
    """Their sources state the same numbers; the witness holds the running servers to them."""
    folder = Path(__file__).parent
    sources = [
        (folder / name).read_text(encoding="utf-8")
        for name in ("games/arena50.py", "peers/colyseus/server.mjs", "peers/plain_channels/app.py")
    ]
    for constant in ("137.5", "71.3", "2.39996", "120", "1000"):
        assert all(constant in source for source in sources), constant
