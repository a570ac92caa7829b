"""One loop process: it claims rooms, drives them on their deadlines, and sends what they say through the layer.

The one place in `rooms` that does I/O, and it never awaits the network in a tick: the ports queue. An exception in one
room's rules ends that room with an incident; its neighbours go on. Wiring constructs it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from attrs import define, field, frozen

from game.wire.closecodes import Close
from server.clock import monotonic, sleep_until, stopwatch
from server.ops.faults import Faults
from server.ops.metrics import count, gauge, observe
from server.relay import envelope as e
from server.relay.link import Batch, Link
from server.relay.port import Message, Port
from server.relay.terms import Mismatches, terms_of
from server.rooms.claims import Claims, Waiting
from server.rooms.dispatch import Dispatch
from server.rooms.load import Load
from server.rooms.outgoing import FrameOut, MatchOver, NewsOut, ToOne
from server.rooms.pace import Pace, on_grid
from server.rooms.room import Room
from server.rooms.viewers import RoomFacts
from server.routing.choices import with_wish
from server.routing.plan import RoomPlan

log = structlog.get_logger()

ANNOUNCE_EVERY_S = 1.0
GATEWAY_SILENT_S = 3.0
LINK_KEPT_S = 60.0
IDLE_S = 0.05
OVERRUN_TICKS_MAX = 300
RETRY_RESULT_S = 1.0
RETRY_JOIN_S = 0.5
SLICE_S = 0.02
TURNS_BETWEEN = 5  # of the event loop: a message on its way through the process takes some
LATE_CATCH_UP_TICKS = 2  # of a late loop's rooms in one turn; one that keeps up has time for more
RETRY_LATE_S = 3.0  # as long as it takes to be calm again
ROOMS_MAX = 500
DRAIN_S = 5.0


@frozen
class Incident:
    """What is kept of a room that its rules ended: enough to run it again."""

    incarnation: str
    room_type: str
    tick: int
    error: str
    replay: bytes


@frozen
class Services:
    """What a holder needs from the rest of the server. ``claim`` returns the epoch, or why not.

    ``record`` writes a result down; False where this process is not the room's any more, and nothing was written.
    ``still_held`` tells which of these rooms, by incarnation and epoch, are open and this holder's still.
    """

    claim: Callable[[str], Awaitable[int | str]]
    close: Callable[[str, int], Awaitable[object]]
    record: Callable[[Room, MatchOver], Awaitable[bool]]
    keep_incident: Callable[[Incident], Awaitable[object]]
    sign: Callable[[Any], str]
    unsign: Callable[[str], Any]
    wall_now: Callable[[], datetime]
    still_held: Callable[[Collection[tuple[str, int]]], Awaitable[Collection[str]]] | None = None


@define(eq=False)
class _Held:
    room: Room
    pace: Pace
    overruns: int = 0


@define(eq=False)
class Holder:
    """``rooms`` by incarnation. `on_control` is the control port's ``deliver``."""

    node: str
    frames: Port
    control: Port
    plans: Mapping[str, RoomPlan]
    services: Services
    deployment: str = ""
    rooms: dict[str, _Held] = field(factory=dict)
    _links: dict[str, Link] = field(factory=dict)
    _frames_channel: dict[str, str] = field(factory=dict)
    _dispatch: Dispatch = field(init=False)
    _silent: set[str] = field(factory=set)
    _claims: Claims = field(factory=Claims)
    _tasks: set[asyncio.Task[None]] = field(factory=set)
    _mismatches: Mismatches = field(factory=lambda: Mismatches("loop"))
    _announce_at: float = 0.0
    _measured_at: float = 0.0
    _busy_s: float = 0.0
    _busy_share: float = 0.0
    _is_draining: bool = False
    _load: Load = field(factory=Load)
    _faults: Faults = field(factory=Faults)

    def __attrs_post_init__(self) -> None:
        self._dispatch = Dispatch(self.frames, self._frames_channel.get, self._on_unpackable)

    # ---- from the layer

    def on_control(self, message: Message) -> None:
        """A message on the control alias."""
        if message["type"] == e.INPUT and message.get("kind") == "link":
            self._on_batch(message)

    def on_frames_reset(self) -> None:
        """The frames layer was replaced: what was sent meanwhile is gone, so everybody needs KEYs."""
        for held in self.rooms.values():
            held.room.framer.live.is_key_wanted = True

    def _on_batch(self, message: Message) -> None:
        link = self._link_of(message)
        if link is None:
            return
        self._frames_channel[link.peer] = message["frames"]
        self._silent.discard(link.peer)
        batch = Batch(message["first"], list(e.unpack_to_loop(message["d"])), message["ack"], message["settled"])
        for item in link.receive(batch, message["reply"], monotonic()):
            self._take(link.peer, item)

    def _link_of(self, message: Message) -> Link | None:
        """The link that a batch belongs to: a gateway that began anew gets a new one, a stale one is told so."""
        peer, number = message["from"], message["link"]
        link = self._links.get(peer)
        if link is not None and link.number == number:
            return link
        if link is not None and link.number > number:
            return None
        if message["settled"]:
            # We gave this link up, with all who were on it; its gateway must give it up too.
            gone = {"type": e.CONTROL, "v": e.VERSION, "kind": "gone", "from": self.node, "link": number}
            self.control.send(message["reply"], gone)
            return None
        if link is not None:
            self._lose_gateway(peer)
        self._links[peer] = Link(peer, message["reply"], monotonic(), number)
        return self._links[peer]

    def _lose_gateway(self, peer: str) -> None:
        self._claims.lose_gateway(peer)
        rooms = [held.room for held in self.rooms.values()]
        self._faults.each(rooms, lambda room: room.drop_gateway(peer), "loop.housekeeping_failed", "holder")

    def _take(self, gateway: str, item: e.ToLoop) -> None:
        """One item; its fault must not cost the others the rest of the batch."""
        try:
            self._on_item(gateway, item)
        except Exception as error:  # noqa: BLE001 - noted there
            self._fail(gateway, item, error, "loop.item_failed", "holder")

    def _fail(self, gateway: str, item: Any, error: Exception, event: str, where: str) -> None:
        """A fault in an item from or for one connection: it is told so, and the room that it is gone."""
        room, conn = getattr(item, "incarnation", ""), getattr(item, "conn", "")
        self._faults.note(error, event, where, room=room, conn=conn, item=type(item).__name__)
        if not conn:
            return
        reason = "a fault on the server"
        if isinstance(item, e.Join):
            self._push(gateway, e.JoinRefused(conn, Close.INTERNAL.value.code, reason))
        else:
            self._push(gateway, e.Dismissed(conn, Close.INTERNAL.value.code, reason))
        held = self.rooms.get(room)
        if held is not None:
            held.room.receive(gateway, e.Part(room, conn, is_lost=True))

    def _on_item(self, gateway: str, item: e.ToLoop) -> None:
        match item:
            case e.Host():
                self._host(gateway, item)
            case e.Presence():
                self._on_presence(gateway, item)
            case _:
                self._to_room(gateway, item)

    def _to_room(self, gateway: str, item: Any) -> None:
        if item.incarnation in self._claims:
            if not self._claims.put(gateway, item):
                count("queue_overflows_total", queue="claim", policy="refuse")
                self._turn_away([(gateway, item)], Close.OVERLOADED, "too many wait for this room to open")
        elif (held := self.rooms.get(item.incarnation)) is not None:
            problem = self._mismatch(gateway, item, held.room.plan) if isinstance(item, e.Join) else ""
            if problem:
                self._turn_away([(gateway, item)], Close.MOVING, problem)
            elif isinstance(item, e.Join) and not self._is_let_in(item, held.room):
                reason = "joins_when_late: the room's process is late and takes nobody new for now"
                count("limit_refusals_total", limit="joins_when_late")
                self._push(gateway, e.JoinRefused(item.conn, Close.OVERLOADED.value.code, reason, RETRY_LATE_S))
            else:
                held.room.receive(gateway, item)
        elif isinstance(item, e.Join):
            refused = e.JoinRefused(
                item.conn, Close.MOVING.value.code, "this process does not hold the room", RETRY_JOIN_S
            )
            self._push(gateway, refused)
        elif isinstance(item, e.Kick):
            self._push(
                gateway, e.Kicked(item.request, "moved", "the process that holds the room; another try in a moment")
            )

    def _mismatch(self, peer: str, item: e.Join | e.Host, plan: RoomPlan) -> str:
        """Why a gateway and this loop may not serve a room together; "" where they may."""
        problem = self._mismatches.note(peer, plan.name, terms_of(plan), item.terms)
        return f"this gateway cannot serve the room: {problem}" if problem else ""

    def _on_presence(self, gateway: str, item: e.Presence) -> None:
        """Connections that the gateway has and we gave up meanwhile must come again."""
        for incarnation, conns in item.conns.items():
            held = self.rooms.get(incarnation)
            known = held.room.viewers if held else {}
            for conn in conns:
                if conn not in known:
                    self._push(gateway, e.Dismissed(conn, Close.MOVING.value.code, "the connection was given up"))

    # ---- rooms

    @property
    def takes(self) -> e.Takes:
        """What this loop takes of new ones: by its load, no rooms where it has ROOMS_MAX, and nothing while it drains."""
        if self._is_draining:
            return e.Takes.NOTHING
        is_full = len(self.rooms) + len(self._claims) >= ROOMS_MAX
        return min(self._load.takes, e.Takes.JOINS) if is_full else self._load.takes

    def _is_let_in(self, item: e.Join, room: Room) -> bool:
        """Whether there is time for a join: for who comes back there is, with a token or with a seat that waits for them."""
        if self._load.takes is not e.Takes.NOTHING or item.resume is not None:
            return True
        return any(hold.identity == item.identity and not hold.conn for hold in room.match.seats.humans())

    def _host(self, gateway: str, item: e.Host) -> None:
        if item.incarnation in self.rooms or item.incarnation in self._claims:
            return
        if (
            self.takes is not e.Takes.ROOMS and not self._is_draining
        ):  # by when the joins behind it look again, their gateway knows
            is_late = self._load.takes is not e.Takes.ROOMS
            count("limit_refusals_total", limit="rooms_when_late" if is_late else "rooms_per_loop")
            return
        if self._claims.begin(item.incarnation):
            self._spawn(self._claim(gateway, item))
        else:
            count("queue_overflows_total", queue="claims", policy="refuse")

    async def _claim(self, gateway: str, item: e.Host) -> None:
        plan = self.plans.get(item.room_type)
        outcome: int | str = f"no room type {item.room_type!r} here"
        if self._is_draining:
            outcome = "the server restarts"
        elif plan is not None and not (outcome := self._mismatch(gateway, item, plan)):
            made = with_wish(plan, item.chosen)
            if isinstance(made, list):
                self._turn_away(self._claims.end(item.incarnation), Close.MOVING, "the room's options do not fit here")
                log.warning("room.bad_options", incarnation=item.incarnation, problem=str(made[0])[:300])
                return
            plan = made
            try:
                outcome = await self.services.claim(item.incarnation)
            except Exception as error:  # noqa: BLE001 - a database that is away: the gateway asks again
                log.warning("room.claim_failed", incarnation=item.incarnation, error=repr(error)[:300])
                count("database_failures_total", what="claims")
                outcome = "the room cannot be opened now"
        waiting = self._claims.end(item.incarnation)
        if plan is None or isinstance(outcome, str):
            self._turn_away(waiting, Close.MOVING, str(outcome))
        elif self._is_draining:
            self._turn_away(waiting, Close.MOVING, "the server restarts")
            await self._closed(item.incarnation, outcome)
        elif self._open(item, plan, outcome):
            for sender, pending in waiting:
                self._take(sender, pending)
        else:
            self._turn_away(waiting, Close.INTERNAL, "the rules failed to set the room up; an incident was recorded")
            await self._closed(item.incarnation, outcome)

    def _turn_away(self, waiting: list[Waiting], close: Close, reason: str) -> None:
        retry_after_s = RETRY_JOIN_S if close in (Close.MOVING, Close.OVERLOADED) else None
        for gateway, pending in waiting:
            if isinstance(pending, e.Join):
                self._push(gateway, e.JoinRefused(pending.conn, close.value.code, reason, retry_after_s))
            elif isinstance(pending, e.Kick):
                self._push(gateway, e.Kicked(pending.request, "moved", "another try in a moment"))

    def _open(self, item: e.Host, plan: RoomPlan, epoch: int) -> bool:
        now = monotonic()
        facts = RoomFacts(
            item.incarnation,
            item.code,
            item.seed,
            epoch,
            self.services.wall_now(),
            self.node,
            lambda: self.control.channel,
            self.services.sign,
            self.services.unsign,
        )
        try:
            room = Room(plan, facts, now)
        except Exception as error:  # the author's setup() failed: no room, and a record of why
            log.exception("room.setup_failed", room_type=item.room_type, error=repr(error))
            count("room_crashes_total", room_type=item.room_type)
            self._spawn(self._keep(Incident(item.incarnation, item.room_type, 0, repr(error), b"")))
            return False
        self.rooms[item.incarnation] = _Held(room, Pace(on_grid(now), 1.0 / plan.tick_hz))
        self._announce_at = now
        log.info("room.opened", code=item.code, incarnation=item.incarnation, room_type=plan.name, epoch=epoch)
        return True

    # ---- time

    async def run(self) -> None:
        """Drives all rooms until cancelled."""
        while True:
            await sleep_until(await self.beat(monotonic()))

    async def beat(self, now: float) -> float:
        """All that is due; returns when there is more to do.

        After each SLICE_S everything else of the process has its turns: links, sockets and heartbeats must not fall silent because
        rooms are late.
        """
        slice_ends = now + SLICE_S
        for held in list(self.rooms.values()):
            if held.room.facts.incarnation in self.rooms:  # it may have been drained meanwhile
                self._drive_contained(held, now)
            if monotonic() > slice_ends:
                for _ in range(TURNS_BETWEEN):
                    await asyncio.sleep(0)
                now = monotonic()
                slice_ends = now + SLICE_S
        if self._load.beat(now):
            self._announce_at = now
            log.warning("loop.takes", takes=self._load.takes.name.lower(), rooms=len(self.rooms))
        # Whatever fails, the rooms go on; what was to be sent is sent next time.
        steps = (self._housekeep, self._flush)
        self._faults.each(steps, lambda step: step(monotonic()), "loop.housekeeping_failed", "holder")
        deadline = min((held.pace.deadline for held in self.rooms.values()), default=now + IDLE_S)
        return min(deadline, now + IDLE_S)

    def note_slept(self, slept_s: float) -> None:
        """This process stood still: the rooms go on where they were, and whoever is in them is told how long it was."""
        for held in self.rooms.values():
            count("ticks_skipped_total", slept_s / held.pace.period_s, room_type=held.room.plan.name)
        rooms = [held.room for held in self.rooms.values()]
        self._faults.each(rooms, lambda room: room.rebase(slept_s), "loop.housekeeping_failed", "holder")
        if self.rooms and self.services.still_held is not None:
            self._spawn(self._give_up_lost(self.services.still_held))

    async def _give_up_lost(
        self, still_held: Callable[[Collection[tuple[str, int]]], Awaitable[Collection[str]]]
    ) -> None:
        """Rooms that were taken for dead while this process stood still live on elsewhere, or not at all: here they end."""
        asked = [(held.room.facts.incarnation, held.room.facts.epoch) for held in self.rooms.values()]
        try:
            kept = await still_held(asked)
        except Exception as error:  # noqa: BLE001 - a database that is away: the rooms end when they are empty
            log.warning("room.unconfirmed", rooms=len(asked), error=repr(error)[:300])
            return
        for incarnation, _ in asked:
            held = self.rooms.get(incarnation)
            if incarnation not in kept and held is not None and not held.room.is_over:
                log.warning("room.given_up", incarnation=incarnation, code=held.room.facts.code)
                self._give_up(held, "the room went on elsewhere")

    def _give_up(self, held: _Held, reason: str) -> None:
        """Everybody in it is told to come again; a fault in that keeps no other room from it."""
        try:
            held.room.end(Close.MOVING, reason)
            self._send(held.room)
        except Exception as error:  # noqa: BLE001 - noted, with its stack
            self._faults.note(error, "room.fault", "end", room=held.room.facts.incarnation)
        self._remove(held)

    async def drain(self, reason: str) -> None:
        """Ends all rooms with a goodbye that says to come back, and sends it. Before that, gateways are told to choose others."""
        self._is_draining = True
        self._announce()
        for held in list(self.rooms.values()):
            self._give_up(held, reason)
        self._flush(monotonic())
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=DRAIN_S)

    def _drive_contained(self, held: _Held, now: float) -> None:
        """A fault of our own in one room ends that room, never the loop."""
        try:
            self._drive(held, now)
        except Exception as error:  # noqa: BLE001 - noted there
            self._end_faulty(held, error)

    def _on_unpackable(self, incarnation: str, error: Exception) -> None:
        held = self.rooms.get(incarnation)
        if held is not None:
            self._end_faulty(held, error)

    def _end_faulty(self, held: _Held, error: Exception) -> None:
        """Everybody in it is told, as far as that can still be done."""
        room, incarnation = held.room, held.room.facts.incarnation
        self._faults.note(error, "room.fault", "room", room=incarnation, tick=room.tick_no)
        steps: list[Callable[[], object]] = [partial(self._crash, room, repr(error)), partial(self._tell_ends, room)]
        self._faults.each(steps, lambda step: step(), "room.fault", "room", room=incarnation)
        self._remove(held)

    def _tell_ends(self, room: Room) -> None:
        """What a room says to single connections: its frames may be what is wrong with it."""
        for out in room.drain():
            if isinstance(out, ToOne):
                self._push(out.gateway, out.item)

    def _drive(self, held: _Held, now: float) -> None:
        is_late = self._load.takes is not e.Takes.ROOMS
        # Each time that is given up is a message to all gateways: a late loop has no time for many.
        skipped_s = held.pace.skip(now, held.room.plan.tick_hz if is_late else 0)
        if skipped_s:
            count("ticks_skipped_total", skipped_s / held.pace.period_s, room_type=held.room.plan.name)
            held.room.rebase(skipped_s)
        due = held.pace.due(now)
        if due:
            self._load.turn(due)
        for _ in range(self._ticks(held, due)):
            held.pace.ticks += 1
            self._tick(held)
            if held.room.is_over:
                self._remove(held)
                break
        self._send(held.room)

    def _ticks(self, held: _Held, due: int) -> int:
        """How many of the ticks that are due a room gets in one turn: it must not take the others' time to catch up."""
        if held.overruns:
            return min(due, 1)
        return due if self._load.takes is e.Takes.ROOMS else min(due, LATE_CATCH_UP_TICKS)

    def _tick(self, held: _Held) -> None:
        room, before = held.room, stopwatch()
        try:
            room.tick(monotonic())
        except Exception as error:
            log.exception("room.crashed", incarnation=room.facts.incarnation, tick=room.tick_no)
            self._crash(room, repr(error))
            return
        took_s = stopwatch() - before
        self._busy_s += took_s
        count("ticks_total", room_type=room.plan.name)
        observe("step_seconds", took_s, room_type=room.plan.name)
        held.overruns = held.overruns + 1 if took_s > held.pace.period_s else max(0, held.overruns - 1)
        if held.overruns > OVERRUN_TICKS_MAX:
            self._crash(room, f"{OVERRUN_TICKS_MAX} ticks took longer than their {held.pace.period_s * 1000:.1f} ms")

    def _crash(self, room: Room, error: str) -> None:
        """This room ends with a record of why, its neighbours go on."""
        count("room_crashes_total", room_type=room.plan.name)
        room.end(Close.INTERNAL, f"the rules failed at tick {room.tick_no}; an incident was recorded")
        try:
            replay = room.match.recorder.to_bytes()
        except Exception as unrecorded:  # noqa: BLE001 - what the rules did is not recordable: the error itself is kept
            error, replay = f"{error}; no replay: {unrecorded!r}", b""
        incident = Incident(room.facts.incarnation, room.plan.name, room.tick_no, error, replay)
        self._spawn(self._keep(incident))

    async def _keep(self, incident: Incident) -> None:
        try:
            await self.services.keep_incident(incident)
        except Exception:
            log.exception("incident.lost", incarnation=incident.incarnation, error=incident.error)

    def _remove(self, held: _Held) -> None:
        facts = held.room.facts
        self.rooms.pop(facts.incarnation, None)
        self._announce(held.room)
        self._spawn(self._closed(facts.incarnation, facts.epoch))

    async def _closed(self, incarnation: str, epoch: int) -> None:
        try:
            await self.services.close(incarnation, epoch)
        except Exception:
            log.exception("room.close_failed", incarnation=incarnation)

    async def _record(self, room: Room, over: MatchOver) -> None:
        is_written: bool | None = None
        while is_written is None:
            try:
                is_written = await self.services.record(room, over)
            except Exception as error:  # noqa: BLE001 - noted, with its stack
                self._faults.note(error, "result.record_failed", "record", room=room.facts.incarnation)
                await sleep_until(monotonic() + RETRY_RESULT_S)
        held = self.rooms.get(room.facts.incarnation)
        if is_written:
            room.result_is_written(over.result)
        elif held is not None:  # a newer holder has the room, and its result counts
            room.end(Close.MOVING, "another process holds the room")
            self._send(room)
            self._remove(held)

    def _housekeep(self, now: float) -> None:
        if now < self._announce_at:
            return
        self._measure_load()
        self._announce_at = now + ANNOUNCE_EVERY_S
        self._announce()
        for peer, link in list(self._links.items()):
            if (now - link.heard_at > GATEWAY_SILENT_S or link.is_broken) and peer not in self._silent:
                self._silent.add(peer)
                self._lose_gateway(peer)
            if now - link.heard_at > LINK_KEPT_S or link.is_broken:
                del self._links[peer]
                self._frames_channel.pop(peer, None)
                self._silent.discard(peer)

    def _measure_load(self) -> None:
        """The share of the time since the last announcement that went into ticks."""
        now = stopwatch()
        self._busy_share = round(min(1.0, self._busy_s / max(now - self._measured_at, ANNOUNCE_EVERY_S)), 2)
        self._busy_s, self._measured_at = 0.0, now

    def _announce(self, ended: Room | None = None) -> None:
        infos: list[e.RoomInfo] = []
        for held in list(self.rooms.values()):
            try:
                infos.append(held.room.info())
            except Exception as error:  # noqa: BLE001 - noted, with its stack
                self._faults.note(error, "room.fault", "announce", room=held.room.facts.incarnation)
        for name in self.plans:
            gauge("rooms", sum(info.room_type == name for info in infos), room_type=name)
        if ended is not None:
            infos.append(ended.info())
        carries = {plan.name: terms_of(plan) for plan in self.plans.values()}
        announcement = e.Announcement(
            self.node,
            self.control.channel,
            tuple(infos),
            takes=self.takes,
            carries=carries,
            load=self._busy_share,
            is_draining=self._is_draining,
        )
        gauge("loop_takes", self.takes)
        about = {"kind": "loop", "from": self.node, "of": self.deployment}
        self.control.group_send(e.LOBBY_GROUP, e.layer_message(e.CONTROL, announcement, **about))

    # ---- out

    def _send(self, room: Room) -> None:
        for out in room.drain():
            match out:
                case ToOne():
                    self._push(out.gateway, out.item)
                case FrameOut():
                    self._dispatch.add(out)
                case NewsOut():
                    group = e.room_group(out.news.incarnation, out.news.stream)
                    self.control.group_send(group, e.layer_message(e.CONTROL, out.news, kind="news"))
                case MatchOver():
                    self._spawn(self._record(room, out))

    def _push(self, gateway: str, item: e.ToGateway) -> None:
        link = self._links.get(gateway)
        if link is not None:
            link.push(item)

    def _flush(self, now: float) -> None:
        try:
            self._dispatch.flush()
        except Exception as error:  # noqa: BLE001 - noted, with its stack; the links carry more than frames
            self._faults.note(error, "loop.housekeeping_failed", "dispatch")
        for link in self._links.values():
            try:
                self._send_batches(link, now)
            except Exception as error:  # noqa: BLE001 - noted there
                self._mend(link, error)

    def _send_batches(self, link: Link, now: float) -> None:
        for batch in link.batches(now):
            extra = {
                "kind": "link", "from": self.node, "reply": self.control.channel,
                "link": link.number, "first": batch.first, "ack": batch.ack, "settled": batch.settled,
            }  # fmt: skip
            self.control.send(link.channel, e.layer_message(e.CONTROL, batch.items, **extra))

    def _mend(self, link: Link, error: Exception) -> None:
        """What cannot be packed is taken out of the batch, with the one it is for; where all can, the link is at fault."""
        bad = link.replace(e.is_unpackable, e.Kicked(""))
        link.is_broken |= not bad
        self._faults.note(error, "loop.link_failed", "link", gateway=link.peer)
        for item in bad:
            self._fail(link.peer, item, error, "loop.item_failed", "holder")

    def _spawn(self, coroutine: Any) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
