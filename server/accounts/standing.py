"""What accounts may now, and the word to every gateway that one has changed.

The signal is heard in one process only, hence the message to the account's group; a change made past the signal (SQL, a
``QuerySet.update``) or a lost message is found by the gateways' own query, once a minute. Called by wiring and the app's `ready`.
"""

from collections.abc import Collection
from functools import partial
from typing import Any

import structlog
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models.signals import post_delete, post_save

from server.accounts.identity import identity_of_user
from server.accounts.kinds import Kind
from server.database import on_database_thread
from server.layers import send_to_group
from server.social.audience import User, group_of

log = structlog.get_logger(__name__)

DECISIVE = {"is_active", "is_staff"}
CHANGED = "user.account"


def standings(identities: Collection[str]) -> dict[str, Kind]:
    """The kind of each account among these identities that may log in, by one query. Who is missing may not, or is none."""
    keys = [int(identity[1:]) for identity in identities if identity[:1] == "u" and identity[1:].isdecimal()]
    users = get_user_model().objects.filter(pk__in=keys) if keys else ()
    found = (identity_of_user(user) for user in users)
    return {identity.id: identity.kind for identity in found if identity is not None}


astandings = on_database_thread(standings)


def listen() -> None:
    """From now on a change of an account in this process is told to all gateways. Calling it again changes nothing."""
    post_save.connect(_on_saved, sender=get_user_model(), dispatch_uid="accounts.standing.saved")
    post_delete.connect(_on_deleted, sender=get_user_model(), dispatch_uid="accounts.standing.deleted")


def _on_saved(instance: Any, created: bool, update_fields: Collection[str] | None = None, **_: Any) -> None:
    if not created and (update_fields is None or DECISIVE & set(update_fields)):
        _tell(instance.pk)


def _on_deleted(instance: Any, **_: Any) -> None:
    _tell(instance.pk)


def _tell(pk: int) -> None:
    """Once it is committed: a gateway that hears of it asks the database."""
    transaction.on_commit(partial(_send, f"u{pk}"), robust=True)


def _send(identity: str) -> None:
    message = {"type": CHANGED, "v": 1, "id": identity}
    if not async_to_sync(send_to_group)("control", group_of(User(identity)), message):
        log.warning("account.change_not_sent", identity=identity)
