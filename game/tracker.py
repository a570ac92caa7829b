"""Follows one world through its frames: quantizes what each audience may see and remembers when it last changed.

``advance`` scans the world once per frame. ``key`` and ``patch`` then cut a section's delta; one encoding serves every
viewer of the section. Coming into view is creation, leaving it a tombstone; wire ids count up per space of existence
and are never reused. Who sends the result to whom is not known here. The loop's streams and the tests call it.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any, Self

from attrs import define, field, frozen

from game.codec import Delta, EventRow, TableDelta, quantize_all
from game.columns import NewRow, Rows, TableColumns
from game.contract import Event
from game.fields import NOBODY, PUBLIC, SEAT, SPECTATORS, TEAM, Audience
from game.schema import Collection, Message, Schema, Table

HORIZON = 128  # frames; tombstones live longer than any base a patch may have
EVENTS_MAX = 512  # per section; the oldest are dropped, for events are cosmetic


_RANK = {audience: rank for rank, audience in enumerate(sorted(Audience, key=lambda a: a.value))}


class Section(int):
    """One audience's part of a room: ``of`` is the seat or team number, 0 elsewhere. Frozen, ordered, cheap as a key.

    A number, because sections are keys of every dict on the tick path: its hash and its comparisons are C code, and the
    same in every process.
    """

    audience: Audience
    of: int

    def __new__(cls, audience: Audience, of: int = 0) -> Self:
        """Ordered by the audience's name, then by ``of``."""
        return cls._made(audience, of)

    @classmethod
    @lru_cache(maxsize=4096)
    def _made(cls, audience: Audience, of: int) -> Self:
        section = super().__new__(cls, _RANK[audience] << 32 | of)
        section.__dict__.update(audience=audience, of=of)
        return section

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a section is frozen; {name} cannot be set")

    def __getnewargs__(self) -> tuple[Audience, int]:  # type: ignore[override]  # what __new__ takes, for copies
        return self.audience, self.of

    def __repr__(self) -> str:
        return f"Section({self})"

    def __str__(self) -> str:
        return self.audience.value if self.audience in (PUBLIC, SPECTATORS) else f"{self.audience.value}:{self.of}"


PUBLIC_SECTION = Section(PUBLIC)
SPECTATORS_SECTION = Section(SPECTATORS)


Whereabouts = tuple[Audience, int | None, int | None]


@frozen
class _Placement:
    """Where an entity stands now: whom it exists for, whose it is, and its rows."""

    where: Whereabouts
    places: tuple[tuple[Rows, int], ...]


@define
class _Followed:
    """A collection as the last scan found it: the entities' keys, and what says where each of them stands."""

    collection: Collection
    attributes: tuple[Callable[[Any], Any], ...]
    tables: list[TableColumns] = field(factory=list)
    keys: list[Any] = field(factory=list)
    where: list[list[Any]] = field(factory=list)
    placed: dict[Any, _Placement] = field(factory=dict)


@define
class Tracker:
    """The sections of one stream of frames, of which a second has ``send_hz``."""

    schema: Schema
    seq: int = 0
    send_hz: float = 20.0
    clamped: dict[tuple[str, str], int] = field(factory=dict)
    _changed_at: int = 0
    _followed: tuple[_Followed, ...] = field(init=False)
    _tables: dict[str, list[Table]] = field(factory=dict)
    _messages: dict[type | None, Message] = field(factory=dict)
    _columns: dict[int, TableColumns] = field(factory=dict)
    _sections: dict[Section, dict[int, Rows]] = field(factory=dict)
    _in_order: dict[Section, tuple[Rows, ...]] = field(factory=dict)
    _next_id: dict[Section, int] = field(factory=dict)
    _events: dict[Section, deque[tuple[int, EventRow]]] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self._followed = tuple(_Followed(c, _deciding(c)) for c in self.schema.collections)
        for collection in self.schema.collections:
            self._tables[collection.name] = [t for t in self.schema.tables if t.collection == collection.name]
        self._messages = {message.cls: message for message in self.schema.events}

    def advance(self, sources: dict[str, Any], events: Iterable[Event] = (), *, is_forced: bool = False) -> bool:
        """Scans the world for the next seq; False, and no seq is spent, where no viewer could tell a difference.

        ``sources`` maps collection names to dicts, one-row tables to objects. ``is_forced`` spends a seq all the same.
        Raises WireOverflow where a field declares an out-of-range value to be an incident.
        """
        self.seq += 1
        seq = self.seq
        if is_forced:
            self._changed_at = seq
        for followed in self._followed:
            source = sources[followed.collection.name]
            if followed.collection.entities is not None:
                self._scan(followed, source)
            elif followed.keys:
                self._scan_tables(followed, (source,), {})
            else:
                self._scan(followed, {0: source})
        self._collect(events)
        if seq % HORIZON == 0:
            self._forget(seq - HORIZON)
        if self._changed_at != seq:
            self.seq -= 1
        return self._changed_at == seq

    def key(self, section: Section) -> Delta:
        """The whole section as it stands at the last seq."""
        delta = Delta(is_key=True, seq=self.seq)
        for rows in self._of(section):
            if not rows.is_empty:
                delta.tables.append(TableDelta(rows.table, (), (rows.whole(),)))
        return delta

    def patch(self, section: Section, base: int) -> Delta:
        """Absolute values of what changed after ``base``. Raises ValueError where the base is beyond the horizon."""
        if not self.seq - HORIZON <= base <= self.seq:
            raise ValueError(f"patch() expected a base from {self.seq - HORIZON} to {self.seq}, got {base}")
        delta = Delta(is_key=False, seq=self.seq)
        for rows in self._of(section):
            if rows.changed_at > base:
                part = _table_patch(rows, base)
                if part is not None:
                    delta.tables.append(part)
        if section in self._events:
            for seq, event in self._events[section]:
                if seq > base:
                    delta.events.append(EventRow(event.message, self.seq - seq, event.values))
        return delta

    def standing(self) -> Iterable[tuple[Section, Table, Sequence[int]]]:
        """The wire ids that each table of each section has now."""
        for section, parts in self._in_order.items():
            for rows in parts:
                yield section, rows.table, rows.ids

    def _of(self, section: Section) -> Iterable[Rows]:
        return self._in_order.get(section, ())

    def _scan(self, followed: _Followed, source: dict[Any, Any]) -> None:
        keys, entities = list(source), list(source.values())
        where = [[*map(attribute, entities)] for attribute in followed.attributes]
        if keys != followed.keys or where != followed.where:
            self._settle(followed, keys, where, source)
        elif keys:
            self._scan_tables(followed, entities, source)

    def _scan_tables(self, followed: _Followed, entities: Sequence[Any], source: dict[Any, Any]) -> None:
        for columns in followed.tables:
            members = entities if columns.is_whole else [source[key] for key in columns.keys]
            if columns.scan(members, self.seq):
                self._changed_at = self.seq

    def _settle(self, followed: _Followed, keys: list[Any], where: list[list[Any]], source: dict[Any, Any]) -> None:
        """Moves what came, went or changed hands, and scans the rest."""
        gone: dict[int, set[Any]] = {}
        new: dict[int, list[NewRow]] = {}
        placed = followed.placed
        for key, entity in source.items():
            placement = placed.get(key)
            if placement is not None and not followed.attributes:
                continue
            now = _whereabouts(followed.collection, entity)
            if placement is None or placement.where != now:
                placed[key] = self._move(followed, key, placement, now, gone, new)
        if len(placed) != len(source):
            for key in [key for key in placed if key not in source]:
                for rows, _ in placed.pop(key).places:
                    gone.setdefault(rows.table.index, set()).add(key)
        followed.keys, followed.where = keys, where
        for columns in followed.tables:
            self._rearrange(columns, gone.get(columns.table.index), new.get(columns.table.index), source)
            columns.settle(keys)

    def _rearrange(
        self, columns: TableColumns, gone: set[Any] | None, new: list[NewRow] | None, source: dict[Any, Any]
    ) -> None:
        if gone:
            columns.remove(gone, self.seq)
            self._changed_at = self.seq
        if new and columns.table.exists is TEAM and columns.table.section is SEAT:
            new = columns.replace(new)
        if columns.scan([source[key] for key in columns.keys], self.seq):
            self._changed_at = self.seq
        if new:
            columns.add(new, [source[row.key] for row in new], self.seq)
            self._changed_at = self.seq

    def _move(
        self,
        followed: _Followed,
        key: Any,
        old: _Placement | None,
        where: Whereabouts,
        gone: dict[int, set[Any]],
        new: dict[int, list[NewRow]],
    ) -> _Placement:
        """Rows that stay in the same section stay as they are, so that a hidden change shows nowhere."""
        collection = followed.collection
        held = dict.fromkeys(old.places) if old else {}
        ids = dict(_ids_by_space(old)) if old else {}
        places: list[tuple[Rows, int]] = []
        for table, section, space in self._destinations(collection, where):
            if space not in ids:
                ids[space] = 0 if collection.entities is None else self._new_id(space)
            place = (self._rows(followed, section, table), ids[space])
            places.append(place)
            if place in held:
                del held[place]
            else:
                new.setdefault(table.index, []).append(NewRow(key, ids[space], place[0]))
        for rows, _ in held:
            gone.setdefault(rows.table.index, set()).add(key)
        return _Placement(where, tuple(places))

    def _destinations(self, collection: Collection, where: Whereabouts) -> Iterable[tuple[Table, Section, Section]]:
        exists, owner, team = where
        for table in self._tables[collection.name] if exists is not NOBODY else ():
            is_spectators_copy = self.schema.sees_everything and table.exists is SPECTATORS
            if table.exists is exists or is_spectators_copy:
                section = _instance(table.section, owner, team)
                space = _instance(table.exists, owner, team)
                if section is not None and space is not None:
                    yield table, section, space

    def _new_id(self, space: Section) -> int:
        self._next_id[space] = self._next_id.get(space, 0) + 1
        return self._next_id[space]

    def _rows(self, followed: _Followed, section: Section, table: Table) -> Rows:
        held = self._sections.setdefault(section, {})
        rows = held.get(table.index)
        if rows is None:
            columns = self._columns.get(table.index)
            if columns is None:
                is_one_row = followed.collection.entities is None
                columns = self._columns[table.index] = TableColumns(
                    table, is_one_row, self._count_clamped, self.send_hz
                )
                followed.tables.append(columns)
            rows = columns.add_section(is_shared=section.audience in (PUBLIC, SPECTATORS))
            held[table.index] = rows
            self._in_order[section] = tuple(held[index] for index in sorted(held))
        return rows

    def _collect(self, events: Iterable[Event]) -> None:
        for event in events:
            message = self._messages.get(type(event.body))
            if message is None:
                known = [m.name for m in self.schema.events]
                raise TypeError(f"step() returned an event {event.body!r}; the game's events are {known}")
            row = EventRow(message, 0, quantize_all(message, event.body))
            for section in self._hearers(event):
                queue = self._events.setdefault(section, deque(maxlen=EVENTS_MAX))
                queue.append((self.seq, row))
                self._changed_at = self.seq

    def _hearers(self, event: Event) -> Iterable[Section]:
        if event.audience is NOBODY:
            return
        if event.audience in (PUBLIC, SPECTATORS):
            yield Section(event.audience)
        elif event.of is None:
            raise ValueError(f"an event for one {event.audience.value} needs of=, got {event.body!r}")
        else:
            yield Section(event.audience, event.of)
        if self.schema.sees_everything and event.audience is not SPECTATORS:
            yield SPECTATORS_SECTION

    def _count_clamped(self, collection: str, name: str) -> None:
        self.clamped[collection, name] = self.clamped.get((collection, name), 0) + 1

    def _forget(self, before: int) -> None:
        for rows in [rows for held in self._sections.values() for rows in held.values()]:
            for wire_id in [i for i, seq in rows.dead.items() if seq < before]:
                del rows.dead[wire_id]
        for events in self._events.values():
            while events and events[0][0] < before:
                events.popleft()


def _deciding(collection: Collection) -> tuple[Callable[[Any], Any], ...]:
    """The attributes of an entity that decide where it stands."""
    spec = collection.entities
    return tuple(attrgetter(name) for name in (spec.audience_of, spec.owner, spec.team) if name) if spec else ()


def _whereabouts(collection: Collection, entity: Any) -> Whereabouts:
    spec = collection.entities
    if spec is None:
        return PUBLIC, None, None
    return (
        getattr(entity, spec.audience_of) if spec.audience_of else spec.audience,
        getattr(entity, spec.owner) if spec.owner else None,
        getattr(entity, spec.team) if spec.team else None,
    )


def _instance(audience: Audience, owner: int | None, team: int | None) -> Section | None:
    if audience is SEAT:
        return None if owner is None else Section(SEAT, owner)
    if audience is TEAM:
        return None if team is None else Section(TEAM, team)
    return PUBLIC_SECTION if audience is PUBLIC else SPECTATORS_SECTION


def _ids_by_space(old: _Placement) -> Iterable[tuple[Section, int]]:
    _, owner, team = old.where
    for rows, wire_id in old.places:
        space = _instance(rows.table.exists, owner, team)
        if space is not None:
            yield space, wire_id


def _table_patch(rows: Rows, base: int) -> TableDelta | None:
    gone = sorted(wire_id for wire_id, seq in rows.dead.items() if seq > base) if rows.dead else ()
    groups = rows.changed_after(base)
    return TableDelta(rows.table, gone, groups) if gone or groups else None
