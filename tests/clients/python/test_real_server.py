"""The commands and the SDK against the product's own server: `python -m server run`, real rooms, real games."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

from clients.python import connect
from game.doodle.rules import Move
from tests.support.processes import Processes
from tests.support.proxy import TcpProxy
from tests.support.waiting import until


async def test_bots_a_spectator_and_a_swarm_play(processes: Processes, tmp_path: Path):
    server = await asyncio.to_thread(processes.server)
    bots = processes.python("-m", "clients.python", "bots", "arena", "--n", "3", "--room", "K7", "--url", server.url)
    async with connect(server.url, game="arena", room="K7", name="Ann", rules=None) as player:
        await until("the bots' ships", lambda: len({ship.seat for ship in player.view.all("ships")}) >= 4, 60.0)
        watch = processes.python("-m", "clients.python", "watch", "K7", "--frames", "3", "--url", server.url)
        assert await asyncio.to_thread(watch.wait, 60.0) == 0
        for shown in ("room K7", "arena.watch", "Ann", "ships"):
            assert shown in watch.log()
    assert bots.stop() == 0
    assert "3 of 3 bots played" in bots.log()
    report = tmp_path / "report.json"
    words = ("swarm", "--n", "6", "--seconds", "1", "--rooms", "2", "--game", "doodle", "--json", str(report))
    swarm = processes.python("-m", "clients.python", *words, "--url", server.url)
    assert await asyncio.to_thread(swarm.wait, 60.0) == 0, swarm.log()
    figures = json.loads(report.read_text(encoding="utf-8"))
    assert figures["joined"] == 6
    assert figures["inputs"]["sent"] == figures["inputs"]["answered"] > 0
    assert figures["divergences"] == 0


async def test_a_cut_connection_resumes_its_seat_and_no_input_is_lost(
    processes: Processes, tcp_proxy: Callable[[int], TcpProxy]
):
    server = await asyncio.to_thread(processes.server)
    proxy = tcp_proxy(int(server.url.rpartition(":")[2]))
    async with connect(f"http://127.0.0.1:{proxy.port}", game="doodle", room="K7") as room:
        seat, generation = room.seat, room.welcome.seats[0].generation
        assert (await room.answer(await room.send(Move(1, 1)))).reason == ""
        proxy.blackhole()
        numbers = [await room.send(Move(x, x)) for x in (10, 20, 30)]
        proxy.cut()
        proxy.heal()
        assert [(await room.answer(n)).reason for n in numbers] == ["", "", ""]
        assert (room.seat, room.welcome.seats[0].generation) == (seat, generation + 1)
        await until("the last move", lambda: [cursor.x for cursor in room.view.mine("cursors")] == [30.0])
