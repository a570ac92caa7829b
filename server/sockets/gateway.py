"""What every connection of this process shares: the hub, the directory of rooms, identities. Wiring builds it once.

It answers one question for a connection: which loop holds the room with this code, making the room where a player asks.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Protocol

import structlog
from attrs import define, field, frozen

from game.wire.closecodes import Close
from server.accounts.kinds import Kind
from server.clock import sleep_until
from server.ops.metrics import count
from server.relay import envelope as e
from server.relay.hub import Hub
from server.relay.terms import Mismatches, terms_of
from server.routing.plan import RoomPlan, RoutePlan
from server.sockets.allowances import Allowances
from server.sockets.caps import Caps
from server.sockets.kicks import Kicks
from server.sockets.known import KnownRooms
from server.sockets.opened import OpenedRooms
from server.sockets.revocation import Known, Revocation, Standings
from server.sockets.who import Who
from server.web.address import NOWHERE

POLL_EVERY_S = 0.1
OPENING_MAX = 200  # rooms that wait for the directory to open them
LISTEN_S = 3.0
LISTEN_POLL_S = 0.05
RETRY_BUSY_S = 3.0
RETRY_S = 1.0  # after which a client asks again for a room whose holder is not known, or not to be served
AWAY_LOGGED_EVERY_S = 5.0

log = structlog.get_logger()


class Polled(Known, Protocol):
    """A connection, as far as time and its identity are concerned."""

    def poll(self, now: float) -> None:
        """Time passes."""

    def fail(self) -> None:
        """A fault of ours in this: it is closed with 4500. Never raises."""


@frozen
class Directory:
    """The rooms in the database, as awaitable functions (`server.lobby.directory` behind them)."""

    find: Callable[[str], Awaitable[Any]]
    open_room: Callable[[str, str], Awaitable[Any]]
    close: Callable[[str, int], Awaitable[object]]


async def _all_stand(identities: Collection[str]) -> Mapping[str, Kind]:
    return dict.fromkeys(identities, "staff")


@frozen
class People:
    """Who somebody is, and the notices they missed. ``standings``: which of some accounts may still log in, and as what."""

    of_token: Callable[[str], Who | str]
    of_scope: Callable[[Mapping[str, Any]], Awaitable[Who | str]]
    missed_notices: Callable[[str], Awaitable[list[tuple[int, str]]]]
    notices_seen: Callable[[str, tuple[int, ...]], Awaitable[object]]
    standings: Standings = _all_stand


@frozen
class Found:
    """Where a room is held. ``host`` asks the loop to take it first."""

    incarnation: str
    loop: str
    channel: str
    host: e.Host | None = None


@frozen
class NotFound:
    """Why there is no room to join."""

    close: Close
    reason: str
    retry_after_s: float | None = None


class _DirectoryAway(Exception):
    """The database did not answer."""


@define(eq=False)
class Gateway:
    """One per process. ``new_conn`` names a connection; no two of all gateways may ever be the same."""

    hub: Hub
    directory: Directory
    people: People
    now: Callable[[], float]
    new_conn: Callable[[], str] = lambda: secrets.token_hex(8)
    caps: Caps = field(factory=Caps)
    allowances: Allowances = field(factory=Allowances)
    is_draining: bool = False
    connections: dict[str, Polled] = field(factory=dict)
    known: KnownRooms = field(factory=KnownRooms)
    mismatches: Mismatches = field(factory=lambda: Mismatches("gateway"))
    kicks: Kicks = field(init=False)
    revocation: Revocation = field(init=False)
    opened: OpenedRooms = field(init=False)
    _away_logged_at: float = -1e9
    _opening: dict[str, asyncio.Task[Any]] = field(factory=dict)
    _poll_at: float = 0.0
    _started_at: float = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._started_at = self.now()
        self.opened = OpenedRooms(self.caps)
        self.kicks = Kicks(self.hub, self.directory.find, self._listen_for, self.now)
        self.hub.on_kicked = self.kicks.on_answer
        people = self.people
        self.revocation = Revocation(lambda: list(self.connections.values()), people.standings, people.of_token)
        self.hub.users.on_account = self.revocation.ask

    def poll(self, now: float) -> None:
        """Tells all connections every POLL_EVERY_S that time passes: one timer for all of them, not one for each."""
        if now >= self._poll_at:
            self._poll_at = now + POLL_EVERY_S
            self.allowances.sweep(now)
            for conn, connection in list(self.connections.items()):
                try:
                    connection.poll(now)
                except Exception as error:  # noqa: BLE001 - noted, with its stack
                    self.hub.faults.note(error, "connection.failed", "poll", conn=conn)
                    connection.fail()

    async def find(
        self, route: RoutePlan, code: str, who: Who, *, is_again: bool = False, address: str = NOWHERE
    ) -> Found | NotFound:
        """The loop that holds room ``code`` of the route's type; players' joins make rooms, at a limited rate.

        ``is_again``: the loop that it gave before did not have the room, so that the directory itself is asked. ``address`` is
        what the asker's counts as. Never raises for a database that is away: a room that its loop announces is found all the
        same. As long as it is not known who holds a room, the answer is MOVING, with a time to ask again.
        """
        now = self.now()
        row = self.known.get(code, now)
        if row is not None and (is_again or not self.hub.loops.is_alive(row.holder, now)):
            self.known.forget(code)
            row = None
        try:
            if row is None:
                return await self._look_up(route, code, who, address)
        except _DirectoryAway:
            return self._announced(route, code)
        return self._at(row, route)

    async def _look_up(self, route: RoutePlan, code: str, who: Who, address: str) -> Found | NotFound:
        row = await self._ask(self.directory.find(code))
        await self._listen_for(row.holder if row is not None else "")
        loops = self.hub.loops
        if row is not None and row.holder and not loops.is_alive(row.holder, self.now()):  # its loop died with it
            if not loops.alive(self.now()) or not loops.has_heard_all(self.now()):
                return _moving("the process that holds the room was not heard yet")
            await self._ask(self.directory.close(row.incarnation, row.epoch))
            self.known.lose(code, self.now())
            row = None
        if row is None:
            made = await self._make(route, code, who, address)
            if isinstance(made, NotFound):
                return made
            row = made
        if row.holder:
            self.known.keep(row, self.now())
        return self._at(row, route)

    def _at(self, row: Any, route: RoutePlan) -> Found | NotFound:
        if row.room_type != route.room.name:
            return NotFound(Close.NO_SUCH_ROOM, f"room {row.code} is of another type")
        if row.holder:
            return self._unserved(row.holder, route) or Found(row.incarnation, row.holder, row.holder_channel)
        terms = terms_of(route.room)
        loop = self.hub.loops.chosen(self.now(), row.incarnation, row.room_type, terms)
        if loop is None:
            return self._no_loop(route.room)
        host = e.Host(row.incarnation, row.code, row.room_type, row.seed, terms, dict(row.options))
        return Found(row.incarnation, loop.node, loop.channel, host)

    def _announced(self, route: RoutePlan, code: str) -> Found | NotFound:
        """As the loops told a moment ago, without the database."""
        place = self.hub.loops.place_of(code, self.now())
        if place is None:
            return _moving("the database does not answer, and no loop process tells of the room")
        loop, incarnation, room_type = place
        if room_type != route.room.name:
            return NotFound(Close.NO_SUCH_ROOM, f"room {code} is of another type")
        return self._unserved(loop.node, route) or Found(incarnation, loop.node, loop.channel)

    def _unserved(self, loop: str, route: RoutePlan) -> NotFound | None:
        """Why the loop's rooms of the route's type are not to be joined from here, now."""
        loops, room_type, terms = self.hub.loops, route.room.name, terms_of(route.room)
        if loops.is_draining(loop):
            return _moving("the room's process restarts")
        if not loops.differs(loop, room_type, terms):
            return None
        problem = self.mismatches.note(loop, room_type, terms, loops.terms(loop, room_type))
        return _moving(f"this gateway cannot serve the room: {problem}")

    def why_none_takes(self, room: RoomPlan) -> NotFound | None:
        """Why no loop takes a new room of this type now; None where one does."""
        is_taken = self.hub.loops.has_any(self.now(), room.name, terms_of(room))
        return None if is_taken else self._no_loop(room)

    def _no_loop(self, room: RoomPlan) -> NotFound:
        loops, now, terms = self.hub.loops, self.now(), terms_of(room)
        for loop in [loop for loop in loops.seen.values() if loops.is_alive(loop.node, now) and not loop.is_draining]:
            problem = self.mismatches.note(loop.node, room.name, terms, loops.terms(loop.node, room.name))
            if problem:
                return _moving(f"no loop process has the room type as this gateway has it: {problem}")
        return self._none_takes()

    def _none_takes(self) -> NotFound:
        alive = self.hub.loops.alive(self.now())
        if not alive:
            return NotFound(Close.OVERLOADED, "no loop process answers", RETRY_S)
        if all(loop.is_draining for loop in alive):
            return _moving("the loop processes restart")
        count("limit_refusals_total", limit="rooms_when_busy")
        reason = "rooms_when_busy: every loop process is late or full, and takes no new rooms for now"
        return NotFound(Close.OVERLOADED, reason, RETRY_BUSY_S)

    async def _ask(self, question: Awaitable[Any]) -> Any:
        """The directory's answer. Raises _DirectoryAway where there is none, and ValueError for a code that is none."""
        try:
            return await question
        except ValueError:
            raise
        except Exception as error:
            self.note_away("rooms", error)
            raise _DirectoryAway from error

    def note_away(self, what: str, error: Exception) -> None:
        """The database did not answer a question of ours: counted each time, logged now and then."""
        count("database_failures_total", what=what)
        if self.now() - self._away_logged_at >= AWAY_LOGGED_EVERY_S:
            self._away_logged_at = self.now()
            log.warning("database.unavailable", what=what, error=repr(error)[:300])

    async def _listen_for(self, node: str) -> None:
        """A gateway that has just started may not have heard the loops yet: they speak once a second."""
        loops, now = self.hub.loops, self.now()
        while not (loops.is_alive(node, now) if node else loops.alive(now)):
            if now - self._started_at > LISTEN_S:
                return
            await sleep_until(now + LISTEN_POLL_S)
            now = self.now()

    def why_not_open(self, identity: str, address: str) -> NotFound | None:
        """Why somebody ("" where it is not known who) may open no room now, or None. Allowed, it is spent: then open it."""
        if not self.hub.loops.has_any(self.now()):
            return self._none_takes()
        refused = self.opened.why_not(identity, address, self.now())
        return NotFound(refused.close, refused.reason, refused.retry_after_s) if refused else None

    async def _make(self, route: RoutePlan, code: str, who: Who, address: str) -> Any:
        now = self.now()
        if route.role.value == "spectator":
            if self.known.is_lost(code, now) or self.hub.loops.is_lost(code, now):
                return _moving(f"the process that held room {code} is gone; a player who comes back opens it anew")
            return NotFound(Close.NO_SUCH_ROOM, f"there is no room {code}")
        if code in self._opening:
            return await self._ask(asyncio.shield(self._opening[code]))
        if len(self._opening) >= OPENING_MAX:  # the database stands still, and what is asked of it only grows
            count("queue_overflows_total", queue="opening", policy="refuse")
            return NotFound(Close.OVERLOADED, "too many rooms are being opened; try again in a moment", RETRY_BUSY_S)
        refused = self.why_none_takes(route.room) or self.why_not_open(who.id, address)
        if refused:
            return refused
        opening = self._opening[code] = asyncio.ensure_future(self._open(route.room.name, code, who, address))
        opening.add_done_callback(lambda task: (self._opening.pop(code, None), task.cancelled() or task.exception()))
        return await self._ask(asyncio.shield(opening))  # others may wait for it, too

    async def _open(self, room_type: str, code: str, who: Who, address: str) -> Any:
        row = await self.directory.open_room(room_type, code)
        self.opened.note(row.incarnation, who.id, address, self.now())
        return row


def _moving(reason: str) -> NotFound:
    return NotFound(Close.MOVING, reason, RETRY_S)
