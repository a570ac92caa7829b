"""Any bytes, cut anywhere: our protocol and Daphne's own give the same messages, the same answers and the same end."""

import asyncio

from daphne.ws_protocol import WebSocketProtocol
from hypothesis import given, settings
from hypothesis import strategies as st

from server.serving.protocol import RoomSocketProtocol
from tests.flow.raw import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame
from tests.server.serving.harness import LIMIT, Events, Line, opened

payloads = st.binary(max_size=40) | st.sampled_from([b"x" * n for n in (125, 126, 127, 4095, 4096, 4097, 15_000)])
texts = st.text(max_size=30).map(str.encode) | st.sampled_from([("ü" * n).encode() for n in (62, 63, 64, 2048, 2049)])
broken_texts = st.sampled_from([b"\xff", b"ok\xc3", b"\xed\xa0\x80", b"\xf0\x9f\x8e", b"\xc0\x80"])
good = st.builds(frame, st.just(BINARY), payloads) | st.builds(frame, st.just(TEXT), texts)


@st.composite
def fragmented(draw: st.DrawFn) -> bytes:
    """A message in pieces, perhaps with control frames between, perhaps a letter cut in two, perhaps never ended."""
    opcode = draw(st.sampled_from([TEXT, BINARY]))
    pieces = draw(st.lists(texts | payloads | broken_texts, min_size=2, max_size=4))
    out = b""
    for number, piece in enumerate(pieces):
        is_last = number == len(pieces) - 1 and draw(st.integers(0, 7)) > 0
        out += frame(CONTINUATION if number else opcode, piece, fin=is_last)
        out += draw(st.just(b"") | st.builds(frame, st.sampled_from([PING, PONG]), st.binary(max_size=125)))
    return out


controls = st.builds(frame, st.sampled_from([PING, PONG]), st.binary(max_size=125))
closes = st.builds(
    frame, st.just(CLOSE), st.sampled_from([b"", b"\x03\xe8", b"\x0f\xa1bye", b"x", b"\x03\xee", b"\x03\xe8\xff"])
)
bad = (
    st.builds(frame, st.just(TEXT), broken_texts)
    | st.builds(frame, st.integers(0, 15), payloads, fin=st.booleans(), rsv=st.integers(0, 7), is_masked=st.booleans())
    | st.just(frame(BINARY, b"x" * (LIMIT + 1)))
    | st.just(b"\x82\xfe\x00\x05mask12345")  # a length in more bytes than it needs
    | st.builds(frame, st.just(BINARY), payloads, size=st.integers(0, 70_000))
    | st.binary(min_size=1, max_size=30)
)
usually_good = st.one_of(good, good, good, good, good, good, fragmented(), controls)
streams = st.builds(
    lambda before, after: b"".join([*before, *after]),
    st.lists(usually_good, max_size=12),
    st.lists(bad | closes | usually_good, max_size=4),
)


def messages(line: Line) -> list[bytes | str]:
    events = [event for event in line.events() if event["type"] == "websocket.receive"]
    return [event["bytes"] if "bytes" in event else event["text"] for event in events] + line.delivered


def chunks(stream: bytes, cuts: list[int]) -> list[bytes]:
    at = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    return [stream[a:b] for a, b in zip(at, at[1:], strict=False) if b > a]


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


@settings(max_examples=300, deadline=None)
@given(streams, st.lists(st.integers(0, 100_000), max_size=10), st.booleans())
def test_the_same_as_daphne_whatever_comes_and_however_it_is_cut(stream: bytes, cuts: list[int], is_delivering: bool):
    pieces = chunks(stream, cuts)

    async def both() -> None:
        ours = await outcome(RoomSocketProtocol, pieces, is_delivering=is_delivering)
        assert ours == await outcome(WebSocketProtocol, pieces)

    asyncio.run(both())


def test_the_comparison_sees_a_message_too_many():
    """The test above can fail: one more message on one side is a difference."""

    async def both() -> None:
        once, twice = [frame(BINARY, b"x")], [frame(BINARY, b"x"), frame(BINARY, b"x")]
        assert await outcome(RoomSocketProtocol, twice) != await outcome(WebSocketProtocol, once)

    asyncio.run(both())
