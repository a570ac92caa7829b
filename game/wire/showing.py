"""The newest frame of a stream to all its viewers at once. Sans I/O: each viewer brings a session and a way out.

Nearly every frame of nearly every viewer is the usual case: it has the frame before, keeps up, and gets the very bytes that
its neighbours get. Such viewers stand in a `Cohort`, which shows a frame to all of them without looking at any: what a
server pays for most is not the work but the memory that it touches, and a session, a socket and their parts are twenty
cache lines. A session catches up with its cohort when somebody asks it; `Session.take` decides all other cases.
"""

from collections.abc import Callable, Iterable
from typing import Protocol

from attrs import define, field

from game.fields import PUBLIC
from game.wire.frames import Position
from game.wire.ring import Moment, Ring, Sections, Slice
from game.wire.session import UNACKED_MAX, Session

Message = bytes | str


class WayOut(Protocol):
    """Where a viewer's messages leave."""

    @property
    def form(self) -> Callable[[Message], Message]:
        """Makes of a message, once for all, what ``send`` takes. The very same object for all whose form is the same."""

    @property
    def send(self) -> Callable[[Message], int]:
        """Returns how much is gone, or raises OSError; what is not gone is for ``leave``. It calls nobody back, as ``leave`` may."""

    def leave(self, rest: Message) -> None:
        """Puts what was not taken before all that follows."""


class Viewer(Protocol):
    """One connection in the stream. ``outlet`` is None until it is open."""

    session: Session

    @property
    def outlet(self) -> WayOut | None: ...

    def write(self, message: Message, /) -> None:
        """One whole message."""

    def show(self, ring: Ring, now: float) -> None:
        """Write the newest frame, where the session wants it: the careful way."""


def _as_ever(_viewer: Viewer, error: Exception) -> None:
    raise error


def is_private(session: Session) -> bool:
    """Whether its frames have a private part: sections of its own, or answers."""
    return bool(session.seats) or any(section.audience is not PUBLIC for section in session.sections)


@define(eq=False)
class Showing:
    """All viewers of one stream. Those who are ``apart`` get their frames the careful way, and then fall in where they can.

    ``blame`` hears of an exception in what one viewer is owed; the others get theirs.
    """

    ring: Ring
    blame: Callable[[Viewer, Exception], None] = _as_ever
    _apart: dict[Viewer, None] = field(factory=dict, repr=False)
    _cohorts: "dict[object, Cohort]" = field(factory=dict, repr=False)

    def add(self, viewer: Viewer) -> None:
        """It gets every frame from now on."""
        self._apart[viewer] = None

    def remove(self, viewer: Viewer) -> None:
        """It gets no more."""
        viewer.session.leave_cohort()
        self._apart.pop(viewer, None)

    def show(self, now: float, *, private: bool = True, public: bool = True) -> None:
        """The newest frame to the viewers with a private part, to those without, or to both. Nothing where the ring is empty."""
        ring = self.ring
        if ring.newest is None:
            return
        chosen = (public, private)
        for key, cohort in list(self._cohorts.items()):
            if not cohort.viewers:
                del self._cohorts[key]
            elif chosen[cohort.is_private] and cohort.position is not ring.position:
                cohort.show(ring, now)
        for viewer in list(self._apart):
            try:
                session = viewer.session
                if chosen[is_private(session)]:
                    viewer.show(ring, now)
                    if session.is_usual and session.head is ring.position:
                        self._fall_in(viewer)
            except Exception as error:  # noqa: BLE001 - the owner's to tell
                self.blame(viewer, error)

    def part(self, viewer: Viewer) -> None:
        """Out of its cohort."""
        self._apart[viewer] = None

    def _fall_in(self, viewer: Viewer) -> None:
        session, outlet = viewer.session, viewer.outlet
        if outlet is None:
            return
        key = session.sections, bool(session.seats), outlet.form
        cohort = self._cohorts.get(key)
        if cohort is None or not cohort.viewers:
            cohort = Cohort(self, session.sections, is_private(session), outlet.form, self.ring.position)
            self._cohorts[key] = cohort
        if cohort.add(viewer, outlet):
            del self._apart[viewer]


@define(eq=False)
class Cohort:
    """Viewers of the same sections who were shown the same newest frame, at ``position``, and can be shown the next alike.

    ``moments``: the newest UNACKED_MAX and more that were shown; ``number`` counts all, so that each session can tell what it has missed.
    """

    home: Showing = field(repr=False)
    sections: Sections
    is_private: bool
    form: Callable[[Message], Message]
    position: Position
    number: int = 0
    moments: list[Moment] = field(factory=list)
    viewers: list[Viewer] = field(factory=list, repr=False)
    _sends: list[Callable[[Message], int]] = field(factory=list)
    _by_seat: dict[int, Viewer] = field(factory=dict, repr=False)
    _told: dict[int, int] = field(factory=dict)

    def add(self, viewer: Viewer, outlet: WayOut) -> bool:
        """Whether it may stand here: not beside an older connection of its own seat, whose answers are then its own."""
        session = viewer.session
        if not self._by_seat.keys().isdisjoint(session.seat_numbers):
            return False
        self._by_seat.update(dict.fromkeys(session.seat_numbers, viewer))
        self._told.update(dict.fromkeys(session.seat_numbers, 0))
        session.join_cohort(self, len(self.viewers))
        self.viewers.append(viewer)
        self._sends.append(outlet.send)
        return True

    def drop(self, place: int) -> None:
        """The viewer at that place leaves; the last one takes the place."""
        viewer, last = self.viewers[place], self.viewers.pop()
        send = self._sends.pop()
        if viewer is not last:
            self.viewers[place], self._sends[place] = last, send
            last.session.place = place
        for seat in viewer.session.seat_numbers:
            del self._by_seat[seat], self._told[seat]
        self.home.part(viewer)

    def dissolve(self) -> None:
        """Everybody leaves: what comes next is not the same for all."""
        for viewer in list(self.viewers):
            try:
                viewer.session.leave_cohort()
            except Exception as error:  # noqa: BLE001 - the owner's to tell
                self.home.blame(viewer, error)

    def show(self, ring: Ring, now: float) -> None:
        """The newest frame to all, or to none: then they are apart."""
        before = ring.before
        try:
            found = ring.slice(self.sections, self.sections, before.seq) if self.position is before else None
            frame = self.form(found.plain) if found is not None else None
        except Exception:  # noqa: BLE001 - each of them meets it again by itself, and is blamed for its own
            found = frame = None
        if found is None or frame is None:
            self.dissolve()
            return
        moment = ring.moment(now)
        self.position = moment.position
        self.moments.append(moment)
        if len(self.moments) > 2 * UNACKED_MAX:
            del self.moments[:UNACKED_MAX]
        self.number += 1
        blamed: list[tuple[Viewer, Exception]] = []
        answered = list(self._answered(ring, found, blamed))
        sends = self._sends
        if answered or blamed:
            sends = sends.copy()
            for viewer in (*(viewer for viewer, _ in answered), *(viewer for viewer, _ in blamed)):
                sends[viewer.session.place] = len  # it takes all, and does nothing: these get bytes of their own
        self._send(sends, frame, blamed)
        for viewer, message in answered:
            try:
                viewer.write(message)
            except Exception as error:  # noqa: BLE001 - the owner's to tell
                blamed.append((viewer, error))
        for viewer, fault in blamed:  # now, for who is blamed may leave, and another then has its place
            self.home.blame(viewer, fault)

    def _answered(
        self, ring: Ring, found: Slice, blamed: list[tuple[Viewer, Exception]]
    ) -> Iterable[tuple[Viewer, bytes]]:
        """Those who have news of their own inputs, with their bytes."""
        newest = ring.newest
        answers, told = newest.answers if newest is not None else {}, self._told
        for seat in answers.keys() & told.keys():
            if answers[seat].last <= told[seat]:  # the room repeats them, for the layer may lose some
                continue
            told[seat] = answers[seat].last
            viewer = self._by_seat[seat]
            try:
                viewer.session.catch_up()
                rows = viewer.session.own_answers(answers)
                message = found.bytes_with(rows) if rows else b""
            except Exception as error:  # noqa: BLE001 - the owner's to tell
                blamed.append((viewer, error))
                continue
            if message:
                yield viewer, message

    def _send(
        self, sends: list[Callable[[Message], int]], frame: Message, blamed: list[tuple[Viewer, Exception]]
    ) -> None:
        size = len(frame)
        short: list[tuple[Viewer, int]] = []
        for place, send in enumerate(sends):
            try:
                taken = send(frame)
            except OSError:  # full, or broken: its outlet finds out which
                taken = 0
            except Exception as error:  # noqa: BLE001 - the owner's to tell
                blamed.append((self.viewers[place], error))
                continue
            if taken != size:
                short.append((self.viewers[place], taken))
        for viewer, taken in short:
            try:
                if viewer.outlet is not None:
                    viewer.outlet.leave(frame[taken:])
            except Exception as error:  # noqa: BLE001 - the owner's to tell
                blamed.append((viewer, error))
