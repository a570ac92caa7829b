"""Chains: from wherever a viewer is to the newest frame, or the truth that it cannot be done."""

from hypothesis import given
from hypothesis import strategies as st

from game.tracker import PUBLIC_SECTION as P
from game.wire.ring import RING_FRAMES_MAX, Ring, RingFrame


def add(ring: Ring, seq: int, base: int, *, key: bool = False) -> None:
    ring.add(RingFrame(seq, base, seq, seq), {P: (False, b"p%d" % seq)}, {P: b"k%d" % seq} if key else None)


@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 6), st.booleans()), min_size=1, max_size=60), st.integers(0, 60)
)
def test_a_chain_always_leads_from_its_start_to_its_end(frames: list[tuple[bool, int, bool]], start: int):
    ring, hops, key_at = Ring(1), {}, None
    for seq, (is_lost, window, is_key) in enumerate(frames, 1):
        if not is_lost:
            hops[seq] = max(0, seq - window)
            key_at = seq if is_key else key_at
            add(ring, seq, hops[seq], key=is_key)
    if ring.newest is None:
        return
    end = ring.newest.seq
    reachable = {min(start, end)}
    for seq in sorted(hops):
        if any(hops[seq] <= at < seq for at in reachable):
            reachable.add(seq)
    chain = ring.chain(P, min(start, end), end)
    assert (chain is not None) == (end in reachable)
    at = min(start, end)
    for blob in chain or ():
        assert hops[blob.seq] <= at < blob.seq
        at = blob.seq
    whole = ring.chain(P, None, end)
    assert (whole is None) or whole[0].data == f"k{key_at}".encode()


def test_a_ring_holds_no_more_than_its_frames_and_nothing_of_an_older_epoch():
    ring = Ring(1)
    for seq in range(1, RING_FRAMES_MAX * 2):
        add(ring, seq, seq - 1, key=seq == 1)
    end = RING_FRAMES_MAX * 2 - 1
    assert ring.chain(P, None, end) is None
    assert ring.chain(P, end - RING_FRAMES_MAX, end) is not None
    assert ring.chain(P, end - RING_FRAMES_MAX - 1, end) is None
    ring.restart(2)
    assert ring.slice((P,), (), None) is None
