"""Deltas of one section to bytes and back, and to the readable JSON form; inputs and events likewise.

A :class:`Delta` is either a KEY (the whole section) or a PATCH (absolute values of what changed after a base). Rows with
the same mask of fields travel as one group: an id set, then one column per field. `docs/protocol.md` has every byte.
Every delta has one form only, in bytes and in JSON, so that equal states have equal bytes.
"""

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from attrs import define, field, frozen
from msgspec import Meta, Struct

from game.binary import NUMBER_LIMIT, BadBytes, Reader, columns_packer, put_ids, put_text, put_uvarint
from game.fields import Kind
from game.quantize import Quantized, dequantize, is_within, quantize
from game.schema import Message, Schema, Table, WireField

T = TypeVar("T")
WireNumber = Annotated[int, Meta(ge=0, lt=NUMBER_LIMIT)]

MAX_ROWS = 1 << 20  # a decoder refuses a larger table before it allocates for it


@frozen
class Group:
    """Rows of one table that carry the same fields: ascending ids, and one column per set bit of the mask."""

    mask: int
    ids: Sequence[int]
    columns: Sequence[Sequence[Quantized]]


@frozen
class TableDelta:
    """What happened to one table: ids that are gone, then groups of rows set."""

    table: Table
    gone: Sequence[int]
    groups: Sequence[Group]


@frozen
class EventRow:
    """An event with its age in frames (0: of the frame that carries it) and its quantized values."""

    message: Message
    age: int
    values: Sequence[Quantized]


@define
class Delta:
    """A KEY or PATCH of one section. ``seq``, which travels beside it, says where it leads."""

    is_key: bool
    tables: list[TableDelta] = field(factory=list)
    events: list[EventRow] = field(factory=list)
    seq: int = field(default=0, eq=False)


def encode_delta(delta: Delta) -> bytes:
    """The blob of a delta."""
    out = bytearray((0 if delta.is_key else 1,))
    put_uvarint(out, len(delta.tables))
    for part in delta.tables:
        put_uvarint(out, part.table.index)
        if not delta.is_key:
            put_ids(out, part.gone)
        put_uvarint(out, len(part.groups))
        for group in part.groups:
            _put_group(out, part.table, group)
    put_uvarint(out, len(delta.events))
    for event in delta.events:
        put_uvarint(out, event.message.index)
        put_uvarint(out, event.age)
        put_values(out, event.message, event.values)
    return bytes(out)


def decode_delta(schema: Schema, blob: bytes, seq: int = 0) -> Delta:
    """The delta of a blob that leads to ``seq``. Raises BadBytes for anything that `encode_delta` could not have written."""
    reader = Reader(blob)
    kind = reader.u8()
    if kind > 1:
        raise BadBytes(f"expected a key (0) or patch (1), got {kind}")
    delta = Delta(kind == 0, seq=seq)
    last = -1
    for _ in range(reader.uvarint()):
        table = _indexed(schema.tables, reader.uvarint(), "table")
        if table.index <= last:
            raise BadBytes("expected tables in ascending order")
        last = table.index
        gone = [] if delta.is_key else reader.ids()
        groups = [_read_group(reader, table) for _ in range(reader.uvarint())]
        part = TableDelta(table, gone, groups)
        _check_part(part, delta.is_key)
        delta.tables.append(part)
    for _ in range(reader.uvarint()):
        message = _indexed(schema.events, reader.uvarint(), "event")
        age = reader.uvarint()
        delta.events.append(EventRow(message, age, read_values(reader, message)))
    reader.end()
    return delta


def put_values(out: bytearray, message: Message, values: Sequence[Any]) -> None:
    """Appends one quantized value per field."""
    message.code.put(out, values)


def read_values(reader: Reader, message: Message) -> Sequence[Quantized]:
    """One quantized value per field, each within its range."""
    return message.code.read(reader)


def quantize_all(message: Message, body: object) -> list[Quantized]:
    """The quantized values of an instance of the message's class."""
    return [quantize(wire.spec, getattr(body, wire.name)) for wire in message.fields]


def body_of(message: Message, values: Sequence[Quantized]) -> Any:
    """An instance of the message's class, or a dict where only its schema is known."""
    return message.code.build(values)


def body_json(message: Message, values: Sequence[Quantized]) -> dict[str, Any]:
    """The readable form of an input or event."""
    return {"type": message.name} | {w.name: dequantize(w.spec, q) for w, q in zip(message.fields, values, strict=True)}


def values_from_json(messages: Sequence[Message], data: object) -> tuple[Message, list[Quantized]]:
    """The message and quantized values of a readable input or event. Raises BadBytes, saying what was expected."""
    if not isinstance(data, dict):
        raise BadBytes(f"expected an object with a type, got {type(data).__name__}")
    for message in messages:
        if message.name == data.get("type"):
            break
    else:
        raise BadBytes(f"expected a type among {[m.name for m in messages]}, got {str(data.get('type'))[:40]!r}")
    names = {w.name for w in message.fields}
    if unknown := sorted(str(k)[:40] for k in data.keys() - names - {"type"}):
        raise BadBytes(f"{message.name}: unknown fields {unknown}; expected {sorted(names)}")
    return message, [_value_from_json(message.name, wire, data) for wire in message.fields]


def delta_json(delta: Delta) -> dict[str, Any]:
    """The readable form of a delta: real values by field name."""
    tables = []
    for part in delta.tables:
        rows = [row for group in part.groups for row in _rows_json(part.table, group)]
        tables.append({"table": part.table.index, "gone": list(part.gone), "set": rows})
    events = [body_json(e.message, e.values) | {"age": e.age} for e in delta.events]
    return {"kind": "key" if delta.is_key else "patch", "tables": tables, "events": events}


class _TableJson(Struct):
    table: WireNumber
    gone: list[WireNumber]
    set: list[tuple[WireNumber, dict[str, Any]]]


class DeltaJson(Struct):
    """The shape of a delta's readable form."""

    kind: Literal["key", "patch"]
    tables: list[_TableJson]
    events: list[dict[str, Any]]


def delta_from_json(schema: Schema, data: object) -> Delta:
    """The delta of its readable form, rows in any order. Raises BadBytes for anything else."""
    try:
        read = msgspec.convert(data, DeltaJson)
    except msgspec.ValidationError as error:
        raise BadBytes(f"expected a section delta in JSON: {error}"[:200]) from error
    delta = Delta(read.kind == "key")
    last = -1
    for found in read.tables:
        if found.table <= last:
            raise BadBytes("expected tables in ascending order")
        last = found.table
        delta.tables.append(_part_from_json(_indexed(schema.tables, found.table, "table"), found, delta.is_key))
    for event in read.events:
        age = event.pop("age", None)
        if type(age) is not int or not 0 <= age < NUMBER_LIMIT:
            raise BadBytes(f"expected an event's age in frames, got {str(age)[:40]!r}")
        delta.events.append(EventRow(*_event_from_json(schema, age, event)))
    return delta


def _put_group(out: bytearray, table: Table, group: Group) -> None:
    mask, ids, columns = group.mask, group.ids, group.columns
    if mask < 0x80:
        out.append(mask)
    else:
        put_uvarint(out, mask)
    put_ids(out, ids)
    fields = table.masked(mask)
    if fields.codes is not None:
        out += columns_packer(fields.codes, len(ids))(*chain.from_iterable(columns))
        return
    for wire, column in zip(fields.fields, columns, strict=True):
        if wire.code:
            out += columns_packer(wire.code, len(ids))(*column)
        else:
            for value in column:
                put_text(out, str(value))


def _read_group(reader: Reader, table: Table) -> Group:
    mask = reader.uvarint()
    if mask > table.full_mask:
        raise BadBytes(f"expected a mask of {len(table.fields)} fields, got {mask:#x}")
    ids = reader.ids()
    if not ids or len(ids) > MAX_ROWS:
        raise BadBytes(f"expected 1 to {MAX_ROWS} rows in a group, got {len(ids)}")
    columns = [_read_column(reader, wire, len(ids)) for wire in table.masked(mask).fields]
    return Group(mask, ids, columns)


def _check_part(part: TableDelta, is_key: bool) -> None:
    """One form only: groups by ascending mask, each id once, whole rows in a KEY, and no table without a change."""
    if not part.gone and not part.groups:
        raise BadBytes(f"expected a change of table {part.table.index}, got none")
    masks = [group.mask for group in part.groups]
    if masks != sorted(set(masks)):
        raise BadBytes(f"expected groups by ascending mask, got {masks}")
    if is_key and masks != [part.table.full_mask]:
        raise BadBytes(f"expected one group of whole rows in a key, got masks {masks}")
    if len(masks) + bool(part.gone) > 1:
        ids = [*part.gone, *(i for group in part.groups for i in group.ids)]
        if len(set(ids)) != len(ids):
            raise BadBytes(f"expected each id of table {part.table.index} once, got one twice")


def _read_column(reader: Reader, wire: WireField, count: int) -> Sequence[Quantized]:
    spec = wire.spec
    if spec.kind is Kind.TEXT:
        return [reader.text(spec.max_bytes) for _ in range(count)]
    values = reader.column(wire.code, wire.width, count)
    if max(values) > spec.steps:
        raise BadBytes(f"{wire.name}: expected at most {spec.steps}, got {max(values)}")
    return values


def _rows_json(table: Table, group: Group) -> list[list[Any]]:
    fields = table.masked(group.mask).fields
    return [
        [entity, {w.name: dequantize(w.spec, column[i]) for w, column in zip(fields, group.columns, strict=True)}]
        for i, entity in enumerate(group.ids)
    ]


def _part_from_json(table: Table, found: _TableJson, is_key: bool) -> TableDelta:
    rows: dict[int, list[tuple[int, list[Quantized]]]] = {}
    for entity, row in sorted(found.set, key=lambda item: item[0]):
        mask = sum(1 << i for i, wire in enumerate(table.fields) if wire.name in row)
        if mask.bit_count() != len(row):
            raise BadBytes(f"expected fields of {table.collection}, got {sorted(row)}"[:200])
        values = [_value_from_json(table.collection, wire, row) for wire in table.masked(mask).fields]
        rows.setdefault(mask, []).append((entity, values))
    groups = [
        Group(mask, [entity for entity, _ in rows[mask]], list(zip(*(values for _, values in rows[mask]), strict=True)))
        for mask in sorted(rows)
    ]
    if is_key and found.gone:
        raise BadBytes(f"expected nothing gone in a key, got ids {found.gone[:10]}")
    part = TableDelta(table, sorted(found.gone), groups)
    _check_part(part, is_key)
    return part


def _event_from_json(schema: Schema, age: int, body: dict[str, Any]) -> tuple[Message, int, list[Quantized]]:
    message, values = values_from_json(schema.events, body)
    return message, age, values


_JSON_TYPES: dict[Kind, tuple[Callable[[Any], bool], str]] = {
    Kind.NUM: (lambda v: isinstance(v, int | float) and not isinstance(v, bool), "a number"),
    Kind.WHOLE: (lambda v: isinstance(v, int) and not isinstance(v, bool), "a whole number"),
    Kind.FLAG: (lambda v: isinstance(v, bool), "true or false"),
    Kind.CHOICE: (lambda v: isinstance(v, str), "one of the choices"),
    Kind.TEXT: (lambda v: isinstance(v, str), "a string"),
}


def _value_from_json(owner: str, wire: WireField, data: dict[str, Any]) -> Quantized:
    spec, where = wire.spec, f"{owner}.{wire.name}"
    if wire.name not in data:
        raise BadBytes(f"{where} is missing")
    value = data[wire.name]
    is_right, expected = _JSON_TYPES[spec.kind]
    if not is_right(value):
        raise BadBytes(f"{where}: expected {expected}, got {type(value).__name__}")
    if spec.kind is Kind.CHOICE and value not in spec.choices:
        raise BadBytes(f"{where}: expected one of {list(spec.choices)}, got {value[:40]!r}")
    if spec.kind in (Kind.NUM, Kind.WHOLE) and not is_within(spec, value):
        raise BadBytes(f"{where}: expected {spec.min} … {spec.min + spec.steps * spec.step}, got {value!r}"[:200])
    if spec.kind is Kind.TEXT and len(value.encode("utf-8", "replace")) > spec.max_bytes:
        raise BadBytes(f"{where}: expected at most {spec.max_bytes} bytes of text, got {len(value)} characters")
    return quantize(spec, value)


def _indexed(items: Sequence[T], index: int, what: str) -> T:
    if index >= len(items):
        raise BadBytes(f"expected {what} 0 to {len(items) - 1}, got {index}")
    return items[index]
