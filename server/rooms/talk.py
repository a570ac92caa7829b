"""What is said in a room: one log for the live stream, one for the delayed, each numbered as it is shown. Sans I/O."""

from attrs import define, field

from server.relay import envelope as e
from server.rooms.chat import ChatLog
from server.rooms.delay import DelayLine
from server.rooms.outgoing import NewsOut, Outgoing, ToOne
from server.rooms.viewers import Viewer


@define(eq=False)
class Talk:
    """``line`` holds back what delayed spectators may not hear yet; None where nobody is delayed."""

    incarnation: str
    history: int
    line: DelayLine | None
    out: list[Outgoing]
    _logs: dict[int, ChatLog] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._logs = {stream: ChatLog(self.history) for stream in (e.LIVE_STREAM, e.DELAYED_STREAM)}

    def log(self, stream: int) -> ChatLog:
        """The chat of one stream."""
        return self._logs[stream]

    def say(self, viewer: Viewer, text: str, tick: int, now: float) -> None:
        """A viewer's line: at once to its own stream; what is said live is heard by the delayed when its time comes."""
        seat = viewer.seats[0] if viewer.seats else None
        line = e.WireLine(0, viewer.name, viewer.role, text, seat, tick)
        self.show(line, viewer.stream)
        if viewer.stream == e.LIVE_STREAM and self.line is not None:
            self.line.put(NewsOut(e.RoomNews(self.incarnation, e.DELAYED_STREAM, (line,))), now)

    def show(self, line: e.WireLine, stream: int) -> None:
        """Numbered when it is shown, so that each stream's chat has one order without holes."""
        shown = self._logs[stream].add(line)
        self.out.append(NewsOut(e.RoomNews(self.incarnation, stream, (shown,))))

    def send_again(self, gateway: str, stream: int) -> None:
        """All that is kept, for a gateway that lost lines."""
        lines = tuple(self._logs[stream].lines)
        self.out.append(ToOne(gateway, e.ChatSoFar(self.incarnation, stream, lines)))
