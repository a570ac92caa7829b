"""Reads a game's attrs classes into tables: what each audience's section holds, field by field.

A *section* is what one audience sees. A *table* is one collection's part of one section. An entity *exists* for an
audience; a field of a narrower audience becomes an overlay row in that audience's section, under the same wire id. Two
tables stand in every game: ``_room`` (the match's phase) and ``_seats`` (the roster). `game.tracker` fills tables,
`game.view` holds them.
"""

import hashlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Annotated, Any

import attrs
import msgspec
from attrs import define, field, frozen
from msgspec import Meta, Struct

from game.binary import column_code
from game.bodies import BodyCode, compile_body
from game.contract import Game
from game.fields import (
    METADATA_KEY,
    NOBODY,
    PUBLIC,
    SEAT,
    SPECTATORS,
    TEAM,
    Audience,
    EntitiesSpec,
    FieldSpec,
    Kind,
    choice,
    flag,
    spec_of,
    text,
    whole,
)
from game.motion import FASTEST, Move

MAX_FIELDS = 31  # a row's mask fits a JavaScript integer's bit operations
MASKS_KEPT = 4096  # of one table, whose fields are looked up at once
NO_TEAM = 255
RESERVED_NAMES = ("key", "type", "age")  # an entity's wire id in a view; an input's or event's own keys in JSON
SECTION_KINDS = (PUBLIC, TEAM, SEAT, SPECTATORS)  # their order is their number on the wire


class SchemaError(Exception):
    """A game's classes do not make a schema; the message says what was expected, what came and what to do."""


@define
class RoomRow:
    """The table ``_room`` (one row): where the match stands."""

    phase: str = choice(("waiting", "playing", "ended"), audience=PUBLIC)
    summary: str = text(240, audience=PUBLIC)


@define
class SeatRow:
    """The table ``_seats``: who sits where."""

    number: int = whole(0, 254, audience=PUBLIC)
    name: str = text(64, audience=PUBLIC)
    team: int = whole(0, NO_TEAM, audience=PUBLIC, default=NO_TEAM)
    is_bot: bool = flag(audience=PUBLIC)
    is_connected: bool = flag(audience=PUBLIC, default=True)


@frozen
class WireField:
    """A named field of a row, an input or an event. ``code`` and ``width`` are its column's; text has neither."""

    name: str
    spec: FieldSpec
    code: str = field(init=False, eq=False)
    width: int = field(init=False, eq=False)

    def __attrs_post_init__(self) -> None:
        code, width = ("", 0) if self.spec.kind is Kind.TEXT else column_code(self.spec.steps)
        object.__setattr__(self, "code", code)
        object.__setattr__(self, "width", width)


@frozen
class FieldSet:
    """Some of a table's fields, in order, and their places in a row. ``codes`` are their columns'; None where one is a text."""

    fields: tuple[WireField, ...]
    places: tuple[int, ...]
    codes: str | None = field(init=False)

    def __attrs_post_init__(self) -> None:
        codes = [wire.code for wire in self.fields]
        object.__setattr__(self, "codes", "".join(codes) if all(codes) else None)


@frozen
class Table:
    """One collection's part of one section. ``exists`` is the audience that knows of the entities' existence."""

    index: int
    section: Audience
    collection: str
    exists: Audience
    fields: tuple[WireField, ...]
    full_mask: int = field(init=False, eq=False, repr=False)  # with every field's bit set
    moves: tuple[Move, ...] = field(init=False, eq=False, repr=False)
    _masked: dict[int, FieldSet] = field(init=False, eq=False, repr=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "full_mask", (1 << len(self.fields)) - 1)
        object.__setattr__(self, "moves", tuple(_moves(self.collection, self.fields)))

    def masked(self, mask: int) -> FieldSet:
        """The fields that a mask names."""
        found = self._masked.get(mask)
        if found is None:
            if len(self._masked) >= MASKS_KEPT:
                self._masked.clear()
            places = tuple(i for i in range(len(self.fields)) if mask >> i & 1)
            found = FieldSet(tuple(self.fields[i] for i in places), places)
            self._masked[mask] = found
        return found


@frozen
class Message:
    """An input or event class on the wire."""

    index: int
    name: str
    fields: tuple[WireField, ...]
    cls: type | None = field(default=None, eq=False)
    _code: BodyCode | None = field(init=False, eq=False, repr=False, default=None)

    @property
    def code(self) -> BodyCode:
        """The generated reader and writer of its bodies."""
        if self._code is None:
            object.__setattr__(self, "_code", compile_body([(wire.name, wire.spec) for wire in self.fields], self.cls))
        assert self._code is not None  # noqa: S101 - just set
        return self._code


@frozen
class Collection:
    """A collection of the world, or one of its one-row tables (``entities`` is None)."""

    name: str
    entities: EntitiesSpec | None
    fields: tuple[WireField, ...]


@frozen
class Schema:
    """Everything both ends must agree on. ``fingerprint`` is 16 hex digits of its canonical JSON."""

    collections: tuple[Collection, ...]
    tables: tuple[Table, ...]
    inputs: tuple[Message, ...]
    events: tuple[Message, ...]
    sees_everything: bool = False
    fingerprint: str = field(init=False)
    _by_section: dict[Audience, tuple[Table, ...]] = field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        by_section = {s: tuple(table for table in self.tables if table.section is s) for s in SECTION_KINDS}
        object.__setattr__(self, "_by_section", by_section)
        digest = hashlib.blake2b(msgspec.json.encode(self.as_json()), digest_size=8)
        object.__setattr__(self, "fingerprint", digest.hexdigest())

    def in_section(self, section: Audience) -> tuple[Table, ...]:
        """The tables of one audience's section."""
        return self._by_section[section]

    def has_section(self, section: Audience) -> bool:
        """Whether anything at all can ever be in that section; an empty section is never sent."""
        return section is PUBLIC or bool(self._by_section[section]) or bool(self.events)

    def collection(self, name: str) -> Collection:
        """Raises KeyError for a name that the schema lacks."""
        for found in self.collections:
            if found.name == name:
                return found
        raise KeyError(f"no collection {name!r}; expected one of {', '.join(c.name for c in self.collections)}")

    def as_json(self) -> dict[str, Any]:
        """The schema as `docs/protocol.md` spells it: enough for a client that has never heard of the game."""
        owners = {c.name: c.entities.owner for c in self.collections if c.entities and c.entities.owner}
        return {
            "tables": [
                {
                    "section": table.section.value,
                    "collection": table.collection,
                    "exists": table.exists.value,
                    "owner": owners.get(table.collection),
                    "fields": [field_json(f) for f in table.fields],
                }
                for table in self.tables
            ],
            "inputs": [{"name": m.name, "fields": [field_json(f) for f in m.fields]} for m in self.inputs],
            "events": [{"name": m.name, "fields": [field_json(f) for f in m.fields]} for m in self.events],
            "sees_everything": self.sees_everything,
        }


def schema_of(game_class: type[Game], sees_everything: bool = False) -> Schema:
    """The schema of a game class. ``sees_everything`` gives spectators a section that holds every field but NOBODY's.

    Raises SchemaError, whose message names the class and the field.
    """
    hashable: Any = game_class  # mypy takes the class for one of its unhashable instances
    return _schema_of(hashable, sees_everything)


@lru_cache(maxsize=256)
def _schema_of(game_class: Any, sees_everything: bool) -> Schema:
    for needed in ("World", "inputs"):
        if not hasattr(game_class, needed):
            raise SchemaError(
                f"{game_class.__name__} lacks the class attribute {needed!r}; see docs/games/authoring.md"
            )
    collections = (
        Collection("_room", None, _fields(RoomRow)),
        Collection("_seats", EntitiesSpec(SeatRow, PUBLIC, owner="number"), _fields(SeatRow)),
        *_collections(game_class.World),
    )
    return Schema(
        collections,
        _tables(collections, sees_everything),
        _messages(game_class.inputs, "input"),
        _messages(game_class.events, "event"),
        sees_everything,
    )


def schema_from_json(data: object) -> Schema:
    """The schema a server sent, without the game's classes. Raises SchemaError for anything that is not one."""
    try:
        read = msgspec.convert(data, _SchemaJson)
        tables = tuple(
            Table(i, t.section, t.collection, t.exists, tuple(map(_field_from, t.fields)))
            for i, t in enumerate(read.tables)
        )
        inputs, events = (
            tuple(Message(i, m.name, tuple(map(_field_from, m.fields))) for i, m in enumerate(messages))
            for messages in (read.inputs, read.events)
        )
    except (msgspec.ValidationError, ValueError) as error:
        raise SchemaError(f"expected a schema as docs/protocol.md describes it: {error}") from error
    owners = {t.collection: t.owner for t in read.tables}
    names = dict.fromkeys(("_room", "_seats", "world", *owners))
    collections = tuple(
        Collection(n, None if n in ("_room", "world") else EntitiesSpec(object, owner=owners.get(n)), ()) for n in names
    )
    return Schema(collections, tables, inputs, events, read.sees_everything)


def placed_in(field_audience: Audience, exists: Audience) -> Audience:
    """The section that carries a field of one audience on an entity that exists for another; NOBODY where none may."""
    if field_audience is NOBODY or exists is NOBODY:
        return NOBODY
    if field_audience is PUBLIC or field_audience is exists:
        return exists
    if exists is PUBLIC:
        return field_audience
    if SPECTATORS in (field_audience, exists):
        return NOBODY
    return SEAT


def _collections(world: type) -> Iterable[Collection]:
    if not attrs.has(world):
        raise SchemaError(f"World {world.__name__} is not an attrs class; expected @define above it")
    plain = tuple(f for f in _fields(world))
    for wire in plain:
        if wire.spec.audience in (TEAM, SEAT):
            raise SchemaError(
                f"{world.__name__}.{wire.name} has audience {wire.spec.audience.value}, but the world has no owner; "
                "move it to a collection: entities(..., owner=...)"
            )
    yield Collection("world", None, plain)
    for attribute in attrs.fields(world):
        spec = spec_of(attribute)
        if isinstance(spec, EntitiesSpec):
            if attribute.name.startswith("_") or attribute.name == "world":
                raise SchemaError(f"{world.__name__}.{attribute.name}: a collection may not be called so; rename it")
            _check_entities(f"{world.__name__}.{attribute.name}", spec)
            yield Collection(attribute.name, spec, _fields(spec.entity))


def _check_entities(where: str, spec: EntitiesSpec) -> None:
    if not attrs.has(spec.entity):
        raise SchemaError(f"{where}: {spec.entity.__name__} is not an attrs class; expected @define above it")
    names = {a.name for a in attrs.fields(spec.entity)}
    for role in ("owner", "team", "audience_of"):
        named = getattr(spec, role)
        if named is not None and named not in names:
            raise SchemaError(f"{where}: {role}={named!r} is no attribute of {spec.entity.__name__}: {sorted(names)}")
    audiences = {f.spec.audience for f in _fields(spec.entity)} | {spec.audience}
    for audience, role in ((SEAT, "owner"), (TEAM, "team")):
        if audience in audiences and getattr(spec, role) is None:
            raise SchemaError(f"{where}: something has audience {audience.value}, so entities(...) needs {role}=")


def _tables(collections: Iterable[Collection], sees_everything: bool) -> tuple[Table, ...]:
    tables: list[Table] = []
    for collection in collections:
        for section, exists, wire in _parts(collection, sees_everything):
            if len(wire) > MAX_FIELDS:
                raise SchemaError(f"{collection.name} has {len(wire)} fields for {section.value}; at most {MAX_FIELDS}")
            try:
                tables.append(Table(len(tables), section, collection.name, exists, wire))
            except ValueError as error:
                raise SchemaError(str(error)) from error
    return tuple(tables)


def _parts(c: Collection, sees_everything: bool) -> Iterable[tuple[Audience, Audience, tuple[WireField, ...]]]:
    audiences: tuple[Audience, ...] = (c.entities.audience,) if c.entities else (PUBLIC,)
    if c.entities and c.entities.audience_of:
        audiences = SECTION_KINDS
    for exists in audiences:
        for section in SECTION_KINDS:
            if sees_everything and section is SPECTATORS:
                continue
            wire = tuple(f for f in c.fields if placed_in(f.spec.audience, exists) is section)
            if wire or (section is exists and c.entities):
                yield section, exists, wire
    if sees_everything:
        wire = tuple(f for f in c.fields if f.spec.audience is not NOBODY)
        if wire or c.entities:
            yield SPECTATORS, SPECTATORS, wire


def _moves(collection: str, fields: Sequence[WireField]) -> Iterable[Move]:
    """The fields that move by another one. Raises ValueError for a rate that cannot be one."""
    for place, wire in enumerate(fields):
        if wire.spec.rate is None:
            continue
        where, name = f"{collection}.{wire.name}", wire.spec.rate
        found = [(i, f.spec) for i, f in enumerate(fields) if f.name == name]
        if not found:
            raise ValueError(
                f"{where} moves by {name!r}, which its viewers do not see: expected one of {[f.name for f in fields]}; "
                "give both fields the same audience"
            )
        rate, spec = found[0]
        if spec.kind not in (Kind.NUM, Kind.WHOLE) or wire.spec.kind is not Kind.NUM or spec.rate is not None:
            raise ValueError(f"{where}: expected a rate that is num() or whole() and has no rate itself, got {name!r}")
        fastest = max(abs(spec.min), abs(spec.min + spec.steps * spec.step)) / wire.spec.step
        if fastest > FASTEST:
            raise ValueError(
                f"{where} may move by {fastest:.0f} steps a second; expected at most {FASTEST}: choose a larger step"
            )
        yield Move(place, rate, wire.spec.step, wire.spec.steps, spec.min, spec.step, wire.spec.tolerance)


def _messages(classes: Iterable[type], what: str) -> tuple[Message, ...]:
    messages = []
    for index, cls in enumerate(classes):
        if not attrs.has(cls):
            raise SchemaError(f"{what} {cls.__name__} is not an attrs class; expected @define or @frozen above it")
        for attribute in attrs.fields(cls):
            if not isinstance(spec_of(attribute), FieldSpec):
                raise SchemaError(
                    f"{what} {cls.__name__}.{attribute.name} is no wire field; use num, whole, flag, choice or text"
                )
            if attribute.metadata[METADATA_KEY].rate is not None:
                raise SchemaError(f"{what} {cls.__name__}.{attribute.name} has a rate; only an entity's fields move")
        messages.append(Message(index, cls.__name__, _fields(cls), cls))
    return tuple(messages)


def _fields(cls: type) -> tuple[WireField, ...]:
    found = tuple(WireField(a.name, spec) for a in attrs.fields(cls) if isinstance(spec := spec_of(a), FieldSpec))
    for wire in found:
        if wire.name.startswith("_") or wire.name in RESERVED_NAMES:
            raise SchemaError(
                f"{cls.__name__}.{wire.name}: a wire field may not begin with _ nor be one of "
                f"{', '.join(RESERVED_NAMES)}; rename it"
            )
        if wire.spec.rate is not None and wire.spec.rate not in {other.name for other in found}:
            raise SchemaError(
                f"{cls.__name__}.{wire.name}: rate={wire.spec.rate!r} is no wire field of {cls.__name__}: expected one of "
                f"{[other.name for other in found if other is not wire]}"
            )
    return found


def field_json(wire: WireField) -> dict[str, Any]:
    spec = wire.spec
    out: dict[str, Any] = {"name": wire.name, "kind": spec.kind.value}
    if spec.kind is Kind.TEXT:
        out["max_bytes"] = spec.max_bytes
        return out
    out["steps"] = spec.steps
    if spec.kind in (Kind.NUM, Kind.WHOLE):
        out |= {"min": spec.min, "step": spec.step}
    if spec.kind is Kind.CHOICE:
        out["choices"] = list(spec.choices)
    if spec.rate is not None:
        out["rate"] = spec.rate
    return out


class _FieldJson(Struct):
    name: str
    kind: Kind
    min: float | int = 0
    step: float | int = 1
    steps: Annotated[int, Meta(ge=0, le=0xFFFF_FFFF)] = 0
    choices: Annotated[tuple[str, ...], Meta(max_length=256)] = ()
    max_bytes: Annotated[int, Meta(ge=0, le=65_535)] = 0
    rate: str | None = None


class _TableJson(Struct):
    section: Audience
    collection: str
    exists: Audience
    fields: Annotated[list[_FieldJson], Meta(max_length=MAX_FIELDS)]
    owner: str | None = None


class _MessageJson(Struct):
    name: str
    fields: list[_FieldJson]


class _SchemaJson(Struct):
    tables: list[_TableJson]
    inputs: list[_MessageJson]
    events: list[_MessageJson]
    sees_everything: bool


def _field_from(f: _FieldJson) -> WireField:
    if f.kind is Kind.CHOICE and len(f.choices) != f.steps + 1:
        raise ValueError(f"field {f.name!r} has {f.steps} steps and {len(f.choices)} choices")
    if f.kind is Kind.FLAG and f.steps != 1:
        raise ValueError(f"flag {f.name!r} has {f.steps} steps; expected 1")
    if not f.step > 0:
        raise ValueError(f"field {f.name!r} has a step of {f.step}; expected more than 0")
    return WireField(f.name, FieldSpec(f.kind, PUBLIC, f.min, f.step, f.steps, f.choices, f.max_bytes, rate=f.rate))
