"""Follows one world through its frames: quantizes what each audience may see and remembers when it last changed.

``advance`` scans the world once per frame. ``key`` and ``patch`` then cut a section's delta; one encoding serves every
viewer of the section. Coming into view is creation, leaving it a tombstone; wire ids count up per space of existence
and are never reused. Who sends the result to whom is not known here. The loop's streams and the tests call it.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from attrs import define, field, frozen

from game.codec import Delta, EventRow, Group, TableDelta, quantize_all
from game.compiled import FIRST_FIELD, LAST, Row, TableCode, compile_table
from game.contract import Event
from game.fields import NOBODY, PUBLIC, SEAT, SPECTATORS, TEAM, Audience
from game.schema import Collection, Schema, Table

HORIZON = 128  # frames; tombstones live longer than any base a patch may have
EVENTS_MAX = 512  # per section; the oldest are dropped, for events are cosmetic


_NUMBERS = {audience: number for number, audience in enumerate(Audience)}


class Section:
    """One audience's part of a room: ``of`` is the seat or team number, 0 elsewhere. Frozen, ordered, cheap as a key.

    Written out because sections are keys of every dict on the tick path: what attrs would make asks the enum's hash,
    which is Python code, each time.
    """

    __slots__ = ("_hash", "_order", "audience", "of")

    audience: Audience
    of: int
    _order: tuple[str, int]
    _hash: int

    def __init__(self, audience: Audience, of: int = 0) -> None:
        order = (audience.value, of)
        number = _NUMBERS[audience] << 32 | of  # its own hash: the same in every process
        for name, value in (("audience", audience), ("of", of), ("_order", order), ("_hash", number)):
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a section is frozen; {name} cannot be set")

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Section) and self._order == other._order)

    def __lt__(self, other: "Section") -> bool:
        return self._order < other._order

    def __repr__(self) -> str:
        return f"Section({self})"

    def __str__(self) -> str:
        return self.audience.value if self.audience in (PUBLIC, SPECTATORS) else f"{self.audience.value}:{self.of}"


PUBLIC_SECTION = Section(PUBLIC)
SPECTATORS_SECTION = Section(SPECTATORS)


@define(eq=False)
class _Rows:
    """One table's rows in one section, and the tombstones of the last HORIZON frames."""

    table: Table
    code: TableCode
    rows: dict[int, Row] = field(factory=dict)
    dead: dict[int, int] = field(factory=dict)

    def create(self, wire_id: int, seq: int) -> Row:
        row: Row = [wire_id, seq, seq] + [None, seq] * len(self.table.fields)
        self.dead.pop(wire_id, None)
        self.rows[wire_id] = row
        return row

    def remove(self, wire_id: int, seq: int) -> None:
        if self.rows.pop(wire_id, None) is not None:
            self.dead[wire_id] = seq


@frozen
class _Placement:
    """Where an entity stands now: whom it exists for, whose it is, and the rows to keep up."""

    where: tuple[Audience, int | None, int | None]
    places: tuple[tuple[_Rows, int], ...]
    updates: tuple[tuple[Row, Callable[[Row, Any, int], None]], ...]


@define
class Tracker:
    """The sections of one stream of frames. Seqs given to ``advance`` must grow by one."""

    schema: Schema
    seq: int = 0
    clamped: dict[tuple[str, str], int] = field(factory=dict)
    _changed_at: int = 0
    _tables: dict[tuple[Section, int], _Rows] = field(factory=dict)
    _codes: dict[int, TableCode] = field(factory=dict)
    _placed: dict[str, dict[int, _Placement]] = field(factory=dict)
    _next_id: dict[Section, int] = field(factory=dict)
    _events: dict[Section, deque[tuple[int, EventRow]]] = field(factory=dict)

    def advance(self, sources: dict[str, Any], events: Iterable[Event] = (), *, is_forced: bool = False) -> bool:
        """Scans the world for the next seq; False, and no seq is spent, where no viewer could tell a difference.

        ``sources`` maps collection names to dicts, one-row tables to objects. ``is_forced`` spends a seq all the same.
        Raises WireOverflow where a field declares an out-of-range value to be an incident.
        """
        self.seq += 1
        seq = self.seq
        if is_forced:
            self._changed_at = seq
        for collection in self.schema.collections:
            source = sources[collection.name]
            self._scan(collection, {0: source} if collection.entities is None else source)
        self._collect(events)
        if seq % HORIZON == 0:
            self._forget(seq - HORIZON)
        if self._changed_at != seq:
            self.seq -= 1
        return self._changed_at == seq

    def key(self, section: Section) -> Delta:
        """The whole section as it stands at the last seq."""
        delta = Delta(is_key=True)
        for rows in self._of(section):
            if rows.rows:
                full = rows.table.full_mask
                delta.tables.append(TableDelta(rows.table, (), (_group(full, sorted(rows.rows.values())),)))
        return delta

    def patch(self, section: Section, base: int) -> Delta:
        """Absolute values of what changed after ``base``. Raises ValueError where the base is beyond the horizon."""
        if not self.seq - HORIZON <= base <= self.seq:
            raise ValueError(f"patch() expected a base from {self.seq - HORIZON} to {self.seq}, got {base}")
        delta = Delta(is_key=False)
        for rows in self._of(section):
            part = _table_patch(rows, base)
            if part is not None:
                delta.tables.append(part)
        for seq, event in self._events.get(section, ()):
            if seq > base:
                delta.events.append(EventRow(event.message, self.seq - seq, event.values))
        return delta

    def _of(self, section: Section) -> Iterable[_Rows]:
        for table in self.schema.in_section(section.audience):
            rows = self._tables.get((section, table.index))
            if rows is not None:
                yield rows

    def _scan(self, collection: Collection, source: dict[int, Any]) -> None:
        placed = self._placed.setdefault(collection.name, {})
        seq = self.seq
        for key, entity in source.items():
            where = _whereabouts(collection, entity)
            placement = placed.get(key)
            if placement is None or placement.where != where:
                placement = placed[key] = self._move(collection, placement, where)
            for row, update in placement.updates:
                update(row, entity, seq)
                if row[LAST] == seq:
                    self._changed_at = seq
        if len(placed) != len(source):
            for key in [key for key in placed if key not in source]:
                self._retire(placed.pop(key))

    def _move(
        self, collection: Collection, old: _Placement | None, where: tuple[Audience, int | None, int | None]
    ) -> _Placement:
        """Rows that stay in the same section stay as they are, so that a hidden change shows nowhere."""
        held = dict(zip(old.places, old.updates, strict=True)) if old else {}
        ids = dict(_ids_by_space(old)) if old else {}
        places: list[tuple[_Rows, int]] = []
        updates: list[tuple[Row, Callable[[Row, Any, int], None]]] = []
        for table, section, space in self._destinations(collection, where):
            if space not in ids:
                ids[space] = 0 if collection.entities is None else self._new_id(space)
            rows = self._rows(section, table)
            place = (rows, ids[space])
            kept = held.pop(place, None)
            places.append(place)
            updates.append(kept or (rows.create(ids[space], self.seq), rows.code.update))
        for rows, wire_id in held:
            self._remove(rows, wire_id)
        return _Placement(where, tuple(places), tuple(updates))

    def _destinations(
        self, collection: Collection, where: tuple[Audience, int | None, int | None]
    ) -> Iterable[tuple[Table, Section, Section]]:
        exists, owner, team = where
        for table in self.schema.tables:
            is_spectators_copy = self.schema.sees_everything and table.exists is SPECTATORS
            if table.collection != collection.name or exists is NOBODY:
                continue
            if table.exists is exists or is_spectators_copy:
                section = _instance(table.section, owner, team)
                space = _instance(table.exists, owner, team)
                if section is not None and space is not None:
                    yield table, section, space

    def _new_id(self, space: Section) -> int:
        self._next_id[space] = self._next_id.get(space, 0) + 1
        return self._next_id[space]

    def _rows(self, section: Section, table: Table) -> _Rows:
        rows = self._tables.get((section, table.index))
        if rows is None:
            if table.index not in self._codes:
                self._codes[table.index] = compile_table(table, self._count_clamped)
            rows = self._tables[section, table.index] = _Rows(table, self._codes[table.index])
        return rows

    def _retire(self, placement: _Placement) -> None:
        for rows, wire_id in placement.places:
            self._remove(rows, wire_id)

    def _remove(self, rows: _Rows, wire_id: int) -> None:
        rows.remove(wire_id, self.seq)
        self._changed_at = self.seq

    def _collect(self, events: Iterable[Event]) -> None:
        messages = {message.cls: message for message in self.schema.events}
        for event in events:
            message = messages.get(type(event.body))
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
        for rows in self._tables.values():
            for wire_id in [i for i, seq in rows.dead.items() if seq < before]:
                del rows.dead[wire_id]
        for events in self._events.values():
            while events and events[0][0] < before:
                events.popleft()


def _whereabouts(collection: Collection, entity: Any) -> tuple[Audience, int | None, int | None]:
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
    return Section(audience)


def _ids_by_space(old: _Placement) -> Iterable[tuple[Section, int]]:
    _, owner, team = old.where
    for rows, wire_id in old.places:
        space = _instance(rows.table.exists, owner, team)
        if space is not None:
            yield space, wire_id


def _table_patch(rows: _Rows, base: int) -> TableDelta | None:
    gone = sorted(wire_id for wire_id, seq in rows.dead.items() if seq > base)
    groups: dict[int, list[Row]] = {}
    mask_of = rows.code.mask
    for row in rows.rows.values():
        if row[LAST] > base:
            groups.setdefault(mask_of(row, base), []).append(row)
    if not gone and not groups:
        return None
    return TableDelta(rows.table, gone, [_group(mask, sorted(groups[mask])) for mask in sorted(groups)])


def _group(mask: int, rows: Sequence[Row]) -> Group:
    places = [FIRST_FIELD + 2 * i for i in range(mask.bit_length()) if mask >> i & 1]
    return Group(mask, [row[0] for row in rows], [[row[at] for row in rows] for at in places])
