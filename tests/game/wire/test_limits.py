"""Token buckets."""

from hypothesis import given
from hypothesis import strategies as st

from game.wire.limits import Limit, TokenBucket


@given(st.floats(0.1, 100), st.integers(1, 50), st.lists(st.floats(0, 2), max_size=80))
def test_no_more_than_burst_and_rate_pass(rate: float, burst: int, waits: list[float]):
    bucket, now, taken = TokenBucket(Limit(rate, burst)), 5.0, 0
    for wait in waits:
        now += wait
        taken += bucket.take(now)
        assert taken <= burst + (now - 5.0) * rate + 1e-6


def test_a_clock_that_goes_back_gives_nothing():
    bucket = TokenBucket(Limit(1.0, 1))
    assert bucket.take(10.0)
    assert not bucket.take(5.0)
    assert not bucket.take(10.5)
    assert bucket.take(11.0)
