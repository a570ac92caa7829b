"""From the end of a match to its one result: repeats, zombies, conflicts, rows that are no use."""

import asyncio

import pytest
from django.db import DataError, IntegrityError, OperationalError
from hypothesis import given
from hypothesis import strategies as st

from server.history import match_end as match_end_module
from server.history import results
from server.history.match_end import Fenced, Recorded, from_payload, record_match_end, to_payload
from server.history.models import Match, Outbox, Replay, Result
from server.history.results import ATTEMPTS_MAX, waiting, work_off
from server.lobby import directory
from tests.server.history.match_ends import held_room, match_end

pytestmark = pytest.mark.django_db(transaction=True)


def drain() -> list[str | None]:
    return [work_off(row) for row in waiting(10)]


def test_a_recorded_end_becomes_match_result_and_replay():
    end = match_end(held_room())
    assert isinstance(record_match_end(end), Recorded)
    assert (Match.objects.count(), Result.objects.count()) == (0, 0)
    assert drain() == ["written"]
    match, result, replay = Match.objects.get(), Result.objects.get(), Replay.objects.get()
    assert (match.incarnation, match.seed, match.started, match.ended) == (
        end.incarnation,
        end.seed,
        end.started,
        end.ended,
    )
    assert [player["name"] for player in match.players] == ["Ada", "Bot"]
    assert (result.winners, result.scores, result.final_hash) == ([0, "red"], {"0": 12.0, "1": 3.5}, end.final_hash)
    assert (bytes(replay.blob), replay.size_bytes) == (end.replay, len(end.replay or b""))
    row = Outbox.objects.get()
    assert (row.outcome, row.blob) == ("written", None)
    assert drain() == []


def test_recording_twice_is_recording_once():
    end = match_end(held_room())
    first, second = record_match_end(end), record_match_end(end)
    assert isinstance(first, Recorded)
    assert isinstance(second, Recorded)
    assert (first.is_new, second.is_new) == (True, False)
    assert first.uuid == second.uuid
    assert Outbox.objects.count() == 1


def test_an_older_holder_records_nothing():
    incarnation = held_room()
    directory.claim(incarnation, "newer", "chan")
    assert record_match_end(match_end(incarnation)) == Fenced(2)
    assert record_match_end(match_end("neverwasneverwas")) == Fenced(None)
    assert Outbox.objects.count() == 0


def test_the_next_holder_s_same_end_is_a_repeat_and_raises_the_match_s_epoch():
    incarnation = held_room()
    record_match_end(match_end(incarnation))
    directory.claim(incarnation, "newer", "chan")
    record_match_end(match_end(incarnation, epoch=2))
    assert drain() == ["written", "repeated"]
    assert (Result.objects.get().epoch, Match.objects.get().epoch) == (1, 2)


def test_another_final_hash_is_a_conflict_and_the_first_result_stays(caplog: pytest.LogCaptureFixture):
    incarnation = held_room()
    record_match_end(match_end(incarnation))
    directory.claim(incarnation, "newer", "chan")
    record_match_end(match_end(incarnation, epoch=2, final_hash="ee" * 16, winners=(1,)))
    assert drain() == ["written", "conflict"]
    assert Result.objects.get().winners == [0, "red"]
    assert Outbox.objects.filter(outcome="conflict").count() == 1


def test_a_zombie_s_row_that_is_worked_off_late_cannot_undo_the_newer_one():
    incarnation = held_room()
    record_match_end(match_end(incarnation, final_hash="ee" * 16))
    directory.claim(incarnation, "newer", "chan")
    record_match_end(match_end(incarnation, epoch=2))
    old, new = waiting(10)
    assert work_off(new) == "written"
    assert work_off(old) == "conflict"
    assert (Result.objects.get().epoch, Match.objects.get().epoch) == (2, 2)


def test_a_row_that_is_no_use_is_tried_a_few_times_and_never_holds_up_the_others():
    record_match_end(match_end(held_room()))
    Outbox.objects.update(payload={"incarnation": 5})
    record_match_end(match_end(held_room()))
    assert drain() == [None, "written"]
    for _ in range(ATTEMPTS_MAX):
        drain()
    spoilt = Outbox.objects.get(done=None)
    assert spoilt.attempts == ATTEMPTS_MAX
    assert spoilt.error.startswith("expected the payload of match.end")
    assert waiting(10) == []


@pytest.mark.parametrize("error", [DataError("a zero byte"), IntegrityError("no such row"), ValueError("not JSON")])
def test_a_row_that_the_database_does_not_take_never_holds_up_the_others(monkeypatch: pytest.MonkeyPatch, error):
    """It was taken for a database that is away: every pass ended at it, for good."""
    record_match_end(match_end(held_room()))
    record_match_end(match_end(held_room()))
    spoilt, whole = Outbox.objects.order_by("pk")[0].pk, results._write

    def write(row: Outbox) -> str:
        if row.pk == spoilt:
            raise error
        return whole(row)

    monkeypatch.setattr(results, "_write", write)
    assert drain() == [None, "written"] and Outbox.objects.get(pk=spoilt).attempts == 1


def test_a_database_that_is_away_counts_against_no_row(monkeypatch: pytest.MonkeyPatch):
    record_match_end(match_end(held_room()))

    def write(_row: Outbox) -> str:
        raise OperationalError("away")

    monkeypatch.setattr(results, "_write", write)
    with pytest.raises(OperationalError):
        drain()
    assert Outbox.objects.get().attempts == 0


def test_a_replay_beyond_the_limit_is_left_out_but_the_result_is_not(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(match_end_module, "REPLAY_BYTES_MAX", 100)
    recorded = record_match_end(match_end(held_room()))
    assert isinstance(recorded, Recorded)
    assert not recorded.is_replay_kept
    assert drain() == ["written"]
    assert (Result.objects.count(), Replay.objects.count()) == (1, 0)


async def test_two_workers_at_once_write_one_result():
    end = await asyncio.to_thread(closing, lambda: record_match_end(match_end(held_room())))
    assert isinstance(end, Recorded)
    (row,) = await asyncio.to_thread(closing, lambda: waiting(10))
    outcomes = await asyncio.gather(*(asyncio.to_thread(closing, lambda: work_off(row)) for _ in range(6)))
    assert sorted(str(outcome) for outcome in outcomes) == ["None"] * 5 + ["written"]
    assert await Result.objects.acount() == 1


def closing(job):
    from django.db import connection

    try:
        return job()
    finally:
        connection.close()


@given(
    st.lists(st.one_of(st.integers(0, 99), st.text(max_size=10)), max_size=4),
    st.dictionaries(st.text(max_size=5), st.floats(allow_nan=False, allow_infinity=False), max_size=4),
    st.none() | st.binary(max_size=40),
)
def test_any_end_survives_its_payload(winners, scores, replay):
    end = match_end("a1b2c3d4e5f6", winners=tuple(winners), scores=scores, replay=replay)
    assert from_payload(to_payload(end), replay) == end
