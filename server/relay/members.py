"""The connections of this gateway that are in one stream of one room, and what they are offered. Sans I/O; the hub owns them."""

from functools import lru_cache
from typing import Protocol

from attrs import define, field

from game.fields import Audience
from game.tracker import Section
from game.wire import messages as m
from game.wire.ring import Ring
from game.wire.session import Session
from game.wire.showing import Showing, Viewer, WayOut, is_private
from server.ops.faults import Faults
from server.relay import envelope as e
from server.relay.feed import Feed


class Member(Protocol):
    """One connection of this gateway. The sockets above implement it."""

    conn: str
    identity: str
    session: Session

    @property
    def outlet(self) -> WayOut | None:
        """The socket's way out; None until it is open."""

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

    def fail(self) -> None:
        """A fault of ours in what it is owed: it is closed with 4500. Never raises."""


@define(eq=False)
class Watched:
    """A stream with members here. ``sections_number``: how many changes of their sections are known.

    ``faults_of_stream`` counts those that were of its frames and not of one member.
    """

    incarnation: str
    stream: int
    feed: Feed
    loop: str
    members: dict[str, Member] = field(factory=dict)
    sections_number: int = 0
    faults: Faults = field(factory=Faults)
    faults_of_stream: int = 0
    _showing: Showing = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._showing = Showing(self.feed.ring, self._blame_viewer)

    def blame(self, member: Member, error: Exception) -> None:
        """A fault in what one member is owed costs that member its connection, and nobody else anything."""
        self.faults.note(error, "relay.member_failed", "member", room=self.incarnation, conn=member.conn)
        member.fail()

    def _blame_viewer(self, viewer: Viewer, error: Exception) -> None:
        for member in list(self.members.values()):
            if member is viewer:
                self.blame(member, error)

    def add(self, member: Member) -> None:
        """It is in the stream."""
        self.members[member.conn] = member
        self._showing.add(member)

    def remove(self, conn: str) -> Member | None:
        """It is in the stream no longer, if it was."""
        member = self.members.pop(conn, None)
        if member is not None:
            self._showing.remove(member)
        return member

    @property
    def is_current(self) -> bool:
        """Whether the newest frame is whole, cut for the very sections that the members here are known to have, and all
        answers before it are known: patches may lead past a hole that swallowed an answer.
        """
        feed = self.feed
        return feed.is_complete and not feed.is_lacking and feed.sections_number == self.sections_number

    def offer(self, member: Member, now: float) -> None:
        """The newest frame for one member, where it is ready. The caller flushes it."""
        if self.is_current or not is_private(member.session):
            member.session.offer(self.feed.ring, now)

    def offer_frame(self, now: float) -> None:
        """The newest frame for all for whom it is ready."""
        self._showing.show(now, private=self.is_current)

    def offer_private(self, now: float) -> None:
        """The newest frame for those whose private part has just come."""
        if self.is_current:
            self._showing.show(now, public=False)

    def offer_head(self, frame: e.PublicFrame) -> None:
        """The room is idle."""
        for member in list(self.members.values()):
            try:
                member.session.offer_head(frame.epoch, frame.seq, frame.tick, frame.at_ms)
                member.flush()
            except Exception as error:  # noqa: BLE001 - noted there
                self.blame(member, error)

    def offer_chat(self) -> None:
        """New lines for all."""
        for member in list(self.members.values()):
            try:
                member.session.offer_chat(self.feed.chat)
                member.flush()
            except Exception as error:  # noqa: BLE001 - noted there
                self.blame(member, error)

    def rebase(self, tick: int, skipped_ms: int) -> None:
        """Time was skipped; what they are told goes out with their next flush."""
        for member in list(self.members.values()):
            try:
                member.session.send(m.Rebase(tick, skipped_ms))
            except Exception as error:  # noqa: BLE001 - noted there
                self.blame(member, error)


@lru_cache(maxsize=4096)
def sections_from(wire: tuple[tuple[str, int], ...]) -> tuple[Section, ...]:
    """Sections as the envelope spells them; the very same object for all who have the same."""
    return tuple(Section(Audience(audience), of) for audience, of in wire)
