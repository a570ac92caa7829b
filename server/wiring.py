"""The composition root: builds a process's parts in the order that the data flows, and starts and stops them.

`Parts` is a gateway, a loop, a worker, or all three in one process. Nobody else constructs them. `asgi` and `__main__`
call it.
"""

import asyncio
import secrets
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from attrs import define, field
from django.conf import settings
from django.core import signing

from game.wire.closecodes import Close
from server.accounts.identity import Identity, Refused, verify
from server.accounts.scope import guest_token_of_scope, identity_of_scope
from server.accounts.standing import astandings
from server.clock import keep_time, monotonic, sleep_until, wall_now
from server.database import database
from server.deployment import Strangers, deployment_id
from server.gathered import Gathered
from server.history.match_end import Fenced, MatchEnd, MatchPlayer, arecord_match_end, wake_workers
from server.history.worker import Worker
from server.layers import make_layer
from server.lobby import directory
from server.lobby.live import LiveRooms
from server.lobby.registry import Lobby, Refusal, RoomType, install
from server.locks import FileLock, Lives
from server.ops.incidents import keep_incident
from server.ops.metrics import count
from server.relay import envelope as e
from server.relay.drive import drive
from server.relay.hub import Hub
from server.relay.port import Message, Port
from server.relay.terms import Mismatches, terms_of
from server.rooms.counts import CountNotes
from server.rooms.holder import Holder, Services
from server.rooms.outgoing import MatchOver
from server.rooms.room import Room
from server.routing.choices import choices_of, read_wish
from server.routing.plan import Plan, RoomPlan
from server.routing.spec import Prefer
from server.social.notices import Sent, aacknowledge, aundelivered_for_each
from server.sockets.caps import Caps
from server.sockets.consumer import RoomConsumer
from server.sockets.gateway import Directory, Gateway, People
from server.sockets.who import Who
from server.starting import is_alone
from server.watchdog import Watchdog

log = structlog.get_logger()

GATEWAY, LOOP, WORKER = "gateway", "loop", "worker"
RESUME_AGE_S = 86_400
RESUME_SALT = "roomwright.resume"
GOODBYE_S = 0.5
NOTICES_AFTER_S = 0.05


@define(eq=False)
class Parts:
    """The parts of this process. ``roles`` names them."""

    plan: Plan
    roles: frozenset[str]
    node: str = field(factory=lambda: secrets.token_hex(6))
    live: LiveRooms = field(factory=LiveRooms)
    hub: Hub | None = None
    gateway: Gateway | None = None
    holder: Holder | None = None
    worker: Worker | None = None
    watchdog: Watchdog | None = None
    strangers: Strangers = field(factory=Strangers)
    _ports: list[Port] = field(factory=list)
    _tasks: list[asyncio.Task[Any]] = field(factory=list)
    _life: FileLock | None = None
    _mismatches: Mismatches = field(factory=lambda: Mismatches("announcement"))
    _starting: asyncio.Lock = field(factory=asyncio.Lock)
    is_started: bool = False
    checks: dict[str, Callable[[], bool]] = field(factory=dict)  # of what this process is, by name, for `/healthz`

    async def start(self) -> None:
        """Starts every part, once; later calls return when that is done."""
        async with self._starting:
            if self.is_started:
                return
            self._run(keep_time(self._on_slept), "heartbeat")
            if settings.ROOMWRIGHT.layer.is_shared:
                self.strangers.own = await database.run(deployment_id, settings.SECRET_KEY)
            if LOOP in self.roles:
                await self._end_rooms_of_the_dead()
            if GATEWAY in self.roles:
                await self._start_gateway()
            if LOOP in self.roles:
                await self._start_loop()
            if WORKER in self.roles:
                self.worker = Worker()
                self._run(self.worker.run(), "worker")
            self.is_started = True

    async def drain(self) -> None:
        """A clean end: goodbye to everybody with a time to come back, rooms closed, groups left."""
        if not self.is_started:
            return
        if self.gateway is not None and self.hub is not None:
            self.gateway.is_draining = True
            self.hub.say_goodbye(Close.MOVING, "the server restarts", 1.0)
        if self.holder is not None:
            await self.holder.drain("the server restarts")
        if self.worker is not None:
            self.worker.stop()
        await sleep_until(monotonic() + (GOODBYE_S if self.hub is not None and self.hub.members() else 0.0))
        for port in self._ports:
            await port.stop()
        if self.watchdog is not None:
            self.watchdog.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._life is not None:
            self._life.release(is_removed=True)

    async def kick(self, code: str, seat: int | None, identity: str, reason: str, by: str) -> e.Kicked:
        """Removes somebody from a room, whichever process holds it. For processes with a gateway."""
        await self.start()
        assert self.gateway is not None  # noqa: S101 - the callers' processes have one
        return await self.gateway.kicks.kick(code, seat, identity, reason, by)

    async def _start_gateway(self) -> None:
        frames = Port("frames", make_layer, lambda message: hub.on_frames(message), lambda: hub.on_frames_reset())  # noqa: PLW0108 - made below
        control = Port("control", make_layer, lambda message: hub.on_control(message))  # noqa: PLW0108 - made below
        wake = asyncio.Event()
        hub = self.hub = Hub(self.node, frames, control, monotonic, self._on_announcement, wake.set)
        hub.is_foreign = self.strangers.is_foreign
        self.checks |= {f"layer.{port.alias}": _hearing(port) for port in (frames, control)}
        self.checks["loops"] = lambda: hub.loops.is_any_known(monotonic())
        caps = Caps(settings.ROOMWRIGHT.connections_per_address)
        gateway = Gateway(hub, _directory(), _people(), monotonic, caps=caps)
        self.gateway = RoomConsumer.gateway = gateway
        RoomConsumer.is_paced = settings.ROOMWRIGHT.is_paced
        await self._open(frames, control)
        control.join(e.LOBBY_GROUP)
        self._run(drive(hub, wake, gateway.poll), "hub")
        self._run(gateway.revocation.run(), "revocation")

    async def _start_loop(self) -> None:
        frames = Port("frames", make_layer, lambda _: None, lambda: holder.on_frames_reset())  # noqa: PLW0108 - made below
        control = Port("control", make_layer, lambda message: on_control(message))  # noqa: PLW0108 - made below
        holder = self.holder = Holder(
            self._loop_name, frames, control, self.plan.rooms, self._services(), self.strangers.own
        )

        def on_control(message: Message) -> None:
            if message.get("kind") == "loop":
                self.strangers.is_foreign(message)  # of its own kind it wants to know no more
            else:
                holder.on_control(message)

        await self._open(frames, control)
        if settings.ROOMWRIGHT.layer.is_shared:
            control.join(e.LOBBY_GROUP)
        self.watchdog = Watchdog()
        self.watchdog.start()
        self._run(holder.run(), "loop")
        notes = CountNotes(lambda: [held.room for held in holder.rooms.values()], directory.anote_counts_of_each)
        self._run(notes.run(), "counts")

    def _on_slept(self, slept_s: float) -> None:
        """The process was stopped, or its machine slept, or one call took so long: its own clock stood still meanwhile."""
        log.warning("process.slept", seconds=round(slept_s, 1))
        count("process_slept_seconds_total", slept_s)
        if self.holder is not None:
            self.holder.note_slept(slept_s)

    @property
    def _loop_name(self) -> str:
        """The name of this process's loop, in rooms' rows and for other processes of this host."""
        return f"{self.node}-loop"

    async def _end_rooms_of_the_dead(self) -> None:
        """Whoever holds a room and has died on this host died with it; what runs elsewhere is left alone.

        A server that is alone on its database knows more: nobody else can hold any.
        """
        lives = Lives(settings.ROOMWRIGHT.var / "lives")
        self._life = lives.begin(self._loop_name)
        dead = lives.dead()
        ended = await (directory.aend_orphans() if is_alone() else directory.aend_rooms_of(dead))
        for name in dead:
            lives.forget(name)
        if ended:
            log.warning("room.orphans_ended", rooms=ended, holders=dead)

    async def _open(self, *ports: Port) -> None:
        for port in ports:
            self._ports.append(port)
            await port.start()

    def _run(self, coroutine: Any, name: str) -> None:
        self._tasks.append(asyncio.create_task(_loudly(coroutine, name), name=name))

    def _on_announcement(self, announcement: e.Announcement, now: float) -> None:
        if self.gateway is not None:
            self.gateway.known.on_announcement(announcement)
            self.gateway.opened.on_announcement(announcement, now)
        unserved = self._unserved(announcement)
        for info in announcement.rooms:
            self.live.announce(
                {
                    "inc": info.incarnation,
                    "code": info.code,
                    "type": info.room_type,
                    "players": info.players,
                    "bots": info.bots,
                    "spectators": info.spectators,
                    "seats": info.seats,
                    "state": _state(info, announcement) if info.room_type not in unserved else "ended",
                    "tick": info.tick,
                    "options": info.chosen,
                    "is_open": info.is_open,
                },
                now,
            )

    def why_not_open(self, address: str, room_type: str) -> Refusal | None:
        """Why quick play may open no room of that type for an address now, as HTTP tells it."""
        if self.gateway is None:
            return None
        found = self.gateway.why_none_takes(self.plan.rooms[room_type]) or self.gateway.why_not_open("", address)
        if found is None:
            return None
        return Refusal(429 if found.close is Close.NOT_ALLOWED else 503, found.reason, found.retry_after_s)

    def note_opened(self, incarnation: str, address: str) -> None:
        """Quick play opened a room for an address."""
        if self.gateway is not None:
            self.gateway.opened.note(incarnation, "", address, monotonic())

    def _unserved(self, announcement: e.Announcement) -> set[str]:
        """The room types that this loop holds otherwise than we could serve them: not listed, and chosen for nobody."""
        unserved = set()
        for name in {info.room_type for info in announcement.rooms} & self.plan.rooms.keys():
            own, other = terms_of(self.plan.rooms[name]), announcement.carries.get(name, e.UNTOLD)
            if self._mismatches.note(announcement.loop, name, own, other):
                unserved.add(name)
        return unserved

    def _services(self) -> Services:
        async def claim(incarnation: str) -> int | str:
            assert self.holder is not None  # noqa: S101 - the holder asks
            channel = self.holder.control.channel
            outcome = await directory.aclaim(incarnation, self.holder.node, channel, seen_epoch=0)
            return outcome if isinstance(outcome, int) else outcome.reason

        return Services(
            claim, directory.aclose, _record, keep_incident, _sign, _unsign, wall_now, directory.astill_held
        )


def install_lobby(parts: Parts) -> None:
    """Tells the lobby's views what this process serves."""
    types = {room.name: _room_type(parts.plan, room) for room in parts.plan.rooms.values()}
    parts.checks["parts"] = lambda: parts.is_started
    kick = parts.kick if GATEWAY in parts.roles else None
    notes = {"foreign_loops": lambda: parts.strangers.names(monotonic())}
    install(
        Lobby(
            types,
            parts.live,
            parts.checks,
            kick,
            notes=notes,
            why_not_open=parts.why_not_open,
            note_opened=parts.note_opened,
        )
    )


def _room_type(plan: Plan, room: RoomPlan) -> RoomType:
    paths = {route.role.value: route.path for route in reversed(plan.routes) if route.room.name == room.name}
    pages = Path(settings.BROWSER_DIR) / "games"
    # A game's class may live in a module of its package: package.thing.rules is thing's page.
    names = reversed(room.game_class.__module__.split("."))
    page = next((name for name in names if (pages / name).is_dir()), "any")
    play, watch, bot = (paths.get(role) for role in ("player", "spectator", "bot"))
    prefer = room.matchmaking.prefer if room.matchmaking else Prefer.FULLEST
    return RoomType(
        room.name,
        room.seats,
        play,
        watch,
        page,
        bot_path=bot,
        prefer=prefer,
        choices=choices_of(room),
        read_wish=partial(read_wish, room),
    )


def _state(info: e.RoomInfo, announcement: e.Announcement) -> str:
    """A room's state for the lobby: that of a loop that takes nobody new is busy, and that of one that drains has ended."""
    if announcement.is_draining:
        return "ended"
    return "busy" if info.state == "open" and announcement.takes is e.Takes.NOTHING else info.state


def _directory() -> Directory:
    async def open_room(room_type: str, code: str) -> Any:
        return await directory.aopen_room(room_type, code)

    rooms: Gathered[str, directory.RoomRow | None] = Gathered(directory.afind_each)
    return Directory(rooms.of, open_room, directory.aclose)


def _people() -> People:
    notices: Gathered[str, list[Sent]] = Gathered(aundelivered_for_each, NOTICES_AFTER_S)

    def of_token(token: str) -> Who | str:
        return _who(verify(token), token)

    async def of_scope(scope: Mapping[str, Any]) -> Who | str:
        return _who(await identity_of_scope(scope), guest_token_of_scope(scope))

    async def missed(identity: str) -> list[tuple[int, str]]:
        return [(sent.id, sent.text) for sent in await notices.of(identity)]

    async def seen(identity: str, ids: Collection[int]) -> object:
        return await aacknowledge(identity, ids)

    return People(of_token, of_scope, missed, seen, astandings)


def _who(found: Identity | Refused, token: str) -> Who | str:
    if isinstance(found, Refused):
        return found.text
    return Who(found.id, found.name, found.kind, token if found.kind == "guest" else "")


def _sign(value: Any) -> str:
    return signing.dumps(value, salt=RESUME_SALT)


def _unsign(token: str) -> Any:
    try:
        return signing.loads(token, salt=RESUME_SALT, max_age=RESUME_AGE_S)
    except signing.BadSignature:
        return None


async def _record(room: Room, over: MatchOver) -> bool:
    """The outbox row first, then the wake-up: a wake-up that is lost loses nothing. False: fenced, nothing was written."""
    facts, game = room.facts, room.plan.game_class
    players = tuple(MatchPlayer(s.number, s.identity, s.name, s.team, s.is_bot) for s in over.seats)
    end = MatchEnd(
        facts.incarnation,
        facts.epoch,
        room.plan.name,
        f"{game.__module__}:{game.__qualname__}",
        game.version,
        room.plan.schema.fingerprint,
        facts.seed,
        over.started,
        wall_now(),
        players,
        tuple(over.result.winners),
        {str(seat): float(score) for seat, score in over.result.scores.items()},
        over.final_hash,
        over.replay,
        "roomwright-replay-1",
    )
    outcome = await arecord_match_end(end)
    if isinstance(outcome, Fenced):
        log.error("result.fenced", incarnation=facts.incarnation, epoch=facts.epoch, newer=outcome.epoch)
        return False
    await wake_workers()
    return True


def _hearing(port: Port) -> Callable[[], bool]:
    return lambda: port.hears(monotonic())


async def _loudly(coroutine: Any, name: str) -> None:
    try:
        await coroutine
    except Exception:
        log.exception("part.died", part=name)
        raise
