"""How long to wait before the next connection: by the close code's advice, growing, and never all at once.

Pure: the room's connection loop asks, and sleeps through `clock`.
"""

from attrs import define

from game.rng import Rng
from game.wire.closecodes import Retry

FIRST_S = 0.25
MAX_S = 8.0
FRESH_MAX_S = 0.5


@define
class Backoff:
    """Waits of one room. ``rng`` spreads the clients of a restarted server."""

    rng: Rng
    failures: int = 0

    def delay_s(self, retry: Retry, retry_after_s: float | None = None) -> float:
        """Seconds to wait now; the first fresh join is nearly at once. Raises ValueError for NEVER.

        The wait is drawn from the upper half of what is due (https://aws.amazon.com/builders-library, "jitter"); a
        server's ``retry_after_s`` is the least.
        """
        if retry is Retry.NEVER:
            raise ValueError("expected a close that may be retried, got one that never may")
        due_s = min(MAX_S, FIRST_S * 2.0 ** min(self.failures, 16))
        if retry is Retry.FRESH and self.failures == 0:
            due_s = FRESH_MAX_S
        self.failures += 1
        waited_s = due_s * self.rng.uniform(0.5, 1.0)
        return waited_s if retry_after_s is None else max(0.0, retry_after_s) + waited_s * 0.5

    def succeeded(self) -> None:
        """A connection came to life: the next trouble starts small again."""
        self.failures = 0
