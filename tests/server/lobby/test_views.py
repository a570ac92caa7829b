"""The lobby over HTTP, against a registry as wiring installs it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import evolve
from django.db import OperationalError
from django.test import AsyncClient

from server import clock
from server.lobby import directory, registry
from server.lobby.live import LiveRooms
from server.lobby.registry import Lobby, Refusal, RoomType
from server.routing.choices import Choice, Chosen
from server.routing.options import OptionFault

pytestmark = pytest.mark.django_db(transaction=True)


CHOICES = (Choice("map", "m", ("m", "n")),)


def read(wish: object) -> Chosen | list[OptionFault]:
    """As a room type whose rooms are matched by their map reads a wish."""
    found = {"map": "m", **wish} if isinstance(wish, dict) else {}
    if found.get("map") in ("m", "n") and len(found) == 1:
        return found
    return [OptionFault(("map",), "m or n", "'o'", "did you mean n?")]


@pytest.fixture
def lobby() -> Iterator[Lobby]:
    types = {
        "duel": RoomType(
            "duel", 2, "/ws/duel/{room}", "/ws/duel/{room}/watch", page="fight", choices=CHOICES, read_wish=read
        ),
        "show": RoomType("show", 0, None, "/ws/show/{room}"),
    }
    installed = Lobby(types, LiveRooms())
    before = registry.install(installed)
    yield installed
    registry.install(before)


def announce(lobby: Lobby, code: str, **changes: object) -> None:
    told: dict[str, object] = {
        "inc": f"inc{code}",
        "code": code,
        "type": "duel",
        "players": 1,
        "bots": 0,
        "spectators": 4,
        "seats": 2,
    }
    told["options"] = {"map": "m"}
    assert lobby.live.announce({**told, "state": "open", "tick": 7, **changes}, clock.monotonic())


async def quick(client: AsyncClient, body: object):
    return await client.post("/api/rooms/quick", body, content_type="application/json")


async def test_the_list_has_rooms_with_their_paths(async_client: AsyncClient, lobby: Lobby):
    announce(lobby, "AAAAA")
    announce(lobby, "HIDDEN", type="not-served")
    body = (await async_client.get("/api/rooms")).json()
    assert [kind["type"] for kind in body["types"]] == ["duel", "show"]
    assert body["rooms"] == [
        {
            "incarnation": "incAAAAA",
            "code": "AAAAA",
            "room_type": "duel",
            "players": 1,
            "bots": 0,
            "spectators": 4,
            "seats": 2,
            "state": "open",
            "tick": 7,
            "options": {"map": "m"},
            "accepts_newcomers": True,
            "play_path": "/ws/duel/AAAAA",
            "watch_path": "/ws/duel/AAAAA/watch",
            "bot_path": None,
            "play_page": "/play/duel/AAAAA",
            "watch_page": "/watch/duel/AAAAA",
        }
    ]


async def test_quick_play_picks_the_room_with_a_place_then_opens_one(async_client: AsyncClient, lobby: Lobby):
    announce(lobby, "AAAAA")
    answers = [(await quick(async_client, {"type": "duel"})).json() for _ in range(4)]
    codes = [answer["code"] for answer in answers]
    assert codes[0] == "AAAAA"
    assert codes[1] == codes[2] not in (codes[0], codes[3])
    assert answers[1]["play_path"] == f"/ws/duel/{codes[1]}"
    opened = await directory.afind(codes[1])
    assert opened is not None
    assert (opened.room_type, opened.options) == ("duel", {"map": "m"})


async def test_quick_play_opens_no_room_where_none_may_be_opened_but_finds_those_there_are(
    async_client: AsyncClient, lobby: Lobby
):
    asked: list[str] = []

    def why_not(address: str, room_type: str) -> Refusal:
        asked.append(f"{address} {room_type}")
        return Refusal(503, "rooms_when_busy: every loop is late", 2.5)

    registry.install(evolve(lobby, why_not_open=why_not))
    answer = await quick(async_client, {"type": "duel"})
    assert (answer.status_code, answer["Retry-After"], asked) == (503, "3", ["127.0.0.1 duel"])
    assert answer.json()["got"] == "rooms_when_busy: every loop is late"
    announce(lobby, "AAAAA")
    assert (await quick(async_client, {"type": "duel"})).json()["code"] == "AAAAA"
    announce(lobby, "AAAAA", state="busy")  # its loop takes nobody new
    assert (await quick(async_client, {"type": "duel"})).status_code == 503


async def test_without_a_database_quick_play_finds_what_there_is_and_is_to_be_tried_again_for_a_new_room(
    async_client: AsyncClient, lobby: Lobby, monkeypatch: pytest.MonkeyPatch
):
    async def away(*_: object, **__: object) -> None:
        raise OperationalError("connection to server at 10.1.2.3 failed")

    monkeypatch.setattr(directory, "aopen_room", away)
    answer = await quick(async_client, {"type": "duel"})
    assert (answer.status_code, answer["Retry-After"]) == (503, "1")
    assert "10.1.2.3" not in answer.content.decode()
    announce(lobby, "AAAAA")
    assert (await quick(async_client, {"type": "duel"})).json()["code"] == "AAAAA"


async def test_a_room_that_quick_play_opens_is_noted_for_its_address(async_client: AsyncClient, lobby: Lobby):
    noted: list[tuple[str, str]] = []
    registry.install(evolve(lobby, note_opened=lambda incarnation, address: noted.append((incarnation, address))))
    code = (await quick(async_client, {"type": "duel"})).json()["code"]
    row = await directory.afind(code)
    assert row is not None
    assert noted == [(row.incarnation, "127.0.0.1")]


@pytest.mark.parametrize("body", [{"type": "nope"}, {"type": "show"}, {"type": 5}, {"type": ["duel"]}, {}])
async def test_quick_play_of_no_such_type(async_client: AsyncClient, lobby: Lobby, body: object):
    answer = await quick(async_client, body)
    assert answer.status_code == 404
    assert answer.json()["expected"] == "type: one of duel"


async def test_wrong_methods(async_client: AsyncClient, lobby: Lobby):
    assert (await async_client.get("/api/rooms/quick")).status_code == 405
    assert (await async_client.post("/api/rooms")).status_code == 405
    assert (await async_client.delete("/healthz")).status_code == 405


async def test_healthz_asks_the_database_and_the_parts(async_client: AsyncClient):
    well = {"loop": True}
    before = registry.install(Lobby({}, checks={"loop": lambda: well["loop"]}))
    answer = await async_client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"ok": True, "checks": {"loop": True, "database": True}})
    well["loop"] = False
    assert (await async_client.get("/healthz")).status_code == 503
    registry.install(before)


async def test_pages_come_from_the_browser_folder(async_client: AsyncClient, lobby: Lobby, settings, tmp_path: Path):
    settings.BROWSER_DIR = tmp_path
    (tmp_path / "games" / "fight").mkdir(parents=True)
    (tmp_path / "index.html").write_text("the lobby")
    (tmp_path / "games" / "fight" / "play.html").write_text("the game")
    assert (await async_client.get("/")).content == b"the lobby"
    assert (await async_client.get("/play/duel/AAAAA")).content == b"the game"
    assert (await async_client.get("/watch/duel/AAAAA")).status_code == 404
    assert (await async_client.get("/play/nope/AAAAA")).json()["got"] == "nope/AAAAA"
    assert (await async_client.post("/play/duel/AAAAA")).status_code == 405


async def test_quick_play_finds_a_room_with_the_options_that_were_chosen_or_opens_one(
    async_client: AsyncClient, lobby: Lobby
):
    announce(lobby, "AAAAA")
    assert (await quick(async_client, {"type": "duel"})).json()["code"] == "AAAAA"
    other = (await quick(async_client, {"type": "duel", "options": {"map": "n"}})).json()["code"]
    assert other != "AAAAA"
    row = await directory.afind(other)
    assert row is not None and row.options == {"map": "n"}
    assert (await quick(async_client, {"type": "duel", "options": {"map": "n"}})).json()["code"] == other
    shown = {room["code"]: room["options"] for room in (await async_client.get("/api/rooms")).json()["rooms"]}
    assert shown == {"AAAAA": {"map": "m"}, other: {"map": "n"}}


async def test_the_list_is_filtered_by_type_and_options(async_client: AsyncClient, lobby: Lobby):
    announce(lobby, "AAAAA")
    announce(lobby, "BBBBB", options={"map": "n"})
    announce(lobby, "CCCCC", type="show", options={})

    async def codes(query: dict[str, str]) -> list[str]:
        return [room["code"] for room in (await async_client.get("/api/rooms", query)).json()["rooms"]]

    assert await codes({"type": "duel"}) == ["AAAAA", "BBBBB"]
    assert await codes({"options": '{"map": "n"}'}) == ["BBBBB"]
    assert await codes({"type": "show", "options": '{"map": "n"}'}) == []
    bad = await async_client.get("/api/rooms", {"options": "map"})
    assert bad.status_code == 400 and "JSON object" in bad.json()["expected"]


@pytest.mark.parametrize("options", [{"map": "o"}, {"mode": "m"}, [], "map", None])
async def test_options_that_do_not_fit_are_refused_in_the_routing_compilers_words(
    async_client: AsyncClient, lobby: Lobby, options: object
):
    answer = await quick(async_client, {"type": "duel", "options": options})
    assert answer.status_code == 400
    assert answer.json() == {
        "error": "bad options",
        "expected": "options.map: m or n",
        "got": "options.map: 'o' (did you mean n?)",
    }
    assert (await async_client.get("/api/rooms")).json()["rooms"] == []


async def test_no_newcomer_is_sent_where_the_rules_want_none(async_client: AsyncClient, lobby: Lobby):
    announce(lobby, "AAAAA", is_open=False)
    assert (await quick(async_client, {"type": "duel"})).json()["code"] != "AAAAA"
    shown = (await async_client.get("/api/rooms")).json()["rooms"]
    assert {room["code"]: room["accepts_newcomers"] for room in shown}["AAAAA"] is False
