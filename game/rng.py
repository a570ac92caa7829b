"""Seeded random numbers whose whole state is two integers, so that a checkpoint can hold them.

The generator is PCG-XSH-RR 64/32 (M. E. O'Neill, "PCG: A Family of Simple Fast Space-Efficient Statistically Good
Algorithms for Random Number Generation", 2014). Rules use this and nothing else: the same seed and inputs always give
the same bytes, in any process and under any hash seed.
"""

from collections.abc import MutableSequence, Sequence
from typing import TypeVar

from attrs import define

T = TypeVar("T")

_MULTIPLIER = 6364136223846793005
_MASK64 = (1 << 64) - 1
_MASK32 = (1 << 32) - 1


@define
class Rng:
    """One stream of random numbers. ``state`` and ``increment`` are all there is to save."""

    state: int
    increment: int

    @classmethod
    def from_seed(cls, seed: int, stream: int = 0) -> "Rng":
        """The stream numbered ``stream`` of a 64-bit seed; different streams are independent."""
        rng = cls(0, ((stream << 1) | 1) & _MASK64)
        rng.bits32()
        rng.state = (rng.state + seed) & _MASK64
        rng.bits32()
        return rng

    def bits32(self) -> int:
        """32 random bits."""
        old = self.state
        self.state = (old * _MULTIPLIER + self.increment) & _MASK64
        mixed = (((old >> 18) ^ old) >> 27) & _MASK32
        turn = old >> 59
        return ((mixed >> turn) | (mixed << (-turn & 31))) & _MASK32

    def below(self, limit: int) -> int:
        """An int from 0 to limit - 1, without bias. Raises ValueError unless 1 <= limit <= 2**32."""
        if not 1 <= limit <= 1 << 32:
            raise ValueError(f"below() expected a limit from 1 to 2**32, got {limit}")
        threshold = (1 << 32) % limit
        while True:
            bits = self.bits32()
            if bits >= threshold:
                return bits % limit

    def between(self, low: int, high: int) -> int:
        """An int from low to high inclusive."""
        return low + self.below(high - low + 1)

    def unit(self) -> float:
        """A float in [0, 1) with 32 random bits."""
        return self.bits32() / 4294967296.0

    def uniform(self, low: float, high: float) -> float:
        """A float in [low, high)."""
        return low + (high - low) * self.unit()

    def choice(self, options: Sequence[T]) -> T:
        """One member of a sequence. Raises ValueError for an empty one."""
        return options[self.below(len(options))]

    def shuffle(self, items: MutableSequence[T]) -> None:
        """Shuffles in place (Fisher-Yates)."""
        for last in range(len(items) - 1, 0, -1):
            other = self.below(last + 1)
            items[last], items[other] = items[other], items[last]
