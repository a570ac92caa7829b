"""One connection: carries the session's commands to the hub and the hub's answers to the session. Decides nothing else."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from itertools import islice
from typing import Any

from attrs import define, field

from game.codec import put_values
from game.text import clean_name
from game.wire import messages as m
from game.wire import session as s
from game.wire.closecodes import BY_CODE, Close
from game.wire.limits import Limit, Overflow
from game.wire.ring import Ring
from server.clock import monotonic, sleep_until
from server.ops.metrics import count
from server.relay import envelope as e
from server.relay.members import sections_from
from server.relay.terms import terms_of
from server.routing.plan import Accept, RoutePlan
from server.sockets.allowances import ARRIVALS_EACH
from server.sockets.caps import Share
from server.sockets.gateway import RETRY_S as MOVING_RETRY_S
from server.sockets.gateway import Found, Gateway, NotFound
from server.sockets.outlet import Outlet
from server.sockets.who import Who
from server.web.address import address_of_scope

_FOR_THE_ROOM = (s.Submit, s.Acknowledge, s.SayLine)
ATTEMPTS = 4
RETRY_S = 0.5
SEEN_MAX = 100  # notices shown and not yet noted as such, of one connection


def rules_of(route: RoutePlan, *, is_paced: bool = True) -> s.SessionRules:
    """The session's rules of a route."""
    accepts = {kind: _limit(accept) for kind, accept in route.accepts.items()}
    length = route.room.chat.length if route.room.chat else 240
    sizes = {kind: accept.size_max for kind, accept in route.accepts.items()}
    return s.SessionRules(route.name, route.role.value, route.room.schema, accepts, length, is_paced, sizes)


def _not_open(_: bytes | str) -> None:
    raise RuntimeError("expected an open socket: nothing is written to a connection before it was accepted")


@define(eq=False)
class Connection:
    """A :class:`server.relay.members.Member`. Until it is opened, what its session says waits there."""

    route: RoutePlan
    gateway: Gateway
    scope: Mapping[str, Any]
    code: str
    session: s.Session
    outlet: Outlet | None = None
    write: Callable[[bytes | str], None] = _not_open
    allow: Callable[[int], None] | None = (
        None  # tells the server how long messages may be; until then, as long as a hello
    )
    conn: str = field(init=False)
    share: Share = field(init=False)
    identity: str = ""
    _is_closed: bool = False
    _is_lost: bool = False
    _who: Who | None = None
    _hello: m.Hello | None = None
    _attempts: int = 0
    _incarnation: str = ""
    _found: Found | None = None
    _seen: dict[int, None] = field(factory=dict)
    _tasks: set[asyncio.Task[None]] = field(factory=set)

    def __attrs_post_init__(self) -> None:
        self.conn = self.gateway.new_conn()
        self.share = Share(self.gateway.caps, address_of_scope(self.scope))

    # ---- from the socket

    def enter(self) -> bool:
        """Takes its place among its address' connections. Where there is none it says goodbye; False where not even that."""
        reason = self.share.enter()
        if reason:
            self.session.finish(Close.NOT_ALLOWED, f"{reason}; close others first")
        return not self.share.is_far_beyond

    def open(self, outlet: Outlet) -> None:
        """The socket is accepted: what is said goes out, and time begins to pass."""
        self.outlet, self.write = outlet, outlet.write
        self.gateway.connections[self.conn] = self
        self.flush()

    def receive(self, data: bytes | str) -> None:
        """One message of the client."""
        try:
            self.session.receive(data, self.gateway.now())
            if self.session.is_waiting:  # it may be ready now for what was there already
                self._obey()
                self._look_at_socket()
                self.gateway.hub.offer_now(self)
            if self.session.has_news():
                self.flush()
        except Exception as error:  # noqa: BLE001 - noted there
            self._blame(error, "receive")

    def poll(self, now: float) -> None:
        """Time passes."""
        self.session.poll(now)
        if self.session.has_news():
            self.flush()

    def lost(self) -> None:
        """The socket is gone."""
        self._is_lost = True
        self.share.give_back()
        self.gateway.connections.pop(self.conn, None)
        hub = self.gateway.hub
        steps: list[Callable[[], object]] = [partial(hub.part, self, is_lost=True), self._leave_allowance]
        steps += [task.cancel for task in self._tasks]
        if self.identity:
            steps.append(partial(hub.users.forget, self))
        if self.outlet is not None:
            steps.append(self.outlet.stop)
        hub.faults.each(steps, lambda step: step(), "connection.failed", "lost", conn=self.conn)

    def fail(self) -> None:
        """A fault of ours in what it is owed: it is closed with 4500. Never raises."""
        try:
            self.session.finish(Close.INTERNAL, "a fault on the server")
            self._say()  # what it still wanted to be done is not
        except Exception as error:  # noqa: BLE001 - noted, with its stack
            self.gateway.hub.faults.note(error, "connection.failed", "goodbye", conn=self.conn)
            self._close(Close.INTERNAL)

    @property
    def who(self) -> Who | None:
        """Who it is, once that is known."""
        return self._who

    def revoke(self, reason: str) -> None:
        """Whoever it is may not be here any longer: out, with the seats free and the tokens dead as after a kick."""
        self.gateway.hub.part(self, is_lost=False)
        self.session.finish(Close.UNAUTHENTICATED, reason)
        self.flush()

    def end_slow(self) -> None:
        """The outlet is full (overflow: close)."""
        count("queue_overflows_total", queue="socket", policy="close")
        self.session.finish(Close.TOO_SLOW, "the socket takes nothing")
        self.flush()

    # ---- from the hub

    def admit(self, joined: e.Joined, now: float) -> None:
        """The loop granted the seats. Where it holds the room on other terms than ours, nothing of it is shown."""
        self._look_at_socket()  # the handshake's answer was autobahn's to write, and is gone by now
        route, room = self.route, self.route.room
        loop = self._found.loop if self._found is not None else ""
        problem = self.gateway.mismatches.note(loop, room.name, terms_of(room), joined.terms)
        if problem:
            self.session.refuse(Close.MOVING, f"this gateway cannot serve the room: {problem}", MOVING_RETRY_S)
            return
        seats = tuple(m.SeatGrant(g.slot, g.seat, g.generation, g.answered_through) for g in joined.seats)
        hello = self._hello or m.Hello()
        welcome = m.Welcome(
            self.code,
            joined.incarnation,
            route.name,
            route.role.value,
            joined.name,
            joined.epoch,
            room.schema.fingerprint,
            room.tick_hz,
            room.send_hz,
            seats,
            room.teams,
            joined.resume,
            room.reconnect_grace_s if seats else 0.0,
            room.spectators.delay_s if joined.stream == e.DELAYED_STREAM and room.spectators else 0.0,
            room.durability.value,
            joined.chat_through,
            room.schema.as_json() if hello.schema else None,
        )
        chat_after = joined.chat[0].n - 1 if joined.chat else joined.chat_through
        self.session.attached(welcome, sections_from(joined.sections), joined.tick, now, chat_after)
        if self.allow is not None:
            self.allow(self.session.size_max)

    def turn_away(self, refused: e.JoinRefused, now: float) -> None:
        """The loop did not; where the room has moved, it is looked for again."""
        close = BY_CODE.get(refused.close, Close.INTERNAL)
        retry_after_s = refused.retry_after_s
        if close is Close.MOVING:
            if self._found is not None and self._found.host is not None:
                self.gateway.hub.loops.refused(self._found.incarnation, self._found.loop, now)
            if self._attempts < ATTEMPTS and self._who is not None:
                self._spawn(partial(self._find_again, retry_after_s or RETRY_S))
                return
            retry_after_s = retry_after_s or MOVING_RETRY_S
        self.session.refuse(close, refused.reason, retry_after_s)

    def show(self, ring: Ring, now: float) -> None:
        """Writes the newest frame, where the session wants it."""
        self._look_at_socket()
        self.session.offer(ring, now)
        self.flush()

    def flush(self) -> None:
        """Carries out what the session wants, and writes what it has to say; the close comes after its goodbye."""
        self._obey()
        self._say()

    def _say(self) -> None:
        outlet = self.outlet
        if outlet is None:
            return
        for message in self.session.data_to_send():
            outlet.write(message)
        close = self.session.close
        if close is not None:
            self._close(close)

    # ---- inside

    def _close(self, close: Close) -> None:
        if self.outlet is not None and not self._is_closed:
            self._is_closed = True
            count("closes_total", code=str(close.value.code))
            self.outlet.close(close.value.code, close.value.name)

    def _blame(self, error: Exception, where: str) -> None:
        self.gateway.hub.faults.note(error, "connection.failed", where, conn=self.conn, route=self.route.name)
        self.fail()

    def _look_at_socket(self) -> None:
        """Whether what held the session's frames back is gone by now."""
        if self.session.is_held and self.outlet is not None and self.outlet.is_clear():
            self.session.is_held = False

    def _obey(self) -> None:
        for command in self.session.commands():
            if isinstance(command, _FOR_THE_ROOM):
                self._tell_room(command)
            else:
                self._carry_out(command)

    def _tell_room(self, command: s.Submit | s.Acknowledge | s.SayLine) -> None:
        hub = self.gateway.hub
        place = hub.loop_of(self)
        if place is None:
            return  # it was told goodbye, or will be
        loop, incarnation = place
        match command:
            case s.Submit():
                hub.push(loop, input_item(incarnation, self.conn, command))
            case s.Acknowledge(position=position):
                hub.push(loop, e.AckItem(incarnation, self.conn, position.epoch, position.seq))
            case s.SayLine(text=text):
                hub.push(loop, e.SayItem(incarnation, self.conn, text))

    def _carry_out(self, command: s.Command) -> None:
        hub = self.gateway.hub
        match command:
            case s.Attach(hello=hello):
                self._hello = hello
                self._spawn(partial(self._attach, hello))
            case s.WantKey():
                hub.want_key(self)
            case s.GiveUp():
                hub.part(self, is_lost=False)
            case s.NoticesSeen(ids=ids):
                self._note_seen(ids)

    async def _attach(self, hello: m.Hello) -> None:
        who = await self._identify(hello)
        if who is None:
            self.session.refuse(Close.OVERLOADED, "nobody can be looked up now", MOVING_RETRY_S)
        elif isinstance(who, str):
            self.session.refuse(Close.UNAUTHENTICATED, who)
        elif not _may(who, self.route):
            self.session.refuse(Close.NOT_ALLOWED, f"route {self.route.name} admits {self.route.admit.value} and above")
        elif self.gateway.is_draining:
            self.session.refuse(Close.MOVING, "the server restarts", 1.0)
        elif not self.gateway.allowances.may_come(who.id, self.gateway.now()):
            retry_after_s = 1.0 / ARRIVALS_EACH.rate_per_s
            self.session.refuse(Close.OVERLOADED, "this identity comes too often; wait a little", retry_after_s)
        elif reason := self.share.join(who.id, self.code, 0 if self.route.role.value == "spectator" else hello.slots):
            self.session.refuse(Close.NOT_ALLOWED, f"{reason}; leave others first")
        else:
            self._who, self.identity = who, who.id
            self.gateway.hub.users.know(self)
            await self._find()
            await self._missed(who.id)
        self.flush()

    async def _identify(self, hello: m.Hello) -> Who | str | None:
        """Who it is, or why that is not known; None where the database does not answer."""
        token = hello.token or self._offered_token()
        found = self.gateway.people.of_token(token) if token else None
        if found is not None:
            return found
        try:
            return await self.gateway.people.of_scope(self.scope)
        except Exception as error:  # noqa: BLE001 - a database that is away
            self.gateway.note_away("identities", error)
            return None

    async def _find_again(self, after_s: float) -> None:
        await sleep_until(monotonic() + after_s)
        await self._find(is_again=True)

    def _offered_token(self) -> str | None:
        """The token that a native client offered as a subprotocol, which is never echoed."""
        offered = self.scope.get("subprotocols") or ()
        found = next((name for name in offered if name.startswith(m.TOKEN_PREFIX)), None)
        return found.removeprefix(m.TOKEN_PREFIX) if found else None

    async def _find(self, *, is_again: bool = False) -> None:
        assert self._who is not None and self._hello is not None  # noqa: S101 - set by _attach
        if self.session.state is not s.SessionState.JOINING:
            return  # it left meanwhile
        self._attempts += 1
        found = await self.gateway.find(self.route, self.code, self._who, is_again=is_again, address=self.share.address)
        match found:
            case NotFound():
                self.session.refuse(found.close, found.reason, found.retry_after_s)
                self.flush()
            case Found() if self.session.state is s.SessionState.JOINING:
                self._join(found, self._who, self._hello)

    def _join(self, found: Found, who: Who, hello: m.Hello) -> None:
        if found.incarnation != self._incarnation:
            self._leave_allowance()
            self._incarnation = found.incarnation
            self.session.share(self.gateway.allowances.of(found.incarnation, who.id), self.conn, self.gateway.now())
        name = clean_name(hello.name or "") or who.name
        item = e.Join(
            found.incarnation,
            self.conn,
            who.id,
            name,
            self.route.role.value,
            tuple(audience.value for audience in self.route.groups),
            hello.slots,
            hello.resume,
            terms_of(self.route.room),
        )
        self._found = found
        self.gateway.hub.join(self, found.loop, found.channel, item, found.host)

    def _leave_allowance(self) -> None:
        if self._incarnation:
            self.gateway.allowances.leave(self._incarnation, self.identity, self.conn, self.gateway.now())

    async def _missed(self, identity: str) -> None:
        try:
            missed = await self.gateway.people.missed_notices(identity)
        except Exception as error:  # noqa: BLE001 - a database that is away: they wait there for the next connection
            self.gateway.note_away("notices", error)
            return
        for notice_id, text in missed:
            self.session.send(m.NoticeMessage(notice_id, text))

    def _note_seen(self, ids: tuple[int, ...]) -> None:
        """One question to the database at a time, however often a client acknowledges."""
        is_asking = bool(self._seen)
        self._seen |= dict.fromkeys(islice((n for n in ids if n not in self._seen), SEEN_MAX - len(self._seen)))
        if not self._seen.keys() >= set(ids):
            count("queue_overflows_total", queue="notices_seen", policy="drop_newest")  # they are shown again next time
        if self._seen and not is_asking:
            self._spawn(self._tell_seen)

    async def _tell_seen(self) -> None:
        while self._seen:
            ids = tuple(self._seen)
            if self.identity:
                try:
                    await self.gateway.people.notices_seen(self.identity, ids)
                except Exception as error:  # noqa: BLE001 - a database that is away: they are shown once more
                    self.gateway.note_away("notices", error)
            self._seen = {n: None for n in self._seen if n not in ids}

    def _spawn(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if self._is_lost:
            return  # nobody would end it
        task = asyncio.create_task(self._guard(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guard(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """``work()`` is called here, so that a task that is cancelled before it began leaves no coroutine behind."""
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - noted there
            self._blame(error, "connection")


def _limit(accept: Accept) -> Limit:
    return Limit(accept.rate.per_second, accept.burst, Overflow(accept.overflow.value))


def _may(who: Who, route: RoutePlan) -> bool:
    rank = ("guest", "account", "staff")
    return rank.index(who.kind) >= rank.index(route.admit.value)


def input_item(incarnation: str, conn: str, submit: s.Submit) -> e.InputItem:
    """What the loop gets of an input, or of its refusal on the way."""
    values = bytearray()
    kind = -1
    if submit.message is not None:
        kind = submit.message.message.index
        put_values(values, submit.message.message, submit.message.values)
    seen = submit.seen
    return e.InputItem(
        incarnation,
        conn,
        submit.slot,
        submit.n,
        seen.epoch,
        seen.seq,
        submit.for_tick,
        kind,
        bytes(values),
        submit.reason,
    )
