"""Limits per address over HTTP, and headers that every answer carries."""

import json

import pytest
from django.http import HttpRequest, JsonResponse
from django.test import AsyncClient, AsyncRequestFactory

from game.wire.limits import Limit
from server.web.api import api_post


async def test_one_address_is_limited_and_another_is_not():
    @api_post(Limit(0.001, 2), "calls_per_address")
    async def view(_request: HttpRequest, _body: dict[str, object]) -> JsonResponse:
        return JsonResponse({})

    async def post(address: str):
        request = AsyncRequestFactory().post("/", b"", content_type="application/json")
        request.META["REMOTE_ADDR"] = address
        return await view(request)

    answers = [await post(address) for address in ("192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2")]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 200]
    assert int(answers[2]["Retry-After"]) > 0
    assert set(json.loads(answers[2].content)) == {"error", "expected", "got"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "path", ["/api/rooms", "/healthz", "/no/such/path", "/static/admin/css/base.css", "/admin/login/"]
)
async def test_every_answer_allows_our_own_files_only(async_client: AsyncClient, path: str):
    answer = await async_client.get(path)
    assert answer["Content-Security-Policy"].startswith("default-src 'self';")
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert answer["X-Content-Type-Options"] == "nosniff"


@pytest.mark.django_db(transaction=True)
async def test_static_files_are_served_whole_and_nothing_beside_them(async_client: AsyncClient):
    found = await async_client.get("/static/admin/css/base.css")
    assert found.status_code == 200
    assert found["Content-Type"].startswith("text/css")
    assert len(found.content) == int(found["Content-Length"]) > 1000
    unchanged = await async_client.get(
        "/static/admin/css/base.css", headers={"If-Modified-Since": found["Last-Modified"]}
    )
    assert unchanged.status_code == 304
    for path in ("/static/../server/settings.py", "/static/%2e%2e/%2e%2e/var/secret", "/static/nothing.js"):
        assert (await async_client.get(path)).status_code == 404


@pytest.mark.django_db(transaction=True)
async def test_an_unknown_path_is_json(async_client: AsyncClient):
    answer = await async_client.get("/api/nothing")
    assert answer.status_code == 404
    assert answer.json()["got"] == "/api/nothing"
