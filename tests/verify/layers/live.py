"""The verification's world on a real event loop, in real time, over a real channel layer: the same clients, taps and trace.

Gateways and loops are put together as in the simulated world, side by side in one process, each with layers of its own.
Faults are those that a real layer can have: connections killed, cut, half-open or standing still, a Redis that pauses or
restarts, a wall clock that steps.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, TypeVar, cast

from attrs import define, field

from server.layers import make_layer
from server.verify import trace as tr
from server.verify.simloop import Process, SimLoop
from server.verify.world import World
from tests.support.proxy import TcpProxy
from tests.support.redis import RedisServer
from tests.verify.layers.bench import Kind

T = TypeVar("T")
CLOSE_MAX_S = 5.0
TIE_S = 1e-10
LAYERS_OWN = {"RedisChannelLayer._clean_receive_backup"}  # a task that nobody awaits; its failure means a duplicate


class LiveLoop(asyncio.SelectorEventLoop):
    """A real loop with what the world asks of a simulated one.

    ``errors`` collects what no task of ours caught, ``layer_errors`` what the layer's own tasks left behind.
    """

    wall_offset_s = 0.0

    def __init__(self) -> None:
        super().__init__()
        self._timers_set = 0
        self.errors: list[str] = []
        self.layer_errors: list[str] = []
        self.set_exception_handler(self._collect)

    @property
    def now(self) -> float:
        """Seconds of the monotonic clock."""
        return self.time()

    def call_at(self, when: float, callback: Any, *args: Any, context: Context | None = None) -> asyncio.TimerHandle:  # type: ignore[override]  # as loosely typed as asyncio's own
        """Timers of one instant run in the order set, as the virtual network needs it; asyncio's heap does not see to it."""
        self._timers_set += 1
        return super().call_at(when + self._timers_set * TIE_S, callback, *args, context=context)

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Runs until `main` is done."""
        return self.run_until_complete(main)

    def owner_of(self, _: object) -> Process | None:
        """Tasks belong to nobody in particular: there is one real process."""
        return None

    def finish(self) -> None:
        """Cancels every task and closes."""
        tasks = asyncio.all_tasks(self)
        for task in tasks:
            task.cancel()
        self.run_until_complete(_gathered(tasks))
        self.close()

    def _collect(self, _: object, context: dict[str, Any]) -> None:
        error = f"{context.get('message')}: {context.get('exception')!r}"
        future = context.get("future")
        name = getattr(future.get_coro(), "__qualname__", "") if isinstance(future, asyncio.Task) else ""
        (self.layer_errors if name in LAYERS_OWN else self.errors).append(f"{name} {error}")


async def _gathered(tasks: "set[asyncio.Task[Any]]") -> None:
    await asyncio.gather(*tasks, return_exceptions=True)


class _Tapped:
    """A layer with a note of the names that reach it. Everything else is the layer's own."""

    def __init__(self, layer: Any, note: Callable[[str], None]) -> None:
        self._layer, self._note = layer, note

    def __getattr__(self, name: str) -> Any:
        return getattr(self._layer, name)

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        """As the layer's."""
        self._note(f"type {message['type']}")
        await self._layer.send(channel, message)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        """As the layer's."""
        self._note(f"type {message['type']}")
        self._note(f"group {group.partition('.')[0] if group.startswith('probe.') else group}")
        await self._layer.group_send(group, message)


@define(eq=False)
class LiveWorld(World):
    """``redis`` and ``proxy`` are None over the in-memory layer. The first gateway's link goes through the proxy.

    Django's `CHANNEL_LAYERS` must name the layer; a proxied process rewrites the port in what `make_layer` would use.
    """

    layer_kind: Kind = field(kw_only=True)
    redis: RedisServer = field(kw_only=True)
    proxy: TcpProxy = field(kw_only=True)
    loop: SimLoop = field(factory=lambda: cast(SimLoop, LiveLoop()))
    names: dict[str, None] = field(factory=dict)
    _layers: list[Any] = field(factory=list)

    def connect_layer(self, alias: str, process: str) -> Any:
        """A process's layer, with connections of its own."""
        layer = make_layer(f"{alias}_proxied" if process == "gw1" and self.layer_kind != "memory" else alias)
        self._layers.append(layer)
        return _Tapped(layer, self._note_name)

    def _note_name(self, name: str) -> None:
        self.names[name] = None

    def close(self) -> None:
        """Takes the world down, and the layers' connections first."""
        if not self.loop.is_closed():
            self.trace.is_open = False
            self.do(self._close_layers)
        super().close()

    async def _close_layers(self) -> None:
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)
        async with asyncio.timeout(CLOSE_MAX_S):
            for layer in self._layers:
                await (layer.close_pools() if self.layer_kind == "core" else layer.flush())

    def finish_trace(self) -> None:
        """As in the simulated world, with the names that the taps saw."""
        for name in sorted(self.names):
            self.trace.add(tr.Named(self.now, name))
        super().finish_trace()

    # ---- faults of a real layer

    def kill_connections(self, client_type: str) -> None:
        """Redis ends all connections of a type: CLIENT KILL."""
        self.note_fault("client_kill", client_type)
        self.redis.cli("CLIENT", "KILL", "TYPE", client_type)

    def pause_redis(self, for_s: float) -> None:
        """SIGSTOP for a while."""
        self.note_fault("redis_paused", f"{for_s} s")
        self.redis.pause()
        self.advance(for_s)
        self.redis.resume()

    def restart_redis(self) -> None:
        """SIGKILL, and a new one that knows nothing."""
        self.note_fault("redis_restarted")
        self.redis.restart()

    def cut_links(self) -> None:
        """Resets the first gateway's connections."""
        self.note_fault("link_cut", "gw1")
        self.proxy.cut()

    def half_open_links(self) -> None:
        """The first gateway's connections are dead, and nobody is told."""
        self.note_fault("link_half_open", "gw1")
        self.proxy.half_open()

    def blackhole_links(self, for_s: float) -> None:
        """Nothing passes over the first gateway's connections for a while."""
        self.note_fault("link_stands_still", f"gw1 {for_s} s")
        self.proxy.blackhole()
        self.advance(for_s)
        self.proxy.heal()
