"""What happened in a simulated world, in order: the typed events that the promises are checked against.

Recorded at five taps: what clients send and receive, what sockets carry, what rooms take in, what rooms cut, and what the
operator (or the schedule) did. `digest` tells whether two runs were the same.
"""

import hashlib
from typing import TypeVar

from attrs import astuple, define, field, frozen

from game.tracker import Section
from game.wire.frames import Answer, Position

Held = dict[Section, str]
E = TypeVar("E", bound="Event")


@frozen
class Event:
    """Something that happened at virtual second ``t``."""

    t: float


@frozen
class OfSocket(Event):
    """An event of one client on one of its sockets. Sockets are numbered over the whole world."""

    client: str
    socket: int


@frozen
class Opened(OfSocket):
    """A client connected. ``is_resume``: it asks for the seats that it had. ``identity`` is who it says it is."""

    route: str
    role: str
    gateway: str
    is_resume: bool
    identity: str


@frozen
class Welcomed(OfSocket):
    """The welcome arrived. ``seats``: (slot, seat, generation)."""

    conn: str
    incarnation: str
    seats: tuple[tuple[int, int, int], ...]
    is_resumed: bool
    delay_s: float


@frozen
class FrameIn(OfSocket):
    """A frame arrived. ``held`` are the digests of the view's sections afterwards, where it was applied.

    ``unanswered`` are the (slot, n) that the client still waits for afterwards, ``roster`` the seats that it sees, and
    ``shown`` digests all that it shows (now and then: see `server.verify.oracle`).
    """

    incarnation: str
    kind: str
    at: Position
    base: int
    tick: int
    before: Position
    after: Position
    is_applied: bool
    answers: tuple[Answer, ...]
    listed: tuple[Section, ...]
    held: Held | None
    unanswered: tuple[tuple[int, int], ...]
    roster: tuple[int, ...] | None
    shown: str = ""


@frozen
class InputSent(OfSocket):
    """A client numbered an input. ``seen``: the last frame that it was shown. ``values`` are quantized."""

    slot: int
    n: int
    seen: Position
    message: str
    values: tuple[object, ...]


@frozen
class AnswerIn(OfSocket):
    """The client counts an input as answered: by the room (or, with reason "lost", by itself)."""

    incarnation: str
    slot: int
    n: int
    tick: int
    reason: str


@frozen
class ResyncSent(OfSocket):
    """The client asked for the whole state."""


@frozen
class Said(OfSocket):
    """A client said a line, when the newest line that it had seen was number ``seen``."""

    text: str
    seen: int


@frozen
class ChatIn(OfSocket):
    """Lines that the client shows: (n, who, role, text, tick)."""

    incarnation: str
    lines: tuple[tuple[int, str, str, str, int], ...]


@frozen
class NoticeIn(OfSocket):
    """The client shows a notice."""

    id: int


@frozen
class RefusedIn(OfSocket):
    """The server refused a message."""

    what: str
    reason: str


@frozen
class LeaveSent(OfSocket):
    """The client gave its seats up."""


@frozen
class GoodbyeIn(OfSocket):
    """The server's last message."""

    code: int
    reason: str


@frozen
class Closed(OfSocket):
    """The client's end of the socket is closed. ``why``: server, client, or the fault that cut it."""

    code: int
    why: str


@frozen
class BrokenIn(OfSocket):
    """A message that the client could not read: the server broke the protocol."""

    error: str


@frozen
class Wrote(OfSocket):
    """Bytes that the server wrote to the socket."""

    data: bytes


@frozen
class OfRoom(Event):
    """An event of one room, as its loop process saw it."""

    incarnation: str
    node: str
    epoch: int


@frozen
class Commit(OfRoom):
    """A frame was cut after ``tick``. ``views`` holds the digest of every section as of then.

    ``reused`` names the wire ids that stand for an entity again, after they had died. ``due`` digests, now and then, what
    each set of sections should show of the world.
    """

    stream: int
    seq: int
    tick: int
    views: Held
    reused: tuple[str, ...] = ()
    due: dict[tuple[Section, ...], str] = field(factory=dict)


@frozen
class Stepped(OfRoom):
    """The rules took a step with these inputs of people: (seat, message, quantized values)."""

    tick: int
    inputs: tuple[tuple[int, str, tuple[object, ...]], ...]


@frozen
class Answered(OfRoom):
    """The room answered input ``n``: applied (no reason) or refused, at ``tick``. ``tenancy`` is the seat's holder's."""

    seat: int
    tenancy: int
    n: int
    tick: int
    reason: str


@frozen
class SeatsHeld(OfRoom):
    """Who is in the room, after ``tick``, when that changed.

    ``seats``: (seat, generation, tenancy, conn). ``viewers``: (conn, seats, role, sections).
    """

    tick: int
    seats: tuple[tuple[int, int, int, str], ...]
    viewers: tuple[tuple[str, tuple[int, ...], str, tuple[Section, ...]], ...]


@frozen
class Revoked(Event):
    """An account was deactivated: nobody may be in as this identity any longer."""

    identity: str


@frozen
class Kicked(OfRoom):
    """The staff removed somebody before the step of ``tick``. What it had by then:

    ``conns``: (connection, whether it had sections of its own). ``seats``: (seat, tenancy).
    """

    tick: int
    identity: str
    reason: str
    conns: tuple[tuple[str, bool], ...]
    seats: tuple[tuple[int, int], ...]


@frozen
class Decided(OfRoom):
    """The rules gave a result, in the step of ``tick``."""

    tick: int


@frozen
class Over(OfRoom):
    """The room shows that the match has ended, from ``tick`` on."""

    tick: int


@frozen
class EndShown(OfSocket):
    """A client is shown, for the first time on this socket, that the match has ended."""

    incarnation: str


@frozen
class Ended(OfRoom):
    """The result is in the database. ``is_again``: it was there before."""

    final_hash: str
    is_again: bool


@frozen
class Replayed(OfRoom):
    """The record was played again: both hashes of the state after the last tick."""

    tick: int
    live: str
    replayed: str
    difference: str


@frozen
class Measured(Event):
    """The longest that a bounded queue has been since the last look."""

    queue: str
    length: int
    cap: int


@frozen
class Named(Event):
    """A name that reached the layer: a group, or a message's type."""

    name: str


@frozen
class Logged(Event):
    """A warning or worse of the server's log."""

    level: str
    event: str
    detail: str


@frozen
class Fault(Event):
    """The schedule did something to the world."""

    name: str
    target: str


@frozen
class Healed(Event):
    """From here on nothing is broken."""


@frozen
class Settled(Event):
    """All repairs are done, or took longer than they may."""


@frozen
class Finished(Event):
    """The end. ``clients``: (client, socket, is it live, does it want in, unanswered (slot, n))."""

    clients: tuple[tuple[str, int, bool, bool, tuple[tuple[int, int], ...]], ...]
    errors: tuple[str, ...]


@define
class Trace:
    """The events so far. ``is_open`` is false once the world is being taken down."""

    events: list[Event] = field(factory=list)
    is_open: bool = True
    keeps_bytes: bool = False

    def add(self, event: Event) -> None:
        """Records an event."""
        if self.is_open:
            self.events.append(event)

    def of(self, kind: type[E]) -> list[E]:
        """The events of one kind, in order."""
        return [event for event in self.events if isinstance(event, kind)]

    def digest(self) -> str:
        """BLAKE2b over all events: equal for equal runs."""
        digest = hashlib.blake2b(digest_size=12)
        for event in self.events:
            digest.update(repr((type(event).__name__, astuple(event, recurse=False))).encode())
        return digest.hexdigest()
