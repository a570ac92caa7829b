"""What the SDK raises. Every message says what was expected, what came, and what to do; the command line prints it as is."""

from game.wire.messages import Goodbye


class RoomError(Exception):
    """Anything that keeps a caller from a room."""


class UnreachableError(RoomError):
    """Nobody answers at the address, or what answers is no Roomwright server."""


class NotServedError(RoomError):
    """The server is there, but has no such room, room type or route, or refused the call."""


class BadInputError(RoomError, ValueError):
    """An input that the game does not have, or whose fields do not fit."""


class UnknownAnswerError(RoomError):
    """An input whose answer will not come: it was never sent to this room, or the answer is not kept any longer."""


class LostInputError(UnknownAnswerError):
    """An input that was sent, and whose room or seat is gone: whether it was applied is not to be known."""


class RoomClosedError(RoomError):
    """The connection is over for good. ``goodbye`` is the server's last word, where it said one."""

    def __init__(self, message: str, goodbye: Goodbye | None = None) -> None:
        super().__init__(message)
        self.goodbye = goodbye


class ProtocolBrokenError(RoomClosedError):
    """The server sent what the protocol does not know: a fault of the server, or of this client."""
