"""Stage 5, explain: what a plan does, told back. Data and text only; `commands` prints them.

`to_yaml` writes a spec out in full, defaults included, so that it loads to an equal spec. `why` says which line serves
a path, or why nothing does.
"""

from difflib import SequenceMatcher

from attrs import frozen

from game.fields import Audience
from server.routing.budget import Budget
from server.routing.choices import Choice, choices_of
from server.routing.load import dump
from server.routing.paths import PathPattern
from server.routing.plan import Accept, Plan, RoutePlan
from server.routing.spec import Role, SamePlayer, Spec
from server.routing.tables import SPEC
from server.routing.units import duration_text, rate_text, size_text

NEAREST = 3
AGAIN = {
    SamePlayer.NEW_SEAT: "the same player without its resume token: a new seat; where none is to be had, its own that it lost",
    SamePlayer.TAKE_OVER: "the same player without its resume token: its own seat; an older connection is closed with 4409",
    SamePlayer.REFUSE: "the same player without its resume token: refused with 4403",
}


def to_yaml(spec: Spec) -> str:
    """The whole spec with every default written out; loading it gives an equal spec."""
    return dump(SPEC.write(spec))


@frozen
class Row:
    """A line of the table of routes."""

    name: str
    path: str
    role: str
    admit: str
    room: str
    groups: str
    accepts: str
    limits: str


def rows(plan: Plan) -> list[Row]:
    return [row(route) for route in plan.routes]


def row(route: RoutePlan) -> Row:
    room = route.room
    limit = room.spectators.limit if room.spectators else 0
    people = f"{limit} may watch" if route.role is Role.SPECTATOR else f"{room.seats} seats"
    return Row(
        route.name,
        route.path,
        route.role.value,
        route.admit.value,
        room.name,
        " ".join(group.value for group in route.groups),
        " ".join(route.accepts) or "nothing",
        " · ".join([people, *(f"{kind} {accept_text(limits)}" for kind, limits in route.accepts.items())]),
    )


def accept_text(limits: Accept) -> str:
    """`40/s burst 80, drop_oldest, 1KiB`."""
    rate = f"{rate_text(limits.rate)} burst {limits.burst}"
    return f"{rate}, {limits.overflow.value}, {size_text(limits.size_max)}"


def why(plan: Plan, path: str) -> str:
    """Which line of the spec serves a concrete path, as whom, in which groups; or the nearest routes and why not."""
    found = plan.match(path)
    if found is None:
        return unmatched(plan, path)
    route, parameters = found
    room = route.room
    lines = [
        f"{path} is served by {route.name}, {plan.source}:{route.line}",
        f"  pattern  {route.path}   {' '.join(f'{key}={value}' for key, value in parameters.items())}",
        f"  room     {room.name}, {plan.source}:{room.line}: {room.game_class.__module__}:{room.game_class.__name__}",
        f"  pace     {room.tick_hz} ticks and {room.send_hz} frames a second",
        f"  as       {route.role.value}, open to {admitted(route)}",
        f"  groups   {groups_text(route)}",
    ]
    lines += [f"  chosen   {choice_text(choice)}" for choice in choices_of(room)]
    if route.role is not Role.SPECTATOR:
        lines.append(f"  again    {AGAIN[room.same_player]}")
    accepts = [f"  accepts  {kind}: {accept_text(limits)}" for kind, limits in route.accepts.items()]
    lines += accepts or ["  accepts  nothing"]
    return "\n".join(lines)


def choice_text(choice: Choice) -> str:
    """`mode at quick play: ffa or teams; teams where nothing is chosen`."""
    values = " or ".join(map(str, choice.values)) if choice.values is not None else "any value that the game takes"
    return f"{choice.name} at quick play: {values}; {choice.default} where nothing is chosen"


def admitted(route: RoutePlan) -> str:
    return {"guest": "anybody, guests too", "account": "people with an account", "staff": "staff"}[route.admit.value]


def groups_text(route: RoutePlan) -> str:
    """Each audience, and the layer group through which its process hears of it."""
    spectators = route.room.spectators
    is_delayed = Audience.SPECTATORS in route.groups and spectators is not None and spectators.delay_s > 0
    names = ", ".join(group.value for group in route.groups)
    if is_delayed and spectators is not None:
        return f"{names}; layer group room.<incarnation>.delayed, {duration_text(spectators.delay_s)} behind"
    return f"{names}; layer group room.<incarnation>"


def unmatched(plan: Plan, path: str) -> str:
    """No route serves the path: the nearest ones, each with the reason."""
    ranked = sorted(plan.routes, key=lambda route: -likeness(route.path, path))[:NEAREST]
    lines = [f"no route serves {path}; the nearest:"]
    for_each = (f"  {r.path}  ({r.name}, {plan.source}:{r.line}): {reason(r.pattern, path)}" for r in ranked)
    return "\n".join([*lines, *for_each])


def likeness(pattern: str, path: str) -> float:
    return SequenceMatcher(None, pattern, path[:200]).ratio()


def reason(pattern: PathPattern, path: str) -> str:
    """Why a path is not one of the pattern's."""
    if not path.startswith("/"):
        return "a path starts with /"
    parts = path[1:].split("/")
    for number, (segment, part) in enumerate(zip(pattern.segments, parts, strict=False), 1):
        if not segment.accepts(part):
            wanted = "1 to 40 letters, digits, - or _" if segment.is_parameter else segment.text
            return f"part {number} is {part[:60]!r}, expected {wanted}"
    return f"it has {len(parts)} parts, expected {len(pattern.segments)}"


def budget_rows(budget: Budget) -> list[tuple[str, str]]:
    """The budget of one room, figure by figure."""
    stalls = (f"{name} {'unknown' if value is None else f'{value:.1f} s'}" for name, value in budget.stall_s.items())
    return [
        ("bytes/s per client, every number moving", f"{budget.busy_bytes_s:,}"),
        ("bytes/s per client, everything changing", f"{budget.worst_bytes_s:,}"),
        ("largest KEY, bytes", f"{budget.key_bytes_max:,}"),
        ("layer messages/s per process", f"{budget.layer_messages_s:g}"),
        ("layer bytes/s", f"{budget.layer_bytes_s:,}"),
        ("encodes/s", f"{budget.encodes_s:,}"),
        ("memory of the spectators' delay, bytes", f"{budget.delay_bytes:,}"),
        ("rooms per process that the layer carries", f"{budget.rooms_per_process:,}"),
        ("stall before the layer drops", ", ".join(stalls)),
    ]
