"""The directory of rooms: from a code to the incarnation, its epoch and the loop that holds it.

Synchronous functions, each one short transaction, and their awaitable twins (`a…`) on the database thread. The epoch
is a fence: only `claim` raises it, and what carries an older one is refused. Called by the gateway (open, find), by
the loop (claim, close, note_counts) and by the lobby's views.
"""

import secrets
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Literal

from attrs import frozen
from django.db import IntegrityError, transaction
from django.db.models import Case, F, PositiveIntegerField, Value, When

from game.codes import ROOM_CODE_EXPECTED, is_room_code
from server.clock import wall_now
from server.database import on_database_thread
from server.lobby.models import Room, RoomState

CODE_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # none of 0 O 1 I, which people misread
CODE_LENGTH = 5
ATTEMPTS = 8
NOBODY: Mapping[str, Any] = {"players": 0, "bots": 0, "spectators": 0}


class BadCodeError(ValueError):
    """The text cannot be a room's code."""


@frozen
class RoomRow:
    """What the directory knows of one room, as of the call. `epoch` 0: no loop has claimed it yet."""

    code: str
    incarnation: str
    room_type: str
    seed: int
    options: Mapping[str, Any]
    epoch: int
    holder: str
    holder_channel: str
    state: Literal["open", "ended"]
    created: datetime

    @property
    def is_open(self) -> bool:
        """Whether the room can still be joined."""
        return self.state == "open"


@frozen
class ClaimRefused:
    """Why a claim failed: the room has ended, is unknown, or another loop's claim came between (`held`)."""

    reason: Literal["ended", "unknown", "held"]
    epoch: int = 0
    holder: str = ""


def new_code() -> str:
    """A short code that people can read out: 5 characters, no 0/O/1/I; 33 million of them."""
    return "".join(secrets.choice(CODE_ALPHABET) for _ in range(CODE_LENGTH))


def new_incarnation() -> str:
    """A name that is never used twice: 20 characters of [a-z0-9]."""
    return secrets.token_hex(10)


def open_room(
    room_type: str, code: str | None = None, *, options: Mapping[str, Any] | None = None, seed: int | None = None
) -> RoomRow:
    """Open a room under `code`, or under a new one.

    Where a room of that code is open already (another process won the race), its row is returned: the caller compares
    `room_type`. Raises BadCodeError for what is no code (`game.codes`).
    """
    if code is not None and not is_room_code(code):
        raise BadCodeError(f"expected {ROOM_CODE_EXPECTED}, got {code[:60]!r}")
    for _ in range(ATTEMPTS):
        try:
            with transaction.atomic():
                return _row(
                    Room.objects.create(
                        code=code or new_code(),
                        incarnation=new_incarnation(),
                        room_type=room_type,
                        seed=secrets.randbits(53) if seed is None else seed,
                        options=dict(options or {}),
                    )
                )
        except IntegrityError:
            winner = find(code) if code is not None else None
            if winner is not None:
                return winner
    raise IntegrityError(f"no free room code in {ATTEMPTS} attempts")


def find(code: str) -> RoomRow | None:
    """The open room of this code, if there is one."""
    return find_each([code])[code]


def find_each(codes: Collection[str]) -> dict[str, RoomRow | None]:
    """The open room of each code, or None, with one query for all."""
    found: dict[str, RoomRow | None] = dict.fromkeys(codes)
    for room in Room.objects.filter(code__in=list(found), state=RoomState.OPEN):
        found[room.code] = _row(room)
    return found


def find_incarnation(incarnation: str) -> RoomRow | None:
    """The room of this incarnation, open or ended."""
    room = Room.objects.filter(incarnation=incarnation).first()
    return _row(room) if room else None


def claim(incarnation: str, holder: str, holder_channel: str, *, seen_epoch: int | None = None) -> int | ClaimRefused:
    """Become the room's holder: a compare-and-set increment of its epoch, which is returned.

    `seen_epoch` is the epoch that the caller believes to be current (0: unclaimed); of two loops that saw the same,
    one gets the room. None takes it from whoever holds it, fencing them off.
    """
    with transaction.atomic():
        room = Room.objects.select_for_update().filter(incarnation=incarnation).first()
        if room is None:
            return ClaimRefused("unknown")
        if room.state != RoomState.OPEN:
            return ClaimRefused("ended", room.epoch)
        if seen_epoch is not None and room.epoch != seen_epoch:
            return ClaimRefused("held", room.epoch, room.holder)
        taken = Room.objects.filter(pk=room.pk, epoch=room.epoch, state=RoomState.OPEN).update(
            epoch=room.epoch + 1, holder=holder, holder_channel=holder_channel
        )
        return room.epoch + 1 if taken else ClaimRefused("held", room.epoch, room.holder)


def still_held(rooms: Collection[tuple[str, int]]) -> set[str]:
    """Which of these rooms, by incarnation and epoch, are open in that very epoch; with one query for all."""
    wanted = set(rooms)
    found = Room.objects.filter(incarnation__in=[incarnation for incarnation, _ in wanted], state=RoomState.OPEN)
    return {room for room, epoch in found.values_list("incarnation", "epoch") if (room, epoch) in wanted}


def close(incarnation: str, epoch: int) -> bool:
    """End the room if `epoch` still is its epoch; False where a newer holder has it, or it has ended."""
    return bool(
        Room.objects.filter(incarnation=incarnation, epoch=epoch, state=RoomState.OPEN).update(
            state=RoomState.ENDED, ended=wall_now(), **NOBODY
        )
    )


def note_counts(incarnation: str, epoch: int, *, players: int, bots: int, spectators: int) -> bool:
    """Keep how many are in the room, for the admin; False where `epoch` is not the room's."""
    return bool(
        Room.objects.filter(incarnation=incarnation, epoch=epoch, state=RoomState.OPEN).update(
            players=players, bots=bots, spectators=spectators
        )
    )


def note_counts_of_each(counts: Mapping[tuple[str, int], tuple[int, int, int]]) -> None:
    """The same for many rooms with one query: players, bots and spectators by incarnation and epoch."""

    def column(name: str, place: int) -> Case:
        rows = counts.items()
        noted = (When(incarnation=key[0], epoch=key[1], then=Value(row[place])) for key, row in rows)
        return Case(*noted, default=F(name), output_field=PositiveIntegerField())

    Room.objects.filter(incarnation__in=[incarnation for incarnation, _ in counts], state=RoomState.OPEN).update(
        players=column("players", 0), bots=column("bots", 1), spectators=column("spectators", 2)
    )


def live_rooms(limit: int = 1000) -> list[RoomRow]:
    """The open rooms, newest first."""
    return [_row(room) for room in Room.objects.filter(state=RoomState.OPEN).order_by("-id")[:limit]]


def end_orphans(alive: Collection[str] = ()) -> int:
    """End every open room whose holder is not in `alive`, and return how many those were.

    For the start of a server that is alone on its database: whatever its predecessor left open died with it. Name "" in `alive` to
    spare rooms that no loop has claimed yet.
    """
    left = Room.objects.filter(state=RoomState.OPEN).exclude(holder__in=list(alive))
    return left.update(state=RoomState.ENDED, ended=wall_now(), **NOBODY)


def end_rooms_of(holders: Collection[str]) -> int:
    """End every open room of these loops, which are known to be dead, and return how many those were."""
    left = Room.objects.filter(state=RoomState.OPEN, holder__in=[name for name in holders if name])
    return left.update(state=RoomState.ENDED, ended=wall_now())


def _row(room: Room) -> RoomRow:
    return RoomRow(
        code=room.code,
        incarnation=room.incarnation,
        room_type=room.room_type,
        seed=room.seed,
        options=room.options,
        epoch=room.epoch,
        holder=room.holder,
        holder_channel=room.holder_channel,
        state="open" if room.state == RoomState.OPEN else "ended",
        created=room.created,
    )


aopen_room = on_database_thread(open_room)
afind = on_database_thread(find)
afind_each = on_database_thread(find_each)
afind_incarnation = on_database_thread(find_incarnation)
aclaim = on_database_thread(claim)
aclose = on_database_thread(close)
astill_held = on_database_thread(still_held)
anote_counts = on_database_thread(note_counts)
anote_counts_of_each = on_database_thread(note_counts_of_each)
alist_live_rooms = on_database_thread(live_rooms)
aend_orphans = on_database_thread(end_orphans)
aend_rooms_of = on_database_thread(end_rooms_of)
