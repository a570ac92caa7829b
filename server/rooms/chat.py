"""A room's chat: one order, numbered without holes, the last lines kept for who comes later."""

from collections import deque

from attrs import define, field

from server.relay.envelope import WireLine

HISTORY_MAX = 500


@define
class ChatLog:
    """``history`` lines are kept (0: newcomers start with an empty chat, members still get each line)."""

    history: int
    through: int = 0
    lines: deque[WireLine] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.lines = deque(maxlen=min(self.history, HISTORY_MAX))

    def add(self, who: str, role: str, text: str, seat: int | None, tick: int) -> WireLine:
        """The next line."""
        self.through += 1
        line = WireLine(self.through, who, role, text, seat, tick)
        self.lines.append(line)
        return line

    def copy_of(self, line: WireLine) -> WireLine:
        """A line of another log under this one's next number."""
        return self.add(line.who, line.role, line.text, line.seat, line.tick)
