"""Documents made from the tables and a plan: JSON Schema of routing.yaml, AsyncAPI 3, TypeScript types per game.

Each is a pure function to text or plain data, the same for the same input; `generate` writes them to files.
"""

from collections.abc import Iterable
from typing import Any

from game.contract import Game
from game.fields import Kind
from game.schema import Message, Schema, WireField
from server.routing.games import read_schema
from server.routing.plan import Plan, RoutePlan
from server.routing.tables import SPEC

ALWAYS_FROM_CLIENT = ("hello", "ack", "resync", "ping", "schema")
FROM_SERVER = (
    "welcome", "key", "patch", "head", "applied", "refused", "chat", "notice", "pong", "schema", "rebase", "goodbye",
)  # fmt: skip


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
    return (*ALWAYS_FROM_CLIENT, *route.accepts)


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
    plain = sorted({name for route in plan.routes for name in from_client(route) if name != "input"})
    messages: dict[str, Any] = {f"client_{name}": {"name": name, "payload": {"type": "object"}} for name in plain}
    messages |= {f"server_{name}": {"name": name, "payload": {"type": "object"}} for name in FROM_SERVER}
    for game in games(plan):
        payload = {"oneOf": [message_schema(message) for message in read_schema(game).inputs]}
        messages[f"client_input_{game_name(game)}"] = {"name": "input", "payload": payload}
    return messages


def message_schema(message: Message) -> dict[str, Any]:
    properties = {wire.name: field_schema(wire) for wire in message.fields}
    return {"title": message.name, "type": "object", "properties": properties, "required": list(properties)}


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
    parts += [interface(entity_name(name), fields, is_partial) for name, fields, is_partial in views(schema)]
    parts.append(world_interface(schema))
    for kind, messages in (("Input", schema.inputs), ("Event", schema.events)):
        parts += [interface(message.name, message.fields, False) for message in messages]
        parts.append(f"export type {kind} = {' | '.join(message.name for message in messages) or 'never'};\n")
    return "\n".join(parts)


def views(schema: Schema) -> Iterable[tuple[str, tuple[WireField, ...], bool]]:
    """(collection, all fields that anybody may see, whether some viewers see only some of them)."""
    for collection in schema.collections:
        tables = [table for table in schema.tables if table.collection == collection.name]
        seen = dict.fromkeys(wire for table in tables for wire in table.fields)
        if tables:
            yield collection.name, tuple(seen), len(tables) > 1


def entity_name(collection: str) -> str:
    """`ships` → ShipsRow, `_room` → RoomRow."""
    return "".join(part.capitalize() for part in collection.split("_") if part) + "Row"


def interface(name: str, fields: Iterable[WireField], is_partial: bool) -> str:
    mark = "?" if is_partial else ""
    lines = [f"  {wire.name}{mark}: {type_text(wire)};{range_text(wire)}" for wire in fields]
    return "\n".join([f"export interface {name} {{", *lines, "}", ""])


def world_interface(schema: Schema) -> str:
    lines = []
    for name, _, _ in views(schema):
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
        return f" // {spec.min:g} … {high:g}" + (f", step {spec.step:g}" if spec.kind is Kind.NUM else "")
    return f" // at most {spec.max_bytes} bytes" if spec.kind is Kind.TEXT else ""
