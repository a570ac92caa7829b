"""HTTP requests without measure, to our server, plain and behind TLS: each is refused in time, and the others are served."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.flow.fleet import Fleet
from tests.flow.raw import PATIENCE_S, Dialer, http
from tests.flow.servers import Served, serve

NAMES = ("ours", "ours behind TLS")
TOTAL = 150_000_000
GROWTH_MAX_BYTES = 30_000_000


@pytest.fixture(scope="module", params=NAMES)
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    fleet = Fleet.made(tmp_path_factory.mktemp("requests"), "memory://", None)
    try:
        yield serve(fleet, request.param)
    finally:
        fleet.stop()


def memory_bytes(served: Served) -> int:
    status = Path(f"/proc/{served.running.pid}/status").read_text()
    return 1024 * int(status.partition("VmRSS:")[2].split()[0])


async def gone(writer: asyncio.StreamWriter) -> None:
    """Cuts a connection, and waits until nothing of it is left."""
    writer.transport.abort()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def test_a_body_that_is_announced_is_refused_before_a_byte_of_it_came(served: Served):
    for path in ("/api/guest", "/nowhere", "/admin/login/", "/ws/lab/BIG", "/"):
        answer = await http(served, f"POST {path} HTTP/1.1\r\nContent-Length: {TOTAL}\r\nExpect: 100-continue")
        assert answer.startswith("HTTP/1.1 413 "), path


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_what_comes_all_the_same_is_not_kept(served: Served, is_chunked: bool):
    _, writer = await asyncio.open_connection("127.0.0.1", served.port, ssl=served.tls)
    before = memory_bytes(served)
    how = "Transfer-Encoding: chunked" if is_chunked else f"Content-Length: {TOTAL}"
    writer.write(f"POST /api/guest HTTP/1.1\r\nHost: 127.0.0.1\r\n{how}\r\n\r\n".encode())
    block, sent = b"10000\r\n" + b"x" * 0x10000 + b"\r\n", 0
    try:
        while sent < TOTAL:
            writer.write(block)
            sent += len(block)
            async with asyncio.timeout(PATIENCE_S):
                await writer.drain()
        pytest.fail("all of it was taken")
    except ConnectionError:
        assert memory_bytes(served) - before < GROWTH_MAX_BYTES
    finally:
        await gone(writer)


async def test_a_room_is_served_meanwhile(served: Served):
    dial = Dialer(served)
    try:
        player = await dial.join("/ws/lab/MEAN")
        lines = [await asyncio.open_connection("127.0.0.1", served.port, ssl=served.tls) for _ in range(30)]
        for _, writer in lines:
            writer.write(b"POST /api/guest HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n" + b"x" * 50_000)
        await player.played(10)
        for _, writer in lines:
            await gone(writer)
    finally:
        dial.close()
