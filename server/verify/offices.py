"""What a simulated world has in place of the database: the directory of rooms, people, notices and results, in memory.

The same functions as `server.lobby.directory` and `server.history` offer to gateways and loops, each with a short wait in
place of a query. Survives the death of any simulated process, as a database does.
"""

import base64
import math
import re
from collections.abc import Collection, Mapping
from random import Random
from typing import Any

import msgspec
from attrs import define, evolve, field, frozen

from game.wire import messages as m
from server.accounts.kinds import Kind
from server.clock import monotonic, sleep_until, stopwatch, wall_now
from server.rooms.holder import Incident, Services
from server.rooms.outgoing import MatchOver
from server.rooms.pace import GRID_S
from server.rooms.room import Room
from server.sockets.gateway import Directory, People
from server.sockets.who import Who
from server.verify import trace as tr

QUERY_S = (0.001, 0.004)
HALF = 0.553  # of a beat, and a little: room time in ms is then never right between two whole ones
TOKENS = re.compile(r"[ch]\d+")  # of clients, and of hostile ones


@frozen
class Row:
    """A room as the directory knows it."""

    code: str
    incarnation: str
    room_type: str
    seed: int
    epoch: int = 0
    holder: str = ""
    holder_channel: str = ""
    is_open: bool = True
    options: Mapping[str, Any] = field(factory=dict)


@define(eq=False)
class Offices:
    """``down_until``: the database answers nobody before then. ``query_s`` is how long it takes, from and to.

    ``seeds``: where it is set, a room's seed and incarnation come from it and the room's code, not from what else there is, and
    every answer comes half a beat behind a beat, so that what asked a little later is answered no later.
    """

    random: Random
    trace: tr.Trace
    rows: dict[str, Row] = field(factory=dict)
    results: dict[str, MatchOver] = field(factory=dict)
    incidents: list[Incident] = field(factory=list)
    notices: dict[int, tuple[str, str]] = field(factory=dict)
    acknowledged: dict[tuple[str, int], None] = field(factory=dict)
    revoked: dict[str, None] = field(factory=dict)
    down_until: float = 0.0
    query_s: tuple[float, float] = QUERY_S
    seeds: str | None = None
    _tokens: dict[str, Any] = field(factory=dict)

    async def _query(self) -> None:
        at = monotonic() + max(0.0, self.down_until - stopwatch()) + self.random.uniform(*self.query_s)
        await sleep_until(at if self.seeds is None else _on_half_beat(at))

    # ---- the directory of rooms

    async def find(self, code: str) -> Row | None:
        """The open room of this code."""
        await self._query()
        return next((row for row in self.rows.values() if row.code == code and row.is_open), None)

    async def open_room(self, room_type: str, code: str) -> Row:
        """A new room, or the one that somebody else has opened meanwhile."""
        found = await self.find(code)
        if found is not None:
            return found
        row = self._new_row(room_type, code)
        self.rows[row.incarnation] = row
        return row

    def _new_row(self, room_type: str, code: str) -> Row:
        if self.seeds is None:
            return Row(code, f"inc{len(self.rows) + 1:04d}", room_type, self.random.getrandbits(53))
        number = sum(row.code == code for row in self.rows.values()) + 1
        own = Random(f"{self.seeds} {code} {number}")
        return Row(code, f"inc{own.getrandbits(40)}", room_type, own.getrandbits(53))

    async def claim(self, incarnation: str, node: str, channel: str) -> int | str:
        """The epoch, or why not: the compare-and-set of `server.lobby.directory`, seen at epoch 0."""
        await self._query()
        row = self.rows.get(incarnation)
        if row is None or not row.is_open or row.epoch:
            return "unknown" if row is None else "held" if row.is_open else "ended"
        self.rows[incarnation] = evolve(row, epoch=row.epoch + 1, holder=node, holder_channel=channel)
        return row.epoch + 1

    async def close(self, incarnation: str, epoch: int) -> bool:
        """Ends a room of that epoch."""
        await self._query()
        row = self.rows.get(incarnation)
        if row is None or row.epoch != epoch or not row.is_open:
            return False
        self.rows[incarnation] = evolve(row, is_open=False)
        return True

    async def still_held(self, rooms: Collection[tuple[str, int]]) -> set[str]:
        """Which of these rooms are open in that epoch."""
        await self._query()
        rows = ((incarnation, self.rows.get(incarnation), epoch) for incarnation, epoch in rooms)
        return {incarnation for incarnation, row, epoch in rows if row and row.is_open and row.epoch == epoch}

    def directory(self) -> Directory:
        """For a gateway."""
        return Directory(self.find, self.open_room, self.close)

    # ---- people and notices

    def people(self) -> People:
        """For a gateway: a token is the name of who shows it."""

        def of_token(token: str) -> Who | str:
            identity = f"id-{token}"
            if not TOKENS.fullmatch(token):
                return "expected a token of ours"
            return "this account may not play any longer" if identity in self.revoked else Who(identity, token, "staff")

        async def of_scope(_: Mapping[str, Any]) -> Who | str:
            return "expected a token"

        return People(of_token, of_scope, self.missed, self.seen, self.standings)

    async def missed(self, identity: str) -> list[tuple[int, str]]:
        """Notices to somebody that no connection has acknowledged."""
        await self._query()
        notices = self.notices.items()
        return [(i, text) for i, (to, text) in notices if to == identity and (identity, i) not in self.acknowledged]

    async def standings(self, identities: Collection[str]) -> Mapping[str, Kind]:
        """Which of these may still log in."""
        await self._query()
        return {identity: "staff" for identity in identities if identity not in self.revoked}

    async def seen(self, identity: str, ids: tuple[int, ...]) -> None:
        """These were shown."""
        await self._query()
        self.acknowledged |= {(identity, i): None for i in ids}

    # ---- what a loop needs

    def services(self, node: str, channel: Any) -> Services:
        """For a loop process; `channel()` is its control port's."""

        async def claim(incarnation: str) -> int | str:
            return await self.claim(incarnation, node, channel())

        async def record(room: Room, over: MatchOver) -> bool:
            await self._query()
            facts = room.facts
            is_again = facts.incarnation in self.results
            self.results.setdefault(facts.incarnation, over)
            self.trace.add(tr.Ended(stopwatch(), facts.incarnation, facts.loop, facts.epoch, over.final_hash, is_again))
            return True

        async def keep_incident(incident: Incident) -> None:
            await self._query()
            self.incidents.append(incident)

        return Services(claim, self.close, record, keep_incident, _sign, _unsign, wall_now, self.still_held)


def _on_half_beat(at: float) -> float:
    return (math.ceil(at / GRID_S - HALF) + HALF) * GRID_S


def _sign(value: Any) -> str:
    return m.TOKEN_PREFIX + base64.urlsafe_b64encode(msgspec.msgpack.encode(value)).decode()


def _unsign(token: str) -> Any:
    try:
        return msgspec.msgpack.decode(base64.urlsafe_b64decode(token.removeprefix(m.TOKEN_PREFIX)))
    except (ValueError, msgspec.DecodeError):
        return None
