"""A process' descriptors: connections that are reset give theirs back, and a process without any says so and recovers."""

import asyncio
import json
import socket
import struct
import sys
from pathlib import Path

import pytest

from tests.flow.conftest import MakeFleet
from tests.flow.fleet import Fleet
from tests.flow.raw import TEXT, Dialer, frame, metrics
from tests.flow.servers import Served
from tests.support.ports import free_port
from tests.support.processes import Running
from tests.support.waiting import until

EACH = 20
SPARE = 4  # what a server may open meanwhile: a database connection, an epoll
UPGRADE = (
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: roomwright.v1.json\r\n\r\n"
)
HOST = b" HTTP/1.1\r\nHost: 127.0.0.1\r\n"
STAGES = {
    "nothing": b"",
    "a part of a head": b"GET /heal",
    "a request": b"GET /healthz" + HOST + b"\r\n",
    "a last request": b"GET /healthz" + HOST + b"Connection: close\r\n\r\n",
    "a part of a body": b"POST /api/guest" + HOST + b"Content-Length: 100\r\n\r\n{",
    "two requests": (b"GET /api/rooms" + HOST + b"\r\n") * 2,
    "an upgrade": b"GET /ws/lab/RST" + HOST + UPGRADE,
    "an upgrade the long way": b"GET /ws/lab/RST?x=y" + HOST + UPGRADE,
    "an upgrade and a message": b"GET /ws/lab/RST" + HOST + UPGRADE + frame(TEXT, b"{"),
    "an upgrade and half a frame": b"GET /ws/lab/RST" + HOST + UPGRADE + frame(TEXT, b"{" * 50)[:20],
    "an upgrade on no route": b"GET /nowhere" + HOST + UPGRADE,
}


def open_descriptors(running: Running) -> int:
    return len(list(Path(f"/proc/{running.pid}/fd").iterdir()))


def reset_after(port: int, data: bytes) -> None:
    peer = socket.create_connection(("127.0.0.1", port))
    peer.sendall(data)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


@pytest.mark.layers("memory")
async def test_connections_that_are_reset_at_any_stage_give_their_descriptors_back(fleet: Fleet):
    running = fleet.gateways[0]
    port = int(running.url.rpartition(":")[2])
    before = open_descriptors(running)
    for data in STAGES.values():
        for _ in range(EACH):
            await asyncio.to_thread(reset_after, port, data)

    async def are_back() -> bool:
        return open_descriptors(running) <= before + SPARE

    await until("the descriptors", are_back, 30.0)


def newcomer(port: int) -> socket.socket | None:
    """A connection, unless it was turned away before this end knew of it."""
    try:
        return socket.create_connection(("127.0.0.1", port))
    except ConnectionResetError:
        return None


async def test_without_descriptors_it_says_so_is_unready_and_recovers(new_fleet: MakeFleet):
    fleet = new_fleet("memory")
    port = free_port()
    command = f"ulimit -n 96; exec {sys.executable} -m server run"
    env = {**fleet.env, "ROOMWRIGHT_HOST": "127.0.0.1", "ROOMWRIGHT_PORT": str(port)}
    running = fleet.processes.start(["sh", "-c", command], name="few descriptors", env=env)
    running.url = f"http://127.0.0.1:{port}"
    running.wait_for_url(f"{running.url}/healthz", 60.0)
    fleet.gateways.append(running)
    dial = Dialer(Served("ours", running, port))
    try:
        await runs_out(dial)
    finally:
        dial.close()


async def runs_out(dial: Dialer) -> None:
    running, port = dial.served.running, dial.served.port
    player = await dial.join("/ws/lab/FEW")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def health() -> tuple[int, bool]:
        """The status and the check, over a connection that was there before."""
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length:")[2].split("\r\n")[0])
        body = json.loads(await reader.readexactly(length))
        return int(head.split()[1]), body["checks"]["descriptors"]

    assert await health() == (200, True)
    crowd = [one for _ in range(120) if (one := newcomer(port)) is not None]
    await running.line("server.descriptors_exhausted")
    assert await health() == (503, False)
    await player.played(5)
    for one in crowd:
        one.close()

    async def is_well() -> bool:
        return await health() == (200, True)

    await until("recovery", is_well, 60.0)
    await (await dial.join("/ws/lab/FEW")).played()
    text = await metrics(dial.served)
    assert 'limit_refusals_total{limit="descriptors"}' in text
    assert 1 <= running.log().count("server.descriptors_exhausted") <= 3
    assert running.log().count("server.descriptors_recovered") == 1
    writer.close()
