"""Angles by table: right, and the same bits everywhere."""

import hashlib
import math
import struct

from hypothesis import given
from hypothesis import strategies as st

from game.math import COS, SIN, TURN, heading, turn_towards


def test_the_tables_are_sine_and_cosine():
    for i in range(TURN):
        assert abs(SIN[i] - math.sin(2 * math.pi * i / TURN)) < 1e-14
        assert abs(COS[i] - math.cos(2 * math.pi * i / TURN)) < 1e-14
    assert (SIN[0], SIN[TURN // 4], COS[0], COS[TURN // 2]) == (0.0, 1.0, 1.0, -1.0)


def test_the_tables_bits_are_fixed():
    assert hashlib.blake2b(struct.pack(f"<{TURN}d", *SIN), digest_size=8).hexdigest() == "9dc7f7267807153d"


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_a_heading_points_where_the_vector_does(dx: float, dy: float):
    found = heading(dx, dy)
    assert 0 <= found < TURN
    if math.hypot(dx, dy) > 1e-100:
        true = math.atan2(dy, dx) / (2 * math.pi) * TURN
        assert abs((found - true + TURN / 2) % TURN - TURN / 2) <= 0.75


@given(st.integers(0, TURN - 1), st.integers(0, TURN - 1))
def test_the_shorter_way_round(current: int, target: int):
    turn = turn_towards(current, target)
    assert -TURN // 2 <= turn < TURN // 2
    assert (current + turn) % TURN == target
