"""Durations, rates and sizes: what parses, what does not, and that writing is the inverse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.routing.units import (
    Rate,
    duration_text,
    parse_duration,
    parse_rate,
    parse_size,
    rate_text,
    size_text,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30.0), ("500ms", 0.5), ("2m", 120.0), ("1h", 3600.0), ("1.5s", 1.5), ("0s", 0.0)],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "30", "s", "-1s", "1 s", "1.s", ".5s", "1e3s", "0.1ms", "1d", "٣s", "9" * 20 + "s", "1s\n"]
)
def test_no_durations(text: str) -> None:
    assert parse_duration(text) is None


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("40/s", Rate(40, 1.0)),
        ("5/10s", Rate(5, 10.0)),
        ("1/5s", Rate(1, 5.0)),
        ("3/m", Rate(3, 60.0)),
        ("1/0.5s", Rate(1, 0.5)),
    ],
)
def test_rates(text: str, rate: Rate) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["", "40", "/s", "0/s", "1/0s", "40 /s", "-1/s", "1.5/s", "1/s/s", "1/d", "1/0.1ms"])
def test_no_rates(text: str) -> None:
    assert parse_rate(text) is None


def test_per_second() -> None:
    assert Rate(5, 10.0).per_second == 0.5


@pytest.mark.parametrize("text", ["", "1", "1KB", "-1B", "1.5KiB", "KiB"])
def test_no_sizes(text: str) -> None:
    assert parse_size(text) is None


@given(st.integers(0, 10**9).map(lambda ms: ms / 1_000))
def test_durations_round_trip(seconds: float) -> None:
    assert parse_duration(duration_text(seconds)) == seconds


@given(st.builds(Rate, st.integers(1, 999_999), st.integers(1, 10**6).map(lambda ms: ms / 1_000)))
def test_rates_round_trip(rate: Rate) -> None:
    assert parse_rate(rate_text(rate)) == rate


@given(st.integers(0, 2**29))
def test_sizes_round_trip(size: int) -> None:
    assert parse_size(size_text(size)) == size
