"""What a room is besides its plan, and the connections that are in it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from attrs import define, field, frozen

from game.fields import Audience
from game.tracker import Section
from server.relay.envelope import LIVE_STREAM


@frozen
class RoomFacts:
    """One incarnation of a room. ``sign`` and ``unsign`` make and read resume tokens."""

    incarnation: str
    code: str
    seed: int
    epoch: int
    started: datetime
    loop: str
    loop_channel: Callable[[], str]
    sign: Callable[[Any], str]
    unsign: Callable[[str], Any]


@define
class Viewer:
    """One connection that is in the room."""

    conn: str
    gateway: str
    identity: str
    name: str
    role: str
    audiences: frozenset[Audience]
    stream: int = LIVE_STREAM
    seats: list[int] = field(factory=list)
    sections: tuple[Section, ...] = ()
