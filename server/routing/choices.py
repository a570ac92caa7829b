"""What people choose at quick play: the options that `matchmaking.by` names, and a wish for some of them read by the game's own Options.

A wish is JSON of a stranger's. It is checked as the routing file's `options:` are, with the same words, and comes to a value for
each of the names: rooms fit where all of these are equal. Pure.
"""

import enum
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal

from attrs import evolve, frozen

from server.routing.options import OptionFault, make_options, strict_converter
from server.routing.plan import RoomPlan
from server.routing.problems import did_you_mean, quote

Chosen = Mapping[str, Any]  # a plain JSON value for each name of `by`


@frozen
class Choice:
    """One option that people choose. ``values`` are all that it takes, None where they are too many to list."""

    name: str
    default: Any
    values: tuple[Any, ...] | None


def choices_of(room: RoomPlan) -> tuple[Choice, ...]:
    """The options that rooms of this type are matched by, with the room type's own values as defaults."""
    defaults = chosen_of(room)
    if not defaults:
        return ()
    kinds = typing.get_type_hints(type(room.options))
    return tuple(Choice(name, default, _values(kinds.get(name))) for name, default in defaults.items())


def chosen_of(room: RoomPlan) -> Chosen:
    """What a room of this plan has chosen."""
    by = room.matchmaking.by if room.matchmaking is not None else ()
    plain = _plain(room.options) if by else {}
    return {name: plain[name] for name in by}


def read_wish(room: RoomPlan, wish: object) -> Chosen | list[OptionFault]:
    """The values of all names, where the wish leaves some out the room type's own; or every mistake in it."""
    made = with_wish(room, wish)
    return made if isinstance(made, list) else chosen_of(made)


def with_wish(room: RoomPlan, wish: object) -> RoomPlan | list[OptionFault]:
    """The plan of a room that is opened for a wish; or every mistake in it."""
    by = room.matchmaking.by if room.matchmaking is not None else ()
    expected = f"one of {', '.join(by)}" if by else "no options: nothing is chosen for this room type"
    if not isinstance(wish, Mapping):
        return [OptionFault((), f"an object with {expected}", quote(wish))]
    unknown = sorted((str(name) for name in wish if name not in by), key=str)
    if unknown:
        return [
            OptionFault((name,), expected, quote(name), did_you_mean(name, list(by)), is_key=True) for name in unknown
        ]
    if not wish:
        return room
    made = make_options(type(room.options), {**_plain(room.options), **wish})
    return made if isinstance(made, list) else evolve(room, options=made)


def _plain(options: Any) -> dict[str, Any]:
    found: dict[str, Any] = strict_converter().unstructure(options)
    return found


def _values(kind: Any) -> tuple[Any, ...] | None:
    """All values of a type that has few: a Literal's, an Enum's, true and false."""
    if kind is bool:
        return (False, True)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return tuple(member.value for member in kind)
    if typing.get_origin(kind) is Literal:
        return typing.get_args(kind)
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        each = [_values(part) for part in typing.get_args(kind) if part is not type(None)]
        return tuple(value for values in each for value in values or ()) if all(each) else None
    return None
