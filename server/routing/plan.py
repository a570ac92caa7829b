"""Stage 3, plan: a draft of the spec → routes resolved, games imported, limits filled in.

`load_plan` runs all stages and is the one entry: it returns a Plan, or every problem of the file at once, and never
raises for what stands in a file. `compile` and the room loop consume the Plan; nothing in it changes afterwards.
"""

import hashlib
import math
import os
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any

import msgspec
from attrs import evolve, field, frozen

from game.contract import Game, Policy
from game.fields import Audience
from game.schema import Schema
from game.wire.limits import Limit, Overflow
from server.routing.budget import Budget, check_budget, estimate
from server.routing.ceilings import Ceiling, ceiling_of
from server.routing.context import Context
from server.routing.load import load
from server.routing.paths import Fault, PathPattern, parse_path
from server.routing.problems import Problem, Problems, Report, in_file_order
from server.routing.resolve import Resolved, check_audiences, resolve_rooms
from server.routing.spec import (
    AcceptSpec,
    Admit,
    ChatSpec,
    Durability,
    MatchmakingSpec,
    Role,
    RoomSpec,
    RouteSpec,
    SamePlayer,
    Spec,
    SpectatorSpec,
)
from server.routing.units import Rate
from server.routing.validate import build_spec, read_spec

LEAVE_RATE = Rate(1, 1.0)
SIZES = {"input": 1_024, "chat": 8_192, "leave": 1_024}


@frozen
class Deployment:
    """What a plan depends on beside the file: the layer that will carry it, and the prefix of its names."""

    layer: str = "memory://"
    prefix: str = "roomwright"

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Deployment":
        return cls(environ.get("ROOMWRIGHT_LAYER") or "memory://", environ.get("ROOMWRIGHT_PREFIX") or "roomwright")


@frozen
class BotSpec:
    """Bots that fill seats; `fill_to` counts people and bots together."""

    policy: type[Policy]
    fill_to: int


@frozen
class StartSpec:
    min_players: int
    bots: BotSpec | None


@frozen
class FramesSpec:
    """All in frames: a patch's base is `window` back, each `rung_every`-th `rung_span` back, then KEYs."""

    window: int
    rung_every: int
    rung_span: int
    keyframe_every: int


@frozen
class Accept:
    """Limits of one kind of message on one route. `burst` in messages, `size_max` in bytes."""

    rate: Rate
    burst: int
    overflow: Overflow
    size_max: int


@frozen
class RoomPlan:
    """A room type, ready to run. ``fingerprint`` is 16 hex digits of what a gateway relies on beside the schema: `RELIED_ON`."""

    name: str
    game_class: type[Game]
    options: Any = field(hash=False)
    tick_hz: int
    send_hz: int
    seats: int
    teams: tuple[str, ...]
    spectators: SpectatorSpec | None
    start: StartSpec
    reconnect_grace_s: float
    same_player: SamePlayer
    dispose_when_empty_s: float
    frames: FramesSpec
    durability: Durability
    chat: ChatSpec | None
    matchmaking: MatchmakingSpec | None
    schema: Schema = field(hash=False, repr=False)
    line: int
    chat_limit: Limit | None = None
    fingerprint: str = field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        relied_on = {name: getattr(self, name) for name in RELIED_ON}
        digest = hashlib.blake2b(msgspec.json.encode(relied_on), digest_size=8).hexdigest()
        object.__setattr__(self, "fingerprint", digest)


# What gateways tell clients of a room, and hold them to, without asking its loop. The rest of a plan is the loop's own.
RELIED_ON = (
    "name", "tick_hz", "send_hz", "seats", "teams", "spectators", "reconnect_grace_s", "frames", "durability", "chat",
)  # fmt: skip
LOOPS_OWN = ("game_class", "options", "start", "dispose_when_empty_s", "matchmaking", "same_player", "chat_limit")


@frozen
class RoutePlan:
    """A route, ready to be compiled. `groups` always has PUBLIC; kinds missing in `accepts` are refused."""

    name: str
    path: str
    pattern: PathPattern
    room: RoomPlan
    role: Role
    admit: Admit
    groups: tuple[Audience, ...]
    accepts: Mapping[str, Accept] = field(hash=False)
    line: int

    @property
    def regex(self) -> str:
        """For Django's `re_path`: anchored, without the leading slash, with named groups."""
        return self.pattern.regex

    def match(self, path: str) -> dict[str, str] | None:
        """The parameters of a concrete path, or None when this route does not serve it."""
        return self.pattern.match(path)


@frozen
class Plan:
    """A whole spec, resolved. `source` is the file as the caller named it; routes are in order of matching."""

    rooms: Mapping[str, RoomPlan] = field(hash=False)
    routes: tuple[RoutePlan, ...]
    source: str
    spec: Spec
    layer: Ceiling
    budgets: Mapping[str, Budget] = field(hash=False)
    warnings: tuple[Problem, ...] = ()

    def match(self, path: str) -> tuple[RoutePlan, dict[str, str]] | None:
        """The first route that serves a path, with its parameters."""
        found = ((route, route.match(path)) for route in self.routes)
        return next(((route, parameters) for route, parameters in found if parameters is not None), None)


def load_plan(path: FilePath | str, deployment: Deployment | None = None) -> Plan | Problems:
    """All stages on one file. Without a `deployment` the environment says what it is."""
    deployment = deployment or Deployment.from_environ(os.environ)
    report = Report(str(path))
    root = load(FilePath(path), report)
    if root is None:
        return report.result()
    context = Context(root, report)
    draft = read_spec(root, report, deployment.prefix)
    resolved = resolve_rooms(context, draft)
    check_audiences(context, draft, resolved)
    layer = ceiling_of(deployment.layer, report)
    if report.problems or layer is None:
        return report.result()
    return make_plan(context, build_spec(draft), resolved, layer)


def make_plan(context: Context, spec: Spec, resolved: Mapping[str, Resolved], layer: Ceiling) -> Plan | Problems:
    rooms = {name: plan_room(context, name, room, resolved[name]) for name, room in spec.rooms.items()}
    rooms = {name: evolve(room, chat_limit=chat_limit(spec, room)) for name, room in rooms.items()}
    routes = tuple(plan_route(context, name, route, rooms[route.room]) for name, route in spec.routes.items())
    budgets = {name: estimate(spec.rooms[name], room.schema, layer) for name, room in rooms.items()}
    for name, budget in budgets.items():
        check_budget(context, ("rooms", name), budget, layer)
    report = context.report
    if report.problems:
        return report.result()
    return Plan(rooms, routes, report.source, spec, layer, budgets, in_file_order(report.warnings))


def plan_room(context: Context, name: str, room: RoomSpec, resolved: Resolved) -> RoomPlan:
    bots = room.start.bots
    ladder = room.frames
    return RoomPlan(
        name=name,
        game_class=resolved.game_class,
        options=resolved.options,
        tick_hz=room.tick_hz,
        send_hz=room.send_hz,
        seats=room.seats,
        teams=room.teams,
        spectators=room.spectators,
        start=StartSpec(
            room.start.min_players, BotSpec(resolved.policy, bots.fill_to) if bots and resolved.policy else None
        ),
        reconnect_grace_s=room.reconnect_grace_s,
        same_player=room.same_player,
        dispose_when_empty_s=room.dispose_when_empty_s,
        frames=FramesSpec(ladder.window, ladder.rung.every, ladder.rung.span, ladder.keyframe_every),
        durability=room.durability,
        chat=room.chat,
        matchmaking=room.matchmaking,
        schema=resolved.schema,
        line=context.line(("rooms", name)),
    )


def plan_route(context: Context, name: str, route: RouteSpec, room: RoomPlan) -> RoutePlan:
    pattern = parse_path(route.path)
    if isinstance(pattern, Fault):
        raise TypeError(f"{route.path} has passed validation and is no path: {pattern.expected}")
    groups = tuple(dict.fromkeys((Audience.PUBLIC, *route.groups)))
    kinds = {"input": route.accepts.input, "chat": route.accepts.chat, "leave": route.accepts.leave}
    accepts = {kind: plan_accept(kind, limits, room) for kind, limits in kinds.items() if limits is not None}
    line = context.line(("routes", name))
    return RoutePlan(name, route.path, pattern, room, route.role, route.admit, groups, accepts, line)


def plan_accept(kind: str, limits: AcceptSpec, room: RoomPlan) -> Accept:
    """Fills in what the route left open, so that nothing a client sends is without a limit."""
    rate = limits.rate or default_rate(kind, room)
    burst = limits.burst or max(1, math.ceil(2 * rate.per_second), rate.count if rate.per_s > 1 else 1)
    return Accept(rate, burst, limits.overflow, limits.size or SIZES[kind])


def chat_limit(spec: Spec, room: RoomPlan) -> Limit | None:
    """The most that any of the room's routes lets a person say."""
    said = (r.accepts.chat for r in spec.routes.values() if r.room == room.name)
    accepts = (plan_accept("chat", accept, room) for accept in said if accept is not None)
    limits = (Limit(accept.rate.per_second, accept.burst) for accept in accepts)
    return max(limits, key=lambda limit: (limit.rate_per_s, limit.burst), default=None)


def default_rate(kind: str, room: RoomPlan) -> Rate:
    """Inputs: one per tick. Chat: the room's rate. Leaving: once a second."""
    if kind == "input":
        return Rate(room.tick_hz, 1.0)
    return room.chat.rate if kind == "chat" and room.chat else LEAVE_RATE
