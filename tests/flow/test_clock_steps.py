"""A server whose wall clock is set days forward and back: no socket is closed for it, and everything goes on."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from tests.flow.conftest import MakeFleet
from tests.flow.lab import Poke
from tests.flow.raw import PING, PONG, Dialer, frame
from tests.flow.servers import Served
from tests.support.ports import free_port

FRAMES = 120  # six seconds of them: three rounds of every watch over timeouts


@pytest.mark.parametrize("numbers", [(signal.SIGUSR1,), (signal.SIGUSR2,), (signal.SIGUSR1, signal.SIGUSR2)])
async def test_a_step_of_the_wall_clock_closes_nobody(new_fleet: MakeFleet, numbers: tuple[signal.Signals, ...]):
    fleet = new_fleet("memory")
    port = free_port()
    program = Path(__file__).with_name("stepping_server.py")
    running = fleet.processes.python(str(program), str(port), env=fleet.env)
    running.wait_for_line("server.listening", 60.0)
    dial = Dialer(Served("ours", running, port))
    try:
        await lives_on(dial, numbers)
    finally:
        dial.close()


async def lives_on(dial: Dialer, numbers: tuple[signal.Signals, ...]) -> None:
    running = dial.served.running
    player, watcher = await dial.join("/ws/lab/STEP"), await dial.join("/ws/lab/STEP/watch", is_binary=False)
    for number in numbers:
        os.kill(running.pid, number)
        await asyncio.gather(player.played(FRAMES), watcher.played(FRAMES))
        watcher.send(frame(PING, b"still here"))
        assert (await watcher.until(PONG)).payload == b"still here"
        assert player.client is not None
        player.client.send_input(Poke(7))
        player.flush()
        newcomer = await dial.join("/ws/lab/STEP/watch")
        await asyncio.gather(player.played(20), watcher.played(20), newcomer.played(20))
        assert not player.client.unanswered
        newcomer.drop()
    assert running.returncode is None
