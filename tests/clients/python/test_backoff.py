"""Waits grow, are spread, and obey the server."""

import pytest

from clients.python.backoff import FRESH_MAX_S, MAX_S, Backoff
from game.rng import Rng
from game.wire.closecodes import Retry


def test_waits_double_from_a_quarter_of_a_second_to_the_most():
    backoff = Backoff(Rng.from_seed(1))
    waits = [backoff.delay_s(Retry.BACKOFF) for _ in range(10)]
    due = [min(MAX_S, 0.25 * 2**i) for i in range(10)]
    assert all(d * 0.5 <= wait <= d for d, wait in zip(due, waits, strict=True))


def test_two_clients_do_not_come_back_together():
    waits = {Backoff(Rng.from_seed(1, stream)).delay_s(Retry.BACKOFF) for stream in range(20)}
    assert len(waits) == 20


def test_the_servers_wish_is_the_least():
    backoff = Backoff(Rng.from_seed(1))
    assert backoff.delay_s(Retry.BACKOFF, retry_after_s=5.0) > 5.0


def test_the_first_fresh_join_is_nearly_at_once_and_a_loop_of_them_is_not():
    backoff = Backoff(Rng.from_seed(1))
    assert backoff.delay_s(Retry.FRESH) <= FRESH_MAX_S
    assert [backoff.delay_s(Retry.FRESH) for _ in range(6)][-1] >= MAX_S / 2


def test_success_starts_small_again():
    backoff = Backoff(Rng.from_seed(1))
    for _ in range(6):
        backoff.delay_s(Retry.BACKOFF)
    backoff.succeeded()
    assert backoff.delay_s(Retry.BACKOFF) <= 0.25


def test_never_is_never():
    with pytest.raises(ValueError, match="never may"):
        Backoff(Rng.from_seed(1)).delay_s(Retry.NEVER)
