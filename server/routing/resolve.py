"""Rooms of a draft → their game classes, options, policies and schemas. The only place that imports authors' code.

Works on drafts, so that what is wrong with a game is reported beside whatever else is wrong with the file.
"""

from collections.abc import Mapping
from typing import Any

import attrs
from attrs import frozen

from game.contract import Game, Policy
from game.fields import Audience
from game.rng import Rng
from game.schema import Schema, SchemaError
from server.routing.context import Context, Draft, drafts_of
from server.routing.games import Mismatch, describe, import_game, import_policy, last_line, raised_at, read_schema
from server.routing.nodes import Path
from server.routing.options import OptionFault, make_options
from server.routing.problems import did_you_mean, quote
from server.routing.spec import Role, Sees


@frozen
class Resolved:
    """What the names in a room's draft stand for."""

    game_class: type[Game]
    options: Any
    policy: type[Policy] | None
    schema: Schema


def resolve_rooms(context: Context, draft: Draft) -> dict[str, Resolved]:
    """By room name; rooms with problems are missing."""
    found = {name: resolve_room(context, ("rooms", name), room) for name, room in drafts_of(draft, "rooms").items()}
    return {name: resolved for name, resolved in found.items() if resolved is not None}


def resolve_room(context: Context, path: Path, room: Draft) -> Resolved | None:
    policy = resolve_policy(context, path, room)
    if (reference := room.get("game")) is None:
        return None
    game = import_game(reference)
    if isinstance(game, list):
        for mismatch in game:
            mismatched(context, (*path, "game"), mismatch)
        return None
    options = resolve_options(context, path, room, game)
    schema = resolve_schema(context, path, room, game)
    check_entities(context, path, room, schema)
    check_matchmaking(context, path, room, game)
    check_setup(context, path, room, game, options)
    return None if schema is None else Resolved(game, options, policy, schema)


def mismatched(context: Context, path: Path, mismatch: Mismatch) -> None:
    context.problem(path, mismatch.expected, mismatch.got, mismatch.hint)


def resolve_policy(context: Context, path: Path, room: Draft) -> type[Policy] | None:
    reference = ((room.get("start") or {}).get("bots") or {}).get("policy")
    if reference is None:
        return None
    policy = import_policy(reference)
    if isinstance(policy, Mismatch):
        mismatched(context, (*path, "start", "bots", "policy"), policy)
        return None
    return policy


def resolve_options(context: Context, path: Path, room: Draft, game: type[Game]) -> Any:
    if "options" not in room:
        return None
    options = make_options(game.Options, room["options"])
    if not (isinstance(options, list) and options and isinstance(options[0], OptionFault)):
        return options
    for fault in options:
        at = (*path, "options", *fault.path)
        report = context.key_problem if fault.is_key else context.problem
        report(at, fault.expected, fault.got, fault.hint)
    return None


def resolve_schema(context: Context, path: Path, room: Draft, game: type[Game]) -> Schema | None:
    sees = (room.get("spectators") or {}).get("sees")
    try:
        return read_schema(game, sees_everything=sees is Sees.EVERYTHING)
    except SchemaError as error:
        context.problem((*path, "game"), "typed state that can travel", str(error))
    except Exception as error:
        context.problem((*path, "game"), "typed state that can travel", last_line(error), raised_at(error))
    return None


def check_setup(context: Context, path: Path, room: Draft, game: type[Game], options: Any) -> None:
    """The game takes the room's seats, teams, pace and options, and makes a world of them."""
    if options is None or not {"tick_hz", "seats", "teams"} <= room.keys():
        return
    expected = f"seats, teams, tick_hz and options that {game.__name__} takes"
    try:
        rules = game(tick_hz=room["tick_hz"], seats=room["seats"], teams=room["teams"])
        world: object = rules.setup(options, Rng.from_seed(1))
    except Exception as error:
        context.problem((*path, "game"), expected, last_line(error))
        return
    if not isinstance(world, game.World):
        expected = f"{game.__name__}.setup to return a {game.World.__name__}"
        context.problem((*path, "game"), expected, describe(world))


def check_matchmaking(context: Context, path: Path, room: Draft, game: type[Game]) -> None:
    known = [field.name for field in attrs.fields(game.Options)]
    for index, name in enumerate((room.get("matchmaking") or {}).get("by") or ()):
        if name not in known:
            expected = "an option of the game" + (f" ({', '.join(known)})" if known else ", which has none")
            at = (*path, "matchmaking", "by", index)
            context.problem(at, expected, quote(name), did_you_mean(name, known))


def check_entities(context: Context, path: Path, room: Draft, schema: Schema | None) -> None:
    known = [c.name for c in schema.collections if c.entities and not c.name.startswith("_")] if schema else []
    for name in (room.get("entities") or {}) if schema else ():
        if name not in known:
            expected = "a collection of the game" + (f" ({', '.join(known)})" if known else ", which has none")
            context.key_problem((*path, "entities", name), expected, quote(name), did_you_mean(name, known))


def check_audiences(context: Context, draft: Draft, resolved: Mapping[str, Resolved]) -> None:
    """An audience that the game writes for and that no route of the room joins."""
    routes = drafts_of(draft, "routes")
    for name, room in resolved.items():
        into = [(route_name, route) for route_name, route in routes.items() if route.get("room") == name]
        if any("groups" not in route or "role" not in route for _, route in into):
            continue
        for audience in audiences_due(room.schema, drafts_of(draft, "rooms")[name], [route for _, route in into]):
            if not any(audience in route["groups"] for _, route in into):
                hint = f"add {audience.value} to the groups of {into[0][0]}"
                got = f"no group {audience.value} in any of its routes"
                context.key_problem(("rooms", name), f"{audience.value} fields of its game to be received", got, hint)


def audiences_due(schema: Schema, room: Draft, into: list[Draft]) -> list[Audience]:
    """The audiences with fields of their own that some route's role could receive."""
    has_seats = any(route["role"] is not Role.SPECTATOR for route in into)
    due = {
        Audience.TEAM: has_seats and bool(room.get("teams")),
        Audience.SEAT: has_seats,
        Audience.SPECTATORS: any(route["role"] is Role.SPECTATOR for route in into),
    }
    written = {table.section for table in schema.tables}
    return [audience for audience, is_due in due.items() if is_due and audience in written]
