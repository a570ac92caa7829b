"""A simulated channel layer with the public API of a real one, and every fault that we know real ones to have.

One `Broker` per alias stands for the back end; each process has a `SimLayer` in it. Three kinds, after what was measured
of the real ones: ``memory`` (first in, first out), ``core`` (per process one set sorted by the *sender's* wall clock, one
capacity for all, memberships that a restart forgets), ``pubsub`` (ordered while connected, a subscription that nobody
acknowledges, silence and loss while disconnected). Used by the simulated world only.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable
from random import Random
from typing import Any, Literal

from attrs import define, field

from server.clock import stopwatch, wall_now
from server.verify.simloop import arrive_at

Kind = Literal["memory", "core", "pubsub"]
KINDS: tuple[Kind, ...] = ("memory", "core", "pubsub")
Message = dict[str, Any]
EARLIEST = -1e18


class LayerDown(ConnectionError):
    """The back end does not answer."""


@define
class Weather:
    """What the network does: seconds of delay, and the shares of messages lost, doubled and overtaken.

    ``apart_s``: how much later this alias brings everything, so that nothing of two aliases ever comes in the same instant.
    """

    delay_s: tuple[float, float] = (0.0005, 0.003)
    loss: float = 0.0
    duplicates: float = 0.0
    reordered: float = 0.0
    capacity: int = 20_000
    apart_s: float = 0.0


@define(eq=False)
class Broker:
    """One alias of the back end. ``happened`` counts what the weather and the faults did, by name."""

    kind: Kind
    random: Random
    weather: Weather = field(factory=Weather)
    is_down: bool = False
    happened: dict[str, int] = field(factory=dict)
    names: dict[str, None] = field(factory=dict)
    layers: dict[str, "SimLayer"] = field(factory=dict)
    _groups: dict[str, dict[str, None]] = field(factory=dict)
    _made: int = 0

    def connect(self, process: str) -> "SimLayer":
        """A connection of a process; with in-memory there is one only."""
        if self.kind == "memory" and process in self.layers:
            return self.layers[process]
        layer = SimLayer(self, process)
        self.layers[process] = layer
        return layer

    def note(self, what: str, amount: int = 1) -> None:
        """Counts a fault that happened."""
        self.happened[what] = self.happened.get(what, 0) + amount

    def note_group(self, group: str) -> None:
        """A group's name was used. Probes' groups are named by chance, once per port."""
        self.names[f"group {'probe' if group.startswith('probe.') else group}"] = None

    # ---- faults

    def restart(self) -> None:
        """Down, with everything forgotten, until `back`."""
        self.is_down = True
        self._groups.clear()
        for layer in self.layers.values():
            layer.lose_connection()

    def back(self) -> None:
        """Up again: pub/sub clients subscribe anew by themselves, core's memberships are gone for good."""
        self.is_down = False
        for layer in self.layers.values():
            layer.reconnect()

    def expire(self, group: str) -> None:
        """The group's memberships run out, as `group_expiry` makes them."""
        if self._groups.pop(group, None):
            self.note("group_expired")

    def groups(self) -> list[str]:
        """The groups with members."""
        return sorted(self._groups)

    # ---- for layers

    def channel_name(self, process: str) -> str:
        """A name that is never used twice."""
        self._made += 1
        return f"specific.{process}!{self._made}"

    def add(self, group: str, channel: str) -> None:
        """A membership."""
        self._groups.setdefault(group, {})[channel] = None

    def discard(self, group: str, channel: str) -> None:
        """No longer."""
        members = self._groups.get(group, {})
        members.pop(channel, None)
        if not members:
            self._groups.pop(group, None)

    def members(self, group: str) -> list[str]:
        """The channels of a group."""
        return list(self._groups.get(group, ()))

    def deliver(self, channel: str, message: Message, sent_at: float) -> None:
        """Carries a message to the layer that owns the channel, through the weather."""
        for layer in self.layers.values():
            if channel in layer.channels:
                for _ in range(self._copies()):
                    layer.carry(channel, dict(message), sent_at)
                return

    def _copies(self) -> int:
        weather = self.weather
        if weather.loss and self.random.random() < weather.loss:
            self.note("lost")
            return 0
        if weather.duplicates and self.random.random() < weather.duplicates:
            self.note("duplicated")
            return 2
        return 1

    def delay_s(self) -> float:
        """One hop."""
        return self.random.uniform(*self.weather.delay_s)


@define(eq=False)
class SimLayer:
    """A process's connection. Public API: new_channel, send, receive, group_add, group_discard, group_send, close_pools.

    ``deaf``: channels over whose link nothing arrives any more and nothing is raised, until fresh ones replace them.
    """

    broker: Broker
    process: str
    channels: dict[str, None] = field(factory=dict)
    deaf: dict[str, None] = field(factory=dict)
    is_connected: bool = True
    extensions: tuple[str, ...] = ("groups", "flush")
    queued_max: int = 0
    _inbox: dict[str, list[tuple[float, int, Message]]] = field(factory=dict)
    _waiting: dict[str, "deque[asyncio.Future[None]]"] = field(factory=dict)
    _last_arrival: float = EARLIEST
    _number: int = 0
    _subscribed: dict[tuple[str, str], None] = field(factory=dict)

    # ---- the public API

    async def new_channel(self, prefix: str = "specific.") -> str:
        """A channel of this process."""
        await self._hop()
        channel = self.broker.channel_name(self.process)
        self.channels[channel] = None
        self._inbox[channel] = []
        self._waiting[channel] = deque()
        self.broker.names[f"channel {prefix}"] = None
        return channel

    async def send(self, channel: str, message: Message) -> None:
        """To one channel; beyond the capacity it is dropped."""
        await self._hop()
        self.broker.names[f"type {message['type']}"] = None
        self.broker.deliver(channel, message, self._sender_time())

    async def group_send(self, group: str, message: Message) -> None:
        """To every member, at most once each."""
        await self._hop()
        self.broker.names[f"type {message['type']}"] = None
        self.broker.note_group(group)
        sent_at = self._sender_time()
        for channel in self.broker.members(group):
            self.broker.deliver(channel, message, sent_at)

    async def receive(self, channel: str) -> Message:
        """The next message."""
        inbox = self._inbox[channel]
        while not inbox:
            if self.broker.is_down and self.broker.kind == "core":
                raise LayerDown("the reader's connection was closed")
            future = asyncio.get_running_loop().create_future()
            self._waiting[channel].append(future)
            await future
        return heapq.heappop(inbox)[2]

    async def group_add(self, group: str, channel: str) -> None:
        """In-memory and core wait for it; pub/sub only writes the subscription, which takes effect later."""
        await self._hop()
        self.broker.note_group(group)
        self._subscribed[group, channel] = None
        if self.broker.kind == "pubsub":
            arrive_at(stopwatch() + 2 * self.broker.delay_s(), lambda: self._subscribe(group, channel))
        else:
            self.broker.add(group, channel)

    async def group_discard(self, group: str, channel: str) -> None:
        """No longer a member."""
        await self._hop()
        self._subscribed.pop((group, channel), None)
        self.broker.discard(group, channel)

    async def close_pools(self) -> None:
        """Thrown away: whatever comes later is nobody's."""
        for group, channel in self._subscribed:
            self.broker.discard(group, channel)
        self.channels.clear()

    # ---- for the broker

    def carry(self, channel: str, message: Message, sent_at: float) -> None:
        """A message is on its way over this link; pub/sub and in-memory keep the order of one link."""
        weather, random = self.broker.weather, self.broker.random
        at = stopwatch() + self.broker.delay_s() + weather.apart_s
        if weather.reordered and random.random() < weather.reordered:
            self.broker.note("reordered")
            at += 0.12
        elif self.broker.kind != "core":
            at = self._last_arrival = max(self._last_arrival, at)
        self._number += 1
        number = self._number
        arrive_at(at, lambda: self._arrive(channel, message, sent_at, number))

    def lose_connection(self) -> None:
        """The connection breaks: what is on its way is lost, and core's readers are told."""
        self.is_connected = False
        for inbox in self._inbox.values():
            inbox.clear()
        if self.broker.kind == "core":
            for channel in self.channels:
                self._wake(channel)

    def reconnect(self) -> None:
        """It is back. Pub/sub subscribes again to what it was subscribed to, after a while."""
        self.is_connected = True
        if self.broker.kind == "pubsub":
            for group, channel in self._subscribed:
                arrive_at(stopwatch() + 3 * self.broker.delay_s(), self._resubscribing(group, channel))

    # ---- inside

    async def _hop(self) -> None:
        if self.broker.is_down or not (self.is_connected or self.broker.kind == "pubsub"):
            raise LayerDown("no connection to the layer")
        reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        arrive_at(stopwatch() + self.broker.delay_s(), lambda: _done(reached))
        await reached
        if self.broker.is_down:
            raise LayerDown("the connection was closed while it waited for the answer")

    def _sender_time(self) -> float:
        return wall_now().timestamp() if self.broker.kind == "core" else stopwatch()

    def _resubscribing(self, group: str, channel: str) -> Callable[[], None]:
        return lambda: self._subscribe(group, channel)

    def _subscribe(self, group: str, channel: str) -> None:
        if (group, channel) in self._subscribed and self.is_connected and channel in self.channels:
            self.broker.add(group, channel)

    def _arrive(self, channel: str, message: Message, sent_at: float, number: int) -> None:
        broker = self.broker
        is_deaf = channel in self.deaf
        if is_deaf or not self.is_connected or broker.is_down:
            broker.note("lost_to_a_deaf_link" if is_deaf else "lost_while_disconnected")
            return
        inbox = self._inbox[channel]
        shared = sum(map(len, self._inbox.values())) if broker.kind == "core" else len(inbox)
        if shared >= broker.weather.capacity and broker.kind != "pubsub":
            broker.note("over_capacity")
            return
        order = sent_at if broker.kind == "core" else 0.0
        heapq.heappush(inbox, (order, number, message))
        self.queued_max = max(self.queued_max, len(inbox))
        self._wake(channel)

    def _wake(self, channel: str) -> None:
        waiting = self._waiting[channel]
        while waiting:
            future = waiting.popleft()
            if not future.done():
                future.set_result(None)
                return


def _done(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
