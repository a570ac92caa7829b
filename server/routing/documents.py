"""Documents made from the tables and a plan: JSON Schema of routing.yaml, AsyncAPI 3, TypeScript types per game.

Each is a pure function to text or plain data, the same for the same input; `generate` writes them to files.
"""

from collections.abc import Iterable, Mapping
from typing import Any, get_args

import msgspec
from msgspec import Struct

from game.contract import Game
from game.fields import Kind
from game.schema import Message, Schema, WireField
from game.wire.messages import ClientMessage, ServerMessage
from server.routing.games import read_schema
from server.routing.plan import Plan, RoutePlan
from server.routing.tables import SPEC

FRAMES = ("key", "patch", "head")


def tagged(family: object) -> dict[str, type[Struct]]:
    """The messages of one direction by their tag."""
    return {str(message.__struct_config__.tag): message for message in get_args(family)}


FROM_CLIENT = tagged(ClientMessage)
FROM_SERVER = (*FRAMES, *tagged(ServerMessage))
LIMITED = ("input", "chat", "leave")  # what a route has to accept; the rest is part of the protocol everywhere


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of routing.yaml, for editors. The compiler itself checks more than a schema can say."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "routing.yaml",
        "description": "Rooms and routes of a Roomwright server.",
        **SPEC.schema(),
    }


def asyncapi(plan: Plan) -> dict[str, Any]:
    """AsyncAPI 3: one channel per route, what its clients may send and what they are sent."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Roomwright",
            "version": "1",
            "description": "The WebSocket routes of this server. docs/protocol.md tells how each message is laid out.",
        },
        "defaultContentType": "application/json",
        "channels": {key(route.name): channel(route) for route in plan.routes},
        "operations": dict(operation for route in plan.routes for operation in operations(route)),
        "components": {"messages": components(plan)},
    }


def key(name: str) -> str:
    """AsyncAPI's keys hold no dots."""
    return name.replace(".", "_")


def channel(route: RoutePlan) -> dict[str, Any]:
    sent = {f"client_{name}": ref(f"client_{message_name(name, route)}") for name in from_client(route)}
    received = {f"server_{name}": ref(f"server_{name}") for name in FROM_SERVER}
    return {
        "address": route.path,
        "description": f"{route.role.value} in {route.room.name}",
        "parameters": {name: {"description": "The room's code."} for name in route.pattern.parameters},
        "messages": {**sent, **received},
        "bindings": {"ws": {"bindingVersion": "0.1.0"}},
    }


def message_name(name: str, route: RoutePlan) -> str:
    return f"input_{game_name(route.room.game_class)}" if name == "input" else name


def from_client(route: RoutePlan) -> tuple[str, ...]:
    return tuple(name for name in FROM_CLIENT if name not in LIMITED or name in route.accepts)


def ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/messages/{name}"}


def operations(route: RoutePlan) -> Iterable[tuple[str, dict[str, Any]]]:
    """As the server does them: it receives what clients send."""
    name, address = key(route.name), f"#/channels/{key(route.name)}"
    sides = (("receive", "client", from_client(route)), ("send", "server", FROM_SERVER))
    for action, side, names in sides:
        messages = [{"$ref": f"{address}/messages/{side}_{message}"} for message in names]
        yield f"{name}_{action}", {"action": action, "channel": {"$ref": address}, "messages": messages}


def components(plan: Plan) -> dict[str, Any]:
    """All messages. State frames are described by docs/protocol.md, inputs by their game."""
    messages: dict[str, Any] = {f"server_{name}": frame_component(name) for name in FRAMES}
    for side, family in (("client", FROM_CLIENT), ("server", tagged(ServerMessage))):
        messages |= {f"{side}_{name}": component(name, message) for name, message in family.items() if name != "input"}
    for game in games(plan):
        messages[f"client_input_{game_name(game)}"] = input_component(game)
    return messages


def component(name: str, message: type[Struct]) -> dict[str, Any]:
    schemas, parts = msgspec.json.schema_components([message], ref_template="#/{name}")
    summary = (message.__doc__ or "").strip().splitlines()[0]
    return {"name": name, "summary": summary, "payload": inlined(schemas[0], parts)}


def inlined(schema: Any, parts: Mapping[str, Any]) -> Any:
    """A schema with its references replaced by what they name; the messages nest two deep and never in a circle."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            return inlined(parts[schema["$ref"].removeprefix("#/")], parts)
        return {key: inlined(value, parts) for key, value in schema.items()}
    return [inlined(item, parts) for item in schema] if isinstance(schema, list) else schema


def frame_component(name: str) -> dict[str, Any]:
    payload = {"type": "object", "properties": {"type": {"const": name}}, "required": ["type"]}
    return {"name": name, "summary": "A frame of state sections; binary in roomwright.v1.bin.", "payload": payload}


def input_component(game: type[Game]) -> dict[str, Any]:
    """The protocol's input message with the bodies that this game takes."""
    made = component("input", FROM_CLIENT["input"])
    bodies = {"oneOf": [message_schema(message) for message in read_schema(game).inputs]}
    properties = {**made["payload"]["properties"], "body": bodies}
    return {**made, "payload": {**made["payload"], "properties": properties}}


def message_schema(message: Message) -> dict[str, Any]:
    properties = {wire.name: field_schema(wire) for wire in message.fields}
    required = ["type", *properties]
    properties = {"type": {"const": message.name}, **properties}
    return {"title": message.name, "type": "object", "properties": properties, "required": required}


def field_schema(wire: WireField) -> dict[str, Any]:
    """A field's value as the rules see it, dequantized."""
    spec = wire.spec
    match spec.kind:
        case Kind.NUM:
            return {"type": "number", "minimum": spec.min, "maximum": spec.min + spec.steps * spec.step}
        case Kind.WHOLE:
            return {"type": "integer", "minimum": int(spec.min), "maximum": int(spec.min) + spec.steps}
        case Kind.FLAG:
            return {"type": "boolean"}
        case Kind.CHOICE:
            return {"enum": list(spec.choices)}
        case Kind.TEXT:
            return {"type": "string", "maxLength": spec.max_bytes}


# ---- TypeScript


def games(plan: Plan) -> list[type[Game]]:
    """Each game once, in the order of the file."""
    return list(dict.fromkeys(room.game_class for room in plan.rooms.values()))


def game_name(game: type[Game]) -> str:
    return f"{game.__module__}.{game.__name__}".replace(".", "_")


def typescript(game: type[Game]) -> str:
    """Types of a game's world as a viewer may see it, its inputs and its events. What is for nobody is not in it."""
    schema = read_schema(game)
    parts = [f"// {game.__module__}:{game.__name__}, version {game.version}. Generated; do not edit.\n"]
    parts += [interface(entity_name(name), fields) for name, fields in views(schema)]
    parts.append(world_interface(schema))
    for kind, messages in (("Input", schema.inputs), ("Event", schema.events)):
        parts += [message_interface(message) for message in messages]
        parts.append(f"export type {kind} = {' | '.join(message.name for message in messages) or 'never'};\n")
    return "\n".join(parts)


def views(schema: Schema) -> Iterable[tuple[str, dict[WireField, bool]]]:
    """Each collection with all fields that anybody may see; True for those that not every viewer of it sees."""
    for collection in schema.collections:
        tables = [table for table in schema.tables if table.collection == collection.name]
        seen = dict.fromkeys(wire for table in tables for wire in table.fields)
        whole = [table.fields for table in tables if table.section is table.exists]
        if tables:
            yield collection.name, {wire: any(wire not in fields for fields in whole) for wire in seen}


def entity_name(collection: str) -> str:
    """`ships` → ShipsRow, `_room` → RoomRow."""
    return "".join(part.capitalize() for part in collection.split("_") if part) + "Row"


def interface(name: str, fields: Mapping[WireField, bool]) -> str:
    """Fields, marked as optional where their value is True."""
    lines = [f"  {wire.name}{'?' * hidden}: {type_text(wire)};{range_text(wire)}" for wire, hidden in fields.items()]
    return "\n".join([f"export interface {name} {{", *lines, "}", ""])


def message_interface(message: Message) -> str:
    """As the JSON subprotocol writes it: `type` is the message's name."""
    first, rest = interface(message.name, dict.fromkeys(message.fields, False)).split("\n", 1)
    return f'{first}\n  type: "{message.name}";\n{rest}'


def world_interface(schema: Schema) -> str:
    lines = []
    for name, _ in views(schema):
        is_one = schema.collection(name).entities is None
        lines.append(f"  {name}: {entity_name(name) if is_one else f'Map<number, {entity_name(name)}>'};")
    return "\n".join(["export interface World {", *lines, "}", ""])


def type_text(wire: WireField) -> str:
    match wire.spec.kind:
        case Kind.NUM | Kind.WHOLE:
            return "number"
        case Kind.FLAG:
            return "boolean"
        case Kind.CHOICE:
            return " | ".join(f'"{option}"' for option in wire.spec.choices)
        case Kind.TEXT:
            return "string"


def range_text(wire: WireField) -> str:
    spec = wire.spec
    if spec.kind in (Kind.NUM, Kind.WHOLE):
        high = spec.min + spec.steps * spec.step
        moves = f", moves by {spec.rate}" if spec.rate is not None else ""
        return f" // {spec.min:g} … {high:g}" + (f", step {spec.step:g}" if spec.kind is Kind.NUM else "") + moves
    return f" // at most {spec.max_bytes} bytes" if spec.kind is Kind.TEXT else ""
