"""The delayed spectators' stream: cut now, shown later. Sans I/O.

Everything about tick k waits in a ring until commit(k) + delay. It has seqs of its own, so that joins, resyncs and KEYs
of delayed spectators never touch what is live.
"""

from collections import deque

from attrs import define, field

from server.rooms.outgoing import FrameOut, NewsOut


@define
class DelayLine:
    """``delay_s`` seconds of outgoing messages. ``released`` keeps what a gateway needs to start: since the last KEY."""

    delay_s: float
    _waiting: deque[tuple[float, FrameOut | NewsOut]] = field(factory=deque)
    _released: list[FrameOut] = field(factory=list)

    def put(self, out: FrameOut | NewsOut, now: float) -> None:
        """Something about this moment."""
        self._waiting.append((now + self.delay_s, out))

    def due(self, now: float) -> list[FrameOut | NewsOut]:
        """What may be shown by now, in order."""
        out: list[FrameOut | NewsOut] = []
        while self._waiting and self._waiting[0][0] <= now:
            item = self._waiting.popleft()[1]
            out.append(item)
            if isinstance(item, FrameOut):
                if item.public.key is not None:
                    self._released.clear()
                self._released.append(item)
        return out

    def again(self) -> list[FrameOut]:
        """The released frames since the last KEY, for a gateway that lacks them; repeats do no harm."""
        return list(self._released)

    @property
    def last(self) -> FrameOut | None:
        """The newest frame that was shown."""
        return self._released[-1] if self._released else None

    @property
    def is_empty(self) -> bool:
        """Whether all has been shown."""
        return not self._waiting
