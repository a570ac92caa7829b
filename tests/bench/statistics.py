"""The bench's arithmetic: quantiles, medians with their spread, ratios repetition by repetition. Pure."""

from collections.abc import Sequence
from statistics import median

from attrs import frozen


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which ``share`` of the ascending values lie (nearest rank, upwards); 0 where there are none."""
    if not ordered:
        return 0.0
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@frozen
class Spread:
    """A median and how far the repetitions lie apart."""

    median: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Raises ValueError for no values at all."""
        if not values:
            raise ValueError("expected at least one value, got none")
        return cls(median(values), min(values), max(values), len(values))


def ratios(ours: Sequence[float | None], theirs: Sequence[float | None]) -> list[float]:
    """Ours to theirs, repetition by repetition; one that either side lacks, or where theirs is 0, is left out."""
    pairs = zip(ours, theirs, strict=False)
    return [a / b for a, b in pairs if a is not None and b]
