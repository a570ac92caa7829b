"""Token buckets by key (an address, an identity), in a bounded table. Pure: `now` comes from the caller."""

from collections import OrderedDict

from attrs import define, field

from game.wire.limits import Limit

KEYS_MAX = 4096
LOOKED_AT = 8  # of the keys unheard of for longest, when another one needs a place
GUESTS = Limit(50.0, 500)  # a classroom or an office is one address, and so is a swarm of bots
QUICK_PLAYS = Limit(5.0, 100)
KICKS = Limit(2.0, 30)
LOGINS = Limit(0.2, 20)


@define
class RateLimit:
    """A limit for each key: `limit.burst` calls at once, `limit.rate_per_s` a second on average.

    The table holds `keys_max` keys. A bucket that is full again says nothing, so such a one makes place for a newcomer; one that
    somebody has drawn from never does, or new names would wash away who is at his limit. Newcomers for whom there is no place share one
    bucket (overflow: refuse).
    """

    limit: Limit
    keys_max: int = KEYS_MAX
    _buckets: OrderedDict[str, tuple[float, float]] = field(factory=OrderedDict, init=False)
    _shared: tuple[float, float] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._shared = float(self.limit.burst), 0.0

    def __len__(self) -> int:
        return len(self._buckets)

    def wait_s(self, key: str, now: float) -> float:
        """Spends one call of `key`: 0 if it may go ahead, else the seconds until it may (nothing is spent then)."""
        has_place = key in self._buckets or len(self._buckets) < self.keys_max or self._make_place(now)
        before = self._buckets.pop(key, (float(self.limit.burst), now)) if has_place else self._shared
        tokens = self._tokens(*before, now)
        wait = 0.0 if tokens >= 1.0 else (1.0 - tokens) / self.limit.rate_per_s
        after = (tokens - 1.0 if tokens >= 1.0 else tokens, now)
        if has_place:
            self._buckets[key] = after
        else:
            self._shared = after
        return wait

    def _tokens(self, tokens: float, since: float, now: float) -> float:
        return min(float(self.limit.burst), tokens + max(0.0, now - since) * self.limit.rate_per_s)

    def _make_place(self, now: float) -> bool:
        """Whether one of the longest unheard of has its bucket full again and is forgotten; the others get a second chance."""
        for _ in range(LOOKED_AT):
            key, bucket = next(iter(self._buckets.items()))
            if self._tokens(*bucket, now) >= self.limit.burst:
                del self._buckets[key]
                return True
            self._buckets.move_to_end(key)
        return False
