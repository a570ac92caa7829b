"""The admin as staff use it, through the ASGI handler: every list opens, notices go out, rooms end."""

import pytest
from channels.layers import channel_layers
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import AsyncClient
from django.urls import reverse

from server.lobby import directory
from server.lobby.models import Room
from server.social.models import Notice

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def staff(async_client: AsyncClient) -> AsyncClient:
    root = await User.objects.acreate_superuser("root", password="correct horse")
    await async_client.aforce_login(root)
    return async_client


async def listening(group: str) -> str:
    layer = channel_layers["control"]
    channel: str = await layer.new_channel()
    await layer.group_add(group, channel)
    return channel


async def test_every_model_of_ours_has_its_list(staff: AsyncClient):
    ours = [model for model in admin.site._registry if model.__module__.startswith("server.")]
    assert {model.__name__ for model in ours} == {
        "Room",
        "Notice",
        "NoticeReceipt",
        "Match",
        "Result",
        "Replay",
        "Outbox",
    }
    for model in ours:
        answer = await staff.get(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"))
        assert answer.status_code == 200, model


async def test_adding_a_notice_sends_it(staff: AsyncClient):
    channel = await listening("user.g1")
    form = {"audience_kind": "user", "audience_id": "g1", "text": "hello\tyou"}
    expires = {"expires_0": "2099-01-01", "expires_1": "00:00:00"}
    answer = await staff.post(reverse("admin:social_notice_add"), {**form, **expires})
    assert answer.status_code == 302, answer.content.decode()
    heard = await channel_layers["control"].receive(channel)
    assert (heard["type"], heard["text"], heard["id"]) == ("user.notice", "hello you", (await Notice.objects.aget()).pk)


@pytest.mark.parametrize(
    ("kind", "audience_id", "text"), [("user", "", "x"), ("everybody", "g1", "x"), ("user", "g1", "")]
)
async def test_a_notice_to_nobody_is_refused_in_the_form(staff: AsyncClient, kind: str, audience_id: str, text: str):
    form = {"audience_kind": kind, "audience_id": audience_id, "text": text}
    expires = {"expires_0": "2099-01-01", "expires_1": "00:00:00"}
    answer = await staff.post(reverse("admin:social_notice_add"), {**form, **expires})
    assert answer.status_code == 200
    assert await Notice.objects.acount() == 0


async def test_the_action_asks_for_a_text_then_sends_to_each_user(staff: AsyncClient):
    user = await User.objects.acreate_user("ada")
    channel = await listening(f"user.u{user.pk}")
    url = reverse("admin:auth_user_changelist")
    chosen = {"action": "send_notice", "_selected_action": [user.pk]}
    asked = await staff.post(url, chosen)
    assert b"Send a notice" in asked.content
    assert await Notice.objects.acount() == 0
    sent = await staff.post(url, {**chosen, "send": "1", "text": "hello ada"})
    assert sent.status_code == 302
    assert (await channel_layers["control"].receive(channel))["text"] == "hello ada"


async def test_the_action_on_a_room_and_ending_it(staff: AsyncClient):
    room = await directory.aopen_room("duel")
    row = await Room.objects.aget()
    channel = await listening("lobby")
    url = reverse("admin:lobby_room_changelist")
    await staff.post(url, {"action": "send_notice", "_selected_action": [row.pk], "send": "1", "text": "closing"})
    heard = await channel_layers["control"].receive(channel)
    assert (heard["audience"], heard["to"]) == ("room", room.incarnation)
    await staff.post(url, {"action": "end_rooms", "_selected_action": [row.pk]})
    assert await directory.afind(room.code) is None


async def test_a_guest_sees_a_login_page_only(async_client: AsyncClient):
    answer = await async_client.get("/admin/")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/admin/login/")
