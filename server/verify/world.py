"""A whole server in simulation: real gateways and loops over a simulated layer, real client machines, every fault on call.

Built for one room type of a plan. The schedule (a program of `server.verify.programs`, or a test) calls its methods and
lets time pass with `advance`; what happens goes into ``trace``. All that is random comes from one seed.
"""

import sys
import traceback
from collections.abc import Callable, MutableMapping
from random import Random
from typing import Any, Self

import structlog
from attrs import define, field

from game.wire import messages as m
from server.clock import monotonic, sleep_until
from server.rooms.room import Room
from server.routing.plan import Plan, RoutePlan
from server.verify import trace as tr
from server.verify.again import Kept
from server.verify.drill import is_authors
from server.verify.offices import Offices
from server.verify.processes import SimGateway, SimLoopProcess, SimProcess
from server.verify.sharing import Sharing
from server.verify.simclient import SimClient
from server.verify.simlayer import Broker, Kind, Weather
from server.verify.simloop import SimLoop
from server.verify.simsockets import DELAY_S as SOCKET_DELAY_S

ALIASES = ("frames", "control")
MEASURE_EVERY_S = 0.5
SETTLE_MAX_S = (
    45.0  # the longest repairs: a lost room that nobody makes anew (LOST_FOR_S), once its loop's silence is noticed
)
SETTLE_MIN_S = 7.0  # what is broken and not noticed yet: a deaf layer (3.5 s), a silent loop (6 s)
WATCH_S = 4.0
TICK_S = 0.05
CODE = "ROOM"
STEADY_DELAY_S = 0.001  # of a socket
STEADY_APART_S = 0.0004  # of the two aliases
STEADY_QUERY_S = 0.02  # so slow that many wait for it at once


@define(eq=False)
class World:
    """``gateways`` and ``loops`` are the living processes. Use it as a context manager, or call `close`.

    ``on_room`` sees each room before its first tick (two-run experiments change how it cuts). ``is_steady``: everything on
    the way takes the same time always, and no chance is shared, so that who comes or not changes nothing for others.
    """

    plan: Plan
    room: str
    seed: int = 0
    kind: Kind = "pubsub"
    gateway_count: int = 2
    keeps_bytes: bool = False
    on_room: Callable[[Room], None] | None = None
    is_steady: bool = False
    socket_delay_s: tuple[float, float] = SOCKET_DELAY_S
    loop: SimLoop = field(factory=SimLoop)
    trace: tr.Trace = field(factory=tr.Trace)
    random: Random = field(init=False)
    offices: Offices = field(init=False)
    sharing: Sharing = field(factory=Sharing)
    brokers: dict[str, Broker] = field(init=False)
    gateways: list[SimGateway] = field(factory=list)
    loops: list[SimLoopProcess] = field(factory=list)
    clients: dict[str, SimClient] = field(factory=dict)
    frames_delivered: int = 0
    inputs_answered: int = 0
    faults: dict[str, int] = field(factory=dict)
    kept: list[Kept] = field(factory=list)
    _conns: dict[int, Callable[[], str]] = field(factory=dict)
    _made: int = 0
    _sockets_made: int = 0
    _log_before: dict[str, Any] = field(factory=dict)
    _is_measuring: bool = True

    def __attrs_post_init__(self) -> None:
        self.random = Random(self.seed)
        self.trace.keeps_bytes = self.keeps_bytes
        self.offices = Offices(Random(self.random.random()), self.trace)
        self.brokers = {alias: Broker(self.kind, Random(self.random.random())) for alias in ALIASES}
        if self.is_steady:
            self.set_weather(delay_s=(0.0, 0.0))
            self.brokers["control"].weather.apart_s = STEADY_APART_S
            self.socket_delay_s = STEADY_DELAY_S, STEADY_DELAY_S
            self.offices.query_s, self.offices.seeds = (STEADY_QUERY_S, STEADY_QUERY_S), str(self.seed)
        self._log_before = structlog.get_config()
        structlog.configure(processors=[self._note_log], cache_logger_on_first_use=False)
        self.do(self._start)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def _start(self) -> None:
        for _ in range(self.gateway_count):
            await self.start_gateway()
        await self.start_loop()
        self.loop.create_task(self._measure())

    def close(self) -> None:
        """Takes the world down. Nothing is recorded any more."""
        if not self.loop.is_closed():
            self.trace.is_open = False
            self.loop.finish()
            structlog.configure(**self._log_before)

    # ---- time

    def do(self, action: Callable[[], Any]) -> Any:
        """Runs a function, or what an async function returns, inside the loop, at the present instant."""

        async def act() -> Any:
            result = action()
            return await result if hasattr(result, "__await__") else result

        return self.loop.run(act())

    def advance(self, seconds: float) -> None:
        """Lets virtual time pass."""
        self.do(lambda: sleep_until(monotonic() + seconds))

    @property
    def now(self) -> float:
        """Virtual seconds."""
        return self.loop.now

    # ---- processes

    async def start_gateway(self) -> SimGateway:
        """One more gateway process."""
        self._made += 1
        gateway = SimGateway(f"gw{self._made}", self)
        self.gateways.append(gateway)
        await gateway.start()
        return gateway

    async def start_loop(self) -> SimLoopProcess:
        """One more loop process."""
        self._made += 1
        process = SimLoopProcess(f"loop{self._made}", self)
        self.loops.append(process)
        await process.start()
        return process

    def choose_gateway(self, name: str | None = None) -> SimGateway | None:
        """The named gateway, or any; None where there is none."""
        found = [gateway for gateway in self.gateways if gateway.name == name]
        if found:
            return found[0]
        return self.random.choice(self.gateways) if self.gateways else None

    def connect_layer(self, alias: str, process: str) -> Any:
        """A process's connection to an alias of the layer."""
        return self.brokers[alias].connect(process)

    # ---- clients

    def client(
        self,
        route: RoutePlan,
        *,
        is_binary: bool = True,
        slots: int = 1,
        gateway: str | None = None,
        resume_of: SimClient | None = None,
        code: str = CODE,
    ) -> SimClient:
        """A new client of a route, on its way in. ``resume_of``: a second tab, with the first one's token."""
        name = f"c{len(self.clients) + 1}"
        random = Random(self.random.random())
        client = SimClient(name, self, route, code, random, is_binary, slots, sticks_to=gateway)
        if resume_of is not None:
            first = resume_of.machine.hello
            client.machine.hello = m.Hello(token=first.token, name=first.name, slots=first.slots, resume=first.resume)
        self.clients[name] = client
        self.do(client.connect)
        return client

    def route_of(self, role: str) -> RoutePlan | None:
        """The room's first route for a role."""
        routes = (route for route in self.plan.routes if route.room.name == self.room and route.role.value == role)
        return next(routes, None)

    def new_socket(self, conn: Callable[[], str]) -> int:
        """A socket's number. ``conn()`` tells the connection's id once the consumer has made it."""
        self._sockets_made += 1
        self._conns[self._sockets_made] = conn
        return self._sockets_made

    def conn_of(self, number: int) -> str:
        """The connection's id on a socket."""
        return self._conns[number]()

    # ---- faults

    def note_fault(self, name: str, target: str = "") -> None:
        """Something goes wrong."""
        self.faults[name] = self.faults.get(name, 0) + 1
        self.trace.add(tr.Fault(self.now, name, target))

    def set_weather(self, **changes: Any) -> None:
        """Loss, duplicates, reordering, delay or capacity of both aliases."""
        for broker in self.brokers.values():
            for name, value in changes.items():
                setattr(broker.weather, name, value)

    def restart_layer(self, down_s: float) -> None:
        """The back end dies, forgets everything, and is back after a while."""
        self.note_fault("layer_restart")
        for broker in self.brokers.values():
            broker.restart()
        self.advance(down_s)
        for broker in self.brokers.values():
            self.do(broker.back)

    def expire_groups(self, alias: str) -> None:
        """The memberships of every group run out."""
        self.note_fault("group_expiry", alias)
        for group in self.brokers[alias].groups():
            self.brokers[alias].expire(group)

    def deafen(self, process: str, alias: str) -> None:
        """A process's link to the layer is half-open: it hears nothing, and nothing is raised."""
        layer = self.brokers[alias].layers.get(process)
        if layer is not None:
            self.note_fault("deaf_subscriber", f"{process} {alias}")
            layer.deaf |= layer.channels

    def disconnect(self, process: str, alias: str, for_s: float) -> None:
        """A process's link breaks and comes back."""
        layer = self.brokers[alias].layers.get(process)
        if layer is not None:
            self.note_fault("layer_disconnect", f"{process} {alias}")
            layer.lose_connection()
            self.advance(for_s)
            self.do(layer.reconnect)

    def kill_gateway(self, index: int) -> None:
        """SIGKILL; another one starts half a second later."""
        if self.gateways:
            gateway = self.gateways.pop(index % len(self.gateways))
            self.note_fault("gateway_killed", gateway.name)
            self.do(gateway.die)
            self.advance(0.5)
            self.do(self.start_gateway)

    def kill_loop(self) -> None:
        """SIGKILL; another one starts half a second later."""
        if self.loops:
            process = self.loops.pop()
            self.note_fault("loop_killed", process.name)
            self.do(process.die)
            self.advance(0.5)
            self.do(self.start_loop)

    def stall(self, process: SimProcess, for_s: float) -> None:
        """The process stands still, as under SIGSTOP."""
        self.note_fault("stall", process.name)
        process.process.held_until = self.now + for_s

    def step_wall_clock(self, by_s: float) -> None:
        """The wall clock jumps."""
        self.note_fault("clock_step_back" if by_s < 0 else "clock_step_forward")
        self.loop.wall_offset_s += by_s

    def notify(self, client: SimClient, text: str) -> None:
        """A notice to a client's user: written down first, then sent to the user's group."""
        number = len(self.offices.notices) + 1
        identity = f"id-{client.name}"
        self.offices.notices[number] = (identity, text)
        if self.loops:
            self.do(lambda: self.loops[0].send_notice(number, identity, text))

    def kick(self, client: SimClient, *, by_seat: bool = False, reason: str = "enough") -> None:
        """The staff remove somebody, through any gateway: whoever is in its first seat now, or by its identity."""
        gateway, welcome = self.choose_gateway(), client.machine.welcome
        seat = welcome.seats[0].seat if by_seat and welcome and welcome.seats else None
        if gateway is not None:
            self.do(lambda: gateway.ask_kick(CODE, seat, "" if seat is not None else client.identity, reason))

    def revoke(self, client: SimClient) -> None:
        """An account is deactivated: written down first, then told to its group."""
        identity = client.identity
        self.offices.revoked[identity] = None
        self.trace.add(tr.Revoked(self.now, identity))
        if self.loops:
            self.do(lambda: self.loops[0].send_account(identity))

    def heal(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Ends every fault, lets everybody come back who may, and waits until all is well, or for SETTLE_MAX_S.

        Then it watches for a while that all stays well. ``meanwhile()`` is called in each tick of people's time: while
        the repairs have to happen, and while it watches.
        """
        for broker in self.brokers.values():
            broker.weather = Weather()
        for client in self.clients.values():
            client.swallows = 0
            socket = client.socket
            if socket is not None and not socket.is_closed:
                self.do(socket.read_on)
                if socket.is_half_open:
                    # Its user reloads the page; the server finds out by itself.
                    self.do(self._giving_up(client))
        busy_until = max([self.offices.down_until, *(p.process.held_until for p in [*self.gateways, *self.loops])])
        self.advance(max(0.0, busy_until - self.now) + 0.1)
        self.trace.add(tr.Healed(self.now))
        deadline = self.now + SETTLE_MAX_S
        self._live_on(SETTLE_MIN_S, meanwhile)
        while self.now < deadline and not self.is_well():
            self.advance(0.5)
        self.trace.add(tr.Settled(self.now))
        self._live_on(WATCH_S, meanwhile)
        self.finish_trace()

    def _live_on(self, seconds: float, meanwhile: Callable[[], None]) -> None:
        for _ in range(round(seconds / TICK_S)):
            meanwhile()
            self.advance(TICK_S)

    def is_well(self) -> bool:
        """Whether everybody who wants in is in, sees the newest (a delayed client: of its delay ago), and waits for no answer."""
        wanted = [client for client in self.clients.values() if client.wants_in and not client.is_kept_out]
        if any(not client.is_live or client.machine.unanswered for client in wanted):
            return False
        hz = self.plan.rooms[self.room].tick_hz
        shown = [(c.machine.tick, c.machine.welcome.delay_s) for c in wanted if c.machine.welcome]
        newest = max((tick for tick, _ in shown), default=0)
        return all(newest - tick <= (1.0 + delay_s) * hz for tick, delay_s in shown)

    def _giving_up(self, client: SimClient) -> Callable[[], None]:
        def give_up() -> None:
            socket = client.socket
            if socket is not None and not socket.is_closed:
                socket.is_closed = True
                client.on_close(1006, "half open")

        return give_up

    def finish_trace(self) -> None:
        """The last events: replays of what is held, names that reached the layer, and how everybody stands."""
        for process in self.loops:
            self.kept += self.do(process.replay_all)
        for broker in self.brokers.values():
            for name in sorted(broker.names):
                self.trace.add(tr.Named(self.now, name))
        self._note_sizes()
        rows = tuple(
            (c.name, c.socket.number if c.socket else 0, c.is_live, c.wants_in, tuple(sorted(c.machine.unanswered)))
            for c in self.clients.values()
        )
        self.trace.add(tr.Finished(self.now, rows, tuple(self.loop.errors)))

    # ---- looking

    async def _measure(self) -> None:
        while self.trace.is_open:
            await sleep_until(monotonic() + MEASURE_EVERY_S)
            self._note_sizes()

    def _note_sizes(self) -> None:
        for process in [*self.gateways, *self.loops]:
            for queue, length, cap in process.sizes():
                if length * 2 > cap:
                    self.trace.add(tr.Measured(self.now, f"{process.name} {queue}", length, cap))

    def _note_log(self, _: object, method: str, event: MutableMapping[str, Any]) -> Any:
        if method in ("error", "exception", "critical", "warning"):
            error = sys.exc_info()[1] if event.get("exc_info") or method == "exception" else None
            detail = " ".join(
                f"{key}={value}" for key, value in sorted(event.items()) if key not in ("event", "exc_info")
            )
            where = ""
            if error is not None:
                where = (
                    _of_bot(error)
                    if event.get("event") == "bot.failed"
                    else _where(error, self.plan.rooms[self.room].game_class)
                )
            self.trace.add(tr.Logged(self.loop.now, method, str(event.get("event")), f"{detail} {where}".strip()))
        raise structlog.DropEvent


def _of_bot(error: BaseException) -> str:
    """A policy's error, and its line: that of the call that raised it, or of the ``act`` that returned what is no input."""
    frames = list(traceback.walk_tb(error.__traceback__))
    at = getattr(error, "where", "") or "".join(f"{frame.f_code.co_filename}:{line}" for frame, line in frames[-1:])
    return f"(the bot's own code failed, not the server's): {error!r} at {at}"


def _where(error: BaseException, kind: type) -> str:
    """The error and the line that raised it; whether the game's author has to look for it, or we."""
    places = list(traceback.walk_tb(error.__traceback__))
    mine = [place for place in places if is_authors(place[0], kind)]
    whose = "the game's own code failed, not the server's" if mine else "the server's code failed, not the game's"
    at = "".join(f" at {frame.f_code.co_filename}:{line}" for frame, line in (mine or places)[-1:])
    return f"({whose}): {error!r}{at}"


def subprotocol(*, is_binary: bool) -> str:
    """What a client offers."""
    return m.BIN if is_binary else m.JSON
