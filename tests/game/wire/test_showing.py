"""Frames to all viewers at once: a cohort gives each exactly what its session's own `take` would have given."""

from typing import Any

from attrs import define, field
from hypothesis import example, given
from hypothesis import strategies as st

from game.tracker import PUBLIC_SECTION
from game.wire import messages as m
from game.wire import session as s
from game.wire.frames import AckMessage, Answer, AnswerRows, Position, answer_rows, encode_ack
from game.wire.limits import Limit
from game.wire.ring import NOWHERE, Ring, RingFrame
from game.wire.showing import Showing
from server.serving.frames import framed
from tests.vectors.generate import SCHEMA


@define(eq=False)
class Wall:
    """A viewer that keeps the bytes that were written, and its own way out. ``takes``: how much of the next frame is taken at once
    (None: all of it; -1: none, with an error). What is left goes behind it, and is gone before the next frame.
    """

    session: s.Session
    takes: int | None = None
    asked: int = 0
    wire: bytearray = field(factory=bytearray)
    form = staticmethod(framed)

    @property
    def outlet(self) -> "Wall":
        """Itself."""
        return self

    def write(self, message: bytes | str) -> None:
        """As an outlet does."""
        frame = framed(message)
        try:
            taken = self.send(frame)
        except OSError:
            taken = 0
        if taken < len(frame):
            self.leave(frame[taken:])

    def send(self, frame: bytes | str) -> int:
        """Takes as much as it should."""
        assert isinstance(frame, bytes)
        assert not self.session.is_held
        takes, self.takes = self.takes, None
        if takes == -1:
            raise BlockingIOError
        taken = frame[:takes]
        self.wire += taken
        return len(taken)

    def leave(self, rest: bytes | str) -> None:
        """Behind what was taken."""
        assert isinstance(rest, bytes)
        self.wire += rest
        self.session.hold()

    def show(self, ring: Ring, now: float) -> None:
        """As a connection does."""
        self.asked += 1
        self.session.is_held = False
        self.session.offer(ring, now)
        for message in self.session.data_to_send():
            self.write(message)


def viewer(seat: int) -> Wall:
    rules = s.SessionRules("play", "player", SCHEMA, {"input": Limit(40.0, 80)})
    session = s.Session(rules, is_binary=True, opened_at=0.0)
    session.receive(m.encode(m.Hello()), 0.0)
    grant = m.SeatGrant(0, seat, 1, 0)
    session.attached(
        m.Welcome("c", "i", "play", "player", "ann", 1, SCHEMA.fingerprint, 20, 20, (grant,)), (PUBLIC_SECTION,), 0, 0.0
    )
    session.commands()
    session.data_to_send()
    return Wall(session)


def rows(*numbers: int) -> AnswerRows:
    return answer_rows([Answer(0, n, n) for n in numbers])


steps = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "frame",
                "frame",
                "frame",
                "ack",
                "resync",
                "hole",
                "again",
                "repeat",
                "sections",
                "short",
                "leave",
                "missed",
            ]
        ),
        st.integers(0, 2),
        st.sampled_from([0.01, 0.05, 0.3, 0.6]),
    ),
    max_size=60,
)


@given(steps)
@example([("frame", 0, 0.6)] * 6)  # nothing is acknowledged
@example([("frame", 0, 0.05), ("missed", 0, 0.05), ("frame", 0, 0.05)])  # one that the cohort was not shown
def test_a_cohort_is_written_what_take_would(program: list[tuple[str, int, float]]):
    ring = Ring(1)
    quick, careful = [viewer(seat) for seat in (0, 1, 2)], [viewer(seat) for seat in (0, 1, 2)]
    showing = Showing(ring)
    for one in quick:
        showing.add(one)
    gone: set[int] = set()
    now, seq, answered = 0.0, 0, 0
    for what, which, wait in program:
        now += wait
        for one in (quick[which], careful[which]):
            play(one, what, now)
        if what == "leave" and which not in gone:
            gone.add(which)
            showing.remove(quick[which])
        for one in quick + careful:
            one.session.poll(now)
        if what in ("frame", "hole", "again", "repeat", "missed"):
            seq, answered = next_frame(ring, what, seq, answered)
        if what == "missed":  # its private part is lost, and all of them wait for one
            showing.show(now, private=False)
            continue
        showing.show(now)
        for n, one in enumerate(careful):
            if n not in gone:
                one.show(ring, now)
            agree(quick[n], one)


def agree(quick: Wall, careful: Wall) -> None:
    quick.session.catch_up()
    assert quick.wire == careful.wire
    ours, theirs = quick.session, careful.session
    assert (ours.head, ours.frames_sent, ours.frames_skipped) == (
        theirs.head,
        theirs.frames_sent,
        theirs.frames_skipped,
    )
    assert (ours.unacked, ours.owed_since, ours.shown) == (theirs.unacked, theirs.owed_since, theirs.shown)
    assert ours.commands() == theirs.commands()
    assert ours.close is theirs.close


def play(one: Wall, what: str, now: float) -> None:
    head = one.session.head
    match what:
        case "ack" if head != NOWHERE:
            one.session.receive(encode_ack(AckMessage(head)), now)
        case "resync":
            one.session.receive(m.encode(m.Resync()), now)
        case "sections":
            one.session.change_sections((PUBLIC_SECTION,))
        case "short":
            one.takes = int(now * 1000) % 12 - 1


def next_frame(ring: Ring, what: str, seq: int, answered: int) -> tuple[int, int]:
    if what == "again":  # the private part of a frame that is there already
        answered += 1
        ring.add_private({0: rows(answered)}, {}, {})
        return seq, answered
    if what == "repeat":  # as the delayed stream does: it begins anew, further back
        ring.restart(1)
        seq = max(0, seq - 3)
    seq += 5 if what == "hole" else 1
    is_key = what == "repeat" or seq % 4 == 1
    blobs: dict[Any, tuple[bool, bytes]] = {PUBLIC_SECTION: (False, b"\x01\x00\x00%d" % seq)}
    ring.add(
        RingFrame(seq, seq - 1, seq, seq * 50, {0: rows(answered)} if answered else {}),
        blobs,
        {PUBLIC_SECTION: b"\x00\x00\x00%d" % seq} if is_key else None,
    )
    return seq, answered


def test_an_answer_is_written_to_a_socket_once_and_again_after_a_resync():
    ring, one = Ring(1), viewer(0)
    showing = Showing(ring)
    showing.add(one)
    sent: list[bool] = []
    for seq in range(1, 8):
        ring.add(
            RingFrame(seq, seq - 1, seq, seq, {0: rows(3)} if seq > 2 else {}),
            {PUBLIC_SECTION: (False, b"")},
            {PUBLIC_SECTION: b"\x00\x00\x00"},
        )
        if seq == 6:
            one.session.receive(m.encode(m.Resync()), seq * 0.05)
        had = len(one.wire)
        showing.show(seq * 0.05)
        sent.append(rows(3).data in one.wire[had:])
    assert sent == [False, False, True, False, False, True, False]
    assert one.session.head == Position(1, 7)


def test_who_keeps_up_is_asked_for_one_frame_only():
    """All others come by the cohort; the test above would also pass if everybody always stood apart."""
    ring, walls = Ring(1), [viewer(seat) for seat in range(3)]
    showing, seq = Showing(ring), 0
    for wall in walls:
        showing.add(wall)
    for _ in range(5):
        seq, _ = next_frame(ring, "frame", seq, 0)
        showing.show(seq * 0.05)
    assert [wall.asked for wall in walls] == [1, 1, 1]
    walls[0].takes = 3
    for _ in range(5):
        seq, _ = next_frame(ring, "frame", seq, 0)
        showing.show(seq * 0.05)
    assert [wall.asked for wall in walls] == [
        3,
        1,
        1,
    ]  # it was asked when it fell out, which brought nothing, and at the next
    assert walls[0].wire == walls[1].wire


def test_a_newer_connection_of_a_seat_does_not_stand_beside_the_older_one():
    """Each must hear of its own answers, whichever of them is left in the end."""
    ring, older, newer = Ring(1), viewer(0), viewer(0)
    showing, seq = Showing(ring), 0
    showing.add(older)
    for n in range(8):
        if n == 2:
            showing.add(newer)
        if n == 5:
            showing.remove(newer)
        seq, _ = next_frame(ring, "frame", seq, n)
        had = len(older.wire)
        showing.show(seq * 0.05)
        assert (rows(n).data in older.wire[had:]) == (n > 0)


def test_a_cohort_keeps_what_its_sessions_may_still_ask_for():
    """Three hundred frames; one client acknowledges each second, the other never: it falls behind."""
    ring, quick, careful = Ring(1), [viewer(0), viewer(1)], [viewer(0), viewer(1)]
    showing, seq, now = Showing(ring), 0, 0.0
    for one in quick:
        showing.add(one)
    for n in range(300):
        now += 0.05
        for one in quick + careful:
            one.session.poll(now)
        seq, _ = next_frame(ring, "frame", seq, 0)
        showing.show(now)
        for one in careful:
            one.show(ring, now)
        if n % 20 == 19:
            for one in (quick[0], careful[0]):
                one.session.catch_up()
                play(one, "ack", now)
    for ours, theirs in zip(quick, careful, strict=True):
        agree(ours, theirs)
