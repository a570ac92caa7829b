"""Token buckets per client address, in a bounded table. Pure: `now` comes from the caller."""

from collections import OrderedDict

from attrs import define, field

from game.wire.limits import Limit

ADDRESSES_MAX = 4096
GUESTS = Limit(50.0, 500)  # a classroom or an office is one address, and so is a swarm of bots
QUICK_PLAYS = Limit(5.0, 100)
KICKS = Limit(2.0, 30)


@define
class RateLimit:
    """`burst` calls at once, `per_s` a second on average, for each address.

    The table holds `ADDRESSES_MAX` addresses; the one unheard of for longest goes first (overflow: drop_oldest).
    """

    burst: int
    per_s: float
    _buckets: OrderedDict[str, tuple[float, float]] = field(factory=OrderedDict, init=False)

    def wait_s(self, address: str, now: float) -> float:
        """Spend one call of `address`: 0 if it may go ahead, else the seconds until it may (nothing is spent then)."""
        tokens, since = self._buckets.pop(address, (float(self.burst), now))
        tokens = min(float(self.burst), tokens + max(0.0, now - since) * self.per_s)
        wait = 0.0 if tokens >= 1.0 else (1.0 - tokens) / self.per_s
        self._buckets[address] = (tokens - 1.0 if tokens >= 1.0 else tokens, now)
        if len(self._buckets) > ADDRESSES_MAX:
            self._buckets.popitem(last=False)
        return wait
