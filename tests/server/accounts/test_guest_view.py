"""`POST /api/guest` as a browser, a bot and a nuisance use it."""

import pytest
from django.test import AsyncClient

from server.accounts.identity import Identity, verify

pytestmark = pytest.mark.django_db(transaction=True)


async def become(client: AsyncClient, body: object = None, headers: dict[str, str] | None = None):
    return await client.post(
        "/api/guest", body if body is not None else {}, content_type="application/json", headers=headers
    )


async def test_a_guest_gets_id_name_token_and_a_private_cookie(async_client: AsyncClient):
    answer = await become(async_client, {"name": "Ada"})
    body = answer.json()
    assert answer.status_code == 200
    assert verify(body["token"]) == Identity(body["id"], "Ada", "guest")
    cookie = answer.cookies["roomwright_guest"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert cookie["max-age"] > 0


async def test_the_second_call_is_the_same_guest(async_client: AsyncClient):
    first = (await become(async_client, {"name": "Ada"})).json()
    again = (await become(async_client)).json()
    other_name = (await become(async_client, {"name": "Grace"})).json()
    assert (again["id"], again["name"]) == (first["id"], "Ada")
    assert (other_name["id"], other_name["name"]) == (first["id"], "Grace")


async def test_a_spoilt_cookie_makes_a_new_guest(async_client: AsyncClient):
    async_client.cookies["roomwright_guest"] = "nonsense"
    assert (await become(async_client)).json()["id"].startswith("g")


@pytest.mark.parametrize(
    ("body", "status"),
    [("{", 400), ("[1]", 400), ('{"name": 5}', 400), ("[" * 4000, 400), ("x" * 5000, 413), ("\xff", 400), ("", 200)],
)
async def test_bodies(async_client: AsyncClient, body: str, status: int):
    answer = await async_client.post("/api/guest", body.encode("latin-1"), content_type="application/json")
    assert answer.status_code == status
    if status != 200:
        assert set(answer.json()) == {"error", "expected", "got"}


async def test_a_body_beyond_django_s_own_limit(async_client: AsyncClient):
    answer = await async_client.post("/api/guest", b"x" * 200_000, content_type="application/json")
    assert answer.status_code == 413


async def test_another_site_s_page_is_refused(async_client: AsyncClient):
    answer = await become(async_client, headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403
    assert "roomwright_guest" not in answer.cookies
    assert (await become(async_client, headers={"Origin": "http://testserver"})).status_code == 200


async def test_get_is_the_wrong_method(async_client: AsyncClient):
    answer = await async_client.get("/api/guest")
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert answer.json() == {"error": "wrong method", "expected": "POST", "got": "GET"}
