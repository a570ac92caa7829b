"""What every connection of this process shares: the hub, the directory of rooms, identities. Wiring builds it once.

It answers one question for a connection: which loop holds the room with this code, making the room where a player asks.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from attrs import define, field, frozen

from game.wire.closecodes import Close
from server.clock import sleep_until
from server.ops.metrics import count
from server.relay import envelope as e
from server.relay.hub import Hub
from server.routing.plan import RoutePlan
from server.sockets.allowances import Allowances
from server.sockets.caps import Caps
from server.sockets.kicks import Kicks
from server.sockets.known import KnownRooms
from server.sockets.opened import OpenedRooms
from server.web.address import NOWHERE

POLL_EVERY_S = 0.1
LISTEN_S = 3.0
LISTEN_POLL_S = 0.05
RETRY_BUSY_S = 3.0


class Polled(Protocol):
    """A connection, as far as time is concerned."""

    def poll(self, now: float) -> None:
        """Time passes."""


@frozen
class Who:
    """An identity as sockets need it."""

    id: str
    name: str
    kind: str


@frozen
class Directory:
    """The rooms in the database, as awaitable functions (`server.lobby.directory` behind them)."""

    find: Callable[[str], Awaitable[Any]]
    open_room: Callable[[str, str], Awaitable[Any]]
    close: Callable[[str, int], Awaitable[object]]


@frozen
class People:
    """Who somebody is, and the notices they missed."""

    of_token: Callable[[str], Who | str]
    of_scope: Callable[[Mapping[str, Any]], Awaitable[Who | str]]
    missed_notices: Callable[[str], Awaitable[list[tuple[int, str]]]]
    notices_seen: Callable[[str, tuple[int, ...]], Awaitable[object]]


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
    kicks: Kicks = field(init=False)
    opened: OpenedRooms = field(init=False)
    _opening: dict[str, asyncio.Task[Any]] = field(factory=dict)
    _poll_at: float = 0.0
    _started_at: float = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._started_at = self.now()
        self.opened = OpenedRooms(self.caps)
        self.kicks = Kicks(self.hub, self.directory.find, self._listen_for, self.now)
        self.hub.on_kicked = self.kicks.on_answer

    def poll(self, now: float) -> None:
        """Tells all connections every POLL_EVERY_S that time passes: one timer for all of them, not one for each."""
        if now >= self._poll_at:
            self._poll_at = now + POLL_EVERY_S
            self.allowances.sweep(now)
            for connection in list(self.connections.values()):
                connection.poll(now)

    async def find(
        self, route: RoutePlan, code: str, who: Who, *, is_again: bool = False, address: str = NOWHERE
    ) -> Found | NotFound:
        """The loop that holds room ``code`` of the route's type; players' joins make rooms, at a limited rate.

        ``is_again``: the loop that it gave before did not have the room, so that the directory itself is asked. ``address`` is
        what the asker's counts as.
        """
        now = self.now()
        row = self.known.get(code, now)
        if row is not None and (is_again or not self.hub.loops.is_alive(row.holder, now)):
            self.known.forget(code)
            row = None
        if row is None:
            return await self._look_up(route, code, who, address)
        return self._at(row, route)

    async def _look_up(self, route: RoutePlan, code: str, who: Who, address: str) -> Found | NotFound:
        row = await self.directory.find(code)
        await self._listen_for(row.holder if row is not None else "")
        loops = self.hub.loops
        if row is not None and row.holder and not loops.is_alive(row.holder, self.now()):  # its loop died with it
            if not loops.alive(self.now()) or not loops.has_heard_all(self.now()):
                return NotFound(Close.OVERLOADED, "no loop process answers", 1.0)
            await self.directory.close(row.incarnation, row.epoch)
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
            return Found(row.incarnation, row.holder, row.holder_channel)
        loop = self.hub.loops.chosen(self.now())
        if loop is None:
            return self._no_loop()
        host = e.Host(row.incarnation, row.code, row.room_type, row.seed)
        return Found(row.incarnation, loop.node, loop.channel, host)

    def _no_loop(self) -> NotFound:
        if not self.hub.loops.alive(self.now()):
            return NotFound(Close.OVERLOADED, "no loop process answers", 1.0)
        count("limit_refusals_total", limit="rooms_when_busy")
        reason = "rooms_when_busy: every loop process is late or full, and takes no new rooms for now"
        return NotFound(Close.OVERLOADED, reason, RETRY_BUSY_S)

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
        if self.hub.loops.chosen(self.now()) is None:
            return self._no_loop()
        refused = self.opened.why_not(identity, address, self.now())
        return NotFound(refused.close, refused.reason, refused.retry_after_s) if refused else None

    async def _make(self, route: RoutePlan, code: str, who: Who, address: str) -> Any:
        if route.role.value == "spectator":
            return NotFound(Close.NO_SUCH_ROOM, f"there is no room {code}")
        if code in self._opening:
            return await asyncio.shield(self._opening[code])
        refused = self.why_not_open(who.id, address)
        if refused:
            return refused
        opening = self._opening[code] = asyncio.ensure_future(self._open(route.room.name, code, who, address))
        opening.add_done_callback(lambda _: self._opening.pop(code, None))
        return await asyncio.shield(opening)  # others may wait for it, too

    async def _open(self, room_type: str, code: str, who: Who, address: str) -> Any:
        row = await self.directory.open_room(room_type, code)
        self.opened.note(row.incarnation, who.id, address, self.now())
        return row
