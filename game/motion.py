"""Fields that move by another field's rate: where a receiver takes them to be, computed the same way on both sides.

From frame to frame such a field moves on by itself; only what would miss the rules' value by more than the declared tolerance
is sent. How far it moves from one seq to a later one depends on the rate and the two seqs alone: ways add up, so that all
viewers come to the same whole number, whatever frames they saw on the way. `game.columns` and `game.view` call this.
"""

from math import floor
from typing import Any

from attrs import frozen

FASTEST = 1 << 22  # steps a second: seqs times steps stay exact in a double for years


@frozen
class Move:
    """The field at ``place`` of a row moves by the field at ``rate``; in units a second.

    ``tolerance`` is in whole steps of the field; ``rate_min`` and ``rate_step`` are the rate's own.
    """

    place: int
    rate: int
    step: float
    steps: int
    rate_min: float
    rate_step: float
    tolerance: int

    def slope(self, q: int, send_hz: float) -> float:
        """Steps of the field per frame, at this quantized rate."""
        return (self.rate_min + q * self.rate_step) * (1 / (self.step * send_hz))

    def moved(self, row: list[Any], since: int, to: int, send_hz: float) -> int:
        """The field's quantized value in a row, taken from one seq to a later one."""
        slope = self.slope(row[self.rate], send_hz)
        q: int = row[self.place] + shift(slope, to) - shift(slope, since)
        return 0 if q < 0 else min(q, self.steps)


def shift(slope: float, seq: int) -> int:
    """The way of a field that moves ``slope`` steps a frame, from seq 0."""
    return floor(slope * seq + 0.5)
