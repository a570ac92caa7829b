"""A route's values against each other, against its room, and against the routes before it.

Part of validate. Checks read drafts, where what was wrong is missing, so that no mistake causes a second message.
"""

from collections.abc import Mapping

from game.fields import Audience
from server.routing.context import Context, Draft
from server.routing.nodes import Path
from server.routing.paths import PARAMETERS, Fault, PathPattern, parse_path
from server.routing.problems import did_you_mean, quote
from server.routing.spec import Role

RATE_MAX = 1_000
SEATED_AUDIENCES = (Audience.TEAM, Audience.SEAT)


def check_route(context: Context, path: Path, route: Draft, rooms: Mapping[str, Draft]) -> None:
    check_path(context, path, route)
    check_accepts(context, path, route)
    check_groups(context, path, route)
    name = route.get("room")
    if name is not None and name not in rooms:
        if rooms and not context.is_written(name):
            known = ", ".join(rooms) or "none"
            context.problem((*path, "room"), f"a room ({known})", quote(name), did_you_mean(name, rooms))
    elif name is not None:
        check_route_in_room(context, path, route, name, rooms[name])


def check_path(context: Context, path: Path, route: Draft) -> None:
    text = route.get("path")
    if text is None:
        return
    pattern = parse_path(text)
    if isinstance(pattern, Fault):
        context.problem((*path, "path"), pattern.expected, pattern.got, pattern.hint)
        return
    for name in dict.fromkeys(pattern.parameters):
        count = pattern.parameters.count(name)
        if name not in PARAMETERS:
            hint = did_you_mean(name, PARAMETERS) or "only {room} names a group"
            context.problem((*path, "path"), "only parameters that a group uses", f"{{{name}}}", hint)
        elif count > 1:
            context.problem((*path, "path"), f"{{{name}}} once", f"{{{name}}} {count} times")
    if "room" not in pattern.parameters:
        hint = f"for example {text}/{{room}}"
        context.problem((*path, "path"), "{room} in the path", quote(text), hint)


def check_accepts(context: Context, path: Path, route: Draft) -> None:
    accepts = route.get("accepts") or {}
    if route.get("role") is Role.SPECTATOR and accepts.get("input") is not None:
        hint = "spectators only watch: take it out, or make this role: player"
        context.key_problem((*path, "accepts", "input"), "no input on a spectator route", "input", hint)
    for kind, limits in accepts.items():
        rate = (limits or {}).get("rate")
        if rate is not None and rate.per_second > RATE_MAX:
            context.problem((*path, "accepts", kind, "rate"), f"at most {RATE_MAX}/s", str(rate))


def check_groups(context: Context, path: Path, route: Draft) -> None:
    role = route.get("role")
    for index, audience in enumerate(route.get("groups") or ()):
        at = (*path, "groups", index)
        if audience is Audience.NOBODY:
            hint = "fields for nobody never leave the server"
            context.problem(at, "an audience that somebody receives", "nobody", hint)
        elif role is Role.SPECTATOR and audience in SEATED_AUDIENCES:
            hint = "a spectator has no seat and no team"
            context.problem(at, "public or spectators on a spectator route", audience.value, hint)
        elif role in (Role.PLAYER, Role.BOT) and audience is Audience.SPECTATORS:
            context.problem(at, f"public, team or seat on a {role.value} route", "spectators")


def check_route_in_room(context: Context, path: Path, route: Draft, name: str, room: Draft) -> None:
    groups = route.get("groups") or ()
    if Audience.TEAM in groups and room.get("teams") == ():
        at = (*path, "groups", groups.index(Audience.TEAM))
        context.problem(at, "a room with teams where team is a group", f"rooms.{name} without teams")
    if (route.get("accepts") or {}).get("chat") is not None and "chat" in room and room["chat"] is None:
        at = (*path, "accepts", "chat")
        context.key_problem(at, "a room with chat", f"rooms.{name} without chat", "add `chat: {}` to the room")
    if route.get("role") is Role.SPECTATOR and "spectators" in room and room["spectators"] is None:
        hint = "nobody could ever enter: add `spectators: {}` to the room"
        context.problem((*path, "role"), "a room that allows spectators", f"rooms.{name} without", hint)


def patterns_of(routes: Mapping[str, Draft]) -> list[tuple[str, PathPattern]]:
    """The routes whose paths can be read, in the order of the file, which is the order of matching."""
    parsed = ((name, parse_path(route["path"])) for name, route in routes.items() if "path" in route)
    return [(name, pattern) for name, pattern in parsed if isinstance(pattern, PathPattern) and is_known(pattern)]


def is_known(pattern: PathPattern) -> bool:
    """Whether every parameter means something; of other patterns the author has to hear that first."""
    return all(name in PARAMETERS for name in pattern.parameters)


def check_order(context: Context, patterns: list[tuple[str, PathPattern]]) -> None:
    """A path twice, a route that an earlier one hides, and a warning where two share some paths."""
    for index, (name, pattern) in enumerate(patterns):
        for earlier, other in patterns[:index]:
            if check_pair(context, name, pattern, earlier, other):
                break


def check_pair(context: Context, name: str, pattern: PathPattern, earlier: str, other: PathPattern) -> bool:
    """Whether the route can never match, because of one earlier route."""
    at, line = ("routes", name, "path"), context.line(("routes", earlier))
    if other.covers(pattern) and pattern.covers(other):
        context.problem(at, "a path of its own", f"the path of {earlier} (line {line})", "each path leads to one route")
        return True
    if other.covers(pattern):
        hint = f"{earlier} (line {line}) serves every such path first: move this route before it"
        context.problem(at, "a path that can match", f"{pattern}, hidden by {other}", hint)
        return True
    if other.meets(pattern) and not pattern.covers(other):
        context.warning(
            at, "paths that do not overlap", f"{pattern} beside {other}", f"{earlier} wins where both match"
        )
    return False
