"""A whole server in one event loop without a database or a port: real hub, holder, ports on an in-memory layer, consumers."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from attrs import define, field, frozen
from channels.layers import InMemoryChannelLayer
from channels.testing import WebsocketCommunicator

from game.view import View
from game.wire import messages as m
from game.wire.client import Client, ClientState
from game.wire.frames import FrameKind, decode_frame
from server.clock import monotonic
from server.relay import envelope as e
from server.relay.hub import Hub
from server.relay.port import Port
from server.rooms.holder import Holder, Incident, Services
from server.rooms.load import Load
from server.routing.compile import router_of
from server.routing.plan import Plan
from server.sockets.consumer import RoomConsumer
from server.sockets.gateway import Directory, Gateway, People
from server.sockets.refuse import with_no_such_route
from server.sockets.who import Who
from tests.server.rooms.world import _eval

NODE = "loop-1"


@frozen
class Row:
    """A room's row in the directory."""

    incarnation: str
    code: str
    room_type: str
    seed: int = 1
    epoch: int = 0
    holder: str = ""
    holder_channel: str = ""
    options: dict[str, Any] = field(factory=dict)


class Unloaded(Load):
    """A loop that takes whoever comes: this process is pytest's, and what holds it up is no load of rooms."""

    def beat(self, now: float) -> bool:
        return False


@define(eq=False)
class Process:
    """`open` and `close` it; `socket` connects.

    ``held_at`` names what everybody has to wait for until `go_on`: scope, find, open, claim, missed or seen; ``stopped`` counts them.
    """

    plan: Plan
    rows: dict[str, Row] = field(factory=dict)
    incidents: list[Incident] = field(factory=list)
    closed: list[str] = field(factory=list)
    hub: Hub = field(init=False)
    holder: Holder = field(init=False)
    gateway: Gateway = field(init=False)
    app: Any = field(init=False)
    claim_error: str = ""
    is_fenced: bool = False
    held_at: str = ""
    stopped: int = 0
    _go_on: asyncio.Event = field(factory=asyncio.Event)
    _ports: list[Port] = field(factory=list)
    _tasks: list[asyncio.Task[None]] = field(factory=list)
    _sockets: list[WebsocketCommunicator] = field(factory=list)
    _made: int = 0

    async def open(self) -> None:
        """Starts the parts and waits until the gateway has heard the loop."""
        layers = {alias: InMemoryChannelLayer(capacity=10_000) for alias in ("frames", "control")}
        make = layers.__getitem__
        hub_ports = Port("frames", make, self._frames_to_hub), Port("control", make, self._to_hub)
        loop_ports = Port("frames", make, lambda _: None), Port("control", make, self._to_holder)
        self._ports = [*hub_ports, *loop_ports]
        self.hub = Hub("gate-1", *hub_ports, monotonic, lambda _a, _t: None)
        services = Services(self._claim, self._close, self._record, self._keep, repr, _eval, lambda: datetime.now(UTC))
        self.holder = Holder(NODE, *loop_ports, self.plan.rooms, services)
        self.holder._load = Unloaded()
        self.gateway = Gateway(self.hub, Directory(self._find, self._open_room, self._close), self._people(), monotonic)
        RoomConsumer.gateway = self.gateway
        for port in self._ports:
            await port.start()
        hub_ports[1].join(e.LOBBY_GROUP)
        self._tasks = [asyncio.create_task(self.holder.run()), asyncio.create_task(self._drive_hub())]
        self.app = with_no_such_route(router_of(self.plan))

    async def close(self) -> None:
        """Ends it all, the sockets first."""
        open_sockets = [socket.future for socket in self._sockets]
        for task in [*open_sockets, *self._tasks]:
            task.cancel()
        await asyncio.gather(*open_sockets, *self._tasks, return_exceptions=True)
        for port in self._ports:
            await port.stop()

    def socket(self, path: str, *subprotocols: str, address: str = "") -> WebsocketCommunicator:
        """A socket that is not connected yet. It is kept: one that nobody holds any more would be cancelled."""
        made = WebsocketCommunicator(self.app, path, subprotocols=list(subprotocols or (m.BIN,)))
        made.scope["client"] = [address, 4321] if address else None
        self._sockets.append(made)
        return made

    async def joined(
        self, path: str, token: str, *, resume: str | None = None, name: str | None = None, address: str = ""
    ) -> "Player":
        """A client at a socket of its own that has its first frame, or was turned away: see its ``code``."""
        socket = self.socket(path, address=address)
        is_connected, chosen = await socket.connect()
        assert is_connected and chosen == m.BIN
        schema = self.plan.rooms["parlour"].schema
        player = Player(socket, Client(m.Hello(token=token, name=name, resume=resume), schema=schema))
        await player.join()
        return player

    def _frames_to_hub(self, message: dict[str, Any]) -> None:
        self.hub.on_frames(message)

    def _to_holder(self, message: dict[str, Any]) -> None:
        self.holder.on_control(message)

    def _to_hub(self, message: dict[str, Any]) -> None:
        self.hub.on_control(message)

    async def _drive_hub(self) -> None:
        while True:
            self.hub.tick(monotonic())
            self.gateway.poll(monotonic())
            await asyncio.sleep(0.005)

    def go_on(self) -> None:
        """Nobody has to wait any longer."""
        self.held_at = ""
        self._go_on.set()

    async def _wait_at(self, place: str) -> None:
        if place == self.held_at:
            self.stopped += 1
            await self._go_on.wait()

    async def _find(self, code: str) -> Row | None:
        await self._wait_at("find")
        return self.rows.get(code)

    async def _open_room(self, room_type: str, code: str) -> Row:
        await self._wait_at("open")
        self._made += 1
        row = self.rows[code] = Row(f"{code}-{self._made}", code, room_type)
        return row

    async def _claim(self, incarnation: str) -> int | str:
        await self._wait_at("claim")
        if self.claim_error:
            return self.claim_error
        for code, row in self.rows.items():
            if row.incarnation == incarnation:
                channel = self.holder.control.channel
                self.rows[code] = Row(incarnation, code, row.room_type, row.seed, 1, NODE, channel)
        return 1

    async def _close(self, incarnation: str, epoch: int) -> None:
        self.closed.append(incarnation)
        self.rows = {code: row for code, row in self.rows.items() if row.incarnation != incarnation}

    async def _record(self, *_: Any) -> bool:
        return not self.is_fenced

    async def _keep(self, incident: Incident) -> None:
        self.incidents.append(incident)

    def _people(self) -> People:
        async def of_scope(_scope: Any) -> Who | str:
            await self._wait_at("scope")
            return "expected a token"

        async def missed(_identity: str) -> list[tuple[int, str]]:
            await self._wait_at("missed")
            return []

        async def seen(_identity: str, _ids: tuple[int, ...]) -> None:
            await self._wait_at("seen")

        return People(lambda token: Who(token, token.title(), "guest"), of_scope, missed, seen)


@define(eq=False)
class Player:
    """A client at the end of a socket."""

    socket: WebsocketCommunicator
    client: Client
    code: int | None = None

    @property
    def view(self) -> View:
        """What it sees."""
        assert self.client.view is not None
        return self.client.view

    @property
    def welcome(self) -> m.Welcome:
        """What it was welcomed with."""
        assert self.client.welcome is not None
        return self.client.welcome

    async def join(self) -> None:
        """Says hello and waits for the first frame."""
        self.client.start(monotonic())
        await self.until(lambda: self.client.state is ClientState.LIVE)

    async def until(self, what: Any, within_s: float = 8.0) -> None:
        """Exchanges messages until a condition holds or the socket closes."""
        end = monotonic() + within_s
        while not what() and self.code is None:
            assert monotonic() < end, f"{self.client.state} {self.client.goodbye}"
            self.client.poll(monotonic())
            for data in self.client.data_to_send():
                await self.socket.send_to(**{"bytes_data" if isinstance(data, bytes) else "text_data": data})
            if not await self.socket.receive_nothing(0.02, 0.01):
                self._take(await self.socket.receive_output(1))

    def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == "websocket.close":
            self.code = message["code"]
        else:
            data = message.get("bytes") or message["text"]
            assert not isinstance(data, bytes) or decode_frame(data).kind in FrameKind
            self.client.receive(data, monotonic())
