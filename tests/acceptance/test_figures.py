"""What a release is shown by, each thing done for real and timed. `make acceptance` runs it; the tests assert that it works."""

import asyncio
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from game.arena.messages import Steer
from tests.acceptance.conftest import TIMES, Figures
from tests.browser.site import live, roster_has, start_site
from tests.flow.conftest import MakeFleet
from tests.flow.fleet import Fleet
from tests.flow.lab import Poke
from tests.flow.player import Player, guest
from tests.support.browser import Chromium
from tests.support.ports import free_port
from tests.support.processes import ROOT, Processes
from tests.support.proxy import TcpProxy
from tests.support.redis import RedisServer
from tests.support.waiting import until

again = pytest.mark.parametrize("run_no", range(TIMES))


@contextmanager
def timed(figures: Figures, what: str) -> Iterator[None]:
    begin = time.monotonic()
    yield
    figures.add(what, time.monotonic() - begin)


@again
def test_a_fresh_clone_plays_by_one_command(
    figures: Figures, processes: Processes, tmp_path: Path, run_no: int
) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
    for what in ("make run in a fresh clone, until it serves", "make run again, until it serves"):
        port = free_port()
        env = {"ROOMWRIGHT_PORT": str(port), "PYTHON": "python3"}
        with timed(figures, what):
            running = processes.start(["make", "run"], env=env, cwd=clone)
            running.wait_for_url(f"http://127.0.0.1:{port}/healthz", 600.0)
        asyncio.run(a_guest_plays(f"http://127.0.0.1:{port}"))
        os.killpg(running.pid, signal.SIGTERM)
        running.wait(30.0)


async def a_guest_plays(url: str) -> None:
    """Somebody new comes into a room of the arena and steers; the input is applied."""
    player = Player(url.replace("http", "ws", 1) + "/ws/arena/FRESH", (await guest(url)).token)
    try:
        await player.joined()
        assert len(player.view.mine("ships")) == 1
        await player.poke(Steer(1.0, True, False, False))
        await player.answered(1)
        assert player.answers[0].reason == ""
    finally:
        await player.close()


@again
async def test_the_page_and_one_click(figures: Figures, processes: Processes, chromium: Chromium, run_no: int) -> None:
    site = start_site("memory", processes, lambda: pytest.fail("no Redis is needed"))
    page = await chromium.page(site.url)
    button = page.locator('[data-play="arena"]')
    await button.wait_for()
    with timed(figures, "one click in the lobby, until the first frame"):
        await button.click()
        await live(page)
    room = page.url
    assert room != f"{site.url}/"
    await roster_has(page, 1)
    with timed(figures, "a room's page opened by its link, until the first frame"):
        await page.reload()
        await live(page)
    assert page.url == room
    await roster_has(page, 1)


async def room_of_three(fleet: Fleet) -> list[Player]:
    code = fleet.code()
    first = await (await fleet.player(f"/ws/lab/{code}")).joined()
    second = await (await fleet.player(f"/ws/lab/{code}", gateway=1)).joined()
    return [first, second, await (await fleet.player(f"/ws/lab/{code}/watch", gateway=1)).joined()]


async def all_see(players: list[Player], value: int) -> None:
    """An input of the first player is answered, and everybody sees its effect."""
    n = await players[0].poke(Poke(value))
    seat = players[0].seat
    await players[0].answered(n)
    assert players[0].answers[-1].reason == ""
    for player in players:
        await player.until(f"poke {value}", partial(has_poke, player, seat, value))


def has_poke(player: Player, seat: int, value: int) -> bool:
    """Whether the player sees this seat's last input."""
    return any(piece.seat == seat and piece.last == value for piece in player.view.all("pieces"))


@again
async def test_faults_heal(
    figures: Figures,
    new_fleet: MakeFleet,
    redis_server: RedisServer,
    tcp_proxy: Callable[..., TcpProxy],
    run_no: int,
) -> None:
    proxy = tcp_proxy(redis_server.port)
    fleet = new_fleet("pubsub", redis_server)
    fleet.start(gateways=1)
    direct = fleet.layer
    fleet.layer = direct.replace(str(redis_server.port), str(proxy.port))
    fleet.start_gateway()
    fleet.layer = direct
    players = await room_of_three(fleet)
    await all_see(players, 1)
    redis_server.cli("CLIENT", "KILL", "TYPE", "pubsub")
    with timed(figures, "Redis connections killed, until all see a new input"):
        await all_see(players, 2)
    proxy.half_open()
    with timed(figures, "a gateway's Redis link half-open, until all see a new input"):
        await all_see(players, 3)
    redis_server.restart()
    with timed(figures, "Redis restarted and empty, until all see a new input"):
        await all_see(players, 4)
    moved = players[1]
    os.kill(fleet.gateways[1].pid, signal.SIGKILL)
    await moved.is_closed()
    moved.url = moved.url.replace(fleet.gateways[1].url.split("//")[1], fleet.gateways[0].url.split("//")[1])
    with timed(figures, "a gateway killed, until its player is back in its seat"):
        await moved.joined()
    assert moved.welcome.seats[0].generation == 2


@again
async def test_a_reader_that_stopped_is_closed(figures: Figures, new_fleet: MakeFleet, run_no: int) -> None:
    fleet = new_fleet("memory", None).start()
    code = fleet.code()
    player = await (await fleet.player(f"/ws/heavy/{code}")).joined()
    stopped = await fleet.player(f"/ws/heavy/{code}/watch")
    stopped.receive_buffer_bytes = 4096
    await stopped.joined()
    with timed(figures, "a socket that stops reading, until it is closed (4430)"):
        stopped.stop_reading()
        await until("the close in the server's log", lambda: 'code="4430"' in metrics(fleet), timeout_s=60)
    await player.frames(5)


@again
async def test_a_match_s_result_is_kept(
    figures: Figures, new_fleet: MakeFleet, redis_server: RedisServer, run_no: int
) -> None:
    fleet = new_fleet("pubsub", redis_server).start()
    player = await (await fleet.player(f"/ws/sprint/{fleet.code()}")).joined()
    with timed(figures, "a match of 1.5 s, until its end is shown and its result is kept"):
        await player.shows_phase("ended")
    # Nobody is shown the end before its result is written down, so there is nothing to wait for.
    assert len(fleet.rows("SELECT winners FROM history_result")) == 1


def metrics(fleet: Fleet) -> str:
    """What the first gateway counts."""
    with urllib.request.urlopen(f"{fleet.gateways[0].url}/metrics", timeout=10.0) as answer:  # noqa: S310 - an address of our own
        text: str = answer.read().decode()
    return text
