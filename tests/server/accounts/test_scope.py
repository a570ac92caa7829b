"""A socket's identity: cookies count with our Origin only, a login beats a guest."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import AsyncClient

from server.accounts.identity import Identity, Refused, issue_guest
from server.accounts.kinds import Kind
from server.accounts.scope import identity_of_scope
from server.web.origin import origin_is_allowed

pytestmark = pytest.mark.django_db(transaction=True)


def scope(cookie: str = "", origin: str = "http://testserver", host: str = "testserver") -> dict[str, Any]:
    headers = [(b"host", host.encode()), (b"cookie", cookie.encode()), (b"origin", origin.encode())]
    return {"type": "websocket", "headers": [(name, value) for name, value in headers if value]}


async def test_a_guest_cookie_from_our_page():
    guest, token = issue_guest("Ada")
    assert await identity_of_scope(scope(f"roomwright_guest={token}")) == guest


@pytest.mark.parametrize("origin", ["http://evil.example", "", "null", "http://testserver:81", "https://testserver:80"])
async def test_the_same_cookie_from_elsewhere_counts_for_nothing(origin: str):
    _, token = issue_guest("Ada")
    found = await identity_of_scope(scope(f"roomwright_guest={token}", origin))
    assert isinstance(found, Refused)
    assert found.reason == "origin"


async def test_no_cookie_is_missing_whatever_the_origin():
    found = await identity_of_scope(scope("", "http://evil.example"))
    assert isinstance(found, Refused)
    assert found.reason == "missing"


@pytest.mark.parametrize(("is_staff", "kind"), [(False, "account"), (True, "staff")])
async def test_a_login_beats_a_guest(async_client: AsyncClient, is_staff: bool, kind: Kind):
    user = await User.objects.acreate_user("grace", password="correct horse")
    user.is_staff = is_staff
    await user.asave()
    await async_client.aforce_login(user)
    session = async_client.cookies["sessionid"].value
    _, token = issue_guest("Ada")
    found = await identity_of_scope(scope(f"sessionid={session}; roomwright_guest={token}"))
    assert found == Identity(f"u{user.pk}", "grace", kind)


@pytest.mark.parametrize("key", ['"\\000abcdefgh"', '"abc\\000defgh"', "x" * 41, "short", "Ab/cdefgh", "\u00e9" * 9])
async def test_what_is_no_session_s_key_never_reaches_the_database(monkeypatch: pytest.MonkeyPatch, key: str):
    """PostgreSQL raises at a zero byte, and the socket ended in 4500."""

    async def asked(found: str) -> None:
        raise AssertionError(f"the database was asked for {found!r}")

    monkeypatch.setattr("server.accounts.scope.identity_of_session", asked)
    found = await identity_of_scope(scope(f"sessionid={key}"))
    assert isinstance(found, Refused) and found.reason == "expired"


async def test_a_session_that_is_none_falls_back_to_the_guest():
    guest, token = issue_guest("Ada")
    assert await identity_of_scope(scope(f"sessionid=nonsense; roomwright_guest={token}")) == guest
    found = await identity_of_scope(scope("sessionid=nonsense"))
    assert isinstance(found, Refused)
    assert found.reason == "expired"


@pytest.mark.parametrize(
    ("origin", "host", "is_allowed"),
    [
        ("http://testserver", "testserver", True),
        ("http://testserver:80", "testserver", True),
        ("https://testserver", "testserver:443", True),
        ("http://127.0.0.1:8000", "127.0.0.1:8000", True),
        ("http://TESTSERVER", "testserver", True),
        ("http://[::1]:8000", "[::1]:8000", True),
        ("http://evil.example", "evil.example", False),
        ("http://testserver.evil.example", "testserver", False),
        ("http://testserver@evil.example", "testserver", False),
        ("file://testserver", "testserver", False),
        ("http://testserver:x", "testserver", False),
        ("http://[::1", "testserver", False),
        ("http://testserver", "", False),
    ],
)
def test_origins(origin: str, host: str, is_allowed: bool):
    assert origin_is_allowed(origin, host) is is_allowed
