"""The token bucket: never more than burst + rate x time, for each key, in a bounded table."""

from hypothesis import given
from hypothesis import strategies as st

from game.wire.limits import Limit
from server.web.ratelimit import KEYS_MAX, RateLimit


@given(st.lists(st.floats(0, 5), max_size=60), st.integers(1, 5), st.floats(0.1, 10))
def test_never_more_than_promised(pauses: list[float], burst: int, per_s: float):
    limit, now, passed = RateLimit(Limit(per_s, burst)), 0.0, 0
    for pause in pauses:
        now += pause
        passed += limit.wait_s("a", now) == 0
        assert passed <= burst + per_s * now + 1e-6


def test_the_wait_told_is_the_wait_needed():
    limit = RateLimit(Limit(2.0, 1))
    assert limit.wait_s("a", 0.0) == 0
    wait = limit.wait_s("a", 0.0)
    assert wait == 0.5
    assert limit.wait_s("a", wait) == 0


def test_addresses_do_not_share():
    limit = RateLimit(Limit(1.0, 1))
    assert [limit.wait_s(address, 0.0) > 0 for address in ("a", "a", "b")] == [False, True, False]


def test_the_table_is_bounded_and_the_last_ones_share_a_bucket():
    limit = RateLimit(Limit(0.001, 1))
    for number in range(KEYS_MAX + 100):
        limit.wait_s(f"2001:db8:{number:x}::/64", 0.0)
        assert len(limit) <= KEYS_MAX
    assert limit.wait_s("another", 0.0) > 0


def test_new_names_do_not_wash_away_who_is_at_his_limit():
    limit = RateLimit(Limit(1.0, 10), keys_max=8)
    while not limit.wait_s("offender", 0.0):
        pass
    now = 0.0
    for number in range(1000):  # a name each 62.5 ms: by itself, each bucket is full again after a second
        now += 0.0625
        limit.wait_s(f"2001:db8:{number:x}::/64", now)
        if number % 16 == 15:
            assert limit.wait_s("offender", now) == 0  # what he gained meanwhile
            assert limit.wait_s("offender", now) > 0  # and no more
        assert len(limit) <= 8


def test_whoever_has_not_spent_anything_lately_makes_place():
    limit = RateLimit(Limit(1.0, 2), keys_max=4)
    for key in "abcd":
        assert limit.wait_s(key, 0.0) == 0
    assert limit.wait_s("e", 1.0) == 0
    assert [limit.wait_s("e", 1.0) > 0 for _ in range(2)] == [False, True]
    assert len(limit) == 4


@given(st.lists(st.tuples(st.floats(0, 0.4), st.integers(0, 9)), max_size=120))
def test_no_key_gets_more_than_promised_however_many_there_are(calls: list[tuple[float, int]]):
    limit, now, passed = RateLimit(Limit(1.0, 3), keys_max=3), 0.0, dict[int, int]()
    for pause, key in calls:
        now += pause
        passed[key] = passed.get(key, 0) + (limit.wait_s(str(key), now) == 0)
        # A key may draw from a bucket of its own and, before it had a place, from the shared one.
        assert passed[key] <= 2 * (3 + now) + 1e-6
        assert len(limit) <= 3


def test_a_clock_that_steps_back_gives_nothing():
    limit = RateLimit(Limit(1.0, 1))
    limit.wait_s("a", 100.0)
    assert limit.wait_s("a", 50.0) > 0
