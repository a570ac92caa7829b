"""How much each person may say in a room, whatever gateways the lines come by: the room alone sees them all. Sans I/O.

A gateway has limited its own lines already. Those of seconds may come at once after an outage of the layer, and none of them may be
lost: so the room's burst is larger by what an outage may hold back, at the same rate.
"""

from attrs import define, field

from game.wire.limits import Limit, TokenBucket
from server.ops.metrics import count

LATE_S = 10.0  # of lines that may come at once; a link that says nothing for 6 s is given up
VOICES_MAX = 1_000


@define(eq=False)
class Voices:
    """``limit`` is the most that a route of the room lets a person say; None: nobody is limited."""

    limit: Limit | None
    _buckets: dict[str, TokenBucket] = field(factory=dict)

    def may_speak(self, identity: str, now: float) -> bool:
        """Takes one of the person's lines, if there is one. A refusal is counted."""
        if self.limit is None:
            return True
        bucket = self._buckets.get(identity)
        if bucket is None:
            self._make_place(now)
            rate = self.limit.rate_per_s
            bucket = self._buckets[identity] = TokenBucket(Limit(rate, round(self.limit.burst + rate * LATE_S)))
        is_allowed = bucket.take(now)
        if not is_allowed:
            count("limit_refusals_total", limit="chat_per_person")
        return is_allowed

    def _make_place(self, now: float) -> None:
        """Who may say all again is forgotten; then, where that does not help, who spoke first."""
        if len(self._buckets) < VOICES_MAX:
            return
        self._buckets = {who: bucket for who, bucket in self._buckets.items() if not bucket.is_full(now)}
        if len(self._buckets) >= VOICES_MAX:
            count("queue_overflows_total", queue="voices", policy="drop_oldest")
            del self._buckets[next(iter(self._buckets))]
