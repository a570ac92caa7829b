"""One process's place in one channel layer: a channel of its own, groups joined once, a sender that nobody waits for.

Uses the layer's public API alone. `receive` is never cancelled while its layer is in use. A heartbeat through the layer
itself, by a group of the port's own, finds a connection that went deaf and groups that a restarted back end forgot: after
3 s of silence a fresh layer instance takes its place. Gateways and loops own one port per alias; what the messages mean is
theirs.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import structlog
from attrs import define, field

from server.clock import monotonic, sleep_until
from server.layers import end_tasks
from server.ops.faults import Faults
from server.ops.metrics import count, observe
from server.relay.envelope import PROBE, VERSION

log = structlog.get_logger()

QUEUE_MAX = 20_000
SEND_DEADLINE_S = 1.0
PROBE_EVERY_S = 0.5
FIRST_PROBES_EVERY_S = 0.1
DEAF_AFTER_S = 3.0
DEAF_AFTER_PROBES = 4
REJOIN_EVERY_S = 3600.0
RECEIVE_RETRY_S = 0.2

Message = dict[str, Any]


@define(eq=False)
class Port:
    """``deliver(message)`` is called for each message that arrives; ``on_reset()`` after a fresh layer took over."""

    alias: str
    make_layer: Callable[[str], Any]
    deliver: Callable[[Message], None]
    on_reset: Callable[[], None] = lambda: None
    channel: str = ""
    sent: int = 0
    dropped: int = 0
    failed: int = 0
    resets: int = 0
    _layer: Any = None
    _queue: deque[Callable[[Any], Awaitable[None]]] = field(factory=deque)
    _work: asyncio.Event = field(factory=asyncio.Event)
    _groups: dict[str, None] = field(factory=dict)
    _unsettled: dict[str, None] = field(factory=dict)
    _refused: dict[str, None] = field(factory=dict)
    _receiver: asyncio.Task[None] | None = None
    _tasks: list[asyncio.Task[None]] = field(factory=list)
    _is_stopped: bool = False
    _refused_version: str = ""
    _faults: Faults = field(factory=Faults)
    _probe_group: str = field(factory=lambda: f"probe.{secrets.token_hex(8)}")
    _echo_at: float = 0.0
    _heard_at: float | None = None
    _probed_at: float = 0.0
    _unanswered_probes: int = 0

    async def start(self) -> None:
        """Opens the channel and begins to receive and send."""
        await self._open()
        self.join(self._probe_group)
        self._tasks = [asyncio.create_task(self._send_all()), asyncio.create_task(self._watch())]

    async def stop(self) -> None:
        """Leaves the groups and ends. What is queued is tried once."""
        for group in list(self._groups):
            self.leave(group)
        end = monotonic() + SEND_DEADLINE_S
        while (self._queue or self._unsettled) and monotonic() < end:
            await sleep_until(monotonic() + 0.01)
        self._is_stopped = True  # a cancel may be swallowed on its way through a back end
        await end_tasks(*self._tasks, *([self._receiver] if self._receiver else []))

    def hears(self, now: float) -> bool:
        """Whether its own echo came back through the layer lately: nothing else shows that messages arrive."""
        return self._heard_at is not None and now - self._heard_at <= DEAF_AFTER_S

    def send(self, channel: str, message: Message) -> None:
        """Queues a message for one channel."""
        self._put(lambda layer: layer.send(channel, message))

    def group_send(self, group: str, message: Message) -> None:
        """Queues a message for a group."""
        self._put(lambda layer: layer.group_send(group, message))

    def join(self, group: str) -> None:
        """This process wants a group's messages, now and after every reset."""
        if group not in self._groups:
            self._groups[group] = None
            self._settle(group)

    def leave(self, group: str) -> None:
        """No longer."""
        if group in self._groups:
            del self._groups[group]
            self._settle(group)

    def _settle(self, *groups: str) -> None:
        """The sender makes the layer agree with what is wanted. Memberships are no messages: no overflow drops them."""
        self._unsettled |= dict.fromkeys(groups)
        self._work.set()

    def _put(self, operation: Callable[[Any], Awaitable[None]]) -> None:
        if len(self._queue) >= QUEUE_MAX:
            self._queue.popleft()
            self.dropped += 1
            count("queue_overflows_total", queue=f"layer.{self.alias}", policy="drop_oldest")
        self._queue.append(operation)
        self._work.set()

    async def _open(self) -> None:
        layer = self.make_layer(self.alias)
        try:
            channel = await layer.new_channel()
        except BaseException:
            if layer is not self._layer:
                await _discard(layer)
            raise
        self._layer, self.channel = layer, channel
        self._echo_at, self._unanswered_probes = monotonic(), 0
        self._receiver = asyncio.create_task(self._receive_all(self._layer, self.channel))

    async def _receive_all(self, layer: Any, channel: str) -> None:
        while channel == self.channel and not self._is_stopped:
            try:
                message = await layer.receive(channel)
            except Exception as error:  # noqa: BLE001 - a back end's own errors: the layer is retried, never given up
                log.warning("layer.receive_failed", alias=self.alias, error=f"{type(error).__name__}: {error}")
                await sleep_until(monotonic() + RECEIVE_RETRY_S)
                continue
            try:
                self._on_message(message)
            except Exception as error:  # noqa: BLE001 - noted, with its stack
                self._faults.note(error, "layer.deliver_failed", "deliver", alias=self.alias, type=_type_of(message))

    def _on_message(self, message: Message) -> None:
        if message["type"] != PROBE:
            if message.get("v", VERSION) == VERSION:
                self.deliver(message)
            else:
                self._refuse(message)
            return
        self._on_echo()
        observe("layer_probe_seconds", self._echo_at - self._probed_at, alias=self.alias)

    def _refuse(self, message: Message) -> None:
        """A process of another version, in this deployment's place on the layer: counted, and logged once."""
        version = repr(message.get("v"))[:20]
        count("mismatches_total", where="layer", what="version")
        if self._refused_version != version:
            self._refused_version = version
            why = f"expected messages of version {VERSION}, got {version}"
            hint = "end the processes of the other version, or give this deployment a prefix of its own"
            log.warning(
                "layer.version_refused", alias=self.alias, type=str(message.get("type"))[:40], why=why, hint=hint
            )

    def _on_echo(self) -> None:
        now = monotonic()
        if self._heard_at is not None and not self.hears(now):
            log.info("layer.back", alias=self.alias, silent_s=round(now - self._heard_at, 1))
        self._echo_at = self._heard_at = now
        self._unanswered_probes = 0

    async def _send_all(self) -> None:
        while not self._is_stopped:
            await self._work.wait()
            self._work.clear()
            while self._queue or self._unsettled:
                if self._unsettled:
                    await self._settle_one(next(iter(self._unsettled)))
                if self._queue:
                    await self._send_one(self._queue.popleft())

    async def _settle_one(self, group: str) -> None:
        """Joins or leaves as wanted now; where the layer refuses, the watchdog tries again."""
        del self._unsettled[group]
        is_in = group in self._groups
        if not await self._send_one(partial(_add if is_in else _leave, group, self.channel)):
            self._refused[group] = None

    async def _send_one(self, operation: Callable[[Any], Awaitable[None]]) -> bool:
        try:
            async with asyncio.timeout(SEND_DEADLINE_S):
                await operation(self._layer)
        except Exception as error:  # noqa: BLE001 - a back end's own errors; what was lost is repaired by the protocol
            self.failed += 1
            count("layer_failures_total", alias=self.alias)
            log.warning("layer.send_failed", alias=self.alias, error=f"{type(error).__name__}: {error}")
            return False
        self.sent += 1
        return True

    async def _watch(self) -> None:
        rejoin_at = monotonic() + REJOIN_EVERY_S
        while not self._is_stopped:
            now = monotonic()
            await sleep_until(now + (PROBE_EVERY_S if self._heard_at is not None else FIRST_PROBES_EVERY_S))
            try:
                await self._look_after_layer()
            except Exception as error:  # noqa: BLE001 - noted, with its stack: who watches must not end
                self._faults.note(error, "layer.watch_failed", "port", alias=self.alias)
            if now > rejoin_at:
                rejoin_at = now + REJOIN_EVERY_S
                self._settle(*self._groups)
            self._settle(*self._refused)
            self._refused.clear()
            self._unanswered_probes += 1
            self._probed_at = monotonic()
            self._put(partial(_probe, self._probe_group))

    async def _look_after_layer(self) -> None:
        is_deaf = self._unanswered_probes >= DEAF_AFTER_PROBES and monotonic() - self._echo_at > DEAF_AFTER_S
        if is_deaf:
            await self._reset()

    async def _reset(self) -> None:
        """Builds a fresh layer in place of a deaf one."""
        log.warning("layer.deaf", alias=self.alias, silent_s=round(monotonic() - self._echo_at, 1))
        old, old_channel, old_receiver = self._layer, self.channel, self._receiver
        try:
            async with asyncio.timeout(DEAF_AFTER_S):
                await self._open()
        except Exception as error:  # noqa: BLE001 - still away: the next round tries again
            log.warning("layer.reset_failed", alias=self.alias, error=f"{type(error).__name__}: {error}")
            return
        if old_receiver is not None:
            old_receiver.cancel()
        self.resets += 1
        count("layer_revivals_total", alias=self.alias)
        self._settle(*self._groups)
        self.on_reset()
        for group in self._groups:  # where memberships live in the back end, it would fill the dead channel for a day
            self._put(partial(_leave, group, old_channel))
        if old is not self._layer:
            await _discard(old)


def _type_of(message: Any) -> str:
    return str(message.get("type"))[:40] if isinstance(message, dict) else type(message).__name__


async def _probe(group: str, layer: Any) -> None:
    await layer.group_send(group, {"type": PROBE, "v": VERSION})


async def _add(group: str, channel: str, layer: Any) -> None:
    await layer.group_add(group, channel)


async def _leave(group: str, channel: str, layer: Any) -> None:
    await layer.group_discard(group, channel)


async def _discard(layer: Any) -> None:
    """Closes what a layer that is no longer used may hold open, as far as its back end offers that."""
    closer = getattr(layer, "close_pools", None) or getattr(layer, "flush", None)
    if closer is None:
        return
    try:
        async with asyncio.timeout(SEND_DEADLINE_S):
            await closer()
    except Exception as error:  # noqa: BLE001 - it was broken already
        log.info("layer.discard_failed", error=f"{type(error).__name__}: {error}")
