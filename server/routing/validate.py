"""Stage 2, validate: nodes → a draft of the spec, with every mistake that can be seen without importing a game.

The tables check each value; `check_rooms` and `check_routes` check values against each other. `plan` calls `read_spec`
and, once all is well, `build_spec`.
"""

from collections.abc import Iterator, Mapping

from server.routing.check_rooms import check_group_names, check_room
from server.routing.check_routes import check_order, check_route, patterns_of
from server.routing.context import Context, Draft, drafts_of
from server.routing.kinds import INVALID
from server.routing.nodes import Node
from server.routing.problems import Report
from server.routing.spec import Role, Spec
from server.routing.tables import SPEC


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
