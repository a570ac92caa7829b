"""A seat outlives its connection: resumed, taken over, given up, or run out of grace."""

import pytest

from game.wire import messages as m
from game.wire.closecodes import Retry
from tests.flow.fleet import Fleet
from tests.flow.lab import Poke
from tests.flow.player import Player

ALL = pytest.mark.layers("memory", "pubsub", "core")


async def two(fleet: Fleet, kind: str = "lab") -> tuple[Player, Player]:
    code = fleet.code()
    other = await (await fleet.player(f"/ws/{kind}/{code}")).joined()
    return await (await fleet.player(f"/ws/{kind}/{code}", gateway=1)).joined(), other


@ALL
async def test_a_dropped_socket_resumes_its_seat(fleet: Fleet):
    """Same seat, the next generation; what was not answered is answered once, what was answered is not applied again."""
    player, other = await two(fleet)
    first = player.welcome.seats[0]
    await player.poke(Poke(10))
    await player.until("an answer", lambda: player.answers)
    for value in (20, 30, 40):
        await player.poke(Poke(value))
    player.drop()
    await player.is_closed(1006)
    await other.until("its absence", lambda: not other.view.roster[first.seat].is_connected)
    assert not other.view.all("pieces")[first.seat].is_here
    await player.joined()
    grant = player.welcome.seats[0]
    assert (grant.seat, grant.generation) == (first.seat, first.generation + 1)
    await player.until("four answers", lambda: len(player.answers) == 4)
    assert [(answer.n, answer.reason) for answer in player.answers] == [(1, ""), (2, ""), (3, ""), (4, "")]
    mine = player.mine()
    assert (mine.count, mine.last, mine.is_in_order) == (4, 40, True)
    await other.until("its return", lambda: other.view.roster[first.seat].is_connected)


async def test_inputs_sent_while_away_arrive_after_the_resume(fleet: Fleet):
    player, other = await two(fleet)
    player.drop()
    await player.is_closed(1006)
    for value in (5, 6):
        player.client.send_input(Poke(value))
    await player.joined()
    await player.until("two answers", lambda: len(player.answers) == 2)
    await other.until("both at the other", lambda: other.view.all("pieces")[player.seat].count == 2)


async def test_a_used_token_resumes_nothing(fleet: Fleet):
    player, _ = await two(fleet)
    used = player.welcome.resume
    player.drop()
    await player.is_closed(1006)
    await player.joined()
    known = len(player.answers)
    await player.poke(Poke(1))
    await player.until("an answer, which shows that the new token has arrived", lambda: len(player.answers) > known)
    await player.frames(5)
    player.drop()
    await player.is_closed(1006)
    player.client.hello = m.Hello(token=player.token, resume=used, schema=True)
    await player.open()
    await player.is_closed(4440)
    assert player.retry is Retry.FRESH
    await player.joined()  # without the token: afresh
    assert player.welcome.seats


async def test_a_token_is_of_one_identity(fleet: Fleet):
    player, other = await two(fleet)
    thief = await fleet.player(player.url.removeprefix(fleet.url("", 1)))
    thief.client.hello = m.Hello(token=thief.token, resume=player.welcome.resume, schema=True)
    await thief.open()
    await thief.is_closed(4440)
    await player.frames(5)
    assert player.close_code is None
    assert other.close_code is None


async def test_the_newer_connection_takes_over(fleet: Fleet):
    player, _ = await two(fleet)
    newer = Player(fleet.url(player.url.removeprefix(fleet.url("", 1))), player.token)
    fleet.players.append(newer)
    newer.client.hello = m.Hello(token=player.token, resume=player.welcome.resume, schema=True)
    await newer.joined()
    await player.is_closed(4409)
    assert newer.seat == player.seat
    seen = len(player.frames_at)
    await newer.frames(5)
    assert len(player.frames_at) == seen, "the old connection got something after its end"
    await newer.poke(Poke(3))
    await newer.until("an answer", lambda: newer.answers)


async def test_grace_runs_out(fleet: Fleet):
    player, other = await two(fleet, "brief")
    seat = player.seat
    player.drop()
    await player.is_closed(1006)
    await other.until("the free seat", lambda: all(row.number != seat for row in other.view.roster))
    await player.open()
    await player.is_closed(4440)
    await player.joined()
    assert player.welcome.seats


async def test_leaving_frees_the_seat_at_once(fleet: Fleet):
    """In a full room: the next one gets the seat well within the grace period, and nothing follows a leave."""
    player, other = await two(fleet, "brief")
    third = await fleet.player(other.url.removeprefix(fleet.url("")))
    await third.open()
    await third.is_closed(4503)
    await player.leave()
    await player.is_closed(1000)
    assert player.goodbye is not None
    assert isinstance(player.messages[-1], m.Goodbye)
    await other.until("one seat", lambda: len(other.view.roster) == 1)
    await third.joined()
    assert third.seat == player.seat


async def test_an_empty_room_is_disposed_of(fleet: Fleet):
    player, other = await two(fleet, "brief")
    for one in (player, other):
        await one.leave()
        await one.is_closed(1000)
    code = player.welcome.room
    await other.until(
        "the room's end in the directory",
        lambda: fleet.rows(f"SELECT state FROM lobby_room WHERE code = '{code}'") == [("ended",)],  # noqa: S608
    )
