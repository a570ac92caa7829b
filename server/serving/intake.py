"""How much one peer may make this process do: frames by a bucket, and a share of each beat; and the ASGI extension that sets both.

Every frame header counts, also those that no application sees (pings, pongs, empty frames, fragments), for reading them is work. What
is beyond a beat's share waits for the next one; who goes on beyond the bucket is closed (4429). Followed by `protocol`.
"""

from functools import partial
from typing import Any

from game.wire.limits import Limit, Overflow
from server.ops.metrics import follow

FRAMES_PER_BEAT = 32  # of one connection; at 60 µs each, an eighth of a beat
BYTES_PER_BEAT = 64 * 1024  # of a connection that Twisted reads, as TLS; others have READ_MAX in a round
FRAMES = Limit(120.0, 600, Overflow.CLOSE)  # where an application does not say what it expects
FLOODED_S = 1.0  # for the answer to a close that may not be read at all, for it comes behind the flood
FRAME_SLACK = Limit(10.0, 50, Overflow.CLOSE)  # pings, pongs and fragments, beside the messages that are expected
MESSAGE_BYTES_MAX = 4096  # until a connection is allowed more: a hello


class Work:
    """What peers made this process do since its start, by kind. Plain attributes: they are written for each read of a socket."""

    __slots__ = ("bytes", "bytes_beat_max", "headers", "headers_beat_max", "headers_round_max", "messages", "reads")

    def __init__(self) -> None:
        self.headers = self.messages = self.bytes = self.reads = 0
        self.headers_beat_max = self.bytes_beat_max = self.headers_round_max = 0


WORK = Work()  # of the process
for what in ("headers", "messages", "bytes", "reads"):
    follow("socket_work", partial(getattr, WORK, what), what=what)
follow("socket_work_beat_max", lambda: WORK.headers_beat_max, what="headers", by="connection")
follow("socket_work_beat_max", lambda: WORK.bytes_beat_max, what="bytes", by="connection")
follow("socket_work_beat_max", lambda: WORK.headers_round_max, what="headers", by="process")


class Intake:
    """The ASGI extension ``roomwright.intake``, of every connection of our own server."""

    __slots__ = ("_protocol",)

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol

    def expect(self, messages: Limit) -> None:
        """How many messages the application expects at most: more frames than that, and some pings, close the connection with 4429.

        From here to `allow` a message has `MESSAGE_BYTES_MAX` bytes at most (4413); for others only autobahn's limit holds (1009).
        """
        self.allow(MESSAGE_BYTES_MAX)
        rate, burst = messages.rate_per_s + FRAME_SLACK.rate_per_s, messages.burst + FRAME_SLACK.burst
        self._protocol.expect_frames(Limit(rate, burst, Overflow.CLOSE))

    def allow(self, bytes_max: int) -> None:
        """The largest message from now on."""
        self._protocol.bytes_max = bytes_max
