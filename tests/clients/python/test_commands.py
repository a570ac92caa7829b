"""The commands as a person types them: output, exit codes, Ctrl-C, and never a traceback."""

import asyncio
import json
import signal
from pathlib import Path

import pytest

from game.wire.closecodes import Close
from tests.clients.python.loopback import Loopback
from tests.support.processes import Processes, Running
from tests.support.waiting import until

WANDERER = "tests.clients.python.dots:Wanderer"


def start(processes: Processes, *words: str) -> Running:
    return processes.python("-m", "clients.python", *words)


async def ended(running: Running) -> tuple[int, str]:
    code = await asyncio.to_thread(running.wait, 60.0)
    assert "Traceback" not in running.log()
    return code, " ".join(running.log().split())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_bots_play_and_leave_on_ctrl_c(server: Loopback, processes: Processes, number: int):
    words = ("bots", "dots", "--n", "3", "--room", "K7", "--policy", WANDERER, "--url", server.url)
    running = start(processes, *words)
    await until("all three to move", lambda: {seat for seat, _ in server.room().applied} == {0, 1, 2}, 60.0)
    running.signal(number)
    code, log = await ended(running)
    assert code == 0
    assert "Wanderer 1 took seat" in log
    assert "3 of 3 bots played" in log
    assert server.room().seats == {}


async def test_what_a_server_says_drives_no_terminal(server: Loopback, processes: Processes):
    bots = start(processes, "bots", "dots", "--n", "2", "--room", "K7", "--policy", WANDERER, "--url", server.url)
    swarm = start(
        processes, "swarm", "--n", "2", "--seconds", "60", "--rooms", "1", "--game", "dots", "--url", server.url
    )
    await until("all to move", lambda: sum(len(room.applied) > 3 for room in server.rooms.values()) == 2, 60.0)
    await server.goodbye_all(Close.NOT_ALLOWED, "\x1b]0;owned\x07 \x9b2J \u202e [bold]out")
    for running in (bots, swarm):
        code, log = await ended(running)
        assert code != 0
        assert "\\x1b]0;owned\\x07 \\x9b2J \\u202e [bold]out" in log.replace("\n", "")
        assert not set(log) & set("\x07\x9b\u202e") and "\x1b]" not in log


async def test_watch_prints_and_exits(server: Loopback, processes: Processes):
    server.room("K7")
    once = start(processes, "watch", "K7", "--once", "--url", server.url)
    frames = start(processes, "watch", "K7", "--frames", "3", "--url", server.url)
    code, log = await ended(once)
    assert code == 0
    assert "room K7" in log
    assert "1 frames" in log
    code, log = await ended(frames)
    assert code == 0
    assert "watching room K7 for 3 frames" in log
    assert "dots.spectator" in log


async def test_a_code_may_begin_with_a_dash(server: Loopback, processes: Processes):
    server.room("-hK7")
    code, log = await ended(start(processes, "watch", "-hK7", "--once", "--url", server.url))
    assert code == 0, log
    assert "room -hK7" in log


async def test_watch_ends_on_ctrl_c(server: Loopback, processes: Processes):
    server.room("K7")
    running = start(processes, "watch", "K7", "--url", server.url)
    await until("the spectator", lambda: server.connected, 60.0)
    running.signal(signal.SIGINT)
    code, _ = await ended(running)
    assert code == 0
    await until("its socket to be closed", lambda: not server.connected)


async def test_swarm_writes_its_report(server: Loopback, processes: Processes, tmp_path: Path):
    path = tmp_path / "report.json"
    words = ("swarm", "--n", "4", "--seconds", "0.5", "--rooms", "2", "--game", "dots", "--json", str(path))
    code, log = await ended(start(processes, *words, "--url", server.url))
    assert code == 0
    assert "4 of 4 bots in 2 rooms" in log
    assert json.loads(path.read_text(encoding="utf-8"))["joined"] == 4


async def test_swarm_fails_when_something_was_wrong(server: Loopback, processes: Processes):
    server.on_hello = lambda hello: Close.NOT_ALLOWED if hello.name == "swarm 1" else None
    code, log = await ended(start(processes, "swarm", "--n", "2", "--seconds", "0.2", "--url", server.url))
    assert code == 1
    assert "wrong: 1 of 2 bots did not get in" in log


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("watch", "K9"), "no room 'K9'"),
        (("bots", "chess", "--policy", WANDERER), "one of dots, got chess"),
        (("bots", "dots"), "name one with --policy module:Class"),
        (("bots", "dots", "--policy", "game.nowhere:Chaser"), "does not import"),
        (("bots", "dots", "--n", "1", "--policy", "tests.clients.python.dots:Faulty"), "divides by zero"),
        (("bots", "dots", "--n", "0"), "'--n': 0 is not in the range"),
        (("swarm", "--n", "1", "--seconds", "0.1", "--json", "/nowhere/x.json"), "expected a file that can be written"),
        (("swarm", "--n", "1", "--game", "chess"), "one of dots, got chess"),
        (("dance",), "No such command 'dance'"),
    ],
    ids=lambda words: "-".join(words[:3]) if isinstance(words, tuple) else "",
)
async def test_mistakes_are_told_with_exit_2(server: Loopback, processes: Processes, words: tuple[str, ...], told: str):
    url = () if words == ("dance",) else ("--url", server.url)
    code, log = await ended(start(processes, *words, *url))
    assert code == 2
    assert told in log


@pytest.mark.parametrize(
    "words", [("watch", "K7"), ("bots", "arena"), ("swarm", "--game", "arena")], ids=lambda w: w[0]
)
async def test_no_server_is_told_with_exit_2(processes: Processes, words: tuple[str, ...]):
    code, log = await ended(start(processes, *words, "--url", "http://127.0.0.1:1"))
    assert code == 2
    assert "no Roomwright server answers at http://127.0.0.1:1" in log
    assert "make run" in log
