"""A whole room in virtual time: one real Room, real Hubs, Feeds, Sessions and Clients of many viewers; no socket, no clock.

`RoomWorld` moves time on in steps of 10 ms and checks every frame that a client applies against what the room had cut at
that seq. `watch.py` holds the promises that it checks.
"""

from datetime import UTC, datetime
from typing import Any

from attrs import define, field

from game.view import View
from game.wire import messages as m
from game.wire import session as s
from game.wire.client import Answered, Applied, Client, ClientState
from game.wire.closecodes import BY_CODE, Close, Retry
from game.wire.ring import Ring
from game.wire.session import Session
from server.relay import envelope as e
from server.relay.hub import Hub
from server.relay.link import Batch, Link
from server.relay.members import sections_from
from server.rooms.claims import Claims
from server.rooms.dispatch import Dispatch
from server.rooms.outgoing import FrameOut, MatchOver, NewsOut, ToOne
from server.rooms.room import Room
from server.rooms.viewers import RoomFacts
from server.routing.plan import Plan, RoutePlan
from server.sockets.connection import input_item, rules_of
from tests.server.rooms.parlour import Do
from tests.server.rooms.watch import Watch
from tests.server.rooms.wires import Pipe, SimLayer, Weather

STEP_S = 0.01
LOOP, LOOP_CHANNEL = "loop-1", "loop-1!"
INCARNATION = "k7-1"
EPOCH = 7
STARTED = datetime(2026, 1, 1, tzinfo=UTC)


@define(eq=False)
class Desk:
    """The loop process around the room: links to the gateways, and the room's words into the layer."""

    world: "RoomWorld"
    links: dict[str, Link] = field(factory=dict)
    frames_channels: dict[str, str] = field(factory=dict)
    over: list[MatchOver] = field(factory=list)
    claims: Claims = field(factory=Claims)
    dispatch: Dispatch = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.dispatch = Dispatch(self.world.loop_frames, self.frames_channels.get)
        assert self.claims.begin(INCARNATION)

    def on_control(self, message: dict[str, Any]) -> None:
        """A gateway's batch."""
        now, peer = self.world.now, message["from"]
        link = self.links.get(peer)
        if link is None or link.number < message["link"]:
            link = self.links[peer] = Link(peer, message["reply"], now, message["link"])
        self.frames_channels[peer] = message["frames"]
        batch = Batch(message["first"], list(e.unpack_to_loop(message["d"])), message["ack"], message["settled"])
        for item in link.receive(batch, message["reply"], now):
            if not isinstance(item, e.Presence | e.Host):
                self.world.watch.on_item(peer, item)
                if INCARNATION in self.claims:
                    assert self.claims.put(peer, item)
                else:
                    self.world.room.receive(peer, item)

    def open_if_due(self) -> None:
        """The claim is decided: who waits is let in."""
        if INCARNATION in self.claims and self.world.now >= self.world.opens_at:
            for peer, item in self.claims.end(INCARNATION):
                self.world.room.receive(peer, item)

    def send(self) -> None:
        """What the room said since the last call."""
        for out in self.world.room.drain():
            match out:
                case ToOne():
                    self.world.watch.on_told(out.item)
                    if out.gateway in self.links:
                        self.links[out.gateway].push(out.item)
                case FrameOut():
                    self.dispatch.add(out)
                    self.dispatch.flush()
                case NewsOut():
                    group = e.room_group(out.news.incarnation, out.news.stream)
                    self.world.loop_control.group_send(group, e.layer_message(e.CONTROL, out.news, kind="news"))
                case MatchOver():
                    self.over.append(out)
                    self.world.room.result_is_written(out.result)

    def flush(self) -> None:
        """The links' batches."""
        for link in self.links.values():
            for b in link.batches(self.world.now):
                extra = {"kind": "link", "from": LOOP, "reply": LOOP_CHANNEL, "link": link.number}
                extra |= {"first": b.first, "ack": b.ack, "settled": b.settled}
                self.world.loop_control.send(link.channel, e.layer_message(e.CONTROL, b.items, **extra))


@define(eq=False)
class Socket:
    """One connection of a person, and the gateway's end of it (a `server.relay.members.Member`).

    It is the gateway's for as long as the gateway takes it to be open, whatever became of its far end.
    """

    world: "RoomWorld"
    identity: str
    route: RoutePlan
    gate: str
    conn: str
    session: Session = field(init=False)
    up: Pipe = field(factory=lambda: Pipe(STEP_S))
    down: Pipe = field(factory=lambda: Pipe(STEP_S))
    is_open: bool = True

    def __attrs_post_init__(self) -> None:
        self.session = Session(rules_of(self.route), True, self.world.now)
        self.world.watch.on_connect(self)

    @property
    def hub(self) -> Hub:
        """The gateway that it is connected to."""
        return self.world.hubs[self.gate]

    def close(self) -> None:
        """It is broken, and the gateway knows."""
        self.up.cut()
        self.down.cut()
        self.is_open = False
        self.hub.part(self, is_lost=True)

    def step(self) -> None:
        """The gateway looks at what has come in, and at its deadlines."""
        now = self.world.now
        for data in self.up.due(now):
            self.session.receive(data, now)
            self._obey()
            if self.session.is_waiting:
                self.hub.offer_now(self)
            self.flush()
        self.session.poll(now)
        self.flush()

    def step_unheard(self) -> None:
        """Nobody is at the far end any more: what is written is lost, and the gateway closes it in the end."""
        self.step()
        self.down.cut()
        if self.session.close is not None:
            self.close()

    def show(self, ring: Ring, now: float) -> None:
        """The newest frame."""
        self.session.offer(ring, now)
        self.flush()

    def fail(self) -> None:
        """As `server.sockets.connection` does it; the world sees to it that nothing of ours fails."""
        self.session.finish(Close.INTERNAL, "a fault on the server")

    def admit(self, joined: e.Joined, now: float) -> None:
        """As `server.sockets.connection` does it."""
        room = self.route.room
        seats = tuple(m.SeatGrant(g.slot, g.seat, g.generation, g.answered_through) for g in joined.seats)
        welcome = m.Welcome(
            "K7", joined.incarnation, self.route.name, self.route.role.value, joined.name, joined.epoch,
            room.schema.fingerprint, room.tick_hz, room.send_hz, seats, room.teams, joined.resume,
            chat_through=joined.chat_through,
        )  # fmt: skip
        chat_after = joined.chat[0].n - 1 if joined.chat else joined.chat_through
        self.session.attached(welcome, sections_from(joined.sections), joined.tick, now, chat_after)
        self.world.watch.on_admitted(self, joined)

    def turn_away(self, refused: e.JoinRefused, now: float) -> None:
        """No seat."""
        self.session.refuse(BY_CODE.get(refused.close, Close.INTERNAL), refused.reason, refused.retry_after_s)

    def write(self, message: bytes | str) -> None:
        """One message to the socket."""
        self.world.watch.on_written(self, message)
        self.down.put(message, self.world.now)

    @property
    def outlet(self) -> "Socket":
        """Itself: it takes all that is written."""
        return self

    @staticmethod
    def form(message: bytes | str) -> bytes | str:
        """As it is."""
        return message

    def send(self, message: bytes | str) -> int:
        """All of it."""
        self.write(message)
        return len(message)

    def leave(self, rest: bytes | str) -> None:
        """Nothing ever is left."""

    def flush(self) -> None:
        """To the socket."""
        self._obey()
        for data in self.session.data_to_send():
            self.write(data)

    def _obey(self) -> None:
        for command in self.session.commands():
            match command:
                case s.Attach(hello=hello):
                    self._attach(hello)
                case s.Submit():
                    self._to_loop(input_item(INCARNATION, self.conn, command))
                case s.Acknowledge(position=position):
                    self._to_loop(e.AckItem(INCARNATION, self.conn, position.epoch, position.seq))
                case s.WantKey():
                    self.hub.want_key(self)
                case s.SayLine(text=text):
                    self._to_loop(e.SayItem(INCARNATION, self.conn, text))
                case s.GiveUp():
                    self.hub.part(self, is_lost=False)
                case s.NoticesSeen():
                    pass

    def _attach(self, hello: m.Hello) -> None:
        audiences = tuple(audience.value for audience in self.route.groups)
        role, name = self.route.role.value, hello.name or self.identity
        item = e.Join(
            INCARNATION, self.conn, self.identity, name, role, audiences, hello.slots, hello.resume
        )  # fmt: skip
        self.hub.join(self, LOOP, LOOP_CHANNEL, item, None)

    def _to_loop(self, item: e.ToLoop) -> None:
        if self.hub.loop_of(self) is not None:
            self.hub.push(LOOP, item)


@define(eq=False)
class Person:
    """A viewer at home: its client and the socket that this talks through.

    ``left_behind`` are sockets that it has gone away from and that are still open for their gateway.
    """

    world: "RoomWorld"
    identity: str
    route: RoutePlan
    gate: str
    client: Client
    socket: Socket = field(init=False)
    left_behind: list[Socket] = field(factory=list)
    retry: Retry | None = None
    connections: int = 0
    sent: list[tuple[int, int, int]] = field(factory=list)
    answers: dict[tuple[int, int], list[tuple[int, str]]] = field(factory=dict)
    chat: list[m.ChatLine] = field(factory=list)
    refused: list[m.Refused] = field(factory=list)
    goodbyes: list[m.Goodbye] = field(factory=list)
    welcomes: list[m.Welcome] = field(factory=list)

    @property
    def conn(self) -> str:
        """The present connection's name."""
        return self.socket.conn

    @property
    def is_open(self) -> bool:
        """Whether it has a socket."""
        return self.socket.is_open and self.socket not in self.left_behind

    @property
    def is_in(self) -> bool:
        """Whether it has its first frame."""
        return self.is_open and self.client.state is ClientState.LIVE

    @property
    def view(self) -> View:
        """What it sees."""
        assert self.client.view is not None, f"{self.conn} was never welcomed"
        return self.client.view

    def connect(self, gate: str | None = None) -> None:
        """A new socket, with the resume token where there is one."""
        self.gate = gate or self.gate
        self.connections += 1
        conn = f"{self.identity}-{self.world.people.index(self)}-{self.connections}"
        self.socket = Socket(self.world, self.identity, self.route, self.gate, conn)
        self.retry = None
        self.client.start(self.world.now)

    def drop(self) -> None:
        """The socket breaks."""
        if self.is_open:
            self._closed(1006)

    def walk_away(self) -> None:
        """It hears nothing more, as when a phone changes networks: what it said still arrives, and the gateway does not know."""
        self.left_behind.append(self.socket)
        self.retry = self.client.closed(1006)

    def do(self, what: str, value: int, slot: int = 0, for_tick: int = 0) -> None:
        """Sends an input."""
        n = self.client.send_input(Do(what, value), slot, for_tick)
        self.sent.append((slot, n, value))

    def step(self) -> None:
        """10 ms at both ends of its sockets."""
        for socket in self.left_behind:
            socket.step_unheard()
        self.left_behind = [socket for socket in self.left_behind if socket.is_open]
        if not self.is_open:
            return
        now, socket = self.world.now, self.socket
        socket.step()
        for data in socket.down.due(now):
            self.client.receive(data, now)
            self._note()
        self.client.poll(now)
        for data in self.client.data_to_send():
            socket.up.put(data, now)
        if self.client.goodbye is not None:
            self._closed(self.client.goodbye.code)

    def _closed(self, code: int) -> None:
        self.socket.close()
        self.retry = self.client.closed(code)

    def _note(self) -> None:
        for news in self.client.news():
            match news:
                case m.Welcome():
                    self.welcomes.append(news)
                case m.Goodbye():
                    self.goodbyes.append(news)
                case m.Chat():
                    self.chat += news.lines
                case m.Refused():
                    self.refused.append(news)
                case Answered():
                    a = news.answer
                    self.answers.setdefault((a.slot, a.n), []).append((a.tick, a.reason))
                case Applied():
                    self.world.watch.on_applied(self, news.frame)


@define(eq=False)
class RoomWorld:
    """``gates`` names the gateways. Nothing here reads a clock: `advance` is time."""

    plan: Plan
    seed: int = 1
    gates: tuple[str, ...] = ("a", "b")
    now: float = 100.0
    layer: SimLayer = field(init=False)
    room: Room = field(init=False)
    watch: Watch = field(init=False)
    desk: Desk = field(init=False)
    hubs: dict[str, Hub] = field(factory=dict)
    kicked: list[e.Kicked] = field(factory=list)
    people: list[Person] = field(factory=list)
    loop_frames: Any = None
    loop_control: Any = None
    ticks: int = 0
    faults_expected: int = 0
    opens_at: float = 0.0

    def __attrs_post_init__(self) -> None:
        self.layer = SimLayer(self.seed, now=self.now)
        self.loop_frames = self.layer.port("frames", "loop-1-frames!", lambda _: None)
        self.desk = Desk(self)
        self.loop_control = self.layer.port("control", LOOP_CHANNEL, self.desk.on_control)
        for gate in self.gates:
            self._open_gate(gate)
        (room_plan,) = self.plan.rooms.values()
        facts = RoomFacts(INCARNATION, "K7", self.seed, EPOCH, STARTED, LOOP, lambda: LOOP_CHANNEL, repr, _eval)
        self.room = Room(room_plan, facts, self.now)
        self.watch = Watch(self.room)

    def _open_gate(self, gate: str) -> None:
        hub: Hub
        frames = self.layer.port("frames", f"{gate}-frames!", lambda message: hub.on_frames(message))  # noqa: PLW0108 - made below
        control = self.layer.port("control", f"{gate}-control!", lambda message: hub.on_control(message))  # noqa: PLW0108
        hub = self.hubs[gate] = Hub(gate, frames, control, lambda: self.now, lambda _a, _t: None)  # type: ignore[arg-type]
        hub.on_kicked = self.kicked.append

    def route(self, role: str) -> RoutePlan:
        """The route of a role."""
        return next(route for route in self.plan.routes if route.role.value == role)

    def person(self, role: str = "player", gate: str = "a", *, slots: int = 1, identity: str = "") -> Person:
        """Somebody new, connected."""
        route = self.route(role)
        hello = m.Hello(slots=slots)
        name = identity or f"p{len(self.people)}"
        person = Person(self, name, route, gate, Client(hello, schema=route.room.schema))
        self.people.append(person)
        person.connect()
        return person

    def kick(self, seat: int | None = None, identity: str = "", gate: str = "a", reason: str = "enough") -> None:
        """The staff ask a gateway; the answer goes to ``kicked``."""
        hub = self.hubs[gate]
        hub.loops.link_to(LOOP, LOOP_CHANNEL, self.now)
        hub.push(LOOP, e.Kick(INCARNATION, f"{gate}{self.now}", seat, identity, reason))

    def advance(self, seconds: float) -> None:
        """Time passes."""
        for _ in range(round(seconds / STEP_S)):
            self._step()

    def _step(self) -> None:
        self.now = round(self.now + STEP_S, 6)
        self.layer.advance(self.now)
        self.desk.open_if_due()
        period = 1.0 / self.room.plan.tick_hz
        while not self.room.is_over and 100.0 + (self.ticks + 1) * period <= self.now + 1e-9:
            self.ticks += 1
            self.room.tick(self.now)
            self.watch.on_tick(self.now)
        self.desk.send()
        self.desk.flush()
        for hub in self.hubs.values():
            hub.tick(self.now)
        self.layer.advance(self.now)
        for person in self.people:
            person.step()
        noted = self.room.faults.noted + sum(hub.faults.noted for hub in self.hubs.values())
        assert noted <= self.faults_expected, "a fault of ours was contained: see the log"

    def heal(self, seconds: float = 6.0) -> None:
        """No more faults; everybody who may comes back, and all settles."""
        self.layer.weather = Weather()
        self.advance(0.5)
        for person in self.people:
            if not person.is_open and person.retry in (Retry.BACKOFF, Retry.FRESH):
                person.connect()
        self.advance(seconds)

    def check_settled(self) -> None:
        """Call after `heal`: everybody who is in holds the room as it is, and nothing is open."""
        self.watch.check_settled([person for person in self.people if person.is_open])
        sockets = [
            socket for person in self.people for socket in (person.socket, *person.left_behind) if socket.is_open
        ]
        there = {socket.conn for socket in sockets}
        self.watch.check_nobody_is_left(there)
        joining = {conn for hub in self.hubs.values() for conn in hub._joining}
        assert joining <= there, f"{joining - there} hung up and are still on their way in"


def _eval(token: str) -> Any:
    """Tokens of the tests are literals; a forged one is refused elsewhere."""
    import ast

    try:
        return ast.literal_eval(token)
    except (ValueError, SyntaxError):
        return None
