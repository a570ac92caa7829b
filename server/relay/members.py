"""The connections of this gateway that are in one stream of one room, and what they are offered. Sans I/O; the hub owns them."""

from functools import lru_cache
from typing import Protocol

from attrs import define, field

from game.fields import PUBLIC, Audience
from game.tracker import Section
from game.wire import messages as m
from game.wire.ring import Ring
from game.wire.session import Session
from game.wire.showing import show_all
from server.relay import envelope as e
from server.relay.feed import Feed


class Member(Protocol):
    """One connection of this gateway. The sockets above implement it."""

    conn: str
    identity: str
    session: Session

    def write(self, message: bytes | str, /) -> None:
        """Write one whole message."""

    def admit(self, joined: e.Joined, now: float) -> None:
        """The loop granted the seats."""

    def turn_away(self, refused: e.JoinRefused, now: float) -> None:
        """The loop did not."""

    def show(self, ring: Ring, now: float) -> None:
        """Write the newest frame, where the session wants it."""

    def flush(self) -> None:
        """Write what the session has to send."""


@define(eq=False)
class Watched:
    """A stream with members here. ``sections_number``: how many changes of their sections are known."""

    incarnation: str
    stream: int
    feed: Feed
    loop: str
    members: dict[str, Member] = field(factory=dict)
    sections_number: int = 0

    @property
    def is_current(self) -> bool:
        """Whether the newest frame is whole, cut for the very sections that the members here are known to have, and all
        answers before it are known: patches may lead past a hole that swallowed an answer.
        """
        feed = self.feed
        return feed.is_complete and not feed.is_lacking and feed.sections_number == self.sections_number

    def show(self, member: Member, now: float) -> None:
        """The newest frame for one member, where it is ready."""
        if self.is_current or not is_private(member):
            member.show(self.feed.ring, now)

    def offer_frame(self, now: float) -> None:
        """The newest frame for all for whom it is ready."""
        members = self.members.values()
        ready = members if self.is_current else [member for member in members if not is_private(member)]
        show_all(list(ready), self.feed.ring, now)

    def offer_private(self, now: float) -> None:
        """The newest frame for those whose private part has just come."""
        if self.is_current:
            private = [member for member in self.members.values() if is_private(member)]
            show_all(private, self.feed.ring, now)

    def offer_head(self, frame: e.PublicFrame) -> None:
        """The room is idle."""
        for member in list(self.members.values()):
            member.session.offer_head(frame.epoch, frame.seq, frame.tick, frame.at_ms)
            member.flush()

    def offer_chat(self) -> None:
        """New lines for all."""
        for member in list(self.members.values()):
            member.session.offer_chat(self.feed.chat)
            member.flush()

    def rebase(self, tick: int, skipped_ms: int) -> None:
        """Time was skipped; what they are told goes out with their next flush."""
        for member in self.members.values():
            member.session.send(m.Rebase(tick, skipped_ms))


@lru_cache(maxsize=4096)
def sections_from(wire: tuple[tuple[str, int], ...]) -> tuple[Section, ...]:
    """Sections as the envelope spells them; the very same object for all who have the same."""
    return tuple(Section(Audience(audience), of) for audience, of in wire)


def is_private(member: Member) -> bool:
    """Whether its frames have a private part: sections of its own, or answers."""
    session = member.session
    return bool(session.seats) or any(section.audience is not PUBLIC for section in session.sections)
