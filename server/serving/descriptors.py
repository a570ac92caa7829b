"""What happens where a process has no descriptor left: newcomers are turned away, one line says so, and readiness with it.

Twisted accepts with a descriptor in reserve and closes what it got; where all are taken it would say nothing. `Descriptors` is that
reserve, and keeps some more free: what the server itself must open (a file, its database, Redis) is not a stranger's to take.
Called by `server` and `door`.
"""

import os
from typing import Any

import structlog
from attrs import define, field

from server.clock import monotonic, run_at
from server.ops.metrics import count

log = structlog.get_logger()

KEPT_FREE = 32  # descriptors, or an eighth of all where those are less
CALM_S = 5.0
LOG_EVERY_S = 10.0
ACCEPT_AGAIN_S = 0.25


def descriptors_max() -> int:
    """The highest number of a descriptor that a connection may have in this process; a huge one where there is no limit."""
    try:
        import resource
    except ImportError:  # no such limit on this platform
        return 1 << 30
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return 1 << 30 if soft == resource.RLIM_INFINITY else soft - 1 - min(KEPT_FREE, soft // 8)


@define(eq=False)
class Descriptors:
    """Twisted's `_IFileDescriptorReservation`, which is used as a context around ``accept``. ``highest``: a connection's number.

    ``ports`` are not read for a moment where even the reserve is gone, for they would be readable again at once.
    """

    highest: int = field(factory=descriptors_max)
    ports: list[Any] = field(factory=list)
    _spare: int | None = None
    _refused: int = 0
    _refused_at: float | None = None
    _logged_at: float | None = None

    def is_well(self) -> bool:
        """Whether nobody was turned away lately: a readiness check."""
        return self._refused_at is None

    def check(self, transport: Any) -> bool:
        """Whether a new connection may stay; one whose number is too high is cut off."""
        if transport.fileno() <= self.highest:
            return True
        self.note_refused()
        transport.abortConnection()
        return False

    def note_refused(self) -> None:
        """Somebody was turned away: counted, and logged once in a while."""
        now = self._refused_at = monotonic()
        self._refused += 1
        count("limit_refusals_total", limit="descriptors")
        if self._logged_at is None or now - self._logged_at >= LOG_EVERY_S:
            self._logged_at = now
            log.error(
                "server.descriptors_exhausted",
                connections_up_to=self.highest,
                turned_away=self._refused,
                effect="new connections are closed",
                do="raise the limit (ulimit -n, LimitNOFILE) or find who holds connections",
            )

    def look(self, now: float) -> None:
        """Called every 2 s: after a calm while the process is ready again, and says so."""
        self.reserve()
        if self._refused_at is not None and now - self._refused_at > CALM_S:
            log.info("server.descriptors_recovered", turned_away=self._refused)
            self._refused, self._refused_at, self._logged_at = 0, None, None

    # ---- for Twisted

    def available(self) -> bool:
        """Asked when there was no descriptor for a newcomer. Without the reserve the ports take a rest, for they would ask at once."""
        self.note_refused()
        if self._spare is None:
            for port in self.ports:
                port.stopReading()
                run_at(monotonic() + ACCEPT_AGAIN_S, port.startReading)
        return self._spare is not None

    def reserve(self) -> None:
        """Opens the reserve, if there is none and there can be one."""
        if self._spare is None:
            try:
                self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                return

    def __enter__(self) -> None:
        """Gives the reserve up for one ``accept``, whose connection is closed at once."""
        if self._spare is not None:
            os.close(self._spare)
            self._spare = None

    def __exit__(self, *_: object) -> None:
        self.reserve()
