"""A channel layer and sockets in virtual time: messages that are late, lost, repeated and out of order, as drawn from one seed."""

import random
from collections.abc import Callable
from typing import Any

from attrs import define, field

from server.relay import envelope as e

Message = dict[str, Any]


@define
class Weather:
    """What the layer does to each message. Chances from 0 to 1, ``late_s`` at most, uniformly.

    ``frame_loss`` and ``part_loss`` are for frames and for their private parts alone.
    """

    loss: float = 0.0
    repeat: float = 0.0
    late_s: float = 0.0
    frame_loss: float = 0.0
    part_loss: float = 0.0

    def loss_of(self, message: Message) -> float:
        """The chance that this one is lost."""
        own = {
            e.FRAME: self.frame_loss,
            e.PRIVATE: max(self.frame_loss, self.part_loss),
        }
        return max(self.loss, own.get(message["type"], 0.0))


@define(eq=False)
class SimLayer:
    """One broker. ``advance`` delivers what is due, in order of arrival."""

    seed: int
    weather: Weather = field(factory=Weather)
    now: float = 0.0
    sent: int = 0
    _ports: dict[str, "SimPort"] = field(factory=dict)
    _groups: dict[str, dict[str, None]] = field(factory=dict)
    _flying: list[tuple[float, int, str, Message]] = field(factory=list)
    _random: random.Random = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def port(self, alias: str, channel: str, deliver: Callable[[Message], None]) -> "SimPort":
        """A process's place in the layer. Groups of one alias are not another's."""
        port = self._ports[channel] = SimPort(self, alias, channel, deliver)
        return port

    def put(self, channel: str, message: Message) -> None:
        """One message on its way, or lost, or twice."""
        weather = self.weather
        for _ in range(2 if self._random.random() < weather.repeat else 1):
            if self._random.random() >= weather.loss_of(message):
                self.sent += 1
                at = self.now + self._random.uniform(0.0, weather.late_s)
                self._flying.append((at, self.sent, channel, message))

    def group(self, name: str) -> dict[str, None]:
        """The channels of a group."""
        return self._groups.setdefault(name, {})

    def advance(self, now: float) -> None:
        """Delivers until nothing is due."""
        self.now = now
        while due := sorted((entry for entry in self._flying if entry[0] <= now), key=lambda entry: entry[:2]):
            self._flying = [entry for entry in self._flying if entry[0] > now]
            for _, _, channel, message in due:
                if channel in self._ports:
                    self._ports[channel].deliver(message)


@define(eq=False)
class SimPort:
    """What `server.relay.port.Port` is to its owner, over a SimLayer."""

    layer: SimLayer
    alias: str
    channel: str
    deliver: Callable[[Message], None]

    def send(self, channel: str, message: Message) -> None:
        """To one channel."""
        self.layer.put(channel, message)

    def group_send(self, group: str, message: Message) -> None:
        """To all channels of a group."""
        for channel in list(self.layer.group(f"{self.alias}.{group}")):
            self.layer.put(channel, message)

    def join(self, group: str) -> None:
        """From now on this port's."""
        self.layer.group(f"{self.alias}.{group}")[self.channel] = None

    def leave(self, group: str) -> None:
        """No longer."""
        self.layer.group(f"{self.alias}.{group}").pop(self.channel, None)


@define
class Pipe:
    """One direction of a socket: in order, nothing lost while it is open."""

    latency_s: float
    _queue: list[tuple[float, bytes | str]] = field(factory=list)

    def put(self, data: bytes | str, now: float) -> None:
        """On its way."""
        self._queue.append((now + self.latency_s, data))

    def due(self, now: float) -> list[bytes | str]:
        """What has arrived."""
        out = [data for at, data in self._queue if at <= now]
        self._queue = [entry for entry in self._queue if entry[0] > now]
        return out

    def cut(self) -> None:
        """The socket breaks: what was on its way is lost."""
        self._queue.clear()
