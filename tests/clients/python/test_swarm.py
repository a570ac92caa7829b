"""The swarm's figures are right where they can be known, and what went wrong is not hidden."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from clients.python.errors import UnreachableError
from clients.python.swarm import Plan, Swarm, problems, warnings
from game.wire.closecodes import Close
from tests.clients.python.dots import Wanderer
from tests.clients.python.loopback import Loopback
from tests.support.waiting import until

DOCS = Path(__file__).parents[3] / "docs" / "clients" / "python.md"


async def swarm(server: Loopback, **plan: Any) -> dict[str, Any]:
    return await Swarm(Plan(server.url, "dots", **plan)).run(asyncio.Event(), lambda _played, _joined: None)


async def test_a_clean_run(server: Loopback):
    report = await swarm(server, n=12, seconds=1.5, rooms=("A", "B", "C"), input_hz=10)
    assert report["problems"] == []
    assert (report["joined"], report["rooms"], report["closes"]) == (12, ["A", "B", "C"], {"1000": 12})
    assert (report["divergences"], report["errors"], report["reconnects"]) == (0, {}, 0)
    inputs = report["inputs"]
    assert inputs["lost"] == inputs["unanswered"] == 0
    assert inputs["sent"] == inputs["applied"] + inputs["refused"]
    assert inputs["sent"] == inputs["answered"] == report["answer_ms"]["count"] > 12
    assert inputs["sent"] == sum(room.answered.get(s, 0) for room in server.rooms.values() for s in range(4))
    assert report["frames"] > 12 * 10
    assert report["frame_gap_ms"]["count"] == report["frames"] - 12
    assert 0 < report["answer_ms"]["p50"] <= report["answer_ms"]["p99"] <= report["answer_ms"]["max"]
    assert all(room.seats == {} for room in server.rooms.values())
    json.dumps(report, allow_nan=False)


async def test_policies_and_spectators_swarm_too(server: Loopback):
    assert (await swarm(server, n=3, seconds=0.5, policy=Wanderer))["inputs"]["sent"] > 3
    report = await swarm(server, n=3, seconds=0.5, rooms=("K7",), role="spectator")
    assert (report["inputs"]["sent"], report["problems"]) == (0, [])
    assert report["frames"] > 3


async def test_lost_frames_count_as_resyncs_and_are_no_problem(server: Loopback):
    lost = 0

    def lose() -> bool:
        nonlocal lost
        lost += 1
        return lost % 9 == 0

    server.lose = lose
    report = await swarm(server, n=4, seconds=1.5)
    assert report["resyncs"] > 0
    assert report["divergences"] == 0
    assert report["problems"] == []


async def test_unexpected_closes_are_a_problem(server: Loopback):
    stop = asyncio.Event()
    many = Swarm(Plan(server.url, "dots", n=4, seconds=60))
    running = asyncio.create_task(many.run(stop, lambda _played, _joined: None))
    await until("everybody", lambda: len(many.rooms) == 4)
    await server.goodbye_all(Close.MOVING)
    await until("everybody again", lambda: all(room.metrics.reconnects == 1 and room.is_live for room in many.rooms))
    stop.set()
    report = await running
    assert report["closes"]["4504"] == 4
    assert "4 unexpected closes with 4504" in report["problems"]


async def test_what_a_crash_loses_is_counted_and_a_problem(server: Loopback):
    stop = asyncio.Event()
    many = Swarm(Plan(server.url, "dots", n=6, seconds=60, rooms=("K7", "L8"), input_hz=20))
    running = asyncio.create_task(many.run(stop, lambda _played, _joined: None))
    await until("everybody", lambda: len(many.rooms) == 6)
    server.room("K7").is_paused = True
    in_k7 = [room for room in many.rooms if room.code == "K7"]
    await until("inputs that wait", lambda: all(len(room.client.unanswered) > 3 for room in in_k7))
    new = await server.crash("K7")
    await until("everybody again", lambda: all(r.is_live and r.welcome.incarnation == new.incarnation for r in in_k7))
    await until("inputs of the new room", lambda: new.applied)
    stop.set()
    inputs = (await running)["inputs"]
    assert inputs["lost"] >= 9
    assert inputs["sent"] == inputs["applied"] + inputs["refused"] + inputs["lost"] + inputs["unanswered"]
    assert inputs["answered"] == inputs["applied"] + inputs["refused"]
    assert any(problem.startswith(f"{inputs['lost']} inputs lost") for problem in many.report()["problems"])


async def test_bots_that_are_thrown_out_are_a_problem(server: Loopback):
    many = Swarm(Plan(server.url, "dots", n=3, seconds=60))
    running = asyncio.create_task(many.run(asyncio.Event(), lambda _played, _joined: None))
    await until("everybody", lambda: len(many.rooms) == 3)
    await server.goodbye_all(Close.NOT_ALLOWED)
    report = await running
    assert sum(report["errors"].values()) == 3
    assert any("4403" in problem for problem in report["problems"])


async def test_bots_that_do_not_get_in_are_a_problem(server: Loopback):
    server.on_hello = lambda hello: Close.NOT_ALLOWED if hello.name == "swarm 2" else None
    report = await swarm(server, n=3, seconds=0.3)
    assert report["joined"] == 2
    assert "1 of 3 bots did not get in" in report["problems"]


async def test_no_server_at_all():
    with pytest.raises(UnreachableError, match="no Roomwright server"):
        await Swarm(Plan("http://127.0.0.1:1", "dots", 2, 1.0)).run(asyncio.Event(), lambda _p, _j: None)


async def test_every_key_of_the_report_is_documented(server: Loopback):
    report = await swarm(server, n=1, seconds=0.2)
    section = DOCS.read_text(encoding="utf-8").split("## The swarm's report")[1]
    assert [key for key in report if f"`{key}`" not in section] == []


def test_divergences_and_missing_answers_are_problems_and_lag_is_a_warning():
    report: dict[str, Any] = {
        "errors": {},
        "joined": 2,
        "n": 2,
        "divergences": 1,
        "closes": {"1000": 2},
        "inputs": {"unanswered": 3},
        "client_lag_ms": {"p99": 500.0},
    }
    assert [problem.split(" ")[0] for problem in problems(report)] == ["1", "3"]
    assert "lagged by 500 ms" in warnings(report)[0]
