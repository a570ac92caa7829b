"""Any bytes, cut anywhere: our protocol and Daphne's own give the same messages, the same answers and the same end."""

import asyncio
import itertools

from daphne.ws_protocol import WebSocketProtocol
from hypothesis import given, settings
from hypothesis import strategies as st

from server.serving.protocol import RoomSocketProtocol
from tests.flow.raw import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame
from tests.server.serving.harness import LIMIT, Events, Line, opened

# Masks that look like the start of a frame, and payloads that are one: what is half read must not be read afresh.
masks = st.sampled_from([b"\x12\x34\x56\x78", b"\0\0\0\0", b"\x82\x81ab", b"\x81\x80xy", b"\x82\x82\0\0"])
inner = st.sampled_from([frame(op, b"inner", mask=b"\0\0\0\0") for op in (TEXT, BINARY, PING, CLOSE)])
payloads = (
    st.binary(max_size=40) | inner | st.sampled_from([b"x" * n for n in (125, 126, 127, 130, 4095, 4096, 4097, 15_000)])
)
texts = st.text(max_size=30).map(str.encode) | st.sampled_from([("ü" * n).encode() for n in (62, 63, 64, 2048, 2049)])
broken_texts = st.sampled_from([b"\xff", b"ok\xc3", b"\xed\xa0\x80", b"\xf0\x9f\x8e", b"\xc0\x80"])
data_opcodes = st.sampled_from([TEXT, BINARY])
good = st.builds(frame, st.just(BINARY), payloads, mask=masks) | st.builds(frame, st.just(TEXT), texts, mask=masks)
controls = st.builds(frame, st.sampled_from([PING, PONG]), st.binary(max_size=125) | inner, mask=masks)
close_payloads = st.sampled_from([b"", b"\x03\xe8", b"\x0f\xa1bye", b"x", b"\x03\xee", b"\x03\xe8\xff"])
closes = st.builds(frame, st.just(CLOSE), close_payloads, mask=masks)


@st.composite
def fragmented(draw: st.DrawFn, *, is_sound: bool) -> list[bytes]:
    """A message in pieces with control frames between. Not sound: anything between, letters cut in two, perhaps no end."""
    opcode = draw(data_opcodes)
    kinds = (texts if opcode == TEXT else payloads) if is_sound else texts | payloads | broken_texts
    pieces = draw(st.lists(kinds, min_size=2, max_size=4))
    out = []
    for number, piece in enumerate(pieces):
        is_last = number == len(pieces) - 1 and (is_sound or draw(st.booleans()))
        out.append(frame(CONTINUATION if number else opcode, piece, fin=is_last, mask=draw(masks)))
        out.append(draw(st.just(b"") | controls if is_sound else st.just(b"") | controls | good))
    return out


bad = st.one_of(
    st.builds(frame, st.just(TEXT), broken_texts, mask=masks),
    st.builds(frame, data_opcodes, texts, rsv=st.integers(1, 7), mask=masks),
    st.builds(frame, data_opcodes, texts, is_masked=st.just(False)),
    st.builds(frame, st.integers(0, 15), payloads, fin=st.booleans(), rsv=st.sampled_from([0, 0, 4]), mask=masks),
    st.builds(frame, data_opcodes, texts, size=st.integers(0, 70_000), mask=masks),
    st.just(frame(BINARY, b"x" * (LIMIT + 1), mask=b"abcd")),
    st.builds(
        lambda first, n: bytes([first, 0xFE, 0, n]) + b"mask" + b"y" * n,
        st.sampled_from([0x81, 0x82]),
        st.integers(0, 125),
    ),
    st.binary(min_size=1, max_size=30),
)
alone = st.one_of(good, good, controls, bad, bad, closes).map(lambda whole: [whole])
sound = st.one_of(good.map(lambda whole: [whole]), fragmented(is_sound=True), controls.map(lambda whole: [whole]))
streams = st.builds(
    lambda before, after: [piece for group in (*before, *after) for piece in group if piece],
    st.lists(sound, max_size=8),
    st.lists(alone | fragmented(is_sound=False), max_size=4),
)
# Where to cut: a frame, and how far into it (headers are what is easily cut wrong).
cut_points = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 9) | st.integers(0, 5000)), max_size=10)


def chunks(frames: list[bytes], cuts: list[tuple[int, int]]) -> list[bytes]:
    """The stream in the pieces that reads of the socket might bring."""
    stream = b"".join(frames)
    starts = [*itertools.accumulate(map(len, frames), initial=0)]
    at = sorted({0, len(stream), *(min(starts[n % len(starts)] + offset, len(stream)) for n, offset in cuts)})
    return [stream[a:b] for a, b in itertools.pairwise(at)]


def messages(line: Line) -> list[bytes | str]:
    events = [event for event in line.events() if event["type"] == "websocket.receive"]
    return [event["bytes"] if "bytes" in event else event["text"] for event in events] + line.delivered


async def outcome(
    protocol: type[WebSocketProtocol], pieces: list[bytes], *, is_delivering: bool = False
) -> tuple[list[bytes | str], bytes, tuple[bool, bool], int, Events]:
    """Messages, bytes to the peer, how the transport ended, the state, and what the application hears of the end."""
    line = await opened(protocol, is_delivering=is_delivering)
    for piece in pieces:
        line.feed(piece)
    got = messages(line)
    ended = (line.transport.disconnecting, line.transport.aborting)
    state = line.protocol.state
    line.end()
    return got, line.sent(), ended, state, line.events()


@settings(max_examples=400, deadline=None)
@given(streams, cut_points, st.booleans())
def test_the_same_as_daphne_whatever_comes_and_however_it_is_cut(
    frames: list[bytes], cuts: list[tuple[int, int]], is_delivering: bool
):
    pieces = chunks(frames, cuts)

    async def both() -> None:
        ours = await outcome(RoomSocketProtocol, pieces, is_delivering=is_delivering)
        assert ours == await outcome(WebSocketProtocol, pieces)

    asyncio.run(both())


def test_a_frame_cut_anywhere_is_never_read_afresh():
    """What follows a cut may look like a frame; it is still the rest of the one before."""
    trap = frame(BINARY, b"inner", mask=b"\0\0\0\0")

    async def both() -> None:
        for opcode, mask in itertools.product((BINARY, TEXT, PING), (b"\0\0\0\0", b"\x82\x81ab")):
            stream = frame(opcode, trap, mask=mask) + frame(BINARY, b"after", mask=mask)
            for cut in range(1, len(stream)):
                pieces = [stream[:cut], stream[cut:]]
                assert await outcome(RoomSocketProtocol, pieces) == await outcome(WebSocketProtocol, pieces)

    asyncio.run(both())


def test_the_comparison_sees_a_message_too_many():
    """The test above can fail: one more message on one side is a difference."""

    async def both() -> None:
        once, twice = [frame(BINARY, b"x")], [frame(BINARY, b"x"), frame(BINARY, b"x")]
        assert await outcome(RoomSocketProtocol, twice) != await outcome(WebSocketProtocol, once)

    asyncio.run(both())
