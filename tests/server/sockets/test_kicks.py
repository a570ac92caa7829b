"""A gateway process asks for a kick: the loop's answer comes back, and where none can come the asker is told so."""

import asyncio

import pytest
from attrs import evolve
from structlog.testing import capture_logs

from game.wire.closecodes import Close
from server.relay import envelope as e
from server.sockets import kicks
from tests.server.sockets.process import NODE, Process, Row


async def kick(process: Process, code: str = "K7", seat: int | None = 0, identity: str = "") -> e.Kicked:
    return await process.gateway.kicks.kick(code, seat, identity, "enough", "u1")


async def test_a_player_is_removed_and_stays_out(process: Process):
    ann = await process.joined("/ws/K7", "ann")
    bob = await process.joined("/ws/K7", "bob")
    token = ann.welcome.resume
    with capture_logs() as logs:
        answer = await kick(process)
    assert (answer.problem, answer.identity, answer.seats, answer.connections) == ("", "ann", (0,), 1)
    assert [(log["event"], log["by"], log["identity"]) for log in logs if log["event"] == "room.kick"] == [
        ("room.kick", "u1", "ann")
    ]
    await ann.until(lambda: False)
    assert ann.code == Close.NOT_ALLOWED.value.code
    assert ann.client.goodbye is not None and ann.client.goodbye.reason == "enough"
    for resume in (token, None):
        again = await process.joined("/ws/K7", "ann", resume=resume)
        assert again.code == Close.NOT_ALLOWED.value.code
    await bob.until(lambda: [row.number for row in bob.view.roster] == [1])


async def test_a_room_that_is_not_there_or_that_nobody_came_into(process: Process):
    assert (await kick(process, "NONE")).problem == "no_such_room"
    process.rows["K8"] = Row("K8-1", "K8", "parlour")
    assert (await kick(process, "K8")).problem == "not_here"


async def test_a_loop_that_does_not_hold_the_room_or_that_nobody_hears(process: Process):
    process.rows["K8"] = Row("K8-1", "K8", "parlour", 1, 1, NODE, process.holder.control.channel)
    assert (await kick(process, "K8")).problem == "moved"
    process.rows["K9"] = evolve(process.rows["K8"], code="K9", holder="dead")
    process.gateway._started_at -= 60.0
    assert (await kick(process, "K9")).problem == "no_answer"


async def test_a_loop_that_does_not_answer(process: Process, monkeypatch: pytest.MonkeyPatch):
    await process.joined("/ws/K7", "ann")
    monkeypatch.setattr(kicks, "ANSWER_WITHIN_S", 0.05)
    process.hub.on_kicked = lambda _: None
    assert (await kick(process)).problem == "no_answer"
    process.gateway.kicks.on_answer(e.Kicked("long forgotten"))
    assert not process.gateway.kicks._waiting


async def test_many_at_once_are_refused(process: Process, monkeypatch: pytest.MonkeyPatch):
    await process.joined("/ws/K7", "ann")
    monkeypatch.setattr(kicks, "WAITING_MAX", 2)
    problems = [answer.problem for answer in await asyncio.gather(*(kick(process, seat=5) for _ in range(3)))]
    assert sorted(problems) == ["no_answer", "not_here", "not_here"]
