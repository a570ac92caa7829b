"""`ROOMWRIGHT_LAYER`: the four forms, the safe options, and messages that never tell a password."""

import pytest

from server.layers import BadLayerError, make_layer, parse_layer


def test_memory_has_room_and_ignores_the_wall_clock():
    layers = parse_layer("memory://").channel_layers()
    assert set(layers) == {"frames", "control", "default"}
    for layer in layers.values():
        assert layer["BACKEND"] == "server.memory_layer.MemoryLayer"
        assert layer["CONFIG"]["capacity"] >= 10_000
        assert layer["CONFIG"]["expiry"] > 365 * 86_400


def test_redis_is_pubsub_with_timeouts_and_a_prefix_per_alias():
    spec = parse_layer("redis://:pw@10.0.0.5:6380/2", "blue")
    layers = spec.channel_layers()
    assert spec.is_shared
    assert {alias: layer["CONFIG"]["prefix"] for alias, layer in layers.items()} == {
        "frames": "blue.frames",
        "control": "blue.control",
        "default": "blue.control",
    }
    assert layers["frames"]["BACKEND"] == "channels_redis.pubsub.RedisPubSubChannelLayer"
    assert layers["frames"]["CONFIG"]["hosts"] == [
        {
            "address": "redis://:pw@10.0.0.5:6380/2",
            "socket_timeout": 2,
            "socket_connect_timeout": 2,
            "socket_keepalive": True,
        }
    ]


def test_core_outlasts_its_own_blocking_pop():
    config = parse_layer("redis+core://localhost:6379/0").channel_layers()["control"]["CONFIG"]
    assert len(config["hosts"]) == 1
    assert config["hosts"][0]["address"] == "redis://localhost:6379/0"
    assert config["hosts"][0]["socket_timeout"] > 5
    assert config["capacity"] >= 10_000


def test_a_port_left_out_is_redis_own():
    host = parse_layer("redis://localhost").channel_layers()["frames"]["CONFIG"]["hosts"][0]
    assert host["address"] == "redis://localhost:6379"


def test_any_other_layer_by_its_path_and_options():
    spec = parse_layer('my.layers.Nats {"servers": ["n1"]}')
    assert spec.channel_layers()["frames"] == {"BACKEND": "my.layers.Nats", "CONFIG": {"servers": ["n1"]}}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "expected memory://"),
        ("memory", "expected memory://"),
        ("memory://x", "expected memory://"),
        ("redis://", "expected memory://"),
        ("redis://h:port/0", "does not parse"),
        ("redis://h:6379/zero", "redis://h:6379/zero"),
        ("redis://h:6379/0?x=1", "expected memory://"),
        ("redis://a:1,b:2/0", "exactly one host"),
        ("amqp://h", "expected memory://"),
        ("my.Layer {", "not JSON"),
        ("my.Layer [1]", "got a list"),
        ("nodots", "expected memory://"),
    ],
)
def test_bad_layers_say_what_was_expected(text: str, told: str):
    with pytest.raises(BadLayerError, match="expected") as caught:
        parse_layer(text)
    assert told in str(caught.value)


@pytest.mark.parametrize("text", ["redis://u:hunter2@h:6379/zero", "amqp://u:hunter2@h", "redis://u:hunter2@h:x/0"])
def test_no_message_tells_a_password(text: str):
    with pytest.raises(BadLayerError) as caught:
        parse_layer(text)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(parse_layer("redis://u:hunter2@h:6379/0"))


def test_the_in_memory_layer_is_one_world():
    from channels.layers import channel_layers

    assert make_layer("control") is channel_layers["control"]
    assert make_layer("frames") is not make_layer("control")


@pytest.mark.redis
async def test_a_fresh_redis_layer_hears_what_another_instance_sends(redis_server, settings):
    settings.CHANNEL_LAYERS = parse_layer(redis_server.url, "test").channel_layers()
    first, second = make_layer("control"), make_layer("control")
    assert first is not second
    channel = await first.new_channel()
    await first.group_add("room.x", channel)
    await second.group_send("room.x", {"type": "layer.probe", "n": 1})
    assert await first.receive(channel) == {"type": "layer.probe", "n": 1}
    await first.flush()
    await second.flush()
