"""Percentiles by nearest rank, and gaps that do not count a pause."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.python.metrics import Metrics, percentile


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50), (0.9, 90), (0.99, 99), (1.0, 100), (0.0, 1)])
def test_percentiles_of_one_to_a_hundred(share, expected):
    assert percentile(list(range(100, 0, -1)), share) == expected


def test_no_samples_have_no_percentile():
    assert percentile([], 0.5) is None


@given(st.lists(st.floats(0, 1e6), min_size=1), st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_at_least_the_share_is_not_above_it(samples, share):
    found = percentile(samples, share)
    assert found in samples
    assert sum(sample <= found for sample in samples) >= share * len(samples) - 1e-9


def test_a_reconnect_is_no_frame_gap():
    metrics = Metrics()
    for now in (1.0, 1.05):
        metrics.applied(now)
    metrics.disconnected(1006)
    metrics.applied(9.0)
    assert [round(gap) for gap in metrics.frame_gaps_ms] == [50]
    assert metrics.closes == {1006: 1}
