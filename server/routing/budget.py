"""What a room costs: bytes per client, layer messages, encodes, and how long a stall each layer survives.

Estimates on the safe side, from the spec and the game's schema; nothing is measured here. docs/routing.md explains the
formulas. A collection's size is what the room's `entities` says, else its seats (where each entity has an owner) or 64.
"""

from collections.abc import Iterator, Mapping

from attrs import field, frozen

from game.binary import column_code
from game.fields import Audience, Kind
from game.schema import SECTION_KINDS, Schema, Table, WireField
from server.routing.ceilings import CORE, IN_MEMORY, PUBSUB, Ceiling
from server.routing.context import Context
from server.routing.nodes import Path
from server.routing.spec import RoomSpec, Sees

MESSAGE_BYTES_MAX = 1_048_576  # Daphne's limit on one WebSocket message, in either direction
FRAME_BYTES = 64  # frame header, WebSocket header, answers to inputs
ENTITIES_ASSUMED = 64
STALL_S_MIN = 1.0
CONTROL_HZ = 2  # presence and the link's acknowledgements

ROLE_SECTIONS = {
    "player": (Audience.PUBLIC, Audience.TEAM, Audience.SEAT),
    "spectator": (Audience.PUBLIC, Audience.SPECTATORS),
}


@frozen
class Budget:
    """One room's figures. `busy`: every number of every entity moves; `worst`: every field changes in every frame."""

    key_bytes_max: int
    busy_bytes_s: int
    worst_bytes_s: int
    layer_messages_s: float
    layer_bytes_s: int
    encodes_s: int
    delay_bytes: int
    rooms_per_process: int
    stall_s: Mapping[str, float | None] = field(hash=False)


def estimate(room: RoomSpec, schema: Schema, layer: Ceiling) -> Budget:
    """The budget of one room of this type with all its seats taken, watched, and reached through one gateway."""
    sections: dict[Audience, Sizes] = {section: Sizes.of(section, room, schema) for section in SECTION_KINDS}
    roles = role_sections(room)
    worst = max(sum(sections[s].worst for s in role) for role in roles) + FRAME_BYTES
    busy = max(sum(sections[s].busy for s in role) for role in roles) + FRAME_BYTES
    key = max(sum(sections[s].key for s in role) for role in roles) + FRAME_BYTES
    count = audience_count(room, schema)
    all_sections = sum(sections[s].worst * n for s, n in count.items()) + FRAME_BYTES
    messages_s = layer_messages_s(room, schema)
    layer_bytes_s = all_sections * room.send_hz
    delay_s = room.spectators.delay_s if room.spectators else 0.0
    keys_s = room.send_hz / room.frames.keyframe_every
    layers = dict.fromkeys((IN_MEMORY, PUBSUB, CORE, layer))
    return Budget(
        key_bytes_max=key,
        busy_bytes_s=round(busy * (room.send_hz - keys_s) + key * keys_s),
        worst_bytes_s=worst * room.send_hz,
        layer_messages_s=messages_s,
        layer_bytes_s=layer_bytes_s,
        encodes_s=sum(count.values()) * room.send_hz,
        delay_bytes=round(delay_s * room.send_hz * worst),
        rooms_per_process=int(layer.group_sends_s // messages_s),
        stall_s={each.name: stall_s(each, messages_s, layer_bytes_s) for each in layers},
    )


def check_budget(context: Context, path: Path, budget: Budget, layer: Ceiling) -> None:
    """What no client, or not the chosen layer, could carry."""
    if budget.key_bytes_max > MESSAGE_BYTES_MAX:
        hint = "shorten its texts, or say under `entities` how many there are at most"
        expected = f"a worst-case KEY of at most {MESSAGE_BYTES_MAX} bytes, Daphne's limit"
        context.key_problem(path, expected, f"{budget.key_bytes_max} bytes", hint)
    if budget.layer_messages_s > layer.group_sends_s:
        expected = f"at most {layer.group_sends_s} layer messages/s, what {layer.name} carries"
        hint = "lower send_hz or tick_hz, or set ROOMWRIGHT_LAYER to another layer"
        context.key_problem(path, expected, f"{budget.layer_messages_s:g}/s", hint)
    seconds = budget.stall_s[layer.name]
    if seconds is not None and seconds < STALL_S_MIN:
        expected = f"at least {STALL_S_MIN:g} s of stall before {layer.name} drops"
        hint = f"{budget.layer_bytes_s} bytes/s and {budget.layer_messages_s:g} messages/s are too much for it"
        context.key_problem(path, expected, f"{seconds:.2f} s", hint)


def stall_s(layer: Ceiling, messages_s: float, bytes_s: int) -> float | None:
    """Seconds for which a process may stop reading before the layer drops; None where the layer has no known limit."""
    limits = [layer.capacity / messages_s] if layer.capacity else []
    limits += [layer.buffer_bytes / bytes_s] if layer.buffer_bytes else []
    return round(min(limits), 3) if limits else None


def layer_messages_s(room: RoomSpec, schema: Schema) -> float:
    """One room alone on one loop and one gateway: frames, their private part, the delayed stream, inputs by the tick."""
    has_private = any(schema.has_section(section) for section in (Audience.TEAM, Audience.SEAT))
    is_delayed = room.spectators is not None and room.spectators.delay_s > 0
    return room.send_hz * (1 + has_private + is_delayed) + room.tick_hz + CONTROL_HZ


def role_sections(room: RoomSpec) -> list[tuple[Audience, ...]]:
    """What one connection of each role receives. Spectators who see everything get one section that holds all."""
    if room.spectators is None:
        return [ROLE_SECTIONS["player"]]
    sees_all = room.spectators.sees is Sees.EVERYTHING
    return [ROLE_SECTIONS["player"], (Audience.SPECTATORS,) if sees_all else ROLE_SECTIONS["spectator"]]


def audience_count(room: RoomSpec, schema: Schema) -> dict[Audience, int]:
    """How many sections of each audience one frame of a full room has."""
    counts = {
        Audience.PUBLIC: 1,
        Audience.TEAM: len(room.teams),
        Audience.SEAT: room.seats,
        Audience.SPECTATORS: 0 if room.spectators is None else 1,
    }
    return {section: count for section, count in counts.items() if count and schema.has_section(section)}


@frozen
class Sizes:
    """Bytes of one section: a KEY, a frame where every number moves, a frame where everything changes."""

    key: int
    busy: int
    worst: int

    @classmethod
    def of(cls, section: Audience, room: RoomSpec, schema: Schema) -> "Sizes":
        tables = [(table, rows_max(table, room, schema)) for table in schema.in_section(section)]
        binary = sum(count * row_bytes(table.fields) for table, count in tables)
        readable = sum(count * row_bytes_json(table.fields) for table, count in tables)
        busy = sum(count * row_bytes(numbers(table.fields)) for table, count in tables if any(numbers(table.fields)))
        return cls(key=max(binary, readable), busy=busy, worst=binary)


def rows_max(table: Table, room: RoomSpec, schema: Schema) -> int:
    """Rows of one table at most: a seat's section holds that seat's share only."""
    collection = schema.collection(table.collection)
    if collection.entities is None:
        return 1
    if collection.name == "_seats":
        return room.seats
    owned = collection.entities.owner is not None
    count = int(room.entities.get(collection.name, room.seats if owned else ENTITIES_ASSUMED))
    return -(-count // room.seats) if table.section is Audience.SEAT and owned else count


def numbers(fields: tuple[WireField, ...]) -> tuple[WireField, ...]:
    return tuple(wire for wire in fields if wire.spec.kind is Kind.NUM)


def row_bytes(fields: tuple[WireField, ...]) -> int:
    """A row alone in its group: id, mask, count, tombstone, then its values."""
    return 12 + sum(value_bytes(fields))


def value_bytes(fields: tuple[WireField, ...]) -> Iterator[int]:
    for wire in fields:
        yield wire.spec.max_bytes + 2 if wire.spec.kind is Kind.TEXT else column_code(wire.spec.steps)[1]


def row_bytes_json(fields: tuple[WireField, ...]) -> int:
    """The same as JSON text, where a control character takes six bytes."""
    return 24 + sum(len(wire.name) + 4 + value_bytes_json(wire) for wire in fields)


def value_bytes_json(wire: WireField) -> int:
    spec = wire.spec
    match spec.kind:
        case Kind.TEXT:
            return 6 * spec.max_bytes + 2
        case Kind.CHOICE:
            return max(map(len, spec.choices)) + 2
        case Kind.NUM:
            return 24  # a double with all its digits
        case Kind.WHOLE | Kind.FLAG:
            return 11
