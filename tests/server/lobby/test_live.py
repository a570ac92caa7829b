"""The live table: announcements in, fullest joinable room out, silence forgets."""

from typing import Any

import pytest

from server.lobby.live import OPENED_FOR_S, PROMISED_FOR_S, PROMISES_PER_ADDRESS, ROOMS_MAX, STALE_AFTER_S, LiveRooms


def announcement(code: str, changes: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    told: dict[str, Any] = {
        "inc": f"incarnation-{code}",
        "code": code,
        "type": "a",
        "players": 1,
        "bots": 2,
        "spectators": 3,
        "seats": 4,
        "state": "open",
        "tick": 60,
    }
    return {**told, **(changes or {}), **more}


def test_rooms_are_listed_fullest_first_and_by_code():
    live = LiveRooms()
    for code, players in (("C", 1), ("A", 1), ("B", 3)):
        assert live.announce(announcement(code, players=players), now=0.0)
    assert [room.code for room in live.rooms(1.0)] == ["B", "A", "C"]


def test_silence_forgets_and_an_announcement_renews():
    live = LiveRooms()
    live.announce(announcement("A"), now=0.0)
    live.announce(announcement("B"), now=0.0)
    live.announce(announcement("B", tick=90), now=STALE_AFTER_S - 1)
    assert [room.tick for room in live.rooms(STALE_AFTER_S)] == [90]
    assert live.rooms(2 * STALE_AFTER_S) == []


def test_an_ended_room_leaves_at_once():
    live = LiveRooms()
    live.announce(announcement("A"), now=0.0)
    live.announce(announcement("A", state="ended"), now=0.1)
    assert live.rooms(0.1) == []


@pytest.mark.parametrize(
    "changes",
    [{"players": -1}, {"players": "1"}, {"code": ""}, {"inc": 5}, {"tick": None}, {"state": None}, {"seats": 1.5}],
)
def test_what_is_no_announcement_is_not_taken(changes: dict[str, Any]):
    live = LiveRooms()
    assert not live.announce(announcement("A", changes), now=0.0)
    assert live.rooms(0.0) == []


def test_quick_play_takes_the_fullest_with_a_place_bots_counting_as_places():
    live = LiveRooms()
    live.announce(announcement("FULL", players=4), now=0.0)
    live.announce(announcement("MORE", players=3, bots=1), now=0.0)
    live.announce(announcement("LESS", players=1), now=0.0)
    live.announce(announcement("OTHER", players=3, type="b"), now=0.0)
    live.announce(announcement("LATE", players=3, state="ending"), now=0.0)
    found = live.joinable("a", 1.0)
    assert found is not None
    assert found.code == "MORE"
    assert live.joinable("none", 1.0) is None


def test_promised_places_are_taken_until_the_promise_lapses():
    live = LiveRooms()
    live.opened("inc", "NEW", "a", seats=2, now=0.0)
    codes = []
    for _ in range(3):
        found = live.joinable("a", 0.0)
        codes.append(found.code if found else None)
        if found:
            live.promise(found.incarnation, 0.0)
    assert codes == ["NEW", "NEW", None]
    assert live.joinable("a", PROMISED_FOR_S) is not None


def test_an_address_is_promised_so_many_places_and_the_rest_stay_for_others():
    live = LiveRooms()
    for code in "ABCDEFGH":
        assert live.announce(announcement(code, seats=16, players=0), now=0.0)
    for n in range(8 * 16):
        live.promise(f"incarnation-{'ABCDEFGH'[n // 16]}", 1.0, "192.0.2.1")
    found = live.joinable("a", 1.0)
    assert found is not None
    assert sum(len(kept) for kept in live._promised.values()) == PROMISES_PER_ADDRESS
    live.promise(found.incarnation, 1.0, "192.0.2.2")
    live.promise(found.incarnation, 1.0 + PROMISED_FOR_S, "192.0.2.1")  # the old ones have lapsed
    assert [who for _, who in live._promised[found.incarnation]][-1] == "192.0.2.1"


def test_this_machine_is_promised_any_number():
    live = LiveRooms()
    assert live.announce(announcement("A", seats=500, players=0), now=0.0)
    for _ in range(PROMISES_PER_ADDRESS + 9):
        live.promise("incarnation-A", 1.0, "127.0.0.1")
    assert len(live._promised["incarnation-A"]) == PROMISES_PER_ADDRESS + 9


def test_an_opened_room_waits_longer_for_its_loop_and_then_goes():
    live = LiveRooms()
    live.opened("inc", "NEW", "a", seats=2, now=0.0)
    assert [room.code for room in live.rooms(STALE_AFTER_S + 1)] == ["NEW"]
    assert live.rooms(OPENED_FOR_S) == []


def test_opening_does_not_hide_what_the_loop_has_said():
    live = LiveRooms()
    live.announce(announcement("A", players=3), now=0.0)
    live.opened("incarnation-A", "A", "a", seats=4, now=0.1)
    assert [room.players for room in live.rooms(0.1)] == [3]


def test_the_table_is_bounded():
    live = LiveRooms()
    for number in range(ROOMS_MAX + 5):
        live.announce(announcement(f"R{number}"), now=0.0)
    rooms = live.rooms(0.0)
    assert len(rooms) == ROOMS_MAX
    assert "R0" not in {room.code for room in rooms}
