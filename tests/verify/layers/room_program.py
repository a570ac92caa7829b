"""One program of people, bots and faults for a room on Roomwright over a real layer; its trace goes to the promises.

Players with bytes and with JSON, a delayed spectator, bots that fill seats, inputs, chat, notices, reconnects, a leave, a
second tab; and every fault that the layer can have, while all that goes on.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from attrs import frozen
from django.test import override_settings

from server.layers import parse_layer
from server.verify import trace as tr
from server.verify.promises import TABLE, Violation, violations
from server.verify.simclient import SimClient
from tests.support.proxy import TcpProxy
from tests.support.redis import RedisServer
from tests.verify.calm import Act
from tests.verify.layers.bench import Kind, stepped_clock
from tests.verify.layers.live import LiveWorld
from tests.verify.subjects import calm

DELAY = "1s"
SCHEMES: dict[Kind, str] = {"core": "redis+core", "pubsub": "redis"}


@frozen
class Run:
    """What a program came to."""

    found: list[Violation]
    counts: dict[str, int]
    faults: dict[str, int]
    trace: tr.Trace

    def broken(self) -> dict[str, int]:
        """How many places break each promise."""
        counted = Counter(violation.promise for violation in self.found)
        return {promise.id: counted[promise.id] for promise in TABLE}


def channel_layers(kind: Kind, redis: RedisServer, proxy: TcpProxy) -> dict[str, Any]:
    """Roomwright's own settings for the layer, and a second set of aliases whose links go through the proxy."""
    if kind == "memory":
        plain = proxied = parse_layer("memory://").channel_layers()
    else:
        plain, proxied = (
            parse_layer(f"{SCHEMES[kind]}://127.0.0.1:{port}/0").channel_layers() for port in (redis.port, proxy.port)
        )
    return {**plain, **{f"{alias}_proxied": config for alias, config in proxied.items()}}


@contextmanager
def live_world(kind: Kind, redis: RedisServer, proxy: TcpProxy) -> Iterator[LiveWorld]:
    """A world over a real layer."""
    subject = calm(delay=DELAY, bots=4)
    with (
        override_settings(CHANNEL_LAYERS=channel_layers(kind, redis, proxy)),
        LiveWorld(subject.plan, subject.room, layer_kind=kind, redis=redis, proxy=proxy) as world,
    ):
        yield world


def run_program(kind: Kind, redis: RedisServer, proxy: TcpProxy) -> Run:
    """The program, its end, and what its trace breaks."""
    with live_world(kind, redis, proxy) as world, stepped_clock() as clock:
        program = _Program(world)
        program.people_come()
        for fault in program.faults_of(kind):
            fault()
            program.play(0.4)
        for step_s in (61.0, -3600.0, -0.01):
            world.note_fault("clock_step", f"{step_s} s")
            clock.now += step_s
            program.play(0.3)
        program.people_go()
        world.heal()
        found = violations(world.trace)
        kinds = Counter(type(event).__name__ for event in world.trace.events)
        return Run(found, dict(sorted(kinds.items())), dict(sorted(world.faults.items())), world.trace)


class _Program:
    """The people of one run, and what they do next."""

    def __init__(self, world: LiveWorld) -> None:
        self.world = world
        self.players: list[SimClient] = []
        self.said = 0

    def people_come(self) -> None:
        """Players on both gateways, a spectator, a first exchange."""
        self.world.advance(1.2)
        for n in range(4):
            self.players.append(self._client("player", gateway=f"gw{1 + n % 2}", is_binary=n != 1))
            self.world.advance(0.1)
        self._client("spectator", gateway="gw1")
        self._client("spectator", gateway="gw2")
        self.world.notify(self.players[0], "please note")
        self.play(0.8)

    def faults_of(self, kind: Kind) -> list[Any]:
        """What can go wrong with people and with this layer."""
        world = self.world
        of_people = [self._socket_is_cut, self._second_tab, self._one_leaves_and_returns]
        if kind == "memory":
            return of_people
        return [
            lambda: world.kill_connections("pubsub" if kind == "pubsub" else "normal"),
            *of_people,
            lambda: world.pause_redis(0.7),
            world.cut_links,
            lambda: world.blackhole_links(0.8),
            world.restart_redis,
            world.half_open_links,
        ]

    def play(self, for_s: float) -> None:
        """Inputs of everybody at 20 Hz, and a line of chat."""
        self.said += 1
        speaker = self.players[self.said % len(self.players)]
        self.world.do(lambda: speaker.say(f"{speaker.name} says {self.said}"))
        for tick in range(round(for_s * 20)):
            for n, client in enumerate(self.players):
                body = Act("score" if (tick + n) % 3 else "switch", 1000 + tick)
                self.world.do(lambda c=client, b=body: c.send(b))  # type: ignore[misc]  # bound now
            self.world.advance(0.05)

    def people_go(self) -> None:
        """A notice to somebody, and one player leaves for good."""
        self.world.notify(self.players[1], "please note")
        self.world.do(self.players[-1].leave)
        self.play(0.3)

    def _client(self, role: str, **how: Any) -> SimClient:
        route = self.world.route_of(role)
        assert route is not None, role
        return self.world.client(route, **how)

    def _socket_is_cut(self) -> None:
        socket = self.players[0].socket
        assert socket is not None
        self.world.note_fault("socket_cut", self.players[0].name)
        self.world.do(lambda: socket.cut("network"))

    def _second_tab(self) -> None:
        """Another tab takes the seat over."""
        self.world.note_fault("taken_over", self.players[2].name)
        self.players.append(self._client("player", resume_of=self.players[2], gateway="gw2"))

    def _one_leaves_and_returns(self) -> None:
        leaver = self.players[3]
        self.world.do(leaver.leave)
        self.play(0.2)
        self.world.do(leaver.come_back)
