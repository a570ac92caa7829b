"""Quick play with options, over real processes: whoever chooses the same meets, and the rules play with what was chosen."""

import json

import pytest

from clients.python.errors import NotServedError
from clients.python.lobby import Lobby
from game.replay import Record
from tests.flow.fleet import Fleet
from tests.flow.lab import Explode, LabOptions
from tests.flow.player import Player


async def played(fleet: Fleet, greeting: str | None, gateway: int = 0) -> Player:
    """Somebody who came by quick play."""
    lobby = Lobby(fleet.gateways[gateway % len(fleet.gateways)].url)
    place = await lobby.quick("lab", None if greeting is None else {"greeting": greeting})
    return await (await fleet.player(place.path_for("player"), gateway=gateway)).joined()


async def test_whoever_chooses_the_same_options_meets_in_a_room_that_has_them(fleet: Fleet):
    mine = fleet.code()  # a text that no other test chose
    first = await played(fleet, mine)
    assert first.view.world.greeting == mine

    async def shown(gateway: int) -> list[dict[str, object]]:
        rooms = json.loads(await fleet.get("/api/rooms?type=lab", gateway % len(fleet.gateways)))["rooms"]
        return [room for room in rooms if room["code"] == first.welcome.room]

    for gateway in range(2):
        while not [room for room in await shown(gateway) if room["tick"]]:  # its loop's own word
            await first.frames(1)
        assert (await shown(gateway))[0]["options"] == {"greeting": mine}
    second = await played(fleet, mine, gateway=1)
    other = await played(fleet, f"{mine}-other")
    assert second.welcome.incarnation == first.welcome.incarnation
    assert other.welcome.incarnation != first.welcome.incarnation
    assert other.view.world.greeting == f"{mine}-other"
    plain = await played(fleet, None)
    assert plain.view.world.greeting == "good evening"


async def test_a_replay_carries_what_was_chosen(fleet: Fleet):
    mine = fleet.code()
    player = await played(fleet, mine)
    await player.poke(Explode())
    await player.is_closed(4500)
    replay = fleet.folder / "var" / "incidents" / player.welcome.incarnation / "replay.bin"
    other = await (await fleet.player(f"/ws/crew/{fleet.code()}")).joined()
    await other.until("the record", replay.is_file)
    record = Record.from_bytes(replay.read_bytes())
    assert mine.encode() in record.header.options
    assert LabOptions().greeting.encode() not in record.header.options


async def test_a_wish_that_does_not_fit_is_told(fleet: Fleet):
    lobby = Lobby(fleet.gateways[0].url)
    with pytest.raises(
        NotServedError, match=r"bad options: expected options\.greetin: one of greeting.*did you mean greeting"
    ):
        await lobby.quick("lab", {"greetin": "hello"})
    with pytest.raises(NotServedError, match=r"options\.greeting: text"):
        await lobby.quick("lab", {"greeting": 7})
