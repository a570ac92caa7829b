"""A ring holds so many frames and so many bytes; what falls out shows as a hole, never as a wrong chain."""

from game.tracker import PUBLIC_SECTION
from game.wire.ring import RING_BYTES_MAX, RING_FRAMES_MAX, Ring, RingFrame


def filled(frames: int, size: int) -> Ring:
    ring = Ring()
    ring.restart(1)
    for seq in range(1, frames + 1):
        ring.add(RingFrame(seq, seq - 1, seq, seq * 50), {PUBLIC_SECTION: (seq == 1, bytes(size))})
    return ring


def held(ring: Ring, frames: int) -> int:
    """How many of the last patches still make a chain."""
    return next(n for n in range(frames) if ring.chain(PUBLIC_SECTION, frames - n - 1, frames) is None)


def test_small_frames_are_bounded_in_number():
    assert held(filled(600, 10), 600) == RING_FRAMES_MAX


def test_large_frames_are_bounded_in_bytes():
    size = 100_000
    assert held(filled(100, size), 100) == RING_BYTES_MAX // size


def test_one_frame_beyond_the_bound_is_kept_all_the_same():
    assert held(filled(4, RING_BYTES_MAX + 1), 4) == 1
