"""Peers that send frames without measure, of every kind: each gets its share of a beat and no more, and is closed; the others play on."""

import asyncio
import re
import struct
from collections.abc import AsyncIterator, Iterator

import pytest

from game.wire import messages as m
from game.wire.closecodes import Close
from server.serving.intake import FRAMES_PER_BEAT, MESSAGE_BYTES_MAX
from tests.flow.fleet import Fleet
from tests.flow.raw import BINARY, CONTINUATION, PING, PONG, TEXT, Dialer, Raw, frame, metrics
from tests.flow.servers import Served, serve

NAMES = ("ours", "ours behind TLS")
COUNT = 5_000
RATE = Close.RATE.value.code
KINDS = {
    "pings": frame(PING, b"?"),
    "pongs": frame(PONG),
    "empty texts": frame(TEXT),
    "empty messages": frame(BINARY),
    "messages": frame(BINARY, b"\x09" * 10),
    "fragments of a byte": frame(CONTINUATION, b"x", fin=False),
    "empty fragments": frame(CONTINUATION, fin=False),
    "fragments with pings between": frame(CONTINUATION, b"x", fin=False) + frame(PING),
}


@pytest.fixture(scope="module", params=NAMES)
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    fleet = Fleet.made(tmp_path_factory.mktemp("floods"), "memory://", None)
    try:
        yield serve(fleet, request.param)
    finally:
        fleet.stop()


@pytest.fixture
async def dial(served: Served) -> AsyncIterator[Dialer]:
    dialer = Dialer(served)
    yield dialer
    dialer.close()


async def work(served: Served, of: str) -> float:
    """A figure of /metrics."""
    found = re.search(rf"^roomwright_{re.escape(of)} (\S+)$", await metrics(served), re.MULTILINE)
    assert found is not None, of
    return float(found[1])


def flood(raw: Raw, kind: str) -> None:
    if "fragments" in kind:
        raw.send(frame(BINARY, b"x", fin=False))
    raw.send(KINDS[kind] * COUNT)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("is_in", [True, False], ids=["a player", "a stranger"])
async def test_a_flood_of_frames_is_told_and_closed(dial: Dialer, kind: str, is_in: bool):
    path = f"/ws/lab/FLOOD{list(KINDS).index(kind)}"
    neighbour = await dial.join(path)
    raw = await dial.join(path) if is_in else await dial.connect(path, m.BIN)
    raw.client = None
    before = await work(dial.served, 'socket_work{what="headers"}')
    flood(raw, kind)
    code = await raw.closed()
    own = (
        (Close.WRONG_STATE.value.code, Close.TOO_MANY_ERRORS.value.code)
        if "messages" in kind or "texts" in kind
        else ()
    )
    assert code == raw.goodbye["code"]
    assert code in (RATE, *own)
    await neighbour.played(3)
    assert await work(dial.served, 'socket_work{what="headers"}') - before < 2_000, "what comes after it is not read"


async def test_a_connection_has_its_share_of_a_beat(served: Served, dial: Dialer):
    raw = await dial.join("/ws/lab/SHARE")
    raw.send(frame(PING, b"a") * 40 + frame(TEXT, b'{"type":"ping","t":77}') * 5 + frame(PING, b"b"))
    await raw.echo(77)
    while b"b" not in raw.pongs:
        await raw.until(PONG)
    assert raw.pongs[:40] == [b"a"] * 40, "in order, and none is lost"
    assert await work(served, 'socket_work_beat_max{by="connection",what="headers"}') == FRAMES_PER_BEAT


async def test_a_burst_of_what_an_honest_client_saved_up_goes_through(dial: Dialer):
    """Two seconds of a stalled link at once: 80 inputs, 40 acks, some pings, one of them in two fragments."""
    raw = await dial.join("/ws/lab/BURST")
    assert raw.client is not None
    for number in range(45):
        raw.send(frame(TEXT, f'{{"type":"ping","t":{number}}}'.encode()))
    raw.send(frame(TEXT, b'{"type":"pi', fin=False) + frame(PING) + frame(CONTINUATION, b'ng","t":4242}'))
    await raw.played(5)
    assert raw.close_code is None


async def test_messages_before_the_welcome_are_no_longer_than_a_hello(dial: Dialer):
    for whole in (True, False):
        raw = await dial.connect("/ws/lab/LONG", m.JSON)
        body = b"x" * (MESSAGE_BYTES_MAX + 1)
        if whole:
            raw.send(bytes([0x81, 0xFE]) + struct.pack("!H", len(body)) + b"mask")  # the header alone is enough
        else:
            for at in range(0, len(body), 500):
                raw.send(frame(CONTINUATION if at else TEXT, body[at : at + 500], fin=False))
        assert await raw.closed() == raw.goodbye["code"] == Close.TOO_BIG.value.code
    raw = await dial.connect("/ws/lab/LONG", m.JSON)
    raw.send(bytes([0x81, 0xFF]) + struct.pack("!Q", 2_000_000) + b"mask")
    assert await raw.closed() == 1009


async def test_ten_floods_at_once_cost_the_others_no_frame(served: Served, dial: Dialer):
    path = "/ws/lab/TEN"
    floods = [await dial.join(path if number == 0 else f"{path}/watch") for number in range(10)]
    players = [await dial.join(path) for _ in range(2)]
    for raw, kind in zip(floods, [*KINDS, "pings", "pongs"], strict=True):
        raw.client = None
        flood(raw, kind)

    await asyncio.gather(*(player.played(40) for player in players), *(raw.closed() for raw in floods))
    assert [raw.goodbye["code"] for raw in floods].count(RATE) == 7, (
        "three sent messages, and were told of errors first"
    )
    assert [player.close_code for player in players] == [None, None]
    assert await work(served, 'socket_work_beat_max{by="connection",what="headers"}') <= FRAMES_PER_BEAT
