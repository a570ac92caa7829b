"""What a new TCP connection meets: a plain WebSocket request goes straight to our protocol, all else to Daphne's HTTP.

Twisted would read the request line by line into objects for any request, and Daphne write it down again for autobahn to read
once more: two thirds of what a handshake costs, and all of it kept as long as the connection. Set up by `server`.
"""

from collections.abc import Callable
from typing import Any

from attrs import define, field
from twisted.internet.protocol import Factory, Protocol

from server.clock import monotonic
from server.serving.descriptors import Descriptors
from server.serving.handshake import read_handshake
from server.serving.protocol import is_plain_tcp

SILENT_MAX_S = 20.0


class Newcomer(Protocol):
    """Until the first bytes are there."""

    transport: Any

    def __init__(self, door: "Door", address: Any) -> None:
        self.door, self.address = door, address

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's name
        """Time begins to pass, where there is place."""
        if self.door.descriptors.check(self.transport):
            self.door.waiting[self] = monotonic()

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """The first bytes say where the connection belongs."""
        if self.door.waiting.pop(self, None) is None:
            return  # turned away
        transport = self.transport
        handshake = read_handshake(data) if self.door.is_plain(transport) else None
        if handshake is not None:
            protocol = transport.protocol = self.door.sockets.buildProtocol(self.address)
            protocol.begin(transport, handshake)
        else:
            protocol = transport.protocol = self.door.http.buildProtocol(self.address)
            protocol.makeConnection(transport)
            protocol.dataReceived(data)

    def connectionLost(self, reason: Any = None) -> None:  # noqa: N802 - Twisted's name
        """It never said anything."""
        self.door.waiting.pop(self, None)


@define(eq=False)
class Door(Factory):
    """``http`` and ``sockets`` are Daphne's factories. ``waiting``: since when, the oldest first."""

    http: Any
    sockets: Any
    is_plain: Callable[[Any], bool] = is_plain_tcp
    descriptors: Descriptors = field(factory=Descriptors)
    waiting: dict[Newcomer, float] = field(factory=dict)

    def buildProtocol(self, addr: Any) -> Newcomer:  # noqa: N802 - Twisted's name
        """For one connection."""
        return Newcomer(self, addr)

    def doStop(self) -> None:  # noqa: N802 - Twisted's name
        """The port that this door was put before began with the factory behind it."""
        self.http.doStop()

    def close_silent(self) -> None:
        """Called every 2 s."""
        until = monotonic() - SILENT_MAX_S
        for newcomer in [newcomer for newcomer, since in self.waiting.items() if since < until]:
            newcomer.transport.abortConnection()
