"""What each person has left to send, by room, over all its connections at this gateway: renewed by time alone.

A resume, a second tab, another route of the room, or leaving and joining again brings nobody a fresh bucket. Each gateway process
counts for itself: who goes over several may send so many times as much, but for chat, which the room counts too. Sans I/O.
"""

from attrs import define, field

from game.wire.limits import Allowance, Limit, TokenBucket
from server.ops.metrics import count

ARRIVALS_EACH = Limit(2.0, 60)  # hellos of one identity that look for a room
KEPT_MAX = 20_000  # people without a connection whose buckets are not full again; the same for ARRIVALS_EACH
SWEEP_EVERY_S = 1.0

Key = tuple[str, str]


@define(eq=False)
class Allowances:
    """Allowances by (incarnation, identity). One without a connection is kept until it is full, when a new one is the same."""

    _open: dict[Key, Allowance] = field(factory=dict)
    _kept: dict[Key, Allowance] = field(factory=dict)
    _arrivals: dict[str, TokenBucket] = field(factory=dict)
    _sweep_at: float = 0.0

    def __len__(self) -> int:
        return len(self._open) + len(self._kept) + len(self._arrivals)

    def of(self, incarnation: str, identity: str) -> Allowance:
        """What this person has in that room; the connection that asks enters it, and calls `leave` when it is gone."""
        key = incarnation, identity
        found = self._open.get(key)
        if found is None:
            found = self._open[key] = self._kept.pop(key) if key in self._kept else Allowance()
        return found

    def leave(self, incarnation: str, identity: str, conn: str, now: float) -> None:
        """A connection is gone from that room."""
        key = incarnation, identity
        found = self._open.get(key)
        if found is None:
            return
        found.leave(conn, now)
        if not found.is_used:
            self._kept[key] = self._open.pop(key)
            if len(self._kept) > KEPT_MAX:
                count("queue_overflows_total", queue="allowances", policy="drop_oldest")
                del self._kept[next(iter(self._kept))]

    def may_come(self, identity: str, now: float) -> bool:
        """Whether this identity, which has said hello, may look for a room now."""
        bucket = self._arrivals.pop(identity, None) or TokenBucket(ARRIVALS_EACH)
        self._arrivals[identity] = bucket
        if len(self._arrivals) > KEPT_MAX:
            count("queue_overflows_total", queue="arrivals", policy="drop_oldest")
            del self._arrivals[next(iter(self._arrivals))]
        is_allowed = bucket.take(now)
        if not is_allowed:
            count("limit_refusals_total", limit="arrivals_per_identity")
        return is_allowed

    def sweep(self, now: float) -> None:
        """Forgets what is full again. Call it as often as you like."""
        if now < self._sweep_at:
            return
        self._sweep_at = now + SWEEP_EVERY_S
        for key in [key for key, kept in self._kept.items() if kept.is_full(now)]:
            del self._kept[key]
        for identity in [identity for identity, bucket in self._arrivals.items() if bucket.is_full(now)]:
            del self._arrivals[identity]
