"""A reliable, ordered link between two processes over a layer that loses, repeats and reorders. Sans I/O.

Each side numbers its items, sends them in batches, repeats what is not acknowledged, and acknowledges cumulatively. An
item is handed over exactly once and in order, or the link breaks for good (`is_broken`), which its owner answers by
dropping everything that depended on it.
"""

from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Any

from attrs import define, field, frozen

RESEND_AFTER_S = 0.25
RESEND_AFTER_MAX_S = 2.0
ACK_AFTER_S = 0.1  # well before the other side sends again
WINDOW_ITEMS_MAX = 20_000
BATCH_ITEMS_MAX = 500


@frozen
class Batch:
    """Items numbered from ``first`` on, how far the other side's items have come, and how far ours are known to have."""

    first: int
    items: list[Any]
    ack: int
    settled: int = 0


@define
class Link:
    """One side of a link to one peer process. The gateway gives it its ``number``; a link made anew has a higher one."""

    peer: str
    channel: str
    heard_at: float
    number: int = 1
    is_broken: bool = False
    resent: int = 0
    _unacked: deque[Any] = field(factory=deque)
    _first_no: int = 1
    _sent: int = 0
    _expected: int = 1
    _owes_ack_since: float | None = None
    _resend_at: float = 0.0
    _is_progress: bool = False
    _resend_after_s: float = RESEND_AFTER_S

    def push(self, item: Any) -> None:
        """Queues an item. A full window breaks the link (overflow: close)."""
        if len(self._unacked) >= WINDOW_ITEMS_MAX:
            self.is_broken = True
            self._unacked.clear()
        if not self.is_broken:
            self._unacked.append(item)

    @property
    def has_work(self) -> bool:
        """Whether `batches` would send something new, now or soon."""
        return self._owes_ack_since is not None or self._sent < len(self._unacked)

    def batches(self, now: float) -> list[Batch]:
        """What to send now: new items, everything unacknowledged once more, or an ack that has been owed for ACK_AFTER_S."""
        if self._sent and now >= self._resend_at:
            self.resent += self._sent
            self._sent = 0
            self._resend_after_s = min(self._resend_after_s * 2, RESEND_AFTER_MAX_S)
        if not self._sent or self._is_progress:
            # The clock is the oldest item's: newer items must not put off its repetition.
            self._resend_at, self._is_progress = now + self._resend_after_s, False
        out: list[Batch] = []
        while self._sent < len(self._unacked):
            chunk = list(islice(self._unacked, self._sent, self._sent + BATCH_ITEMS_MAX))
            out.append(self._batch(self._first_no + self._sent, chunk))
            self._sent += len(chunk)
        if not out and self._owes_ack_since is not None and now - self._owes_ack_since >= ACK_AFTER_S:
            out.append(self._batch(0, []))
        if out:
            self._owes_ack_since = None
        return out

    def replace(self, is_bad: Callable[[Any], bool], instead: Any) -> list[Any]:
        """Puts ``instead`` in the place of the bad ones among the items that are not acknowledged; returns those."""
        bad = [item for item in self._unacked if is_bad(item)]
        if bad:
            self._unacked = deque(instead if is_bad(item) else item for item in self._unacked)
        return bad

    def _batch(self, first: int, items: list[Any]) -> Batch:
        return Batch(first, items, self._expected - 1, self._first_no - 1)

    def receive(self, batch: Batch, channel: str, now: float) -> list[Any]:
        """The items of a batch that are new, in order; a batch with a hole before it is dropped and will come again."""
        self.heard_at = now
        self.channel = channel
        self._on_ack(batch.ack)
        if not batch.items:
            return []
        if self._owes_ack_since is None:
            self._owes_ack_since = now
        skip = self._expected - batch.first
        if skip < 0:
            return []
        fresh = batch.items[skip:]
        self._expected += len(fresh)
        return fresh

    def _on_ack(self, ack: int) -> None:
        done = min(ack - self._first_no + 1, len(self._unacked))
        if done <= 0:
            return
        for _ in range(done):
            self._unacked.popleft()
        self._first_no += done
        self._sent = max(0, self._sent - done)
        self._resend_after_s, self._is_progress = RESEND_AFTER_S, True
