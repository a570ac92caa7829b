"""The newest frame of a stream to all its viewers at once. Sans I/O: each viewer brings a session and a way to write.

Nearly every frame of nearly every viewer is the usual case: it has the frame before, keeps up, and gets the very bytes that
its neighbours get. That case is one loop here, for it is what a server does most; `Session.take` decides all others.
"""

from collections.abc import Iterable
from typing import Protocol

from game.wire.ring import Ring
from game.wire.session import Session


class Viewer(Protocol):
    """One connection in the stream."""

    session: Session

    def write(self, message: bytes | str, /) -> None:
        """One whole message."""

    def show(self, ring: Ring, now: float) -> None:
        """Write the newest frame, where the session wants it: the careful way."""


def show_all(viewers: Iterable[Viewer], ring: Ring, now: float) -> None:
    """Shows the newest frame to each viewer that may have it. Where the ring is empty, nothing is shown."""
    newest, before = ring.newest, ring.before
    if newest is None:
        return
    shown, answers = ring.moment(now), newest.answers
    position = shown.position
    sections, found = None, None
    for viewer in viewers:
        session = viewer.session
        if session.head is not before or not session.is_usual:
            viewer.show(ring, now)
            continue
        unacked = session.unacked
        if session.sections is not sections:  # mostly they are: neighbours share theirs
            sections = session.sections
            found = ring.slice(sections, sections, before.seq)
        if found is None or (unacked and now - unacked[0].at > session.patience_s):
            viewer.show(ring, now)
            continue
        if session.owed_since is None:
            session.owed_since = now
        session.head, session.shown = position, shown
        session.frames_sent += 1
        unacked.append(shown)
        if answers and not answers.keys().isdisjoint(session.seat_numbers):
            viewer.write(found.bytes_with(session.own_answers(answers)))
        else:
            viewer.write(found.plain)
