"""The token bucket: never more than burst + rate x time, per address, in a bounded table."""

from hypothesis import given
from hypothesis import strategies as st

from server.web.ratelimit import ADDRESSES_MAX, RateLimit


@given(st.lists(st.floats(0, 5), max_size=60), st.integers(1, 5), st.floats(0.1, 10))
def test_never_more_than_promised(pauses: list[float], burst: int, per_s: float):
    limit, now, passed = RateLimit(burst, per_s), 0.0, 0
    for pause in pauses:
        now += pause
        passed += limit.wait_s("a", now) == 0
        assert passed <= burst + per_s * now + 1e-6


def test_the_wait_told_is_the_wait_needed():
    limit = RateLimit(1, 2.0)
    assert limit.wait_s("a", 0.0) == 0
    wait = limit.wait_s("a", 0.0)
    assert wait == 0.5
    assert limit.wait_s("a", wait) == 0


def test_addresses_do_not_share():
    limit = RateLimit(1, 1.0)
    assert [limit.wait_s(address, 0.0) > 0 for address in ("a", "a", "b")] == [False, True, False]


def test_the_table_is_bounded_and_forgets_the_longest_unheard_of():
    limit = RateLimit(1, 0.001)
    limit.wait_s("first", 0.0)
    for number in range(ADDRESSES_MAX):
        limit.wait_s(f"other{number}", 0.0)
    assert limit.wait_s(f"other{ADDRESSES_MAX - 1}", 0.0) > 0
    assert limit.wait_s("first", 0.0) == 0


def test_a_clock_that_steps_back_gives_nothing():
    limit = RateLimit(1, 1.0)
    limit.wait_s("a", 100.0)
    assert limit.wait_s("a", 50.0) > 0
