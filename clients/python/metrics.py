"""What one connection has measured: the watch view shows it, the swarm's report sums it up. Times are in ms."""

from collections import Counter, deque
from collections.abc import Sequence

from attrs import define, field

SAMPLES_MAX = 20_000  # per kind and room; beyond it the oldest go (drop_oldest)


def _samples() -> deque[float]:
    return deque(maxlen=SAMPLES_MAX)


@define
class Metrics:
    """Counters and samples of one room's connections, resumed ones included.

    ``frame_gaps_ms`` are the times between frames that were applied, ``answers_ms`` from an input to its answer,
    ``pings_ms`` round trips. Inputs that were sent are applied, refused or lost (nobody will tell), or wait.
    """

    frames: int = 0
    frame_bytes: int = 0
    bytes_in: int = 0
    messages_in: int = 0
    inputs_sent: int = 0
    inputs_applied: int = 0
    inputs_refused: int = 0
    inputs_lost: int = 0
    reconnects: int = 0
    frame_gaps_ms: deque[float] = field(factory=_samples)
    answers_ms: deque[float] = field(factory=_samples)
    pings_ms: deque[float] = field(factory=_samples)
    closes: Counter[int] = field(factory=Counter)
    _last_frame_at: float | None = None

    def received(self, data: bytes | str) -> None:
        """A message came; in the binary subprotocol the binary ones are frames."""
        self.messages_in += 1
        self.bytes_in += len(data)
        if isinstance(data, bytes):
            self.frame_bytes += len(data)

    def applied(self, now: float) -> None:
        """A frame was applied."""
        self.frames += 1
        if self._last_frame_at is not None:
            self.frame_gaps_ms.append((now - self._last_frame_at) * 1000.0)
        self._last_frame_at = now

    def disconnected(self, code: int) -> None:
        """A socket is closed: the pause until the next one is no frame gap."""
        self.closes[code] += 1
        self._last_frame_at = None

    @property
    def frames_per_s(self) -> float:
        """The rate over the last second or so; 0 before the second frame."""
        latest = list(self.frame_gaps_ms)[-20:]
        return 1000.0 * len(latest) / sum(latest) if sum(latest) > 0 else 0.0


def percentile(samples: Sequence[float], share: float) -> float | None:
    """The nearest-rank percentile (``share`` in 0…1) of samples in any order, or None where there are none."""
    if not samples:
        return None
    ordered = sorted(samples)
    return ordered[max(0, min(len(ordered) - 1, -(-int(share * 1000) * len(ordered) // 1000) - 1))]
