"""Rates: a token bucket, and the named ways in which a full queue overflows."""

from enum import Enum

from attrs import define, frozen

INPUTS_KEPT = 1024  # unanswered inputs that a client may have
EARLY_TICKS_MAX = 120  # how long an input may wait for its tick; one for a later tick is taken as soon as possible
MARGIN_MAX = (1 << 31) - 1  # ticks; an answer's margin is cut to this, early or late


class Overflow(Enum):
    """What happens to a message beyond its rate."""

    DROP_OLDEST = "drop_oldest"
    REFUSE = "refuse"
    CLOSE = "close"


@frozen
class Limit:
    """``rate_per_s`` messages a second, ``burst`` at once."""

    rate_per_s: float
    burst: int
    overflow: Overflow = Overflow.REFUSE


@define
class TokenBucket:
    """A bucket that starts full. ``now`` is in seconds and must not go back; if it does, no token is gained."""

    limit: Limit
    tokens: float = 0.0
    at: float | None = None

    def take(self, now: float) -> bool:
        """Takes one token if there is one."""
        if self.at is None:
            self.tokens, self.at = float(self.limit.burst), now
        elif now > self.at:
            self.tokens += (now - self.at) * self.limit.rate_per_s
            self.at = now
            if self.tokens > self.limit.burst:
                self.tokens = float(self.limit.burst)
        if self.tokens < 1.0:
            return False
        self.tokens -= 1.0
        return True
