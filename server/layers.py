"""`ROOMWRIGHT_LAYER` → Django's `CHANNEL_LAYERS`, with the options that keep each back end safe.

Three aliases, three instances: `frames` carries state, `control` everything else, so that neither waits behind the
other's lock or capacity; `default` is `control`'s twin for code that names no alias. Parsing is pure; `make_layer` is
the one function here that builds anything. Called by `server.settings`, the relay and the worker.
"""

import asyncio
import json
import re
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import SplitResult, urlsplit

from attrs import field, frozen

Kind = Literal["memory", "pubsub", "core", "other"]
FORMS = "memory://, redis://HOST:PORT/DB, redis+core://HOST:PORT/DB or package.module.Class {JSON options}"

# In-memory and core drop what exceeds a channel's capacity; 20 000 holds a second of 1 000 rooms at 20 Hz.
MEMORY_CAPACITY = 20_000
CORE_CAPACITY = 20_000
# The in-memory layer expires by the wall clock, which may step: only its capacity is to bound it.
FOREVER_S = 10 * 365 * 86_400

SEND_TIMEOUT_S = 2
CANCELS_MAX, CANCEL_EVERY_S = 10, 0.2

PUBSUB_SOCKET = {"socket_timeout": 2, "socket_connect_timeout": 2, "socket_keepalive": True}
# core blocks 5 s in BZPOPMIN: redis-py's default of 5 s would kill every idle receiver (channels_redis #422).
CORE_SOCKET = {"socket_timeout": 8, "socket_connect_timeout": 2, "socket_keepalive": True}


class BadLayerError(ValueError):
    """The text is not a layer; the message says what was expected and never repeats a password."""


@frozen
class LayerSpec:
    """One layer setting: which back end, and the configuration of each alias."""

    kind: Kind
    backend: str
    config: Mapping[str, Any] = field(repr=False)
    prefix: str = "roomwright"

    @property
    def is_shared(self) -> bool:
        """Whether other processes can meet us in it."""
        return self.kind != "memory"

    def channel_layers(self) -> dict[str, dict[str, Any]]:
        """The value of Django's `CHANNEL_LAYERS`."""
        return {
            alias: self._alias(name)
            for alias, name in (("frames", "frames"), ("control", "control"), ("default", "control"))
        }

    def _alias(self, name: str) -> dict[str, Any]:
        config = dict(self.config)
        if self.kind in ("pubsub", "core"):
            config["prefix"] = f"{self.prefix}.{name}"
        return {"BACKEND": self.backend, "CONFIG": config}


def parse_layer(text: str, prefix: str = "roomwright") -> LayerSpec:
    """Read one `ROOMWRIGHT_LAYER`.

    Raises:
        BadLayerError: the text is none of the four forms.
    """
    text = text.strip()
    scheme = text.partition("://")[0]
    if text == "memory://":
        config: dict[str, Any] = {"capacity": MEMORY_CAPACITY, "expiry": FOREVER_S, "group_expiry": FOREVER_S}
        return LayerSpec("memory", "server.memory_layer.MemoryLayer", config, prefix)
    if scheme in ("redis", "rediss"):
        host = {"address": _redis_address(text), **PUBSUB_SOCKET}
        return LayerSpec("pubsub", "channels_redis.pubsub.RedisPubSubChannelLayer", {"hosts": [host]}, prefix)
    if scheme in ("redis+core", "rediss+core"):
        host = {"address": _redis_address(text.replace("+core", "", 1)), **CORE_SOCKET}
        config = {"hosts": [host], "capacity": CORE_CAPACITY}
        return LayerSpec("core", "channels_redis.core.RedisChannelLayer", config, prefix)
    return _other(text, prefix)


def _redis_address(url: str) -> str:
    """The same URL once it is known to name exactly one host, a port and a database number."""
    if "," in url:
        raise BadLayerError(
            "expected exactly one host (with several, the core layer loses direct sends), got a list of hosts"
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # its text may quote a part of the password
        raise BadLayerError(f"expected {FORMS}, got a URL that does not parse") from None
    if not parts.hostname or parts.query or parts.fragment or not re.fullmatch(r"/?|/[0-9]{1,3}", parts.path):
        raise BadLayerError(f"expected {FORMS}, got {_without_password(parts)!r}")
    return url if port is not None else parts._replace(netloc=f"{parts.netloc.rstrip(':')}:6379").geturl()


def _without_password(parts: SplitResult) -> str:
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()[:80]


def _other(text: str, prefix: str) -> LayerSpec:
    name, _, options = text.partition(" ")
    if "://" in name or not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", name):
        raise BadLayerError(f"expected {FORMS}, got {name.rpartition('@')[2][:80]!r}")
    try:
        config = json.loads(options) if options.strip() else {}
    except json.JSONDecodeError as error:
        raise BadLayerError(f"expected a JSON object after {name}, got text that is not JSON ({error})") from error
    if not isinstance(config, dict):
        raise BadLayerError(f"expected a JSON object after {name}, got a {type(config).__name__}")
    return LayerSpec("other", name, config, prefix)


def make_layer(alias: str) -> Any:
    """A fresh instance for `alias`, with connections of its own: what replaces one that went deaf.

    The in-memory layer is the process's one instance instead: a second would be a world that nobody else is in.
    Channels ships no types, hence `Any`; callers use the layer specification's six methods only.
    """
    from channels.layers import InMemoryChannelLayer, channel_layers

    fresh = channel_layers.make_backend(alias)
    return channel_layers[alias] if isinstance(fresh, InMemoryChannelLayer) else fresh


async def end_tasks(*tasks: "asyncio.Task[Any]") -> None:
    """Cancels tasks until they have ended, for two seconds at most.

    Once is not enough for one that waits in a back end: channels_redis' core may lose a cancellation that meets a message or
    an error on its way, and go on waiting.
    """
    pending = set(tasks)
    for _ in range(CANCELS_MAX):
        if not pending:
            return
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_EVERY_S)


async def send_to_group(alias: str, group: str, message: Mapping[str, Any]) -> bool:
    """One rare message (a notice, a wake-up) to a group; False where the layer fails or takes longer than 2 s.

    For senders that have written to the database first, so that a lost message loses nothing.
    """
    from channels.layers import channel_layers

    try:
        async with asyncio.timeout(SEND_TIMEOUT_S):
            await channel_layers[alias].group_send(group, dict(message))
    except Exception:  # noqa: BLE001  every back end has its own family of errors, and none is the sender's
        return False
    return True
