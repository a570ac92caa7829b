"""A room's values against each other: pace, seats, spectators, frames, the names of its groups.

Part of validate. Checks read drafts, where what was wrong is missing, so that no mistake causes a second message.
"""

from collections.abc import Mapping

from server.routing.context import Context, Draft
from server.routing.groups import NAME_LENGTH_MAX, has_group_characters, longest_group
from server.routing.nodes import Path
from server.routing.problems import quote
from server.routing.spec import Durability, Sees


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
