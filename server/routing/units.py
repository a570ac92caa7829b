"""Amounts with units as authors write them: durations `30s`, rates `5/10s`, sizes `4KiB`.

Each has a parser that returns None for anything else, and a writer whose text parses to an equal value.
"""

import re
from decimal import Decimal

from attrs import frozen

MILLISECONDS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}
BYTES = {"B": 1, "KiB": 1_024, "MiB": 1_048_576}

_DURATION = re.compile(r"([0-9]{1,9})(\.[0-9]{1,6})?(ms|s|m|h)")
_RATE = re.compile(r"([0-9]{1,6})/(?:([0-9]{1,6})(?:\.([0-9]{1,3}))?)?(ms|s|m|h)")
_SIZE = re.compile(r"([0-9]{1,9})(B|KiB|MiB)")


@frozen
class Rate:
    """At most `count` messages in any `per_s` seconds, on average."""

    count: int
    per_s: float

    @property
    def per_second(self) -> float:
        return self.count / self.per_s

    def __str__(self) -> str:
        return rate_text(self)


def parse_duration(text: str) -> float | None:
    """Seconds, in whole milliseconds; None when `text` is no duration."""
    if (match := _DURATION.fullmatch(text)) is None:
        return None
    milliseconds = Decimal(match[1] + (match[2] or "")) * MILLISECONDS[match[3]]
    return None if milliseconds % 1 else int(milliseconds) / 1_000


def duration_text(seconds: float) -> str:
    milliseconds = round(seconds * 1_000)
    return f"{milliseconds}ms" if milliseconds % 1_000 else f"{milliseconds // 1_000}s"


def parse_rate(text: str) -> Rate | None:
    """None when `text` is no rate, or one of nothing, or in no time."""
    if (match := _RATE.fullmatch(text)) is None:
        return None
    count, per_s = int(match[1]), parse_duration(text.partition("/")[2] if match[2] else f"1{match[4]}")
    return Rate(count, per_s) if count and per_s else None


def rate_text(rate: Rate) -> str:
    return f"{rate.count}/{'s' if rate.per_s == 1 else duration_text(rate.per_s)}"


def parse_size(text: str) -> int | None:
    """Bytes; None when `text` is no size."""
    match = _SIZE.fullmatch(text)
    return None if match is None else int(match[1]) * BYTES[match[2]]


def size_text(size: int) -> str:
    unit = next(unit for unit in ("MiB", "KiB", "B") if size % BYTES[unit] == 0 and (size or unit == "B"))
    return f"{size // BYTES[unit]}{unit}"
