"""Which accounts may still be here, by one query; and that a change of one is told to the gateways, once it is committed."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from server.accounts import standing
from server.accounts.standing import standings

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, Any]]:
    messages: list[tuple[str, str, Any]] = []

    async def send(alias: str, group: str, message: Any) -> bool:
        messages.append((alias, group, message))
        return True

    monkeypatch.setattr(standing, "send_to_group", send)
    return messages


def new_user(name: str, *, is_active: bool = True, is_staff: bool = False) -> Any:
    return get_user_model().objects.create_user(name, is_active=is_active, is_staff=is_staff)


def test_one_query_tells_who_may_log_in_and_as_what():
    ann, bob, cid = new_user("ann"), new_user("bob", is_staff=True), new_user("cid", is_active=False)
    asked = [f"u{user.pk}" for user in (ann, bob, cid)]
    with CaptureQueriesContext(connection) as queries:
        found = standings([*asked, "u99999", "g0123", "u-", "x"])
    assert found == {f"u{ann.pk}": "account", f"u{bob.pk}": "staff"}
    assert len(queries) == 1
    assert standings(["g0123"]) == {}


def deactivate(user: Any) -> None:
    user.is_active = False
    user.save()


def take_the_rank(user: Any) -> None:
    user.is_staff = False
    user.save(update_fields=["is_staff"])


def delete(user: Any) -> None:
    user.delete()


@pytest.mark.parametrize("change", [deactivate, take_the_rank, delete])
def test_a_change_is_told_to_the_accounts_group(change: Callable[[Any], None], told: list[Any]):
    user = new_user("ann", is_staff=True)
    identity = f"u{user.pk}"
    assert told == [], "nobody is connected as somebody who is new"
    change(user)
    assert told == [("control", f"user.{identity}", {"type": "user.account", "v": 1, "id": identity})]


def test_what_decides_nothing_is_not_told_and_what_is_rolled_back_neither(told: list[Any]):
    user = new_user("ann")
    user.first_name = "Ann"
    user.save(update_fields=["first_name"])
    user.save(update_fields=["last_login"])
    with transaction.atomic():
        user.save()
        transaction.set_rollback(True)
    assert told == []


def test_a_layer_that_takes_nothing_fails_no_save(monkeypatch: pytest.MonkeyPatch):
    async def send(*_: Any) -> bool:
        return False

    monkeypatch.setattr(standing, "send_to_group", send)
    user = new_user("ann")
    user.save()
    assert get_user_model().objects.filter(pk=user.pk).exists()
