"""The end of a match, as the loop hands it over: one transaction that inserts one outbox row.

The worker makes match, result and replay of it (`history.results`). Called on the loop's database thread, never in a
tick; until it has returned `Recorded`, a finished match is announced as pending.
"""

import uuid
from datetime import datetime
from typing import Any

import cattrs
from attrs import evolve, field, frozen
from cattrs.preconf.json import make_converter
from django.db import transaction

from server.database import on_database_thread
from server.history.models import Outbox
from server.layers import send_to_group
from server.lobby.models import Room

TOPIC = "match.end"
WORK_GROUP = "work"
REPLAY_BYTES_MAX = 16 * 1024 * 1024
NAMESPACE = uuid.UUID("5d0b6c1e-6a3f-4f43-9d0e-0d7f2c0a6b55")

_converter = make_converter(forbid_extra_keys=True)
_converter.register_structure_hook_func(lambda kind: kind == int | str, lambda value, _: _whole_or_text(value))


class BadPayloadError(ValueError):
    """An outbox row does not hold what its topic promises."""


@frozen
class MatchPlayer:
    """One seat of the match at its end; `identity` is the player's id, "" for a bot."""

    seat: int
    identity: str
    name: str
    team: int | None = None
    is_bot: bool = False


@frozen
class MatchEnd:
    """Everything that is kept of a match. `epoch` is the term of the loop that ended it."""

    incarnation: str
    epoch: int
    room_type: str
    game: str
    rules_version: str
    rules_hash: str
    seed: int
    started: datetime
    ended: datetime
    players: tuple[MatchPlayer, ...]
    winners: tuple[int | str, ...]
    scores: dict[str, float]
    final_hash: str
    replay: bytes | None = field(default=None, repr=False)
    replay_format: str = ""


@frozen
class Recorded:
    """The row is committed; `is_new` is False where this very end had been recorded before."""

    uuid: uuid.UUID
    is_new: bool
    is_replay_kept: bool


@frozen
class Fenced:
    """The room has a newer holder (its epoch is given) or is not in the directory (None): nothing was written."""

    epoch: int | None


def record_match_end(end: MatchEnd) -> Recorded | Fenced:
    """Write the outbox row of this match's end, once per (incarnation, epoch), if `end.epoch` is the room's.

    A replay beyond 16 MiB is left out (overflow: drop), the result is not.
    """
    key = uuid.uuid5(NAMESPACE, f"{TOPIC}/{end.incarnation}/{end.epoch}")
    replay = end.replay if end.replay is not None and len(end.replay) <= REPLAY_BYTES_MAX else None
    with transaction.atomic():
        room = Room.objects.select_for_update().filter(incarnation=end.incarnation).only("epoch").first()
        if room is None or room.epoch != end.epoch:
            return Fenced(room.epoch if room else None)
        known = Outbox.objects.filter(uuid=key).exists()
        Outbox.objects.bulk_create(
            [Outbox(uuid=key, topic=TOPIC, payload=to_payload(end), blob=replay)], ignore_conflicts=True
        )
    return Recorded(key, not known, replay is not None)


def to_payload(end: MatchEnd) -> dict[str, Any]:
    """The end as JSON, the replay's bytes left out."""
    payload: dict[str, Any] = _converter.unstructure(end)
    del payload["replay"]
    return payload


def from_payload(payload: dict[str, Any], replay: bytes | None) -> MatchEnd:
    """The inverse of `to_payload`.

    Raises:
        BadPayloadError: the row was not written by `record_match_end` of this version.
    """
    try:
        end = _converter.structure({**payload, "replay": None}, MatchEnd)
    except (cattrs.BaseValidationError, TypeError, ValueError, KeyError) as error:
        raise BadPayloadError(f"expected the payload of {TOPIC}, got {error!r}"[:300]) from error
    return evolve(end, replay=replay)


def _whole_or_text(value: Any) -> int | str:
    if isinstance(value, int | str):
        return value
    raise ValueError(f"expected a seat number or a team's name, got {value!r}")


async def wake_workers() -> bool:
    """Tell the workers that an outbox row waits; a wake-up that is lost costs one poll, nothing else."""
    return await send_to_group("control", WORK_GROUP, {"type": "work.wake", "v": 1})


arecord_match_end = on_database_thread(record_match_end)
