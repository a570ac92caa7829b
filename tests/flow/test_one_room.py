"""Two players, a bot's route and a spectator in one room: the same state, every input once and in order, no secrets."""

import asyncio

import pytest

from game.wire import messages as m
from tests.flow.fleet import Fleet
from tests.flow.lab import Explode, Poke, Switch
from tests.flow.player import Player

ALL = pytest.mark.layers("memory", "pubsub", "core")


async def four(fleet: Fleet) -> tuple[str, list[Player]]:
    code = fleet.code()
    first = await (await fleet.player(f"/ws/lab/{code}")).joined()
    others = [
        await fleet.player(f"/ws/lab/{code}", gateway=1, is_binary=False),
        await fleet.player(f"/ws/lab/{code}/bot", gateway=1),
        await fleet.player(f"/ws/lab/{code}/watch", is_binary=False),
    ]
    return code, [first, *await asyncio.gather(*(other.joined() for other in others))]


@ALL
async def test_all_see_the_same_state(fleet: Fleet):
    _, players = await four(fleet)
    for number, player in enumerate(players[:3]):
        for value in range(1, 8):
            await player.poke(Poke(value * 10 + number))
    for player in players[:3]:
        await player.answered(7)
    last = {player.seat: 70 + number for number, player in enumerate(players[:3])}
    for player in players:
        await player.shows_pokes(last)
    await asyncio.gather(*(player.frames(5) for player in players))
    shared = set.intersection(*(set(player.digests) for player in players))
    assert len(shared) >= 5
    for position in shared:
        assert len({player.digests[position] for player in players}) == 1, position
    assert [player.client.divergences for player in players] == [0, 0, 0, 0]
    assert {player.welcome.room for player in players} == {players[0].welcome.room}
    assert players[0].view.world.greeting == "good evening"


@ALL
async def test_inputs_are_answered_once_and_in_order(fleet: Fleet):
    _, players = await four(fleet)
    player, other = players[0], players[1]
    sent = [await player.poke(Poke(value)) for value in (5, 13, 20, 21)]
    await player.until("four answers", lambda: len(player.answers) == 4)
    assert [answer.n for answer in player.answers] == sent
    assert [answer.reason for answer in player.answers] == ["", "unlucky", "", ""]
    ticks = [answer.tick for answer in player.answers]
    assert ticks == sorted(ticks)
    mine = player.mine()
    assert (mine.count, mine.last, mine.is_in_order) == (3, 21, True)
    await other.until("the count at the other", lambda: [p.count for p in other.view.all("pieces")][player.seat] == 3)
    await player.frames(10)
    assert len(player.answers) == 4, "an answer that was repeated must not count twice"


async def test_a_spectators_input_is_refused_by_name(fleet: Fleet):
    _, players = await four(fleet)
    watcher = players[3]
    await watcher.poke(Poke(99))
    refused = await watcher.until("a refusal", lambda: watcher.of_type(m.Refused))
    assert (refused[0].what, refused[0].reason) == ("input", "not_accepted")
    await watcher.frames(5)
    assert all(piece.last != 99 for piece in watcher.view.all("pieces"))
    assert watcher.close_code is None


@ALL
async def test_nobody_receives_what_is_not_for_them(fleet: Fleet):
    """Canaries in every field that somebody must not see are searched for in all bytes that ever came."""
    _, players = await four(fleet)
    for player in players[:3]:
        await player.poke(Poke(1))
    await asyncio.gather(*(player.frames(25) for player in players))
    seats = [player.seat for player in players[:3]]
    teams = {player.seat: player.view.roster[player.seat].team for player in players[:3]}
    for player in players:
        text = player.raw_text()
        assert b"secret-canary" not in text
        assert b"vault-canary" not in text
        own = player.seat if player in players[:3] else None
        assert (b"whisper-canary" in text) == (own is None)
        for seat in seats:
            assert (f"hand-canary-{seat}-".encode() in text) == (seat == own)
            assert (f"felt-canary-{seat}.".encode() in text) == (seat == own)
        for team in (0, 1):
            assert (f"plan-canary-{team}-".encode() in text) == (own is not None and teams[own] == team)


async def test_a_change_of_team_changes_what_is_seen(fleet: Fleet):
    _, players = await four(fleet)
    player = players[0]
    before = player.view.roster[player.seat].team
    await player.poke(Switch())
    await player.until("the other team", lambda: player.view.roster[player.seat].team == 1 - before)
    await player.until(
        "the new team's plan", lambda: player.mine().plan.startswith(f"plan-canary-{1 - before}-"), timeout_s=20
    )
    start = len(player.raw)
    await player.frames(25)
    late = b"\n".join(data if isinstance(data, bytes) else data.encode() for data in player.raw[start:])
    assert f"plan-canary-{before}-".encode() not in late
    assert player.client.divergences == 0


async def test_bots_fill_up_and_make_room(fleet: Fleet):
    code = fleet.code()
    players = [await (await fleet.player(f"/ws/crew/{code}", gateway=0)).joined()]
    await players[0].until("three bots", lambda: sum(row.is_bot for row in players[0].view.roster) == 3)
    await players[0].until("the bots' pokes", lambda: sum(p.count > 0 for p in players[0].view.all("pieces")) >= 3)
    players.append(await (await fleet.player(f"/ws/crew/{code}", gateway=1)).joined())
    await players[0].until("two bots", lambda: sum(row.is_bot for row in players[0].view.roster) == 2)
    assert len(players[0].view.roster) == 4


async def test_a_rooms_crash_is_its_own(fleet: Fleet):
    """Rules that raise end their room with 4500 and an incident record; the neighbour goes on without a stop."""
    neighbour = await (await fleet.player(f"/ws/crew/{fleet.code()}")).joined()
    code = fleet.code()
    player = await (await fleet.player(f"/ws/lab/{code}")).joined()
    watcher = await (await fleet.player(f"/ws/lab/{code}/watch", gateway=1)).joined()
    await neighbour.frames(5)
    since = neighbour.frames_at[-1]
    await player.poke(Explode())
    assert await player.is_closed(4500)
    assert await watcher.is_closed(4500)
    assert player.goodbye is not None
    assert "incident" in player.goodbye.reason
    await neighbour.frames(20)
    assert neighbour.gap_s_max(since) < 1.0
    folder = fleet.folder / "var" / "incidents" / player.welcome.incarnation
    await neighbour.until("the incident's record", (folder / "incident.json").is_file)
    assert "the lab blew up" in (folder / "incident.json").read_text()
    assert (folder / "replay.bin").read_bytes().startswith(b"RWREPLAY")
    again = await (await fleet.player(f"/ws/lab/{code}")).joined()
    assert again.welcome.incarnation != player.welcome.incarnation
