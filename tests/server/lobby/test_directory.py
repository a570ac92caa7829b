"""The directory of rooms: races have one winner, the epoch is a fence, codes come back after the end."""

import asyncio
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from server.lobby import directory
from server.lobby.directory import BadCodeError, ClaimRefused, RoomRow
from server.lobby.models import Room
from server.rooms.counts import NOTED_AT_ONCE_MAX

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_room_is_found_by_its_code_until_it_ends():
    room = directory.open_room("a", "HOME", options={"map": "x"}, seed=7)
    assert directory.find("HOME") == room
    assert (room.seed, room.options, room.epoch, room.is_open) == (7, {"map": "x"}, 0, True)
    assert re.fullmatch(r"[a-z0-9]{12,}", room.incarnation)
    epoch = directory.claim(room.incarnation, "loop-1", "chan-1")
    assert epoch == 1
    assert directory.close(room.incarnation, 1)
    assert directory.find("HOME") is None
    ended = directory.find_incarnation(room.incarnation)
    assert ended is not None
    assert not ended.is_open


def test_which_rooms_are_a_holder_s_still_is_one_query():
    rooms = [directory.open_room("a", f"ROOM{n}") for n in range(4)]
    epochs = [directory.claim(room.incarnation, "loop-1", "chan-1") for room in rooms]
    assert epochs == [1, 1, 1, 1]
    directory.close(rooms[1].incarnation, 1)
    directory.claim(rooms[2].incarnation, "loop-2", "chan-2")
    with CaptureQueriesContext(connection) as queries:
        held = directory.still_held([(room.incarnation, 1) for room in rooms] + [("never was", 1)])
    assert held == {rooms[0].incarnation, rooms[3].incarnation}
    assert len(queries) == 1


def test_the_code_serves_again_under_a_new_incarnation():
    first = directory.open_room("a", "HOME")
    directory.claim(first.incarnation, "loop", "chan")
    directory.close(first.incarnation, 1)
    second = directory.open_room("a", "HOME")
    assert second.incarnation != first.incarnation
    assert second.epoch == 0


def test_opening_an_open_code_returns_the_room_that_is_there():
    first = directory.open_room("a", "HOME")
    assert directory.open_room("b", "HOME") == first


def test_codes_are_short_and_unambiguous():
    codes = {directory.open_room("a").code for _ in range(50)}
    assert len(codes) == 50
    assert all(re.fullmatch(r"[A-HJ-NP-Z2-9]{5}", code) for code in codes)


def test_a_new_code_that_is_taken_is_drawn_again(monkeypatch: pytest.MonkeyPatch):
    codes = iter(["TAKEN", "TAKEN", "FREE1"])
    monkeypatch.setattr(directory, "new_code", lambda: next(codes))
    assert directory.open_room("a").code == "TAKEN"
    assert directory.open_room("a").code == "FREE1"


@pytest.mark.parametrize("code", ["", "a b", "x" * 41, "ä", "a/b", "a\n"])
def test_bad_codes(code: str):
    with pytest.raises(BadCodeError, match="expected a room code"):
        directory.open_room("a", code)


def test_of_two_loops_that_saw_the_same_epoch_one_gets_the_room():
    room = directory.open_room("a")
    assert directory.claim(room.incarnation, "loop-1", "c1", seen_epoch=0) == 1
    assert directory.claim(room.incarnation, "loop-2", "c2", seen_epoch=0) == ClaimRefused("held", 1, "loop-1")
    assert directory.claim(room.incarnation, "loop-2", "c2", seen_epoch=1) == 2
    found = directory.find(room.code)
    assert found is not None
    assert (found.holder, found.holder_channel, found.epoch) == ("loop-2", "c2", 2)


def test_an_older_epoch_can_do_nothing():
    room = directory.open_room("a")
    directory.claim(room.incarnation, "loop-1", "c1")
    directory.claim(room.incarnation, "loop-2", "c2")
    assert not directory.close(room.incarnation, 1)
    assert not directory.note_counts(room.incarnation, 1, players=9, bots=0, spectators=0)
    assert directory.note_counts(room.incarnation, 2, players=3, bots=2, spectators=1)
    row = Room.objects.get()
    assert (row.state, row.players, row.bots, row.spectators) == ("open", 3, 2, 1)


def test_the_counts_of_many_rooms_are_one_query_and_fenced():
    ours, theirs, ended, unnoted = (directory.open_room("a") for _ in range(4))
    for room in (ours, theirs, ended):
        directory.claim(room.incarnation, "loop-1", "c1")
    directory.claim(theirs.incarnation, "loop-2", "c2")
    directory.note_counts(theirs.incarnation, 2, players=7, bots=0, spectators=0)
    directory.close(ended.incarnation, 1)
    with CaptureQueriesContext(connection) as queries:
        directory.note_counts_of_each({(room.incarnation, 1): (3, 2, 1) for room in (ours, theirs, ended)})
    assert len(queries) == 1
    rows = {row.incarnation: (row.players, row.bots, row.spectators) for row in Room.objects.all()}
    assert [rows[room.incarnation] for room in (ours, theirs, ended, unnoted)] == [
        (3, 2, 1),
        (7, 0, 0),
        (0, 0, 0),
        (0, 0, 0),
    ]


def test_as_many_rooms_as_are_noted_at_once_fit_in_a_query():
    room = directory.open_room("a")
    directory.claim(room.incarnation, "loop", "c")
    others = {(f"{n:020}", 1): (9, 9, 9) for n in range(NOTED_AT_ONCE_MAX - 1)}
    directory.note_counts_of_each({**others, (room.incarnation, 1): (3, 2, 1)})
    assert Room.objects.get().players == 3


def test_nobody_is_in_a_room_that_has_ended():
    held, left = (directory.open_room("a") for _ in range(2))
    for room in (held, left):
        directory.claim(room.incarnation, "loop", "c")
        directory.note_counts(room.incarnation, 1, players=3, bots=2, spectators=1)
    directory.close(held.incarnation, 1)
    directory.end_orphans()
    assert [(row.state, row.players, row.bots, row.spectators) for row in Room.objects.all()] == [
        ("ended", 0, 0, 0)
    ] * 2


def test_what_has_ended_or_never_was_cannot_be_claimed():
    room = directory.open_room("a")
    directory.claim(room.incarnation, "loop", "c")
    directory.close(room.incarnation, 1)
    assert directory.claim(room.incarnation, "loop", "c") == ClaimRefused("ended", 1)
    assert directory.claim("neverwasneverwas", "loop", "c") == ClaimRefused("unknown")
    assert not directory.close(room.incarnation, 1)


def test_orphans_end_and_the_living_stay():
    held, unclaimed, alive = (directory.open_room("a") for _ in range(3))
    directory.claim(held.incarnation, "dead", "c")
    directory.claim(alive.incarnation, "alive", "c")
    assert directory.end_orphans(["alive", ""]) == 1
    assert {row.code for row in directory.live_rooms()} == {unclaimed.code, alive.code}
    assert directory.end_orphans() == 2
    assert directory.live_rooms() == []


async def test_racing_opens_from_two_threads_make_one_room():
    in_threads = [asyncio.to_thread(opened_elsewhere, "RACE") for _ in range(6)]
    rows = await asyncio.gather(*in_threads, *(directory.aopen_room("a", "RACE") for _ in range(6)))
    assert len({row.incarnation for row in rows}) == 1
    assert await Room.objects.acount() == 1


async def test_racing_claims_from_two_threads_give_each_epoch_once():
    room = await directory.aopen_room("a")
    claims = await asyncio.gather(
        *(asyncio.to_thread(claimed_elsewhere, room.incarnation) for _ in range(4)),
        *(directory.aclaim(room.incarnation, "loop", "c") for _ in range(4)),
    )
    assert sorted(claims) == [1, 2, 3, 4, 5, 6, 7, 8]


def opened_elsewhere(code: str) -> RoomRow:
    from django.db import connection

    try:
        return directory.open_room("a", code)
    finally:
        connection.close()


def claimed_elsewhere(incarnation: str) -> int:
    from django.db import connection

    try:
        epoch = directory.claim(incarnation, "loop", "c")
        assert isinstance(epoch, int)
        return epoch
    finally:
        connection.close()


def test_many_codes_are_looked_up_with_one_query():
    open_rooms = [directory.open_room("arena", f"R{n}") for n in range(5)]
    ended = directory.open_room("arena", "OLD")
    directory.close(ended.incarnation, ended.epoch)
    with CaptureQueriesContext(connection) as queries:
        found = directory.find_each([*(room.code for room in open_rooms), "OLD", "NONE"])
    assert len(queries) == 1
    assert found == {**{room.code: room for room in open_rooms}, "OLD": None, "NONE": None}
