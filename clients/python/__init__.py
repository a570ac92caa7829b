"""The Python client: an asyncio SDK, bots, a swarm and a terminal view, all speaking the public protocol."""

from clients.python.errors import (
    BadInputError,
    LostInputError,
    NotServedError,
    ProtocolBrokenError,
    RoomClosedError,
    RoomError,
    UnknownAnswerError,
    UnreachableError,
)
from clients.python.room import Room
from clients.python.sdk import connect

__all__ = [
    "BadInputError",
    "LostInputError",
    "NotServedError",
    "ProtocolBrokenError",
    "Room",
    "RoomClosedError",
    "RoomError",
    "UnknownAnswerError",
    "UnreachableError",
    "connect",
]
