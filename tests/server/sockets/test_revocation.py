"""Whoever may not be here any longer goes, at once where it is told, within a minute otherwise; and nobody else notices."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Any

import pytest
from attrs import evolve
from structlog.testing import capture_logs

from game.wire import messages as m
from game.wire.closecodes import Close, Retry
from server.accounts.kinds import Kind
from server.relay import envelope as e
from server.sockets import revocation
from server.sockets.revocation import Revocation
from server.sockets.who import Who
from tests.server.sockets.process import Player, Process

Kinds = dict[str, Kind]


@pytest.fixture
def kinds(process: Process) -> Kinds:
    """The accounts of the database that stands behind the process: a token is an account's name."""
    accounts: Kinds = {}

    async def standings(identities: Collection[str]) -> Mapping[str, Kind]:
        return {identity: accounts[identity] for identity in identities if identity in accounts}

    def of_token(token: str) -> Who | str:
        return Who(token, token.title(), accounts[token]) if token in accounts else "log in again"

    process.gateway.people = evolve(process.gateway.people, of_token=of_token)
    process.gateway.revocation.standings = standings
    return accounts


def seats(process: Process) -> dict[int, str]:
    (held,) = process.holder.rooms.values()
    return {hold.number: hold.identity for hold in held.room.match.seats.humans()}


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(8.0):
        while not what():
            await asyncio.sleep(0.005)


async def is_revoked(player: Player) -> None:
    await player.until(lambda: False)
    assert player.code == Close.UNAUTHENTICATED.value.code
    goodbye = player.client.goodbye
    assert (goodbye is not None and "any longer" in goodbye.reason) or "admits" in goodbye.reason  # type: ignore[union-attr]
    assert Close.UNAUTHENTICATED.value.retry is Retry.NEVER


async def test_a_deactivated_account_goes_at_the_next_check_with_seat_and_token_and_nobody_else(
    process: Process, kinds: Kinds
):
    kinds |= {"ann": "account", "bob": "account"}
    ann, bob = await process.joined("/ws/K7", "ann"), await process.joined("/ws/K7", "bob")
    token = ann.welcome.resume
    assert await process.gateway.revocation.check() == 0
    del kinds["ann"]
    with capture_logs() as logs:
        assert await process.gateway.revocation.check() == 1
    assert [log["identity"] for log in logs if log["event"] == "connection.revoked"] == ["ann"]
    await is_revoked(ann)
    await until(lambda: seats(process) == {1: "bob"})
    again = await process.joined("/ws/K7", "ann", resume=token)
    assert again.code == Close.UNAUTHENTICATED.value.code
    kinds["ann"] = "account"
    again = await process.joined("/ws/K7", "ann", resume=token)
    assert again.code == Close.CANNOT_RESUME.value.code, "its token is dead, also for who is let in again"
    await bob.until(lambda: [row.number for row in bob.view.roster] == [1])
    assert bob.code is None and not [news for news in bob.client.news() if isinstance(news, m.Goodbye)]


async def test_the_word_through_the_layer_is_enough(process: Process, kinds: Kinds, monkeypatch: pytest.MonkeyPatch):
    kinds |= {"ann": "account", "bob": "account"}
    ann, bob = await process.joined("/ws/K7", "ann"), await process.joined("/ws/K7/watch", "bob")
    asked: list[set[str]] = []
    before = process.gateway.revocation.standings

    async def standings(identities: Collection[str]) -> Mapping[str, Kind]:
        asked.append(set(identities))
        return await before(identities)

    process.gateway.revocation.standings = standings
    task = asyncio.create_task(process.gateway.revocation.run())
    try:
        del kinds["ann"]
        message = {"type": e.ACCOUNT, "v": 1, "id": "ann"}
        await until(lambda: "user.ann" in process._ports[1]._layer.groups)
        await process._ports[1]._layer.group_send("user.ann", message)
        await is_revoked(ann)
        assert asked == [{"ann"}] and bob.code is None
        process.gateway.revocation.ask("nobody who is here")
        assert not process.gateway.revocation._asked
    finally:
        task.cancel()


async def test_once_in_a_while_everybody_is_asked_for_by_one_query_and_a_database_that_is_away_throws_nobody_out(
    process: Process, kinds: Kinds, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(revocation, "CHECK_EVERY_S", 0.05)
    monkeypatch.setattr(revocation, "RETRY_S", 0.01)
    kinds |= {"ann": "account", "bob": "staff"}
    ann, bob = await process.joined("/ws/K7", "ann"), await process.joined("/ws/K7", "bob")
    asked: list[set[str]] = []

    async def standings(identities: Collection[str]) -> Mapping[str, Kind]:
        asked.append(set(identities))
        if len(asked) < 3:
            raise OSError("away")
        return {"bob": "staff"}

    process.gateway.revocation.standings = standings
    task = asyncio.create_task(process.gateway.revocation.run())
    try:
        await is_revoked(ann)
        assert asked[:3] == [{"ann", "bob"}] * 3, "all of them, in one question each time"
        assert bob.code is None
    finally:
        task.cancel()


async def test_who_lost_its_rank_goes_from_routes_that_ask_for_it(process: Process, kinds: Kinds):
    kinds |= {"ann": "staff", "bob": "staff"}
    ann, bob = await process.joined("/ws/K7", "ann"), await process.joined("/ws/K7", "bob")
    (theirs,) = [each for each in process.gateway.connections.values() if each.who and each.who.id == "ann"]
    object.__setattr__(theirs, "route", evolve(theirs.route, admit=type(theirs.route.admit)("staff")))
    kinds |= {"ann": "account", "bob": "account"}
    assert await process.gateway.revocation.check() == 1
    await is_revoked(ann)
    assert bob.code is None, "its route admits guests"


async def test_a_guest_goes_when_its_token_is_worth_nothing_any_longer(process: Process):
    is_expired = False

    def of_token(token: str) -> Who | str:
        if is_expired and token == "ann":
            return "the token is not valid any longer: it has expired"
        return Who(token, token.title(), "guest", token)

    process.gateway.people = evolve(process.gateway.people, of_token=of_token)
    process.gateway.revocation.of_token = of_token
    ann, bob = await process.joined("/ws/K7", "ann"), await process.joined("/ws/K7", "bob")
    assert await process.gateway.revocation.check() == 0
    is_expired = True
    assert await process.gateway.revocation.check() == 1
    await is_revoked(ann)
    assert bob.code is None
    await until(lambda: seats(process) == {1: "bob"})


async def test_who_is_revoked_on_the_way_in_gets_no_seat(process: Process, kinds: Kinds):
    kinds |= {"ann": "account"}
    await process.joined("/ws/K7", "ann")
    kinds["bob"] = "account"
    socket = process.socket("/ws/K7")
    await socket.connect()
    await socket.send_to(text_data=m.encode(m.Hello(token="bob")))
    await until(lambda: any(each.who and each.who.id == "bob" for each in process.gateway.connections.values()))
    (theirs,) = [each for each in process.gateway.connections.values() if each.who and each.who.id == "bob"]
    theirs.revoke("not any longer")
    assert m.decode_server((await socket.receive_output(5))["text"]).code == Close.UNAUTHENTICATED.value.code  # type: ignore[union-attr]
    await asyncio.sleep(0.2)
    assert seats(process) == {0: "ann"}


async def test_nobody_is_asked_for_where_nobody_is_connected():
    async def standings(_: Any) -> Any:
        raise AssertionError("nobody is to be asked for")

    nobody = Revocation(list, standings, lambda token: token)
    assert await nobody.check() == 0
    nobody.ask("ann")
    assert not nobody._asked
