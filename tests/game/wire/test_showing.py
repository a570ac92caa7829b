"""Frames to all viewers at once: the usual loop gives each exactly what its session's own `take` would have given."""

from typing import Any

from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from game.tracker import PUBLIC_SECTION
from game.wire import messages as m
from game.wire import session as s
from game.wire.frames import AckMessage, Answer, AnswerRows, Position, answer_rows, encode_ack
from game.wire.limits import Limit
from game.wire.ring import NOWHERE, Ring, RingFrame
from game.wire.showing import show_all
from tests.vectors.generate import SCHEMA


@define
class Wall:
    """A viewer that keeps what is written. ``is_careful``: it is never shown anything in the usual loop."""

    session: s.Session
    is_careful: bool
    written: list[bytes | str] = field(factory=list)

    def write(self, message: bytes | str) -> None:
        """Kept."""
        self.written.append(message)

    def show(self, ring: Ring, now: float) -> None:
        """As a connection does."""
        self.session.offer(ring, now)
        self.written += self.session.data_to_send()


def viewer(seat: int, *, is_careful: bool) -> Wall:
    rules = s.SessionRules("play", "player", SCHEMA, {"input": Limit(40.0, 80)})
    session = s.Session(rules, is_binary=True, opened_at=0.0)
    session.receive(m.encode(m.Hello()), 0.0)
    grant = m.SeatGrant(0, seat, 1, 0)
    session.attached(
        m.Welcome("c", "i", "play", "player", "ann", 1, SCHEMA.fingerprint, 20, 20, (grant,)), (PUBLIC_SECTION,), 0, 0.0
    )
    session.commands()
    session.data_to_send()
    return Wall(session, is_careful)


def rows(*numbers: int) -> AnswerRows:
    return answer_rows([Answer(0, n, n) for n in numbers])


steps = st.lists(
    st.tuples(
        st.sampled_from(["frame", "frame", "frame", "ack", "resync", "hole", "again", "repeat", "sections"]),
        st.integers(0, 1),
        st.sampled_from([0.01, 0.05, 0.3, 0.6]),
    ),
    max_size=60,
)


@given(steps)
def test_the_usual_loop_writes_what_take_would(program: list[tuple[str, int, float]]):
    ring = Ring(1)
    pairs = [(viewer(seat, is_careful=False), viewer(seat, is_careful=True)) for seat in (0, 1)]
    now, seq, answered = 0.0, 0, 0
    for what, which, wait in program:
        now += wait
        for one in pairs[which]:
            play(one, what, now)
        if what in ("frame", "hole", "again", "repeat"):
            seq, answered = next_frame(ring, what, seq, answered)
        for quick, careful in pairs:
            show_all([quick], ring, now)
            careful.show(ring, now)
            assert quick.written == careful.written
            assert quick.session.head == careful.session.head
            assert quick.session.frames_sent == careful.session.frames_sent
            assert quick.session.commands() == careful.session.commands()


def play(one: Wall, what: str, now: float) -> None:
    head = one.session.head
    match what:
        case "ack" if head != NOWHERE:
            one.session.receive(encode_ack(AckMessage(head)), now)
        case "resync":
            one.session.receive(m.encode(m.Resync()), now)
        case "sections":
            one.session.change_sections((PUBLIC_SECTION,))


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
    ring, one = Ring(1), viewer(0, is_careful=False)
    sent: list[bool] = []
    for seq in range(1, 8):
        ring.add(
            RingFrame(seq, seq - 1, seq, seq, {0: rows(3)} if seq > 2 else {}),
            {PUBLIC_SECTION: (False, b"")},
            {PUBLIC_SECTION: b"\x00\x00\x00"},
        )
        if seq == 6:
            one.session.receive(m.encode(m.Resync()), seq * 0.05)
        show_all([one], ring, seq * 0.05)
        sent.append(rows(3).data in one.written[-1])
    assert sent == [False, False, True, False, False, True, False]
    assert one.session.head == Position(1, 7)
