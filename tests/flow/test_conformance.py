"""One suite over every server that may stand around the application: the WebSocket protocol, and our own on top of it.

Where servers differ by nature, `DIFFERENT` says how; docs/operations.md says the same in words.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator

import pytest

from game.wire import messages as m
from game.wire.closecodes import Close
from tests.flow.fleet import Fleet
from tests.flow.lab import Poke
from tests.flow.raw import (
    BINARY,
    CLOSE,
    CONTINUATION,
    DROPPED,
    PING,
    PONG,
    TEXT,
    Dialer,
    Raw,
    frame,
    metrics,
    ping,
)
from tests.flow.servers import SERVERS, Served, serve
from tests.support.waiting import until

PATH = "/ws/lab/{}"
OPEN_HAND = b"\xff\xfe"  # no UTF-8
HUGE = 3 * 1024 * 1024
SMALL_BUFFER = 4096

# What differs from our own server, and why: stock Daphne answers a broken frame by dropping the connection, and ends
# without a word; uvicorn takes messages of up to 16 MiB, so that our session refuses them, and says goodbye before we
# can. Autobahn drops a peer whose close frame is broken before its own is out.
DIFFERENT: dict[tuple[str, str], int | tuple[int, ...]] = {
    ("daphne", "broken"): DROPPED,
    ("daphne", "too slow"): (Close.TOO_SLOW.value.code, DROPPED),
    ("daphne", "SIGTERM"): DROPPED,
    ("uvicorn", "broken close"): (1002, 1007),
    ("uvicorn", "huge"): Close.TOO_BIG.value.code,
    ("uvicorn", "SIGTERM"): 1012,
}


def check(served: Served, what: str, got: int, usual: int) -> None:
    expected = DIFFERENT.get((served.name, what), usual)
    assert got in (expected if isinstance(expected, tuple) else (expected,)), f"{served.name}: {what}"


@pytest.fixture(scope="module", params=SERVERS)
def one(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Fleet, Served]]:
    fleet = Fleet.made(tmp_path_factory.mktemp("conformance"), "memory://", None)
    try:
        yield fleet, serve(fleet, request.param)
    finally:
        fleet.stop()


@pytest.fixture
def served(one: tuple[Fleet, Served]) -> Iterator[Served]:
    yield one[1]
    assert one[1].running.returncode is None, one[1].running.log()[-3000:]


@pytest.fixture
def path(one: tuple[Fleet, Served]) -> str:
    return PATH.format(one[0].code())


@pytest.fixture
async def dial(served: Served) -> AsyncIterator[Dialer]:
    """Connects to the server; what it opened is cut off after the test."""
    dialer = Dialer(served)
    yield dialer
    dialer.close()


@pytest.fixture
async def player(dial: Dialer, path: str) -> Raw:
    """Joined, with its first frame."""
    return await dial.join(path)


# ---- the handshake


async def test_the_upgrade_chooses_a_subprotocol_that_was_offered(dial: Dialer, path: str):
    raw = await dial.connect(path, "soap", m.JSON)
    assert raw.answer.startswith("HTTP/1.1 101 ")
    assert raw.is_key_right
    assert f"sec-websocket-protocol: {m.JSON}" in raw.answer.lower()
    assert "sec-websocket-extensions" not in raw.answer.lower()


async def test_no_subprotocol_of_ours_is_accepted_told_and_closed(dial: Dialer, path: str):
    raw = await dial.connect(path, "soap")
    assert "sec-websocket-protocol" not in raw.answer.lower()
    assert await raw.closed() == raw.goodbye["code"] == Close.TOO_OLD.value.code


async def test_a_path_without_a_route(dial: Dialer):
    raw = await dial.connect("/nowhere", m.JSON)
    assert await raw.closed() == raw.goodbye["code"] == Close.NO_SUCH_ROOM.value.code


# ---- messages, in every shape that they may have


@pytest.mark.parametrize("is_binary", [True, False])
async def test_hello_welcome_frames_and_answers(dial: Dialer, path: str, is_binary: bool):
    raw = await dial.join(path, is_binary=is_binary)
    assert raw.client is not None
    raw.client.send_input(Poke(7))
    raw.flush()
    async with asyncio.timeout(30.0):
        while raw.client.unanswered:
            await raw.played()
    assert raw.client.view is not None
    assert [piece.last for piece in raw.client.view.all("pieces")] == [7]
    raw.client.leave()
    raw.flush()
    assert await raw.closed() == raw.goodbye["code"] == 1000


async def test_a_fragmented_message_with_pings_between(player: Raw):
    whole = ping(1)
    player.send(frame(TEXT, whole[:5], fin=False) + frame(PING, b"between"))
    assert (await player.until(PONG)).payload == b"between"
    player.send(frame(CONTINUATION, b"", fin=False) + frame(CONTINUATION, whole[5:9], fin=False))
    player.send(frame(PING) + frame(PONG, b"unasked") + frame(CONTINUATION, whole[9:]))
    assert (await player.until(PONG)).payload == b""
    await player.echo(1)


@pytest.mark.parametrize("size", [0, 125, 126, 127, 1000, 4000])
async def test_messages_of_any_length_one_byte_at_a_time(player: Raw, size: int):
    data = frame(TEXT, ping(2, size))
    for at in range(len(data)):
        player.send(data[at : at + 1])
        if at < 12 or at % 50 == 0:
            await asyncio.sleep(0)  # the kernel may join what follows; it may not join these
    await player.echo(2)


async def test_many_frames_in_one_segment_and_a_cut_last_one(player: Raw):
    frames = [frame(TEXT, ping(100 + i, 20 * i)) for i in range(16)]
    together = b"".join(frames[:8]) + frame(PING, b"x") + b"".join(frames[8:])
    player.is_held = True
    player.send(together[:-7])
    await player.echo(100 + 14)
    assert player.pongs == [b"x"]
    player.send(together[-7:])
    await player.echo(100 + 15)


async def test_text_beyond_ascii(player: Raw):
    player.send(frame(TEXT, '{"type":"chat","text":"grüße 🎲"}'.encode()))
    await player.until(TEXT, "🎲")


@pytest.mark.parametrize("payload", [b"", b"x" * 125])
async def test_a_ping_is_answered_with_its_payload(player: Raw, payload: bytes):
    player.send(frame(PING, payload))
    assert (await player.until(PONG)).payload == payload


async def test_pongs_and_frames_never_mix_for_a_reader_in_sips(dial: Dialer, path: str):
    """50 kB frames through 4 KiB buffers leave the server in pieces; what autobahn writes waits for its turn."""
    raw = await dial.join(path.replace("lab", "heavy"), receive_buffer_bytes=SMALL_BUFFER)
    for number in range(40):
        raw.send(frame(PING, bytes([number])))
        assert (await raw.until(PONG)).payload == bytes([number])
        await raw.played()


# ---- the end


@pytest.mark.parametrize(
    ("payload", "code"), [(b"\x03\xe8bye", 1000), (b"\x0f\xa1", 4001), (b"", 1005)], ids=["1000", "4001", "none"]
)
async def test_a_client_s_close_is_answered_in_kind(player: Raw, payload: bytes, code: int):
    player.send(frame(CLOSE, payload))
    assert await player.closed() in (code, 1000)  # a server may echo the code or not


async def test_a_close_of_ours_comes_after_its_goodbye(dial: Dialer, path: str):
    raw = await dial.connect(path, m.BIN)
    raw.send(frame(BINARY, b"no hello"))
    assert await raw.closed() == raw.goodbye["code"] == Close.WRONG_STATE.value.code
    check_reason(dial.served, raw, "wrong_state")


async def test_a_text_of_100_kb_is_refused_by_name(served: Served, player: Raw):
    player.send(frame(TEXT, ping(3, 100_000)))
    assert await player.closed() == player.goodbye["code"] == Close.TOO_BIG.value.code


async def test_nothing_follows_a_close(player: Raw):
    player.send(frame(TEXT, b'{"type":"leave"}') + frame(TEXT, ping(4)) + frame(BINARY, b"late"))
    assert await player.closed() == 1000


async def test_a_half_closed_connection_is_a_lost_one(dial: Dialer, path: str):
    watcher, leaver = await dial.join(path), await dial.join(path)
    if dial.served.tls is not None:
        leaver.drop()  # TLS has no half
    else:
        leaver.half_close()
        await leaver.closed()
    assert watcher.client is not None
    assert watcher.client.view is not None
    async with asyncio.timeout(30.0):
        while len([piece for piece in watcher.client.view.all("pieces") if not piece.is_here]) != 1:
            await watcher.played()


# ---- what breaks the protocol

BROKEN = {
    "text that is no UTF-8": (frame(TEXT, OPEN_HAND), 1007),
    "text that is no UTF-8, behind one that is": (frame(TEXT, ping(5)) + frame(TEXT, OPEN_HAND), 1007),
    "text cut inside a letter": (frame(TEXT, "ü".encode()[:1]), 1007),
    "half a surrogate": (frame(TEXT, b"\xed\xa0\x80"), 1007),
    "an unmasked message": (frame(TEXT, ping(6), is_masked=False), 1002),
    "a reserved bit": (frame(TEXT, ping(7), rsv=4), 1002),
    "a reserved bit on binary": (frame(BINARY, b"x", rsv=1), 1002),
    "a reserved opcode": (frame(3, b"x"), 1002),
    "a reserved control opcode": (frame(11, b"x"), 1002),
    "a fragmented ping": (frame(PING, b"x", fin=False), 1002),
    "a ping of 126 bytes": (frame(PING, b"x" * 126), 1002),
    "a continuation of nothing": (frame(CONTINUATION, b"x"), 1002),
    "a message inside a message": (frame(TEXT, b"a", fin=False) + frame(TEXT, ping(8)), 1002),
}


@pytest.mark.parametrize("what", BROKEN)
async def test_broken_frames_end_the_connection_with_the_code_of_the_rfc(served: Served, player: Raw, what: str):
    data, code = BROKEN[what]
    player.send(data)
    got = await player.closed()
    check(served, "broken", got, code)


@pytest.mark.parametrize("payload", [b"x", b"\x03\xee", b"\x03\xe8\xff"], ids=["one byte", "1006", "no UTF-8"])
async def test_a_broken_close_ends_the_connection_too(served: Served, player: Raw, payload: bytes):
    player.send(frame(CLOSE, payload))
    check(served, "broken close", await player.closed(), DROPPED)


async def test_garbage_ends_the_connection(served: Served, player: Raw):
    player.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
    check(served, "broken", await player.closed(), 1002)


async def test_a_frame_beyond_the_servers_limit(served: Served, player: Raw):
    player.send(frame(BINARY, b"x" * HUGE))
    check(served, "broken" if served.name == "daphne" else "huge", await player.closed(), 1009)


# ---- slow readers, and the end of the process


async def test_a_reader_that_stopped_is_closed_with_4430(dial: Dialer, path: str):
    raw = await dial.join(f"{path.replace('lab', 'heavy')}", receive_buffer_bytes=SMALL_BUFFER)
    code = Close.TOO_SLOW.value.code

    async def is_counted() -> bool:
        raw.send(frame(TEXT, b'{"type":"ping","t":1}'))  # no dead connection: it talks, and does not read
        await asyncio.sleep(0.2)
        return f'roomwright_closes_total{{code="{code}"}} 1.0' in await metrics(dial.served)

    await until("the close", is_counted, 60.0)
    check(dial.served, "too slow", await raw.closed(), code)


@pytest.mark.parametrize("name", SERVERS)
async def test_sigterm_says_goodbye(name: str, tmp_path_factory: pytest.TempPathFactory):
    fleet = Fleet.made(tmp_path_factory.mktemp("sigterm"), "memory://", None)
    try:
        served = serve(fleet, name)
        dial = Dialer(served)
        raw = await dial.join(PATH.format("TERM"))
        os.kill(served.running.pid, signal.SIGTERM)
        got = await raw.closed()
        check(served, "SIGTERM", got, Close.MOVING.value.code)
        if got == Close.MOVING.value.code:
            assert raw.goodbye["retry_after_s"] == 1.0
        dial.close()
        await asyncio.to_thread(served.running.wait, 30.0)
        assert "Traceback" not in served.running.log()
    finally:
        fleet.stop()


def check_reason(served: Served, raw: Raw, reason: str) -> None:
    """Stock Daphne drops the reason of a close; the goodbye carries it anyway."""
    assert raw.close_reason == ("" if served.name == "daphne" else reason)
    assert raw.goodbye["name"] == reason
