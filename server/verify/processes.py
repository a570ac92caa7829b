"""Simulated processes: a gateway with its consumers, a loop with its holder, put together as `server.wiring` does."""

import asyncio
import math
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any, Literal, Protocol

from attrs import define, field

from server.clock import keep_time, monotonic, sleep_until, stopwatch
from server.relay import envelope as e
from server.relay.drive import FLUSH_EVERY_S, drive
from server.relay.hub import Hub
from server.relay.link import WINDOW_ITEMS_MAX
from server.relay.port import QUEUE_MAX, Port
from server.rooms.inputs import UNACKED_ANSWERS_MAX, WAITING_MAX
from server.rooms.room import PENDING_MAX
from server.routing.compile import consumer_of
from server.routing.plan import RoutePlan
from server.sockets.consumer import RoomConsumer
from server.sockets.gateway import Gateway
from server.sockets.outlet import OUT_MAX, AsgiOutlet
from server.verify import trace as tr
from server.verify.again import Kept
from server.verify.simloop import Process
from server.verify.simsockets import Data, SimSocket
from server.verify.watch import WatchedHolder

if TYPE_CHECKING:
    from server.verify.world import World

UNREAD_BYTES_MAX = 1 << 20
GRIDS_APART_S = 0.0013


class OnGrid(asyncio.Event):
    """An event that is heard of at whole FLUSH_EVERY_S only: when one flush is does not depend on when the last one was.

    Each process has a grid of its own, ``offset_s`` behind the whole ones, so that no two of them flush in one instant.
    """

    def __init__(self, offset_s: float) -> None:
        super().__init__()
        self.offset_s = offset_s

    async def wait(self) -> Literal[True]:
        """As `asyncio.Event.wait`, and on to the next point of the grid."""
        await super().wait()
        since = (monotonic() - self.offset_s) / FLUSH_EVERY_S
        await sleep_until((math.floor(since + 1e-6) + 1) * FLUSH_EVERY_S + self.offset_s)
        return True


class SocketUser(Protocol):
    """Whoever has a socket's other end."""

    name: str
    route: RoutePlan
    room_code: str
    random: Random

    @property
    def delay_s(self) -> tuple[float, float]:
        """How long a message takes, from and to."""

    @property
    def offers(self) -> list[str]:
        """The subprotocols."""

    def served_by(self, consumer: type[RoomConsumer], gateway: "SimGateway", /) -> type[RoomConsumer]:
        """The consumer's class, perhaps with a look into it."""

    def on_data(self, data: Data, /) -> None:
        """A message of the server."""

    def on_close(self, code: int, why: str, /) -> None:
        """The socket is closed."""


Size = tuple[str, int, int]


@define(eq=False)
class SimProcess:
    """A process with two ports."""

    name: str
    world: "World"
    process: Process = field(init=False)
    ports: list[Port] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.process = Process(self.name)

    def _port(self, alias: str, deliver: Any, on_reset: Any = lambda: None) -> Port:
        port = Port(alias, lambda name: self.world.connect_layer(name, self.name), deliver, on_reset)
        self.ports.append(port)
        return port

    def _run(self, coroutine: Any) -> "asyncio.Task[Any]":
        return self.process.start(coroutine, self.world.loop)

    def sizes(self) -> list[Size]:
        """(queue, length, cap) of every bounded queue."""
        return [(f"port {port.alias}", len(port._queue), QUEUE_MAX) for port in self.ports]


class WatchedHub(Hub):
    """The real hub; ``on_push`` hears of each item that a connection has for a room."""

    on_push: Callable[[e.ToLoop], None] | None = None

    def push(self, node: str, item: e.ToLoop) -> None:
        """As the hub does."""
        if self.on_push is not None:
            self.on_push(item)
        super().push(node, item)


@define(eq=False)
class SimGateway(SimProcess):
    """A gateway process; `open_socket` is its Daphne."""

    hub: WatchedHub = field(init=False)
    gateway: Gateway = field(init=False)
    consumers: dict[str, type[RoomConsumer]] = field(factory=dict)
    sockets: dict[int, tuple[SimSocket, RoomConsumer]] = field(factory=dict)
    next_conn: str = ""
    _conns: int = 0

    async def start(self) -> None:
        """As `Parts._start_gateway` does."""
        await self._run(self._start())

    async def _start(self) -> None:
        frames = self._port("frames", lambda message: self.hub.on_frames(message), lambda: self.hub.on_frames_reset())
        control = self._port("control", lambda message: self.hub.on_control(message))
        wake = OnGrid(len(self.world.gateways) * GRIDS_APART_S) if self.world.is_steady else asyncio.Event()
        self.hub = WatchedHub(self.name, frames, control, monotonic, lambda announcement, now: None, wake.set)
        offices = self.world.offices
        self.gateway = Gateway(self.hub, offices.directory(), offices.people(), monotonic, self._new_conn)
        self._run(keep_time(lambda slept_s: None))
        for port in self.ports:
            await port.start()
        control.join(e.LOBBY_GROUP)
        self._run(drive(self.hub, wake, self.gateway.poll))
        self._run(self.gateway.revocation.run())

    def _new_conn(self) -> str:
        if self.next_conn:  # a hostile connection's: it takes no number from the others
            conn, self.next_conn = self.next_conn, ""
            return conn
        self._conns += 1
        return f"{self.name}-{self._conns:04d}"

    def open_socket(self, client: SocketUser) -> SimSocket:
        """A socket of a client, served by the route's own consumer class."""
        consumer = client.served_by(self._consumer(client.route), self)()
        number = self.world.new_socket(lambda: consumer.connection.conn if consumer.connection else "")
        socket = SimSocket(number, client.random, client.on_data, client.on_close, client.delay_s)
        if self.world.trace.keeps_bytes:
            socket.on_written = lambda data: self._wrote(client.name, number, data)
        scope = {
            "type": "websocket",
            "path": client.route.path.replace("{room}", client.room_code),
            "subprotocols": client.offers,
            "url_route": {"args": (), "kwargs": {"room": client.room_code}},
            "headers": [],
        }
        self.sockets[number] = (socket, consumer)
        self._run(self._serve(number, consumer, scope, socket))
        return socket

    async def _serve(self, number: int, consumer: RoomConsumer, scope: Any, socket: SimSocket) -> None:
        await consumer(scope, socket.app_receive, socket.app_send)
        self.sockets.pop(number, None)

    def _wrote(self, client: str, number: int, data: bytes | str) -> None:
        raw = data if isinstance(data, bytes) else data.encode()
        self.world.trace.add(tr.Wrote(stopwatch(), client, number, raw))

    def _consumer(self, route: RoutePlan) -> type[RoomConsumer]:
        """A class of this process's own, so that several gateways live side by side."""
        if route.name not in self.consumers:
            base = consumer_of(route)
            self.consumers[route.name] = type(base.__name__, (base,), {"gateway": self.gateway})
        return self.consumers[route.name]

    def ask_kick(self, code: str, seat: int | None, identity: str, reason: str) -> None:
        """As the lobby's view does."""
        self._run(self.gateway.kicks.kick(code, seat, identity, reason, "staff"))

    def die(self) -> None:
        """SIGKILL."""
        self.process.kill(self.world.loop)
        for socket, _ in self.sockets.values():
            socket.server_died()

    def sizes(self) -> list[Size]:
        """(queue, length, cap) of every bounded queue."""
        links = self.hub.loops.links.values()
        rows = [(f"link {link.peer}", len(link._unacked), WINDOW_ITEMS_MAX) for link in links]
        for number, (socket, consumer) in self.sockets.items():
            rows.append((f"unread bytes of socket {number}", socket.unread_bytes, UNREAD_BYTES_MAX))
            outlet = consumer.connection.outlet if consumer.connection is not None else None
            if isinstance(outlet, AsgiOutlet):
                rows.append((f"out of socket {number}", len(outlet._waiting), OUT_MAX))
        return super().sizes() + rows


@define(eq=False)
class SimLoopProcess(SimProcess):
    """A loop process."""

    holder: WatchedHolder = field(init=False)

    async def start(self) -> None:
        """As `Parts._start_loop` does."""
        await self._run(self._start())

    async def _start(self) -> None:
        frames = self._port("frames", lambda _: None, lambda: self.holder.on_frames_reset())
        control = self._port("control", lambda message: self.holder.on_control(message))
        world = self.world
        services = world.offices.services(self.name, lambda: control.channel)
        self.holder = WatchedHolder(
            self.name, frames, control, world.plan.rooms, services, trace=world.trace, on_room=world.on_room
        )
        self._run(keep_time(self.holder.note_slept))
        for port in self.ports:
            await port.start()
        self._run(self.holder.run())

    def send_notice(self, number: int, identity: str, text: str) -> None:
        """As the notices' sender does: to the user's group, after the row was written."""
        message = {"type": e.NOTICE, "v": e.VERSION, "id": number, "text": text, "audience": "user", "to": identity}
        self.ports[1].group_send(e.user_group(identity), message)

    def send_account(self, identity: str) -> None:
        """As the process does in which an account was saved."""
        message = {"type": e.ACCOUNT, "v": e.VERSION, "id": identity}
        self.ports[1].group_send(e.user_group(identity), message)

    def replay_all(self) -> list[Kept]:
        """Plays every room's record again, and returns what was recorded."""
        return self.holder.replay_all()

    def die(self) -> None:
        """SIGKILL."""
        self.process.kill(self.world.loop)

    def sizes(self) -> list[Size]:
        """(queue, length, cap) of every bounded queue."""
        rows: list[Size] = []
        for held in self.holder.rooms.values():
            rows.append(("room arrivals", len(held.room._pending), PENDING_MAX))
            for seat, queue in held.room.match.inputs.items():
                rows.append((f"inputs of seat {seat}", len(queue.waiting), WAITING_MAX))
                rows.append((f"answers of seat {seat}", len(queue._answers), UNACKED_ANSWERS_MAX))
        links = self.holder._links.values()
        rows += [(f"link {link.peer}", len(link._unacked), WINDOW_ITEMS_MAX) for link in links]
        return super().sizes() + rows
