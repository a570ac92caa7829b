"""Whom a notice is for, and which layer group reaches them. Pure."""

from typing import Literal, TypeAlias

from attrs import field, frozen, validators

from game.codes import IDENTITY, INCARNATION

AudienceKind = Literal["user", "room", "everybody"]
LOBBY_GROUP = "lobby"


@frozen
class User:
    """One identity (`g…` or `u…`), on all of its connections."""

    id: str = field(validator=validators.matches_re(IDENTITY))


@frozen
class Room:
    """Everybody in one room, spectators too."""

    incarnation: str = field(validator=validators.matches_re(INCARNATION))


@frozen
class Everybody:
    """Every connection of the deployment."""


Audience: TypeAlias = User | Room | Everybody


def key_of(to: Audience) -> tuple[AudienceKind, str]:
    """The two columns that a notice's row and its layer message name the audience by."""
    match to:
        case User(id=user_id):
            return "user", user_id
        case Room(incarnation=incarnation):
            return "room", incarnation
        case Everybody():
            return "everybody", ""


def audience_of(kind: str, audience_id: str) -> Audience:
    """The inverse of `key_of`.

    Raises:
        ValueError: no such kind, or an id that cannot be one.
    """
    match kind:
        case "user":
            return User(audience_id)
        case "room":
            return Room(audience_id)
        case "everybody" if not audience_id:
            return Everybody()
    raise ValueError(
        f"expected user with an id, room with an incarnation, or everybody alone, got {kind} {audience_id!r}"
    )


def group_of(to: Audience) -> str:
    """The layer group that a notice travels through.

    A room's own group has one writer, its loop; so notices to a room go through the group that every gateway is in,
    and each gateway hands them to the connections of that room that it has, delayed spectators included.
    """
    return f"user.{to.id}" if isinstance(to, User) else LOBBY_GROUP
