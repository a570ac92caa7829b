"""A reliable, ordered link between two processes over a layer that loses, repeats and reorders. Sans I/O.

Each side numbers its items, sends them in batches, repeats what is not acknowledged, and acknowledges cumulatively. An
item is handed over exactly once and in order, or the link breaks for good (`is_broken`), which its owner answers by
dropping everything that depended on it.
"""

from collections import deque
from typing import Any

from attrs import define, field, frozen

RESEND_AFTER_S = 0.25
RESEND_AFTER_MAX_S = 2.0
WINDOW_ITEMS_MAX = 20_000
BATCH_ITEMS_MAX = 500


@frozen
class Batch:
    """Items numbered from ``first`` on, and how far the other side's items have come."""

    first: int
    items: list[Any]
    ack: int


@define
class Link:
    """One side of a link to one peer process."""

    peer: str
    channel: str
    heard_at: float
    is_broken: bool = False
    resent: int = 0
    _unacked: deque[Any] = field(factory=deque)
    _first_no: int = 1
    _sent: int = 0
    _expected: int = 1
    _owes_ack: bool = False
    _resend_at: float = 0.0
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
        """Whether `batches` would send something new now."""
        return self._owes_ack or self._sent < len(self._unacked)

    def batches(self, now: float) -> list[Batch]:
        """What to send now: new items, an ack that is owed, or everything unacknowledged once more."""
        if self._unacked and self._sent and now >= self._resend_at:
            self.resent += self._sent
            self._sent = 0
            self._resend_after_s = min(self._resend_after_s * 2, RESEND_AFTER_MAX_S)
        out: list[Batch] = []
        items = list(self._unacked)[self._sent :] if self._sent < len(self._unacked) else []
        for start in range(0, len(items), BATCH_ITEMS_MAX):
            chunk = items[start : start + BATCH_ITEMS_MAX]
            out.append(Batch(self._first_no + self._sent, chunk, self._expected - 1))
            self._sent += len(chunk)
        if out:
            self._resend_at = now + self._resend_after_s
        elif self._owes_ack:
            out.append(Batch(0, [], self._expected - 1))
        self._owes_ack = False
        return out

    def receive(self, batch: Batch, channel: str, now: float) -> list[Any]:
        """The items of a batch that are new, in order; a batch with a hole before it is dropped and will come again."""
        self.heard_at = now
        self.channel = channel
        self._on_ack(batch.ack)
        if not batch.items:
            return []
        self._owes_ack = True
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
        self._resend_after_s = RESEND_AFTER_S
