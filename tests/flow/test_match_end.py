"""The end of a match: told to everybody, and written once, whoever dies on the way."""

import asyncio
import itertools
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from server.history.results import FAILPOINTS
from tests.flow.conftest import MakeFleet
from tests.flow.fleet import Fleet
from tests.flow.lab import Poke
from tests.flow.player import Player
from tests.support.redis import RedisServer
from tests.support.waiting import until

REPLAY = (
    "import sys, pathlib; from game.replay import Record, replay; from labgames import Lab;"
    "record = Record.from_bytes(pathlib.Path(sys.argv[1]).read_bytes()); head = record.header;"
    "print('hash', replay(record, Lab(head.tick_hz, head.seats, head.teams))[-1])"
)


async def short_match(fleet: Fleet) -> list[Player]:
    """A match of 30 ticks with two players and a spectator, up to its result in everybody's view."""
    code = fleet.code()
    players = [await (await fleet.player(f"/ws/sprint/{code}")).joined()]
    others = [
        await fleet.player(f"/ws/sprint/{code}", gateway=1, is_binary=False),
        await fleet.player(f"/ws/sprint/{code}/watch", gateway=1),
    ]
    players += await asyncio.gather(*(other.joined() for other in others))
    await players[0].poke(Poke(5))
    for player in players:
        await player.shows_phase("ended")
        assert player.view.room.summary == "the lab is closed"
    return players


def counts(fleet: Fleet, incarnation: str) -> dict[str, int]:
    """Rows of one match, by table."""
    own = f"incarnation = '{incarnation}'"
    where = f"match_id IN (SELECT id FROM history_match WHERE {own})"  # noqa: S608
    return {
        "match": int(str(fleet.rows(f"SELECT count(*) FROM history_match WHERE {own}")[0][0])),  # noqa: S608
        "result": int(str(fleet.rows(f"SELECT count(*) FROM history_result WHERE {where}")[0][0])),  # noqa: S608
        "replay": int(str(fleet.rows(f"SELECT count(*) FROM history_replay WHERE {where}")[0][0])),  # noqa: S608
    }


ONCE = {"match": 1, "result": 1, "replay": 1}


async def written_once(fleet: Fleet, incarnation: str) -> None:
    await until("the match in the database", lambda: counts(fleet, incarnation) == ONCE, 40.0)
    await until(
        "an empty outbox", lambda: fleet.rows("SELECT count(*) FROM history_outbox WHERE done IS NULL") == [(0,)], 40.0
    )
    assert counts(fleet, incarnation) == ONCE


async def replayed(fleet: Fleet, blob: bytes) -> str:
    """The final hash of a replay that is played again in a process of its own, by the author's package."""
    (fleet.folder / "replay.bin").write_bytes(blob)
    run = fleet.script(REPLAY, str(fleet.folder / "replay.bin"))
    return (await run.line(r"^hash ([0-9a-f]+)"))[1]


async def test_a_match_ends(fleet: Fleet):
    """Result and replay once in the database; the replay plays again to the final hash; 4410 to all, named."""
    players = await short_match(fleet)
    incarnation = players[0].welcome.incarnation
    await written_once(fleet, incarnation)
    where = f"WHERE incarnation = '{incarnation}'"
    (row,) = fleet.rows(
        "SELECT r.winners, r.scores, r.final_hash, p.blob, m.players FROM history_match m "  # noqa: S608
        f"JOIN history_result r ON r.match_id = m.id JOIN history_replay p ON p.match_id = m.id {where}"
    )
    winners, scores, final_hash, blob, names = row
    assert (winners, scores) == ("[0]", '{"0": 1.0, "1": 0.0}')
    assert isinstance(blob, bytes)
    assert await replayed(fleet, blob) == final_hash
    assert str(names).count('"identity": "g') == 2
    late = await (await fleet.player(f"/ws/sprint/{players[0].welcome.room}")).open()
    await late.is_closed(4410)
    for player in players:
        await player.is_closed(4410, timeout_s=40.0)
        assert player.goodbye is not None
        assert (player.goodbye.name, player.goodbye.reason) == ("room_closed", "the lab is closed")


@pytest.mark.redis
async def test_workers_killed_at_each_point(new_fleet: MakeFleet, redis_server: RedisServer):
    """One worker after the other dies over the same match, each a step further; the last one leaves it there once."""
    fleet = new_fleet("pubsub", redis_server)
    fleet.start_loop()
    fleet.start_gateway()
    players = await short_match(fleet)
    for number in range(1, FAILPOINTS + 1):
        doomed = fleet.start_worker(ROOMWRIGHT_DEBUG_FAILPOINTS="1", ROOMWRIGHT_FAILPOINT=f"worker:{number}")
        assert await asyncio.to_thread(doomed.wait, 40.0) == -signal.SIGKILL
    fleet.start_worker()
    await written_once(fleet, players[0].welcome.incarnation)


@contextmanager
def locked(fleet: Fleet) -> Iterator[None]:
    """Nobody else can write to the database."""
    opened = sqlite3.connect(fleet.folder / "test.sqlite3", isolation_level=None)
    opened.execute("BEGIN IMMEDIATE")
    yield
    opened.execute("ROLLBACK")
    opened.close()


@pytest.mark.redis
async def test_a_lost_wake_up_and_a_database_that_is_away(new_fleet: MakeFleet, redis_server: RedisServer):
    """No worker hears the wake-up, and the outbox row cannot be written for a while: nobody is told, then all is written."""
    fleet = new_fleet("pubsub", redis_server)
    fleet.start_loop()
    fleet.start_gateway()
    code = fleet.code()
    player = await (await fleet.player(f"/ws/sprint/{code}")).joined()
    with locked(fleet):
        for count in itertools.count(1):
            await player.poke(Poke(5))
            await player.answered(count)
            if player.answers[-1].reason == "match ended":
                break
        assert player.view.room.phase == "playing", "announced, and not in the database"
        assert fleet.rows("SELECT count(*) FROM history_outbox") == [(0,)]
    await player.shows_phase("ended", 60.0)
    assert fleet.rows("SELECT count(*) FROM history_outbox") == [(1,)]
    fleet.start_worker()
    await written_once(fleet, player.welcome.incarnation)
