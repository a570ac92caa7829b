"""Faults of our own that stay where they happened: what one connection, room or link is owed fails, and nobody else hears of it.

A loop that serves many tries each turn by itself (`Faults.each`, or a ``try`` around its body where a call for each would cost),
tells `Faults.note`, and then closes, restarts or ends the one whose turn it was. `faults_total` counts each; the log has each
place and whom once, for what is broken may be broken at every frame.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import structlog
from attrs import define, field

from game.wire.limits import Limit, TokenBucket
from server.clock import monotonic
from server.ops.metrics import count

log = structlog.get_logger()

T = TypeVar("T")

LOGGED_MAX = 1_000  # whose faults were logged, by place, room and connection (overflow: drop_oldest, and logged again)
LOGS = Limit(1.0, 30)  # a second, with their stacks


@define(eq=False)
class Faults:
    """What one part of a process has contained: ``noted`` in all; ``unlogged`` went beyond LOGS since the last line."""

    noted: int = 0
    unlogged: int = 0
    _logged: dict[tuple[str, ...], None] = field(factory=dict)
    _lines: TokenBucket = field(factory=lambda: TokenBucket(LOGS))

    def note(
        self, error: BaseException, event: str, where: str, *, room: str = "", conn: str = "", **about: Any
    ) -> None:
        """Counts ``faults_total{where}``, and logs ``event`` with the stack, once for the same place, room and connection."""
        count("faults_total", where=where)
        self.noted += 1
        whom = event, where, room, conn, type(error).__name__
        if whom in self._logged:
            return
        self._logged[whom] = None
        if len(self._logged) > LOGGED_MAX:
            del self._logged[next(iter(self._logged))]
        if not self._lines.take(monotonic()):
            self.unlogged += 1
            return
        about |= {"where": where}
        about |= {key: value for key, value in (("room", room), ("conn", conn), ("unlogged", self.unlogged)) if value}
        self.unlogged = 0
        try:
            raise error
        except BaseException:
            log.exception(event, **about)

    def each(self, turns: Iterable[T], take: Callable[[T], object], event: str, where: str, **about: Any) -> None:
        """Calls ``take`` with each, and with the next one where it raised."""
        for turn in turns:
            try:
                take(turn)
            except Exception as error:  # noqa: BLE001 - noted, with its stack
                self.note(error, event, where, **about)
