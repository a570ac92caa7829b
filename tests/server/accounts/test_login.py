"""The login of `/admin/`: passwords are tried at a limited rate from each address."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from server.accounts import views
from server.ops.metrics import REGISTRY
from server.web.ratelimit import LOGINS, RateLimit

pytestmark = pytest.mark.django_db
REFUSALS = "roomwright_limit_refusals_total", {"limit": "logins_per_address"}


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "logins", RateLimit(LOGINS))
    monkeypatch.setattr("server.clock.monotonic", lambda: 1000.0)


def attempt(client: Client, address: str, password: str):
    form = {"username": "root", "password": password, "next": "/admin/"}
    return client.post("/admin/login/", form, REMOTE_ADDR=address)


def test_a_guesser_is_stopped_and_others_log_in(client: Client):
    User.objects.create_superuser("root", password="correct horse")
    before = REGISTRY.get_sample_value(*REFUSALS) or 0.0
    answers = [attempt(client, "2001:db8::1", "guess") for _ in range(3)]
    answers += [attempt(client, f"2001:db8::{n:x}", "guess") for n in range(LOGINS.burst - 3)]
    assert {answer.status_code for answer in answers} == {200}  # the form again
    late = attempt(client, "2001:db8::77", "correct horse")
    assert late.status_code == 429
    assert int(late["Retry-After"]) > 0
    assert REGISTRY.get_sample_value(*REFUSALS) == before + 1
    other = attempt(client, "2001:db8:0:1::1", "correct horse")
    assert (other.status_code, other["Location"]) == (302, "/admin/")


def test_the_form_itself_is_shown_as_often_as_it_is_asked_for(client: Client):
    for _ in range(LOGINS.burst + 5):
        assert (client.get("/admin/login/")).status_code == 200
    assert (client.get("/admin/")).status_code == 302
