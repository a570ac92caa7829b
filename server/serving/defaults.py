"""What every connection begins with, once for all of them: autobahn's options and first values as a class' own.

Autobahn would set a hundred attributes on each connection, format a text of its options for a log that nobody reads, and make
six objects that hardly any connection uses. Called by `server` when it begins to listen.
"""

from functools import cached_property
from typing import Any

from autobahn.wamp.types import TransportDetails
from autobahn.websocket.protocol import TrafficStats, WebSocketProtocol
from autobahn.websocket.utf8validator import Utf8Validator

from server.serving.protocol import RoomSocketProtocol

_OF_EACH = ("factory", "trafficStats", "send_queue", "utf8validator")


class _Unheard:
    """In place of the two Deferreds of a connection that nobody waits for."""

    def callback(self, result: object) -> None:
        """Nobody hears it."""


class _Lean(RoomSocketProtocol):
    """``begin`` needs no more than this and autobahn's first values."""

    is_open = is_closed = _Unheard()
    trafficStats: Any = TrafficStats()  # type: ignore[no-untyped-call]  # noqa: N815 - autobahn's; of the process
    send_queue: Any = ()  # for messages written in slices, which nothing here asks for
    _transport_details: Any = TransportDetails()

    @cached_property
    def utf8validator(self) -> Any:
        """Of its own, but only for a text that autobahn puts together."""
        return Utf8Validator()  # type: ignore[no-untyped-call]


def configured(factory: Any) -> type[RoomSocketProtocol]:
    """Our protocol for the connections of a factory. Options that are set on it later count for nobody."""
    if not factory.are_insides_known:
        return RoomSocketProtocol
    sample = RoomSocketProtocol()
    sample.factory, sample.openHandshakeTimeout = factory, 0  # no timer for the sample
    WebSocketProtocol._connectionMade(sample)  # noqa: SLF001 - what autobahn does for each
    found = {name: value for name, value in vars(sample).items() if name not in _OF_EACH}
    found["openHandshakeTimeout"] = factory.openHandshakeTimeout
    # A function that is a class' attribute would be called with the connection before its own arguments.
    values = {name: staticmethod(value) if callable(value) else value for name, value in found.items()}
    return type("ConfiguredSocketProtocol", (_Lean,), {**values, "CONFIG_ATTRS": ()})
