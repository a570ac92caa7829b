"""Token buckets."""

from hypothesis import given
from hypothesis import strategies as st

from game.wire.limits import Allowance, Limit, TokenBucket


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


# ---- one person's buckets over all its connections

ONE = {"input": Limit(10.0, 20), "chat": Limit(0.5, 5)}
TWO_SEATS = {"input": Limit(20.0, 40), "chat": Limit(0.5, 5)}
WATCHING = {"chat": Limit(0.2, 1)}


@given(
    st.lists(
        st.tuples(st.sampled_from(("enter", "leave", "say")), st.integers(0, 3), st.floats(0, 0.5), st.integers(1, 60)),
        max_size=80,
    )
)
def test_however_its_connections_come_and_go_a_person_has_what_they_bring_at_a_time_and_no_more(
    program: list[tuple[str, int, float, int]],
):
    allowance, now, taken, gained, most = Allowance(), 5.0, 0, 20.0, 20.0
    allowance.enter("c0", ONE, now)
    here = {"c0"}
    for what, which, wait, count in program:
        now, conn = now + wait, f"c{which}"
        gained += wait * 10.0 * max(1, len(here))
        if what == "enter":
            allowance.enter(conn, ONE, now)
            here.add(conn)
        elif what == "leave":
            allowance.leave(conn, now)
            here.discard(conn)
        else:
            taken += sum(allowance.bucket("input").take(now) for _ in range(count if here else 0))
        most = max(most, 20.0 * len(here))
        assert taken <= gained + (most - 20.0) + 1e-6


def test_resuming_brings_no_tokens():
    allowance, taken = Allowance(), 0
    for n in range(40):
        allowance.enter(f"c{n}", ONE, n * 0.01)
        taken += sum(allowance.bucket("input").take(n * 0.01) for _ in range(10))
        allowance.leave(f"c{n}", n * 0.01)
    assert taken <= 20 + 40 * 0.01 * 10


def test_two_seats_send_twice_the_inputs_of_one_and_say_as_much():
    allowance = Allowance()
    allowance.enter("a", ONE, 0.0)
    allowance.enter("b", ONE, 0.0)
    allowance.enter("w", WATCHING, 0.0)
    assert allowance.bucket("input").limit == Limit(20.0, 40)
    assert allowance.bucket("chat").limit == Limit(0.5, 5)
    allowance.leave("a", 0.0)
    allowance.enter("b", TWO_SEATS, 0.0)
    assert allowance.bucket("input").limit == Limit(20.0, 40)
    allowance.leave("b", 0.0)
    assert allowance.bucket("chat").limit == Limit(0.2, 1), "who only watches says what watchers may"
    allowance.leave("w", 0.0)
    assert not allowance.is_used and allowance.bucket("input").limit == Limit(20.0, 40)


def test_what_was_spent_before_it_was_known_whose_it_is_counts():
    own, shared = Allowance(), Allowance()
    own.enter("", ONE, 0.0)
    shared.enter("c", ONE, 0.0)
    assert all(own.bucket("chat").take(0.0) for _ in range(3))
    shared.charge(own, 0.0)
    assert sum(shared.bucket("chat").take(0.0) for _ in range(9)) == 2
    assert not shared.is_full(1.0) and shared.is_full(10.0)
