"""Stage 2, validate: nodes → a draft of the spec, with every mistake that can be seen without importing a game.

The tables check each value; the rules here check values against each other. Rules read drafts, where what was wrong is
missing, so one mistake never hides another and never causes a second message. `plan` calls `read_spec` and, once all
is well, `build_spec`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import frozen

from game.fields import Audience
from server.routing.groups import NAME_LENGTH_MAX, has_group_characters, longest_group
from server.routing.kinds import INVALID
from server.routing.nodes import Fields, Node, Path, locate, locate_key, path_text
from server.routing.paths import PARAMETERS, Fault, PathPattern, parse_path
from server.routing.problems import Report, did_you_mean, quote
from server.routing.spec import Durability, Role, Sees, Spec
from server.routing.tables import SPEC

Draft = Mapping[str, Any]

RATE_MAX = 1_000
SEATED_AUDIENCES = (Audience.TEAM, Audience.SEAT)


@frozen
class Context:
    """One file being checked: its nodes for places, its report for problems."""

    root: Node
    report: Report

    def problem(self, path: Path, expected: str, got: str, hint: str = "") -> None:
        """A problem with the value at `path`."""
        self.report.problem(locate(self.root, path), path_text(path), expected, got, hint)

    def key_problem(self, path: Path, expected: str, got: str, hint: str = "") -> None:
        """A problem with there being such a key at all."""
        self.report.problem(locate_key(self.root, path), path_text(path), expected, got, hint)

    def warning(self, path: Path, expected: str, got: str, hint: str = "") -> None:
        self.report.warning(locate_key(self.root, path), path_text(path), expected, got, hint)

    def line(self, path: Path) -> int:
        return locate_key(self.root, path).line


def read_spec(root: Node, report: Report, prefix: str) -> Draft:
    """The draft of a whole spec; problems and warnings are in the report. `prefix` is the deployment's."""
    draft = SPEC.read(root, (), report)
    if draft is INVALID:
        return {}
    context = Context(root, report)
    rooms, routes = drafts_of(draft, "rooms"), drafts_of(draft, "routes")
    for name, room in rooms.items():
        check_room(context, ("rooms", name), room)
    check_group_names(context, rooms, prefix)
    for name, route in routes.items():
        check_route(context, ("routes", name), route, rooms)
    check_order(context, patterns_of(routes))
    check_usage(context, rooms, routes)
    return dict(draft)


def build_spec(draft: Draft) -> Spec:
    """A draft without problems → the spec."""
    spec: Spec = SPEC.build(draft)
    return spec


def drafts_of(draft: Draft, key: str) -> dict[str, Draft]:
    found = draft.get(key)
    return {name: value for name, value in found.items() if isinstance(value, dict)} if isinstance(found, dict) else {}


# ---- rooms


def check_room(context: Context, path: Path, room: Draft) -> None:
    check_pace(context, path, room)
    check_spectators(context, path, room.get("spectators"))
    check_seats(context, path, room)
    check_ladder(context, (*path, "frames"), room.get("frames") or {})
    if room.get("durability") is Durability.JOURNAL:
        context.problem((*path, "durability"), "none", "journal", "the journal is not built yet")


def check_pace(context: Context, path: Path, room: Draft) -> None:
    tick_hz, send_hz = room.get("tick_hz"), room.get("send_hz")
    if tick_hz and send_hz and tick_hz % send_hz:
        near = sorted({max(1, tick_hz // send_hz) * send_hz, -(-tick_hz // send_hz) * send_hz})
        hint = "try " + " or ".join(map(str, near))
        context.problem((*path, "tick_hz"), f"a multiple of send_hz ({send_hz})", str(tick_hz), hint)


def check_spectators(context: Context, path: Path, spectators: Draft | None) -> None:
    spectators = spectators or {}
    if spectators.get("sees") is Sees.EVERYTHING and spectators.get("delay") == 0:
        hint = "or let them see public only: whoever sees everything at once can tell a player"
        context.problem((*path, "spectators", "delay"), "more than 0s where sees is everything", "0s", hint)


def check_seats(context: Context, path: Path, room: Draft) -> None:
    seats, teams, start = room.get("seats"), room.get("teams") or (), room.get("start") or {}
    if len(teams) == 1:
        context.problem((*path, "teams"), "no team, or at least two", "one")
    if not seats:
        return
    if len(teams) > seats:
        context.problem((*path, "teams"), f"at most as many teams as seats ({seats})", str(len(teams)))
    wanted = {("min_players",): start.get("min_players"), ("bots", "fill_to"): (start.get("bots") or {}).get("fill_to")}
    for keys, count in wanted.items():
        if count is not None and count > seats:
            context.problem((*path, "start", *keys), f"at most the room's seats ({seats})", str(count))


def check_ladder(context: Context, path: Path, frames: Draft) -> None:
    window, keyframe_every, rung = frames.get("window"), frames.get("keyframe_every"), frames.get("rung") or {}
    every, span = rung.get("every"), rung.get("span")
    if window and span and span <= window:
        context.problem((*path, "rung", "span"), f"more than the window ({window})", str(span))
    if every and span and span < every:
        hint = "or frames between two rungs are beyond both"
        context.problem((*path, "rung", "span"), f"at least rung.every ({every})", str(span), hint)
    if every and keyframe_every and keyframe_every < every:
        context.problem((*path, "keyframe_every"), f"at least rung.every ({every})", str(keyframe_every))


def check_group_names(context: Context, rooms: Mapping[str, Draft], prefix: str) -> None:
    if not has_group_characters(prefix):
        hint = "Channels refuses every group of this deployment"
        context.report.problem(None, "ROOMWRIGHT_PREFIX", "letters, digits, - _ .", quote(prefix), hint)
    for name in rooms:
        beyond = len(longest_group(name, prefix)) - NAME_LENGTH_MAX
        if beyond > 0:
            hint = f"Channels refuses it: shorten the room's name or ROOMWRIGHT_PREFIX by {beyond}"
            got = f"{NAME_LENGTH_MAX + beyond} once filled"
            context.key_problem(("rooms", name), f"a group name of at most {NAME_LENGTH_MAX} characters", got, hint)


# ---- routes


def check_route(context: Context, path: Path, route: Draft, rooms: Mapping[str, Draft]) -> None:
    check_path(context, path, route)
    check_accepts(context, path, route)
    check_groups(context, path, route)
    name = route.get("room")
    if name is not None and name not in rooms:
        if not is_written(context, name):
            known = ", ".join(rooms) or "none"
            context.problem((*path, "room"), f"a room ({known})", quote(name), did_you_mean(name, rooms))
    elif name is not None:
        check_route_in_room(context, path, route, name, rooms[name])


def is_written(context: Context, room: str) -> bool:
    """Whether such a room stands in the file, though its own mistakes kept it out of the drafts."""
    rooms = context.root.get("rooms") if isinstance(context.root, Fields) else None
    return rooms is not None and isinstance(rooms.value, Fields) and rooms.value.get(room) is not None


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
        context.problem(at, f"a room with teams where team is a group", f"rooms.{name} without teams")
    if (route.get("accepts") or {}).get("chat") is not None and "chat" in room and room["chat"] is None:
        at = (*path, "accepts", "chat")
        context.key_problem(at, "a room with chat", f"rooms.{name} without chat", "add `chat: {}` to the room")
    if route.get("role") is Role.SPECTATOR and "spectators" in room and room["spectators"] is None:
        hint = "nobody could ever enter: add `spectators: {}` to the room"
        context.problem((*path, "role"), "a room that allows spectators", f"rooms.{name} without", hint)


# ---- routes beside each other


def patterns_of(routes: Mapping[str, Draft]) -> list[tuple[str, PathPattern]]:
    """The routes whose paths can be read, in the order of the file, which is the order of matching."""
    parsed = ((name, parse_path(route["path"])) for name, route in routes.items() if "path" in route)
    return [(name, pattern) for name, pattern in parsed if isinstance(pattern, PathPattern)]


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
        context.warning(at, "paths that do not overlap", f"{pattern} beside {other}", f"{earlier} wins where both match")
    return False


def check_usage(context: Context, rooms: Mapping[str, Draft], routes: Mapping[str, Draft]) -> None:
    """Warnings: what is written and never used."""
    for name, room in rooms.items():
        roles = list(roles_into(name, routes))
        if None in roles:
            continue
        if not roles:
            context.warning(("rooms", name), "a route into each room", "none", "nobody can reach it")
        elif room.get("spectators") is not None and Role.SPECTATOR not in roles:
            context.warning(("rooms", name, "spectators"), "a spectator route", "none", "nobody can watch")


def roles_into(name: str, routes: Mapping[str, Draft]) -> Iterator[Role | None]:
    """The roles of the routes into a room; None for a route where that cannot be told."""
    for route in routes.values():
        if route.get("room", name) == name:
            yield route.get("role") if "room" in route else None
