"""Random numbers: the published generator, without bias, and whole in two integers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from game.rng import Rng


def test_it_is_pcg32_as_published():
    # The demo of the PCG library (pcg32, seed 42, stream 54).
    rng = Rng.from_seed(42, 54)
    expected = [0xA15C02B7, 0x7B47F409, 0xBA1D3330, 0x83D2F293, 0xBFA4784B, 0xCBED606E]
    assert [rng.bits32() for _ in range(6)] == expected


@given(st.integers(0, 2**64 - 1), st.integers(1, 2**32))
def test_below_stays_below_and_state_is_all_there_is(seed: int, limit: int):
    rng = Rng.from_seed(seed)
    for _ in range(5):
        copy = Rng(rng.state, rng.increment)
        assert 0 <= rng.below(limit) < limit
        copy.below(limit)
        assert copy == rng
        assert 0.0 <= rng.unit() < 1.0


def test_a_shuffle_is_a_permutation_and_every_one_comes():
    seen = set()
    rng = Rng.from_seed(1)
    for _ in range(200):
        items = [1, 2, 3]
        rng.shuffle(items)
        seen.add(tuple(items))
    assert len(seen) == 6
    with pytest.raises(ValueError, match="expected a limit"):
        rng.choice([])
