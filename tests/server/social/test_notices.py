"""Notices: the row first, then the layer (a real Redis too), and whoever was away reads it later, once."""

import asyncio
import random

import pytest
from channels.layers import channel_layers
from django.db import connection
from django.test.utils import CaptureQueriesContext

from server.layers import make_layer, parse_layer
from server.social.audience import LOBBY_GROUP, Audience, Everybody, Room, User, audience_of, group_of, key_of
from server.social.models import Notice, NoticeReceipt
from server.social.notices import (
    BadNoticeError,
    acknowledge,
    anotify,
    clean_text,
    notify,
    undelivered_for,
    undelivered_for_each,
    write_notice,
)

pytestmark = pytest.mark.django_db(transaction=True)
INCARNATION = "a1b2c3d4e5f6"
AUDIENCES = (User("g1"), Room(INCARNATION), Everybody())


@pytest.mark.redis
@pytest.mark.parametrize("scheme", ["redis", "redis+core"])
@pytest.mark.parametrize("to", AUDIENCES)
async def test_another_process_s_layer_hears_it_with_the_row_s_id(redis_server, settings, scheme: str, to: Audience):
    url = redis_server.url.replace("redis", scheme, 1)
    settings.CHANNEL_LAYERS = parse_layer(url, "test").channel_layers()
    gateway = make_layer("control")
    channel = await gateway.new_channel()
    await gateway.group_add(group_of(to), channel)
    sent = await anotify(to, "  hello\nthere ")
    heard = await gateway.receive(channel)
    kind, audience_id = key_of(to)
    assert heard == {
        "type": "user.notice",
        "v": 1,
        "id": sent.id,
        "audience": kind,
        "to": audience_id,
        "text": "hello there",
        "created": sent.created.isoformat(),
    }
    assert (await Notice.objects.aget()).pk == sent.id
    for layer in (gateway, channel_layers["control"]):
        await (layer.flush() if scheme == "redis" else layer.close_pools())


@pytest.mark.redis
async def test_a_script_s_notice_reaches_a_gateway(redis_server, settings):
    settings.CHANNEL_LAYERS = parse_layer(redis_server.url, "test").channel_layers()
    gateway = make_layer("control")
    channel = await gateway.new_channel()
    await gateway.group_add("user.g1", channel)
    sent = await asyncio.to_thread(notify_and_close, User("g1"), "from a script")
    assert (await gateway.receive(channel))["id"] == sent.id
    await gateway.flush()


def notify_and_close(to: Audience, text: str):
    from django.db import connection

    try:
        return notify(to, text)
    finally:
        connection.close()


@pytest.mark.redis
async def test_without_a_layer_the_row_stays_for_the_next_login(redis_server, settings):
    settings.CHANNEL_LAYERS = parse_layer(redis_server.url, "test").channel_layers()
    redis_server.kill()
    sent = await anotify(User("g1"), "you will read this later")
    assert [notice.id for notice in await asyncio.to_thread(undelivered_and_close, "g1")] == [sent.id]


def undelivered_and_close(user_id: str):
    from django.db import connection

    try:
        return undelivered_for(user_id)
    finally:
        connection.close()


def test_who_was_away_reads_theirs_and_everybody_s_once():
    mine = write_notice(User("g1"), "to g1")
    write_notice(User("g2"), "to g2")
    write_notice(Room(INCARNATION), "to a room")
    ours = write_notice(Everybody(), "to all")
    assert undelivered_for("g1") == [mine, ours]
    assert acknowledge("g1", [mine.id, ours.id]) == 2
    assert acknowledge("g1", [mine.id]) == 1
    assert undelivered_for("g1") == []
    assert undelivered_for("g3") == [ours]
    assert NoticeReceipt.objects.count() == 2


def test_an_expired_notice_is_not_delivered():
    write_notice(User("g1"), "gone", lifetime_s=-1.0)
    assert undelivered_for("g1") == []


def test_nobody_acknowledges_what_is_not_theirs():
    theirs = write_notice(User("g2"), "to g2")
    assert acknowledge("g1", [theirs.id, 999_999, -1, 2**70]) == 0
    assert [notice.id for notice in undelivered_for("g2")] == [theirs.id]


def test_many_at_once_get_what_each_would_get_alone():
    chance, people = random.Random(3), [f"g{n}" for n in range(6)]
    sent = [
        write_notice(Everybody() if chance.random() < 0.3 else User(chance.choice(people)), f"notice {n}")
        for n in range(120)
    ]
    write_notice(Everybody(), "gone", lifetime_s=-1.0)
    seen: set[tuple[str, int]] = set()
    for person in people[:4]:
        shown = [notice.id for notice in sent if chance.random() < 0.4]
        acknowledge(person, shown)
        seen |= {(person, number) for number in shown}
    with CaptureQueriesContext(connection) as queries:
        missed = undelivered_for_each([*people, "nobody"])
    assert len(queries) == 2
    for person in [*people, "nobody"]:
        due = [n for n in sent if n.audience_kind == "everybody" or n.audience_id == person]
        assert missed[person] == [n for n in due if (person, n.id) not in seen][:50]


def test_where_there_is_nothing_to_say_one_query_finds_that_out():
    with CaptureQueriesContext(connection) as queries:
        assert undelivered_for_each([f"g{n}" for n in range(200)]) == {f"g{n}": [] for n in range(200)}
    assert len(queries) == 1


def test_no_more_than_fifty_are_shown_at_once():
    sent = [write_notice(Everybody(), f"notice {n}") for n in range(60)]
    assert undelivered_for("g1") == sent[:50]
    acknowledge("g1", [notice.id for notice in sent[:20]])
    assert undelivered_for("g1") == sent[20:]


def test_a_flood_of_acknowledgements_is_bounded():
    theirs = write_notice(User("g1"), "to g1")
    assert acknowledge("g1", [*range(10**6, 10**6 + 100), theirs.id]) == 0
    assert acknowledge("g1", [theirs.id]) == 1


@pytest.mark.parametrize("text", ["", "   ", "\x00\x01", "x" * 501])
def test_bad_texts(text: str):
    with pytest.raises(BadNoticeError, match="expected a text of 1 to 500"):
        clean_text(text)


@pytest.mark.parametrize("to", AUDIENCES)
def test_an_audience_comes_back_from_its_key(to: Audience):
    assert audience_of(*key_of(to)) == to


@pytest.mark.parametrize(
    ("kind", "audience_id"), [("user", ""), ("user", "a b"), ("room", "X"), ("everybody", "g1"), ("", "")]
)
def test_what_is_no_audience(kind: str, audience_id: str):
    with pytest.raises(ValueError, match=r"expected|must match"):
        audience_of(kind, audience_id)


def test_a_room_s_own_group_has_one_writer_which_is_not_us():
    assert group_of(Room(INCARNATION)) == LOBBY_GROUP
    assert group_of(User("g1")) == "user.g1"
