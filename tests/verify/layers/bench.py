"""What an experiment on a raw channel layer works with: fresh layers of one kind, a real Redis, a proxy, a clock to step.

The layers have their makers' defaults, but where an experiment says otherwise: this is what a project gets that uses them
as they are. `server.layers` has the options that Roomwright sets.
"""

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal
from unittest.mock import patch

import channels.layers
import channels_redis.core
from attrs import define, field, frozen
from channels.layers import InMemoryChannelLayer
from channels_redis.core import RedisChannelLayer
from channels_redis.pubsub import RedisPubSubChannelLayer
from redis import RedisError

from tests.support.proxy import TcpProxy
from tests.support.redis import RedisServer
from tests.support.waiting import until

Kind = Literal["memory", "core", "pubsub"]
KINDS: tuple[Kind, ...] = ("memory", "core", "pubsub")
NAMES: dict[Kind, str] = {
    "memory": "InMemoryChannelLayer",
    "core": "channels_redis.core",
    "pubsub": "channels_redis.pubsub",
}
END = "end"
SOCKET_TIMEOUT_S = 8.0  # longer than core's blocking pop, but in the experiment on just that

_numbers = itertools.count(1)


@frozen
class Shown:
    """What an experiment saw: whether the layer kept the property, and the trace of it in one line."""

    is_kept: bool
    trace: str


@define
class SteppedClock:
    """A wall clock that can be stepped; it stands in for the module `time` in a layer's source."""

    now: float = 1_800_000_000.0

    def time(self) -> float:
        """Seconds since 1970."""
        return self.now


@contextmanager
def stepped_clock() -> Iterator[SteppedClock]:
    """Within it the layers read a clock that stands still until it is stepped."""
    clock = SteppedClock()
    with patch.object(channels.layers, "time", clock), patch.object(channels_redis.core, "time", clock):
        yield clock


@define(eq=False)
class Bench:
    """One experiment's layers. `close` them in the loop that used them."""

    kind: Kind
    redis: RedisServer
    proxy: TcpProxy
    left_behind: list[str] = field(factory=list)
    _made: list[Any] = field(factory=list)
    _prefix: str = field(factory=lambda: f"x{next(_numbers)}")

    def __attrs_post_init__(self) -> None:
        """Failures of tasks that a layer starts and forgets are its own affair; what they mean, the experiment sees."""
        asyncio.get_running_loop().set_exception_handler(lambda _, context: self.left_behind.append(str(context)))

    def layer(self, *, is_proxied: bool = False, socket_timeout_s: float = SOCKET_TIMEOUT_S) -> Any:
        """A process's layer. In memory all share one: it knows no other process."""
        if self.kind == "memory":
            return self._made[0] if self._made else self.other_process()
        port = self.proxy.port if is_proxied else self.redis.port
        host = {"address": f"redis://127.0.0.1:{port}/0", "socket_timeout": socket_timeout_s}
        backend = RedisChannelLayer if self.kind == "core" else RedisPubSubChannelLayer
        self._made.append(backend(hosts=[host], prefix=self._prefix))
        return self._made[-1]

    def other_process(self) -> Any:
        """A layer as another process of the same project would make it."""
        if self.kind != "memory":
            return self.layer()
        self._made.append(InMemoryChannelLayer())
        return self._made[-1]

    async def close(self) -> None:
        """Closes what the layers hold open."""
        for layer in self._made:
            if self.kind == "core":
                await layer.close_pools()
            else:
                await layer.flush()


def message(n: object) -> dict[str, Any]:
    """A message with a mark."""
    return {"type": "test.message", "n": n}


async def read_until_end(layer: Any, channel: str) -> list[Any]:
    """The marks of what is received before the one that ends it."""
    got: list[Any] = []
    while (n := (await layer.receive(channel))["n"]) != END:
        got.append(n)
    return got


async def read_on_until_end(layer: Any, channel: str) -> list[Any]:
    """The same by a reader that goes on after the back end's errors."""
    got: list[Any] = []
    while True:
        try:
            n = (await layer.receive(channel))["n"]
        except RedisError:
            continue
        if n == END:
            return got
        got.append(n)


async def group_send_until_accepted(layer: Any, group: str, n: Any) -> None:
    """Sends a mark, again after each error: a connection that was killed is noticed at its next use."""

    async def is_accepted() -> bool:
        try:
            await layer.group_send(group, message(n))
        except RedisError:
            return False
        return True

    await until("the layer to accept a message", is_accepted)


async def member_of(layer: Any, group: str) -> str:
    """A new channel in a group, that has seen a first message pass: it is certainly in."""
    channel: str = await layer.new_channel()
    await layer.group_add(group, channel)
    await layer.send(channel, message(END))
    await read_until_end(layer, channel)
    return channel


async def missed(layer: Any, channel: str, sent: list[Any]) -> Shown:
    """Ends the stream by a direct message, and compares what came with what was sent."""
    await layer.send(channel, message(END))
    got = await read_until_end(layer, channel)
    return Shown(got == sent, f"sent {brief(sent)}, got {brief(got)}")


def blocked_clients(redis: RedisServer) -> int:
    """How many clients wait in Redis for something to be there."""
    info = redis.cli("INFO", "clients")
    assert isinstance(info, dict), info
    return int(info["blocked_clients"])


def brief(marks: list[Any]) -> str:
    """A list in few words."""
    return str(marks) if len(marks) <= 8 else f"{len(marks)} messages"
