"""What one viewer holds: sections built from received deltas, and the entities that they make together.

Bots, the Python SDK and the tests read rooms through :class:`View`. It knows nothing of frames or order;
`game.wire.client` decides which deltas are applied.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from attrs import define, field

from game.binary import BadBytes
from game.codec import Delta, Group, TableDelta, encode_delta
from game.fields import PUBLIC
from game.quantize import Quantized, dequantize
from game.schema import Schema, Table
from game.tracker import PUBLIC_SECTION, Section


class Entity:
    """One entity as this viewer sees it: an attribute per visible field, and ``key``, its wire id."""

    def __init__(self, key: int | str, values: dict[str, Any]) -> None:
        self.key = key
        self.__dict__.update(values)

    def __repr__(self) -> str:
        return f"Entity({', '.join(f'{name}={value!r}' for name, value in self.__dict__.items())})"

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"no field {name!r} is visible here; visible: {', '.join(self.__dict__)}")


@define
class SectionState:
    """The rows of one section as they are at ``seq``: per table index, wire id → quantized values.

    ``send_hz`` is the number of frames a second, by which fields with a rate move on.
    """

    tables: dict[int, dict[int, list[Quantized]]] = field(factory=dict)
    send_hz: float = 20.0
    seq: int = field(default=0, eq=False)
    _moving: dict[int, Table] = field(factory=dict, eq=False)
    _entities: dict[str, dict[int | str, Entity]] = field(factory=dict, init=False, eq=False)

    def entities(self, schema: Schema, collection: str) -> dict[int | str, Entity]:
        """This section's part of a collection's entities, decoded once however many views share the section."""
        found = self._entities.get(collection)
        if found is None:
            found = self._entities[collection] = {}
            for index in sorted(self.tables):
                table = schema.tables[index]
                if table.collection == collection:
                    for wire_id, row in self.tables[index].items():
                        found[_key(table, wire_id)] = Entity(_key(table, wire_id), _values(table, row))
        return found

    def apply(self, delta: Delta) -> None:
        """Applies a delta. Raises BadBytes for a partial row of an unknown entity: the state would diverge.

        A patch that leads no further than what is held has nothing new.
        """
        if not delta.is_key and 0 < delta.seq <= self.seq:
            return
        self._entities.clear()
        if delta.is_key:
            self.tables.clear()
            self.seq = delta.seq
        self.move_on(delta.seq)
        for part in delta.tables:
            if part.table.moves:
                self._moving[part.table.index] = part.table
            rows = self.tables.setdefault(part.table.index, {})
            for wire_id in part.gone:
                rows.pop(wire_id, None)
            for group in part.groups:
                _set_rows(part.table, rows, group)

    def move_on(self, seq: int) -> None:
        """Takes what moves by a rate to a later seq, at which nothing else has changed."""
        if seq <= self.seq:
            return
        for index, table in self._moving.items():
            for row in self.tables.get(index, {}).values():
                for move in table.moves:
                    row[move.place] = move.moved(row, self.seq, seq, self.send_hz)
        if self._moving:
            self._entities.clear()
        self.seq = seq

    def fits(self, delta: Delta) -> bool:
        """Whether `apply` would not raise: every row that is not whole is one that is held."""
        if delta.is_key:
            return True  # the decoder lets only whole rows into a KEY
        for part in delta.tables:
            rows = self.tables.get(part.table.index, {})
            for group in part.groups:
                if group.mask != part.table.full_mask and not all(wire_id in rows for wire_id in group.ids):
                    return False
        return True

    def fits_chain(self, chain: Sequence[Delta]) -> bool:
        """The same for deltas that follow one another."""
        trial = self.copy()
        for delta in chain:
            if not trial.fits(delta):
                return False
            trial.apply(delta)
        return True

    def copy(self) -> "SectionState":
        """An independent copy."""
        tables = {i: {k: list(row) for k, row in rows.items()} for i, rows in self.tables.items()}
        return SectionState(tables, self.send_hz, self.seq, dict(self._moving))

    def as_key(self, schema: Schema) -> Delta:
        """The KEY that would build this state: the canonical form that hashes and comparisons use."""
        delta = Delta(is_key=True)
        for index in sorted(self.tables):
            rows = self.tables[index]
            if rows:
                ids = sorted(rows)
                table = schema.tables[index]
                columns = [[rows[i][n] for i in ids] for n in range(len(table.fields))]
                delta.tables.append(TableDelta(table, (), (Group(table.full_mask, ids, columns),)))
        return delta


@define
class View:
    """A viewer's sections. ``seat`` is the own seat's number, or None for spectators; ``send_hz`` is the welcome's."""

    schema: Schema
    seat: int | None = None
    sections: dict[Section, SectionState] = field(factory=dict)
    send_hz: float = 20.0
    _cache: dict[str, list[Entity]] = field(factory=dict, init=False, eq=False)

    @property
    def world(self) -> Any:
        """The world's own fields as one entity."""
        return self._only("world")

    @property
    def room(self) -> Any:
        """The room's phase and summary."""
        return self._only("_room")

    @property
    def roster(self) -> list[Entity]:
        """Who sits where: number, name, team (255: none), is_bot, is_connected."""
        return self.all("_seats")

    def all(self, collection: str) -> list[Entity]:
        """The visible entities of a collection. Raises KeyError for an unknown name.

        Public ones come first, each audience's in the order of their wire ids.
        """
        if collection not in self._cache:
            self.schema.collection(collection)
            self._cache[collection] = list(self._merge(collection))
        return self._cache[collection]

    def mine(self, collection: str) -> list[Entity]:
        """The entities of a collection that belong to this viewer's seat."""
        spec = self.schema.collection(collection).entities
        if spec is None or spec.owner is None or self.seat is None:
            return []
        return [e for e in self.all(collection) if e.__dict__.get(spec.owner) == self.seat]

    def apply(self, section: Section, delta: Delta) -> None:
        """Applies one section's delta. Raises BadBytes where a patch meets a section that is not held."""
        self._cache.clear()
        state = self.sections.get(section)
        if state is None:
            if not delta.is_key:
                raise BadBytes(f"expected a key for section {section}, which is not held, got a patch")
            state = self.sections[section] = SectionState(send_hz=self.send_hz)
        state.apply(delta)

    def apply_all(self, parts: Iterable[tuple[Section, Sequence[Delta]]]) -> bool:
        """Applies the chains of a frame, all of them or none; False where one does not fit what is held."""
        chains = [(section, chain) for section, chain in parts if chain]
        for section, chain in chains:
            state = self.sections.get(section, SectionState())
            if not (state.fits(chain[0]) if len(chain) == 1 else state.fits_chain(chain)):
                return False
        for section, chain in chains:
            for delta in chain:
                self.apply(section, delta)
        return True

    def move_on(self, seq: int) -> None:
        """Takes every section to the seq of a frame whose deltas have been applied."""
        self._cache.clear()
        for state in self.sections.values():
            state.move_on(seq)

    def keep_only(self, sections: Iterable[Section]) -> None:
        """Drops every section that is not listed."""
        listed = set(sections)
        for section in [s for s in self.sections if s not in listed]:
            self._cache.clear()
            del self.sections[section]

    def copy(self) -> "View":
        """An independent copy."""
        return View(self.schema, self.seat, {s: state.copy() for s, state in self.sections.items()}, self.send_hz)

    def digest(self) -> str:
        """A BLAKE2b hash of all sections in canonical bytes: equal on both ends exactly when nothing diverged."""
        digest = hashlib.blake2b(digest_size=16)
        for section in sorted(self.sections):
            digest.update(str(section).encode() + b"\0")
            digest.update(encode_delta(self.sections[section].as_key(self.schema)))
        return digest.hexdigest()

    def _only(self, collection: str) -> Entity:
        found = self.all(collection)
        return found[0] if found else Entity(0, {})

    def _merge(self, collection: str) -> Iterable[Entity]:
        """The public section's entities, each with what narrower sections add; what nobody adds to is shared as it is."""
        merged: dict[int | str, Entity] = {}
        for section in sorted(self.sections, key=lambda s: (s != PUBLIC_SECTION, s)):
            for key, entity in self.sections[section].entities(self.schema, collection).items():
                held = merged.get(key)
                merged[key] = entity if held is None else Entity(key, held.__dict__ | entity.__dict__)
        return merged.values()


def _values(table: Table, row: list[Quantized]) -> dict[str, Any]:
    return {wire.name: dequantize(wire.spec, q) for wire, q in zip(table.fields, row, strict=True)}


def _key(table: Table, wire_id: int) -> int | str:
    return wire_id if table.exists is PUBLIC else f"{table.exists.value}/{wire_id}"


def _set_rows(table: Table, rows: dict[int, list[Quantized]], group: Group) -> None:
    places = [i for i in range(len(table.fields)) if group.mask >> i & 1]
    is_full = group.mask == table.full_mask
    for n, wire_id in enumerate(group.ids):
        row = rows.get(wire_id)
        if row is None:
            if not is_full:
                raise BadBytes(f"expected all fields of the new {table.collection} {wire_id}, got mask {group.mask:#x}")
            rows[wire_id] = [column[n] for column in group.columns]
            continue
        for place, column in zip(places, group.columns, strict=True):
            row[place] = column[n]
