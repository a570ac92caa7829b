"""Caps of a real server: who has enough is told by name, and everybody else plays on."""

import json
from typing import Any

import pytest
import websockets.exceptions
from websockets.asyncio.client import ClientConnection, connect

from game.wire import messages as m
from tests.flow.conftest import MakeFleet
from tests.flow.lab import Poke
from tests.support.waiting import until


async def socket_from(url: str, address: str) -> ClientConnection:
    return await connect(url, subprotocols=[m.BIN], local_addr=(address, 0), proxy=None)  # type: ignore[list-item]


async def goodbye_of(socket: ClientConnection) -> dict[str, Any]:
    goodbye: dict[str, Any] = json.loads(await socket.recv())
    with pytest.raises(websockets.exceptions.ConnectionClosed) as closed:
        await socket.recv()
    assert closed.value.rcvd is not None and closed.value.rcvd.code == goodbye["code"]
    return goodbye


async def test_an_address_with_enough_sockets_is_told_and_another_plays(new_fleet: MakeFleet):
    fleet = new_fleet("memory", ROOMWRIGHT_CONNECTIONS_PER_ADDRESS="3").start(1)
    code = fleet.code()
    url = fleet.url(f"/ws/lab/{code}")
    hogs = [await socket_from(url, "127.0.0.2") for _ in range(3)]
    goodbye = await goodbye_of(await socket_from(url, "127.0.0.2"))
    assert goodbye["code"] == 4403
    assert goodbye["reason"].startswith("connections_per_address: one address may have 3 connections")
    player = await (await fleet.player(f"/ws/lab/{code}")).joined()
    await player.poke(Poke(1))
    await player.answered(1)
    metrics = (await fleet.get("/metrics")).decode()
    assert 'roomwright_limit_refusals_total{limit="connections_per_address"} 1.0' in metrics
    for hog in hogs:
        await hog.close()
    await until("a place at the address again", lambda: is_let_in(url, "127.0.0.2"))


async def is_let_in(url: str, address: str) -> bool:
    """A server that has just read the close of a socket may not have taken it off its count yet."""
    socket = await socket_from(url, address)
    await socket.send("nonsense")
    answer = json.loads(await socket.recv())
    await socket.close()
    return bool(answer["type"] == "refused")


async def test_this_machine_may_run_a_swarm(new_fleet: MakeFleet):
    fleet = new_fleet("memory").start(1)
    url = fleet.url(f"/ws/lab/{fleet.code()}")
    sockets = [await socket_from(url, "127.0.0.1") for _ in range(300)]
    last = await (await fleet.player(f"/ws/lab/{fleet.code()}")).joined()
    assert last.goodbye is None
    for socket in sockets:
        await socket.close()
