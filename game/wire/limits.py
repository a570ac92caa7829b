"""Rates: a token bucket, and the named ways in which a full queue overflows."""

from collections.abc import Mapping
from enum import Enum

from attrs import define, field, frozen

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

    def times(self, count: int) -> "Limit":
        """So many of it at once."""
        return self if count == 1 else Limit(self.rate_per_s * count, self.burst * count, self.overflow)


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

    def spent(self) -> float:
        """How many tokens are missing since the last `take`."""
        return 0.0 if self.at is None else self.limit.burst - self.tokens

    def charge(self, tokens: float, now: float) -> None:
        """Takes so many tokens that were spent elsewhere, as far as there are any."""
        self._settle(now)
        self.tokens = max(0.0, self.tokens - tokens)

    def change(self, limit: Limit, now: float) -> None:
        """Another limit from now on: what was gained counts by the old one, and a larger burst brings no tokens."""
        if self.at is not None:
            self._settle(now)
            self.tokens = min(self.tokens, float(limit.burst))
        self.limit = limit

    def is_full(self, now: float) -> bool:
        """Whether a new bucket would be no fuller."""
        return self.at is None or self.tokens + (now - self.at) * self.limit.rate_per_s >= self.limit.burst

    def _settle(self, now: float) -> None:
        if self.at is None:
            self.tokens, self.at = float(self.limit.burst), now
        elif now > self.at:
            self.tokens = min(float(self.limit.burst), self.tokens + (now - self.at) * self.limit.rate_per_s)
            self.at = now


ONCE_FOR_ALL = ("chat",)  # what a person may say is the same with two tabs as with one


@define(eq=False)
class Allowance:
    """One person's token buckets in one room, by name. All its connections there share them, one after another and at a time.

    Each connection brings its limits. Those of all that are open add up, so that four seats may send four times the inputs of
    one; what is in ONCE_FOR_ALL is the largest instead. A new connection brings no tokens: what is spent stays spent.
    """

    _brought: dict[str, Mapping[str, Limit]] = field(factory=dict)
    _buckets: dict[str, TokenBucket] = field(factory=dict)

    @property
    def is_used(self) -> bool:
        """Whether a connection is open."""
        return bool(self._brought)

    def enter(self, conn: str, limits: Mapping[str, Limit], now: float) -> None:
        """A connection begins, or brings other limits than before."""
        if self._brought.get(conn) is not limits:
            self._brought[conn] = limits
            self._change(now)

    def leave(self, conn: str, now: float) -> None:
        """A connection is gone. With the last one the limits stay as they were."""
        if self._brought.pop(conn, None) is not None and self._brought:
            self._change(now)

    def bucket(self, name: str) -> TokenBucket:
        """The bucket of that name: the same for as long as this lives."""
        found = self._buckets.get(name)
        if found is None:
            found = self._buckets[name] = TokenBucket(self._limit(name))
        return found

    def charge(self, other: "Allowance", now: float) -> None:
        """What a connection spent before it was known whose it is."""
        for name, spent in other.spent().items():
            self.bucket(name).charge(spent, now)

    def spent(self) -> dict[str, float]:
        """How many tokens each bucket lacks."""
        return {name: bucket.spent() for name, bucket in self._buckets.items()}

    def is_full(self, now: float) -> bool:
        """Whether forgetting it gives nobody anything."""
        return all(bucket.is_full(now) for bucket in self._buckets.values())

    def _change(self, now: float) -> None:
        for name, bucket in self._buckets.items():
            if any(name in limits for limits in self._brought.values()):
                bucket.change(self._limit(name), now)

    def _limit(self, name: str) -> Limit:
        found = [limits[name] for limits in self._brought.values() if name in limits]
        if len(found) == 1:
            return found[0]
        if name in ONCE_FOR_ALL:
            return max(found, key=lambda limit: (limit.rate_per_s, limit.burst))
        return Limit(sum(limit.rate_per_s for limit in found), sum(limit.burst for limit in found), found[0].overflow)
