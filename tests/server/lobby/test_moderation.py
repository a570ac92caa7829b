"""`POST /api/rooms/kick` as the staff, and others, call it. What a kick does is tested with the rooms."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import AsyncClient

from server.lobby import registry
from server.lobby.registry import Lobby
from server.relay import envelope as e

pytestmark = pytest.mark.django_db(transaction=True)

GOOD = {"code": "AAAAA", "seat": 3}
Asked = list[tuple[str, int | None, str, str, str]]


@pytest.fixture
def asked() -> Iterator[Asked]:
    """What reached the gateway, which answers by the code."""
    calls: Asked = []
    answers = {"AAAAA": e.Kicked("r", "", "", "g1", "Ann", (3, 4), 2)}

    async def kick(code: str, seat: int | None, identity: str, reason: str, by: str) -> e.Kicked:
        calls.append((code, seat, identity, reason, by))
        return answers.get(code) or e.Kicked("r", code.lower(), "something else")

    before = registry.install(Lobby({}, kick=kick))
    yield calls
    registry.install(before)


async def post(client: AsyncClient, body: object, **headers: str) -> Any:
    return await client.post("/api/rooms/kick", body, content_type="application/json", headers=headers)


async def login(client: AsyncClient, *, is_staff: bool) -> User:
    user = await User.objects.acreate_user("ann", password="correct horse", is_staff=is_staff)
    await client.aforce_login(user)
    return user


async def test_the_staff_are_told_who_is_out(async_client: AsyncClient, asked: Asked):
    user = await login(async_client, is_staff=True)
    answer = await post(async_client, {**GOOD, "reason": "unkind words"})
    assert answer.status_code == 200
    assert answer.json() == {"code": "AAAAA", "identity": "g1", "name": "Ann", "seats": [3, 4], "connections": 2}
    await post(async_client, {"code": "AAAAA", "identity": "g1"})
    assert asked == [
        ("AAAAA", 3, "", "unkind words", f"u{user.pk}"),
        ("AAAAA", None, "g1", "removed by the staff", f"u{user.pk}"),
    ]


async def test_nobody_else_may(async_client: AsyncClient, asked: Asked):
    assert (await post(async_client, GOOD)).status_code == 401
    await login(async_client, is_staff=False)
    assert (await post(async_client, GOOD)).status_code == 403
    assert asked == []


async def test_another_sites_page_may_not_use_the_login(async_client: AsyncClient, asked: Asked):
    await login(async_client, is_staff=True)
    assert (await post(async_client, GOOD, origin="https://evil.example")).status_code == 403
    assert (await post(async_client, GOOD, origin="http://testserver")).status_code == 200
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("problem", "status"),
    [("NO_SUCH_ROOM", 404), ("NO_SUCH_SEAT", 404), ("NOT_HERE", 404), ("BOT", 409), ("MOVED", 503), ("NO_ANSWER", 503)],
)
async def test_why_nobody_was_removed(async_client: AsyncClient, asked: Asked, problem: str, status: int):
    await login(async_client, is_staff=True)
    answer = await post(async_client, {"code": problem, "seat": 1})
    assert answer.status_code == status
    expected = {"error": problem.lower(), "expected": "something else", "got": f"seat 1 of room {problem}"}
    assert answer.json() == expected


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"seat": 1},
        {"code": "a b", "seat": 1},
        {"code": "AAAAA"},
        {**GOOD, "identity": "g1"},
        {"code": "AAAAA", "seat": -1},
        {"code": "AAAAA", "seat": True},
        {"code": "AAAAA", "seat": "3"},
        {"code": "AAAAA", "identity": "a.b"},
        {"code": "AAAAA", "identity": 7},
        {**GOOD, "reason": ""},
        {**GOOD, "reason": "x" * 121},
        {**GOOD, "reason": "ü" * 61},
        {**GOOD, "reason": "a\nb"},
        {**GOOD, "reason": None},
    ],
)
async def test_what_is_no_request_is_refused(async_client: AsyncClient, asked: Asked, body: dict[str, object]):
    await login(async_client, is_staff=True)
    answer = await post(async_client, body)
    assert answer.status_code == 400 and set(answer.json()) == {"error", "expected", "got"}
    assert asked == []


async def test_a_process_without_a_gateway_says_so(async_client: AsyncClient):
    before = registry.install(Lobby({}))
    await login(async_client, is_staff=True)
    assert (await post(async_client, GOOD)).status_code == 503
    registry.install(before)
