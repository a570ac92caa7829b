"""What the connections of a gateway are offered of one stream, and what is kept from them until it is safe."""

from attrs import define, field

from game.tracker import PUBLIC_SECTION
from game.wire import messages as m
from game.wire import session as s
from game.wire.frames import Frame, decode_frame
from game.wire.ring import Ring
from server.relay import envelope as e
from server.relay.feed import Feed
from server.relay.members import Watched
from tests.server.relay.test_feed import private, public
from tests.vectors.generate import SCHEMA

NOW = 1.0


@define(eq=False)
class Player:
    """Seat 1, with no section of its own: the private parts bring it nothing but answers."""

    session: s.Session
    conn: str = "c1"
    identity: str = "ann"
    shown: list[Frame] = field(factory=list)
    outlet: None = None

    def write(self, message: bytes | str) -> None:
        """Kept, where it is a frame."""
        if isinstance(message, bytes):
            self.shown.append(decode_frame(message))

    def show(self, ring: Ring, now: float) -> None:
        """As a connection does."""
        self.session.offer(ring, now)
        self.flush()

    def flush(self) -> None:
        """Writes what the session has."""
        for message in self.session.data_to_send():
            self.write(message)

    def fail(self) -> None:
        """A fault of ours: there is to be none."""
        raise AssertionError(f"{self.conn} failed")

    def admit(self, joined: e.Joined, now: float) -> None:
        """It is in already."""

    def turn_away(self, refused: e.JoinRefused, now: float) -> None:
        """It is in already."""


def player() -> Player:
    session = s.Session(s.SessionRules("play", "player", SCHEMA, {}), is_binary=True, opened_at=0.0)
    session.receive(m.encode(m.Hello()), 0.0)
    grants = (m.SeatGrant(0, 1, 1, 0),)
    welcome = m.Welcome("c", "i", "play", "player", "ann", 1, SCHEMA.fingerprint, 20, 20, grants)
    session.attached(welcome, (PUBLIC_SECTION,), 0, 0.0)
    session.data_to_send()
    return Player(session)


def arrives(watched: Watched, part: e.PublicFrame | e.PrivateFrame) -> None:
    """As the hub does it."""
    if isinstance(part, e.PublicFrame):
        if watched.feed.on_public(part):
            watched.offer_frame(NOW)
    elif watched.feed.on_private(part):
        watched.offer_private(NOW)


def test_no_patch_leads_past_answers_that_a_hole_swallowed():
    """Found by `verify`, O9: frame 2 was lost, and the private part of 4, which repeats its answers; 4 and 6 are patches that fit."""
    ann = player()
    watched = Watched("r", e.LIVE_STREAM, Feed("g", 50), "l")
    watched.add(ann)
    arrives(watched, public(1, key=True))
    arrives(watched, private(1, key=True))
    arrives(watched, public(4, base=1))
    arrives(watched, public(6, base=3))
    arrives(watched, private(6))
    assert [frame.seq for frame in ann.shown] == [1]
    assert watched.feed.is_lacking
    arrives(watched, public(7, key=True))
    arrives(watched, private(7, key=True))
    assert [(frame.seq, [answer.n for answer in frame.answers]) for frame in ann.shown] == [(1, [1]), (7, [7])]
