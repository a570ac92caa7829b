"""A room's chat: one order, numbered without holes, the last lines kept for who comes later or lost some on the way."""

from collections import deque

from attrs import define, field
from msgspec.structs import replace

from server.relay.envelope import WireLine

HISTORY_MAX = 500
REPAIR_LINES = 100


@define
class ChatLog:
    """``history`` lines are for newcomers (0: they start with an empty chat, members still get each line)."""

    history: int
    through: int = 0
    lines: deque[WireLine] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.lines = deque(maxlen=max(REPAIR_LINES, min(self.history, HISTORY_MAX)))

    def add(self, line: WireLine) -> WireLine:
        """The line under the next number."""
        self.through += 1
        numbered = replace(line, n=self.through)
        self.lines.append(numbered)
        return numbered

    def for_newcomers(self) -> tuple[WireLine, ...]:
        """The last ``history`` lines."""
        return tuple(line for line in self.lines if line.n > self.through - self.history)
