"""From an outbox row to match, result and replay: one transaction each, exactly once whoever dies where.

The numbered failpoints `worker:1` … `worker:6` stand between its steps; a test kills the process at each. Called by
the worker on its database thread.
"""

from typing import Literal

import structlog
from django.db import DatabaseError, DataError, IntegrityError, connection, transaction
from django.db.models import QuerySet

from server.clock import wall_now
from server.failpoints import reach
from server.history.match_end import TOPIC, MatchEnd, from_payload, to_payload
from server.history.models import Match, Outbox, Replay, Result
from server.ops.metrics import count

log = structlog.get_logger(__name__)

ATTEMPTS_MAX = 8
FAILPOINTS = 6

Outcome = Literal["written", "repeated", "conflict"]


def waiting(limit: int) -> list[int]:
    """The ids of the oldest rows that are not done and have not failed too often."""
    rows = Outbox.objects.filter(done__isnull=True, attempts__lt=ATTEMPTS_MAX, topic=TOPIC).order_by("id")
    return list(rows.values_list("pk", flat=True)[:limit])


def work_off(row_id: int) -> Outcome | None:
    """Do one row. None: another worker has it, or it has failed (counted in the row, tried again at the next pass).

    Raises:
        django.db.DatabaseError: the database is away; nothing is counted against the row.
    """
    reach("worker", 1)
    try:
        with transaction.atomic():
            row = _locked(row_id)
            outcome = _write(row) if row else None
            reach("worker", 5)
    except DatabaseError as error:
        if not isinstance(error, DataError | IntegrityError):
            raise  # it is the database, not the row
        _note_failure(row_id, error)
        return None
    except Exception as error:  # noqa: BLE001 - a row that cannot be written must not keep the others waiting
        _note_failure(row_id, error)
        return None
    reach("worker", 6)
    if outcome:
        count("outbox_done_total", outcome=outcome)
    return outcome


def _locked(row_id: int) -> Outbox | None:
    """The row if it still waits, locked until the transaction ends (in SQLite, BEGIN IMMEDIATE has locked it all)."""
    rows: QuerySet[Outbox] = Outbox.objects.filter(pk=row_id, done__isnull=True)
    if connection.features.has_select_for_update_skip_locked:
        rows = rows.select_for_update(skip_locked=True)
    return rows.first()


def _write(row: Outbox) -> Outcome:
    end = from_payload(row.payload, None if row.blob is None else bytes(row.blob))
    match = _match_of(end)
    reach("worker", 2)
    outcome = _write_result(match, end)
    reach("worker", 3)
    if outcome == "written" and end.replay is not None:
        Replay.objects.bulk_create(
            [Replay(match=match, format=end.replay_format, size_bytes=len(end.replay), blob=end.replay)],
            ignore_conflicts=True,
        )
    reach("worker", 4)
    row.done, row.outcome, row.blob = wall_now(), outcome, None  # the replay has its own row now
    row.save(update_fields=["done", "outcome", "blob"])
    return outcome


def _match_of(end: MatchEnd) -> Match:
    """The match's row, inserted if it is new; the fence raises its epoch, never lowers it."""
    fresh = Match(
        incarnation=end.incarnation,
        room_type=end.room_type,
        game=end.game,
        rules_version=end.rules_version,
        rules_hash=end.rules_hash,
        seed=end.seed,
        players=to_payload(end)["players"],
        epoch=end.epoch,
        started=end.started,
        ended=end.ended,
    )
    Match.objects.bulk_create([fresh], ignore_conflicts=True)
    Match.objects.filter(incarnation=end.incarnation, epoch__lt=end.epoch).update(epoch=end.epoch)
    return Match.objects.get(incarnation=end.incarnation)


def _write_result(match: Match, end: MatchEnd) -> Outcome:
    """Insert the result unless there is one, or a newer holder has written the match; the first result stays."""
    before = Result.objects.filter(pk=match.pk).first()
    if before is None and match.epoch <= end.epoch:
        Result.objects.bulk_create(
            [
                Result(
                    match=match,
                    epoch=end.epoch,
                    winners=list(end.winners),
                    scores=end.scores,
                    final_hash=end.final_hash,
                )
            ],
            ignore_conflicts=True,
        )
        before = Result.objects.get(pk=match.pk)
        if before.epoch == end.epoch and before.final_hash == end.final_hash:
            return "written"
    if before is not None and before.final_hash == end.final_hash:
        return "repeated"
    log.error(
        "result.conflict",
        incarnation=end.incarnation,
        epoch=end.epoch,
        final_hash=end.final_hash,
        kept_epoch=before.epoch if before else match.epoch,
        kept_hash=before.final_hash if before else None,
    )
    return "conflict"


def _note_failure(row_id: int, error: Exception) -> None:
    row = Outbox.objects.get(pk=row_id)
    row.attempts += 1
    row.error = str(error)[:500]
    row.save(update_fields=["attempts", "error"])
    count("outbox_failures_total")
    log.error("outbox.failed", row=row_id, attempts=row.attempts, is_left=row.attempts >= ATTEMPTS_MAX, error=row.error)
