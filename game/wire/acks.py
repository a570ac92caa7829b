"""When a client acknowledges frames. Sans I/O; the client machine asks, and so does whoever plays one.

Each ack costs the server about as much as sending a frame or two, so a link that keeps up is acknowledged seldom. One on which
a frame came late is acknowledged quickly for a while: from that the server sees how far behind the client is.
"""

from attrs import define

ACK_EVERY_FRAMES = 32
ACK_EVERY_S = 0.6
ACK_QUICKLY_S = 0.19
QUICK_FOR_S = 2.0
LATE_PERIODS = 1.6


@define
class AckPace:
    """``framed_at`` and ``acked_at`` by the caller's clock, in seconds; ``period_s``: between two frames, as the welcome tells it."""

    unacked: int = 0
    acked_at: float = 0.0
    framed_at: float = 0.0
    period_s: float = 0.05
    _quick_until: float = 0.0

    def begin(self, send_hz: float, now: float) -> None:
        """A connection was welcomed: quick at first, for the server does not know this link yet."""
        self.unacked = 0
        self.period_s = 1.0 / send_hz
        self.framed_at = now
        self._quick_until = now + QUICK_FOR_S

    def on_frame(self, now: float) -> bool:
        """A frame arrived, whether it changed anything or not; True where an ack is due."""
        if now - self.framed_at > LATE_PERIODS * self.period_s:
            self._quick_until = now + QUICK_FOR_S
        self.framed_at = now
        self.unacked += 1
        return self.is_due(now)

    def is_due(self, now: float) -> bool:
        """Whether to acknowledge now."""
        if not self.unacked:
            return False
        wait_s = ACK_QUICKLY_S if now < self._quick_until else ACK_EVERY_S
        return self.unacked >= ACK_EVERY_FRAMES or now - self.acked_at >= wait_s

    def on_ack(self, now: float) -> None:
        """An ack is sent."""
        self.unacked, self.acked_at = 0, now

    def on_input(self) -> None:
        """An input is sent: its ``seen`` acknowledges what an ack would, as of the newest frame."""
        self.unacked, self.acked_at = 0, self.framed_at
