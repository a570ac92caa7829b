"""`python -m server up`: each process that is killed comes back, rooms can be joined again, and all end together."""

import os
import re
import signal

import pytest

from tests.flow.conftest import MakeFleet
from tests.flow.lab import Poke
from tests.support.ports import free_port
from tests.support.processes import Running
from tests.support.redis import RedisServer
from tests.support.waiting import wait_until


def pids(running: Running, name: str) -> list[int]:
    """Every process that the program of that name has been."""
    return [int(pid) for pid in re.findall(rf"\| {re.escape(name)} is process (\d+)", running.log())]


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.redis
async def test_whatever_is_killed_comes_back(new_fleet: MakeFleet, redis_server: RedisServer):
    fleet = new_fleet("pubsub", redis_server)
    port = free_port()
    env = {**fleet.env, "ROOMWRIGHT_PORT": str(port)}
    up = fleet.processes.python("-m", "server", "up", "--gateways", "1", "--loops", "1", env=env)
    up.url = f"http://127.0.0.1:{port}"
    up.wait_for_url(f"{up.url}/healthz", 60.0)
    fleet.gateways.append(up)
    for name in ("worker.1", "loop.1", "gateway.1"):
        os.kill(pids(up, name)[-1], signal.SIGKILL)
        up.wait_for_line(rf"{re.escape(name)} was ended by SIGKILL; again")
        wait_until(f"{name} to be started again", lambda name=name: len(pids(up, name)) == 2)  # type: ignore[misc]
    up.wait_for_line(r"(?s)gateway.1 was ended by SIGKILL.*server\.listening", 60.0)
    up.wait_for_url(f"{up.url}/healthz", 60.0)
    player = await (await fleet.player(f"/ws/lab/{fleet.code()}")).joined()
    await player.poke(Poke(1))
    await player.answered(1)
    everybody = [pids(up, name)[-1] for name in ("worker.1", "loop.1", "gateway.1")]
    os.kill(up.pid, signal.SIGTERM)
    await player.is_closed(4504)
    assert up.wait() == 0
    wait_until("everybody to be gone", lambda: all(map(is_gone, everybody)))


@pytest.mark.redis
def test_nobody_is_left_behind(new_fleet: MakeFleet, redis_server: RedisServer):
    """`up` is killed: its processes end with it, since nobody would bring them back or end them."""
    fleet = new_fleet("pubsub", redis_server)
    env = {**fleet.env, "ROOMWRIGHT_PORT": "0"}
    up = fleet.processes.python("-m", "server", "up", "--gateways", "1", "--loops", "1", env=env)
    up.wait_for_line("loop.started", 60.0)
    everybody = [pids(up, name)[-1] for name in ("worker.1", "loop.1", "gateway.1")]
    up.process.kill()
    wait_until("everybody to be gone", lambda: all(map(is_gone, everybody)), 60.0)


def test_what_would_keep_everybody_down_is_said_once(new_fleet: MakeFleet):
    fleet = new_fleet("memory")
    dead = f"127.0.0.1:{free_port()}"
    env = {**fleet.env, "ROOMWRIGHT_LAYER": f"redis://{dead}/0", "ROOMWRIGHT_PORT": str(free_port())}
    refused = fleet.processes.python("-m", "server", "up", "--no-wait", env=env)
    assert refused.wait() == 2
    assert len(refused.log().splitlines()) == 1
    assert dead in refused.log()
    waiting = fleet.processes.python("-m", "server", "up", env=env)
    waiting.wait_for_line(f"waiting for the layer since 0 s: .*{re.escape(dead)}")
    assert "is process" not in waiting.log()
