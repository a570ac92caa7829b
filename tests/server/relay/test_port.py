"""The port over every layer that we support, real ones: what arrives, in which order, and what comes back after a fault."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from channels.layers import InMemoryChannelLayer
from channels_redis.core import RedisChannelLayer
from channels_redis.pubsub import RedisPubSubChannelLayer

from server.clock import monotonic
from server.layers import CORE_SOCKET, PUBSUB_SOCKET
from server.relay import port as port_module
from server.relay.port import Port

LAYERS = ("memory", "pubsub", "core")
Open = Callable[..., Awaitable[tuple[Port, list[dict[str, Any]]]]]


async def until(what: Callable[[], object], within_s: float = 10.0) -> None:
    """Waits for a condition of this loop's own objects."""
    async with asyncio.timeout(within_s):
        while not what():
            await asyncio.sleep(0.005)


@pytest.fixture(params=LAYERS)
async def open_port(request: pytest.FixtureRequest) -> AsyncIterator[Open]:
    """A function that opens a port on the layer of this run, with the list of what it gets."""
    kind = request.param
    shared = InMemoryChannelLayer(capacity=10_000)
    url = request.getfixturevalue("redis_server").url if kind != "memory" else ""
    ports: list[Port] = []
    layers: list[Any] = []

    def make(_alias: str) -> Any:
        if kind == "memory":
            return shared
        cls = RedisPubSubChannelLayer if kind == "pubsub" else RedisChannelLayer
        socket = PUBSUB_SOCKET if kind == "pubsub" else CORE_SOCKET
        layer = cls(hosts=[{"address": url, **socket}], prefix="test")
        layers.append(layer)
        return layer

    async def opened(**options: Any) -> tuple[Port, list[dict[str, Any]]]:
        got: list[dict[str, Any]] = []
        port = Port("frames", options.pop("make_layer", make), got.append, **options)
        ports.append(port)
        await port.start()
        return port, got

    yield opened
    for port in ports:
        await port.stop()
    for layer in layers:
        await port_module._discard(layer)


def message(n: int) -> dict[str, Any]:
    return {"type": "room.frame", "n": n}


async def joined(sender: Port, receiver: Port, got: list[dict[str, Any]], group: str) -> None:
    """Returns once a message to the group arrives: no layer tells when a subscription holds."""
    receiver.join(group)

    def has_arrived() -> bool:
        sender.group_send(group, {"type": "hello"})
        return any(m["type"] == "hello" for m in got)

    async with asyncio.timeout(10):
        while not has_arrived():
            await asyncio.sleep(0.02)


async def test_direct_messages_arrive_once_and_in_order(open_port):
    (a, _), (b, got) = await open_port(), await open_port()
    for n in range(50):
        a.send(b.channel, message(n))
    await until(lambda: len(got) == 50)
    assert [m["n"] for m in got] == list(range(50))


async def test_group_messages_reach_members_only_and_in_order(open_port):
    (a, got_a), (b, got_b) = await open_port(), await open_port()
    await joined(a, b, got_b, "room.1")
    for n in range(50):
        a.group_send("room.1", message(n))
    await until(lambda: sum(m["type"] == "room.frame" for m in got_b) == 50)
    assert [m["n"] for m in got_b if m["type"] == "room.frame"] == list(range(50))
    assert not got_a


async def test_leaving_and_joining_again_at_once_keeps_the_membership(open_port):
    (a, _), (b, got) = await open_port(), await open_port()
    await joined(a, b, got, "room.1")
    b.leave("room.1")
    b.join("room.1")
    got.clear()
    await joined(a, b, got, "room.1")


async def test_a_fault_in_delivery_costs_that_message_only(open_port):
    (a, _), (b, got) = await open_port(), await open_port()

    def deliver(m: dict[str, Any]) -> None:
        if m["n"] == 1:
            raise RuntimeError("bad message")
        got.append(m)

    b.deliver = deliver
    for n in range(3):
        a.send(b.channel, message(n))
    await until(lambda: len(got) == 2)
    assert [m["n"] for m in got] == [0, 2]


async def test_a_message_without_a_type_is_delivered_and_ends_nothing(open_port):
    (a, _), (b, got) = await open_port(), await open_port()
    a.send(b.channel, {"n": 1, "type": ""})
    a.send(b.channel, message(2))
    await until(lambda: len(got) == 2)


async def test_a_deaf_layer_is_replaced_and_its_groups_joined_again(open_port, monkeypatch):
    monkeypatch.setattr(port_module, "PROBE_EVERY_S", 0.02)
    monkeypatch.setattr(port_module, "DEAF_AFTER_S", 0.2)
    resets: list[int] = []
    (a, _), (b, got) = await open_port(), await open_port(on_reset=lambda: resets.append(1))
    await joined(a, b, got, "room.1")
    old = b.channel
    receive = b._layer.receive

    async def hears_nothing(channel: str) -> Any:
        return await (asyncio.get_running_loop().create_future() if channel == old else receive(channel))

    monkeypatch.setattr(b._layer, "receive", hears_nothing)  # the layer goes deaf, and nobody is told
    await until(lambda: b.resets == 1 and resets == [1])
    assert b.channel != old
    got.clear()
    await joined(a, b, got, "room.1")


class Unwilling(InMemoryChannelLayer):  # type: ignore[misc]
    """A layer that refuses the first group_add, as one does whose server is away."""

    refusals = 1

    async def group_add(self, group: str, channel: str) -> None:
        if self.refusals:
            self.refusals -= 1
            raise ConnectionError("away")
        await super().group_add(group, channel)


async def test_a_membership_that_the_layer_refused_is_tried_again(monkeypatch):
    monkeypatch.setattr(port_module, "PROBE_EVERY_S", 0.02)
    layer = Unwilling()
    port = Port("frames", lambda _: layer, lambda _: None)
    await port.start()
    port.join("room.1")
    await until(lambda: port.channel in layer.groups.get("room.1", {}))
    assert port.failed == 1
    await port.stop()
    assert "room.1" not in layer.groups or port.channel not in layer.groups["room.1"]


async def test_an_overflow_drops_the_oldest_messages_counts_them_and_no_membership(monkeypatch):
    monkeypatch.setattr(port_module, "QUEUE_MAX", 5)
    layer = InMemoryChannelLayer()
    got: list[dict[str, Any]] = []
    port = Port("frames", lambda _: layer, got.append)
    await port.start()
    port.join("room.1")
    for n in range(8):
        port.send(port.channel, message(n))
    assert port.dropped == 3
    await until(lambda: len(got) == 5)
    assert [m["n"] for m in got] == [3, 4, 5, 6, 7]
    assert port.channel in layer.groups["room.1"]
    await port.stop()


async def test_a_replacement_that_fails_leaves_the_old_layer_in_place():
    layer = InMemoryChannelLayer()
    port = Port("frames", lambda _: layer, lambda _: None)
    await port.start()
    before = port.channel

    class Broken(InMemoryChannelLayer):  # type: ignore[misc]
        async def new_channel(self, prefix: str = "specific.") -> str:
            raise ConnectionError("away")

    port.make_layer = lambda _: Broken()
    await port._reset()
    assert (port._layer, port.channel, port.resets) == (layer, before, 0)
    await port.stop()


class Mute(InMemoryChannelLayer):  # type: ignore[misc]
    """A layer that takes every message and, while it is mute, carries none."""

    is_mute = True

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        if not self.is_mute:
            await super().group_send(group, message)


async def test_only_its_own_echo_shows_that_a_port_hears(monkeypatch):
    """Not that it started, not that a send was taken: a health check that looks at these is green while nobody can join."""
    monkeypatch.setattr(port_module, "FIRST_PROBES_EVERY_S", 0.01)
    monkeypatch.setattr(port_module, "PROBE_EVERY_S", 0.02)
    layer = Mute()
    port = Port("frames", lambda _: layer, lambda _: None)
    await port.start()
    await until(lambda: port.sent > 5)
    assert not port.hears(monotonic())
    layer.is_mute = False
    await until(lambda: port.hears(monotonic()))
    heard_at = port._heard_at
    assert heard_at is not None
    assert not port.hears(heard_at + port_module.DEAF_AFTER_S + 0.1)
    await port.stop()
