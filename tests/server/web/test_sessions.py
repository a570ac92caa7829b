"""A session's cookie that is no key reaches no database: PostgreSQL's error was a traceback for every such request."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "key", ["\x00abcdefghi", "abcdefgh\x00", "a" * 41, "short", "abcdefgh;x", "ABCDEFGHI", "é" * 9]
)
def test_what_is_no_key_is_never_looked_up(key: str):
    client = Client()
    client.cookies["sessionid"] = key
    with CaptureQueriesContext(connection) as queries:
        answer = client.get("/admin/")
    assert answer.status_code == 302
    assert [query["sql"] for query in queries if "django_session" in query["sql"]] == []


def test_a_login_is_found_by_its_own():
    client = Client()
    client.force_login(User.objects.create_superuser("root", password="correct horse"))
    assert client.get("/admin/").status_code == 200
