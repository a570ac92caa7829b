"""Notices: written to the database first, then sent through the layer; who was away reads them at the next login.

`notify` is the call for scripts and the admin, `anotify` for code on the event loop. Delivery on the layer is at most
once; completeness comes from the row: `undelivered_for` at login, `acknowledge` when a client has shown it.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

import structlog
from asgiref.sync import async_to_sync
from attrs import frozen
from django.db.models import Q

from game.text import clean_line
from server.clock import wall_now
from server.database import on_database_thread
from server.layers import send_to_group
from server.social.audience import Audience, group_of, key_of
from server.social.models import TEXT_LENGTH_MAX, Notice, NoticeReceipt

log = structlog.get_logger(__name__)

LIFETIME_S = 7 * 86_400.0
SHOWN_MAX = 50
ACKNOWLEDGED_MAX = 100


class BadNoticeError(ValueError):
    """The text is empty or too long."""


@frozen
class Sent:
    """A notice as clients get it."""

    id: int
    audience_kind: str
    audience_id: str
    text: str
    created: datetime

    def message(self) -> dict[str, Any]:
        """The layer message: `user.notice`, version 1."""
        return {
            "type": "user.notice",
            "v": 1,
            "id": self.id,
            "audience": self.audience_kind,
            "to": self.audience_id,
            "text": self.text,
            "created": self.created.isoformat(),
        }


def notify(to: Audience, text: str, *, lifetime_s: float = LIFETIME_S) -> Sent:
    """Send a notice from synchronous code: a script, the shell, the admin.

    With the in-memory layer it reaches connections only from within the server (as the admin is). Raises BadNoticeError
    for an empty text or one beyond 500 characters.
    """
    sent = write_notice(to, text, lifetime_s=lifetime_s)
    async_to_sync(deliver)(to, sent)
    return sent


async def anotify(to: Audience, text: str, *, lifetime_s: float = LIFETIME_S) -> Sent:
    """The same from the event loop."""
    sent = await awrite_notice(to, text, lifetime_s=lifetime_s)
    await deliver(to, sent)
    return sent


def write_notice(to: Audience, text: str, *, lifetime_s: float = LIFETIME_S) -> Sent:
    """Keep a notice without sending it; those it is for get it at their next login.

    Raises:
        BadNoticeError: an empty text, or one beyond 500 characters.
    """
    kind, audience_id = key_of(to)
    now = wall_now()
    row = Notice.objects.create(
        audience_kind=kind,
        audience_id=audience_id,
        text=clean_text(text),
        created=now,
        expires=now + timedelta(seconds=lifetime_s),
    )
    return _sent(row)


async def deliver(to: Audience, sent: Sent) -> bool:
    """Send a kept notice through the layer; False (and a log line) where the layer does not take it: the row stays."""
    is_sent = await send_to_group("control", group_of(to), sent.message())
    if not is_sent:
        log.warning("notice.not_sent", notice=sent.id, audience=sent.audience_kind)
    return is_sent


def undelivered_for(user_id: str) -> list[Sent]:
    """The notices to this user, and to everybody, that they have not acknowledged: oldest first, at most 50."""
    return undelivered_for_each([user_id])[user_id]


def undelivered_for_each(user_ids: Collection[str]) -> dict[str, list[Sent]]:
    """The same for many users at once: one query where there is nothing to say, else two."""
    for_them = Q(audience_kind="user", audience_id__in=user_ids) | Q(audience_kind="everybody")
    now = wall_now()
    rows = list(Notice.objects.filter(for_them, expires__gt=now).order_by("id"))
    missed: dict[str, list[Sent]] = {user_id: [] for user_id in user_ids}
    if not rows:
        return missed
    receipts = NoticeReceipt.objects.filter(user_id__in=user_ids, notice__expires__gt=now)
    seen = set(receipts.values_list("user_id", "notice_id"))
    for row in rows:
        for user_id in missed if row.audience_kind == "everybody" else (row.audience_id,):
            if (user_id, row.pk) not in seen and len(missed[user_id]) < SHOWN_MAX:
                missed[user_id].append(_sent(row))
    return missed


def acknowledge(user_id: str, notice_ids: Iterable[int]) -> int:
    """Note that this user has seen these; ids that are not notices, or not theirs, are left out. Returns how many count.

    At most 100 ids are read, the rest can be sent again; acknowledging twice is harmless.
    """
    wanted = {number for number in list(notice_ids)[:ACKNOWLEDGED_MAX] if 0 < number < 2**63}
    rows = Notice.objects.filter(pk__in=wanted).exclude(~Q(audience_id=user_id), audience_kind="user")
    receipts = [NoticeReceipt(notice_id=pk, user_id=user_id) for pk in rows.values_list("pk", flat=True)]
    NoticeReceipt.objects.bulk_create(receipts, ignore_conflicts=True)
    return len(receipts)


def clean_text(text: str) -> str:
    """The text as one clean line (`game.text`).

    Raises:
        BadNoticeError: nothing is left, or more than 500 characters.
    """
    line = clean_line(text)
    if not 0 < len(line) <= TEXT_LENGTH_MAX:
        raise BadNoticeError(f"expected a text of 1 to {TEXT_LENGTH_MAX} characters, got {len(line)}")
    return line


def _sent(row: Notice) -> Sent:
    return Sent(row.pk, row.audience_kind, row.audience_id, row.text, row.created)


awrite_notice = on_database_thread(write_notice)
aundelivered_for_each = on_database_thread(undelivered_for_each)
aacknowledge = on_database_thread(acknowledge)
