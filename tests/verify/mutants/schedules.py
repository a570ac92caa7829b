"""Short schedules over the simulated world, each made to reach certain lines. Every one is clean on the product as it is."""

from collections.abc import Callable
from itertools import count, islice

from attrs import frozen

from game.codec import quantize_all
from game.wire.frames import FrameKind, InputMessage, Position, decode_frame, encode_input
from server.verify.programs import Subject
from server.verify.simclient import SimClient
from server.verify.simlayer import Kind
from server.verify.simsockets import Data
from server.verify.world import World
from tests.server.rooms.parlour import UNLUCKY
from tests.verify.calm import Act
from tests.verify.subjects import calm

TICK_S = 0.05
Play = Callable[[World], None]


@frozen
class Schedule:
    """What is played in which room, over which kind of layer."""

    name: str
    play: Play
    subject: Callable[[], Subject] = calm
    kind: Kind = "pubsub"
    seed: int = 1

    def world(self) -> World:
        """A world for it, with every socket's bytes kept."""
        subject = self.subject()
        return World(subject.plan, subject.room, self.seed, self.kind, keeps_bytes=True)


def people(world: World, number: int = 3, gateways: int = 2) -> list[SimClient]:
    """Players on both gateways, every second one with JSON; they are in when it returns."""
    route = world.route_of("player")
    assert route is not None
    world.advance(1.3)
    came = [world.client(route, is_binary=n % 2 == 0, gateway=f"gw{1 + n % gateways}") for n in range(number)]
    world.advance(0.8)
    return came


def watcher(world: World, gateway: str = "gw1") -> SimClient:
    """A spectator on its way in."""
    route = world.route_of("spectator")
    assert route is not None
    return world.client(route, gateway=gateway)


def play_on(world: World, who: list[SimClient], ticks: int, what: str = "score", each: int = 1) -> None:
    """Everybody acts in turn, every value once."""
    values = count(1_000 + len(world.trace.events))
    for tick in range(ticks):
        for n, client in enumerate(who):
            if (tick + n) % 2:
                for _ in range(each):
                    act(world, client, what, next(values))
        world.advance(TICK_S)


def act(world: World, client: SimClient, what: str, value: int = 1) -> None:
    """One input."""
    world.do(lambda: client.send(Act(what, value)))


def say(world: World, client: SimClient, text: str) -> None:
    """One line."""
    world.do(lambda: client.say(text))


def evening(world: World) -> None:
    """Players and spectators play, hide and show cards, switch teams, talk, leave. Nothing breaks."""
    a, b, c = people(world)
    watcher(world)
    play_on(world, [a, b, c], 20, each=2)
    watcher(world)
    for n, what in enumerate(("reveal", "switch", "hide", "reveal", "hide")):
        act(world, (a, b, c)[n % 3], what, n)
        world.advance(0.3)
    for n in range(12):
        act(world, a, "hide" if n % 2 else "reveal", n)
        world.advance(0.1)
    act(world, a, "score", UNLUCKY)
    for n in range(6):
        say(world, (a, b)[n % 2], f"line {n}")
        world.advance(0.15)
    watcher(world)
    world.notify(a, "please note")
    world.advance(0.5)
    world.do(c.leave)
    play_on(world, [a, b], 30)
    world.heal()


def bad_weather(world: World) -> None:
    """The same with a layer that loses, doubles and overtakes."""
    a, b, c = people(world)
    watcher(world)
    world.set_weather(loss=0.15, duplicates=0.1, reordered=0.1)
    play_on(world, [a, b, c], 60, each=2)
    for n in range(8):
        say(world, (a, b)[n % 2], f"line {n}")
        act(world, c, "reveal" if n % 2 else "hide", n)
        world.advance(0.2)
    world.heal()


def comings_and_goings(world: World) -> None:
    """Sockets break and come back, with inputs on the way; a second tab takes over."""
    a, b, c = people(world)
    play_on(world, [a, b, c], 10)
    for _ in range(3):
        act(world, a, "score", 7_000)
        cut(world, a)
        play_on(world, [a, b, c], 25)
    world.note_fault("database_down")
    world.offices.down_until = world.now + 0.3  # nobody can write down that the notice was shown
    world.notify(a, "please note")
    world.advance(0.1)
    cut(world, a)
    play_on(world, [b, c], 40)
    world.client(c.route, is_binary=c.is_binary, gateway="gw2", resume_of=c)
    world.advance(3.5)
    play_on(world, [a, b], 20)
    world.heal()


def kicks(world: World) -> None:
    """The staff remove a player by its seat and a spectator by its name; both try to come back; the seat is taken at once."""
    a, b, c = people(world)
    eve = watcher(world)
    play_on(world, [a, b, c], 10)
    world.kick(b, by_seat=True)
    world.advance(0.3)
    world.client(b.route, gateway="gw2")
    world.client(b.route, gateway="gw1", resume_of=b)
    world.do(b.come_back)
    play_on(world, [a, c], 10)
    world.kick(eve)
    world.advance(0.3)
    world.do(eve.come_back)
    play_on(world, [a, c], 40)
    world.brokers["control"].weather.delay_s = (0.4, 0.4)  # frames are faster than goodbyes
    world.kick(c)
    world.client(c.route, gateway="gw1")
    play_on(world, [a], 40)
    world.heal()


def revoked(world: World) -> None:
    """The account of a player is deactivated, then a spectator's; both try to come back; the others play on."""
    a, b, c = people(world)
    eve = watcher(world)
    play_on(world, [a, b, c], 10)
    world.revoke(b)
    play_on(world, [a, c], 10)
    world.client(b.route, gateway="gw1", resume_of=b)
    world.do(b.come_back)
    world.revoke(eve)
    play_on(world, [a, c], 80)
    world.heal()


def cut(world: World, client: SimClient) -> None:
    """The network breaks."""
    socket = client.socket
    assert socket is not None
    world.note_fault("socket_cut", client.name)
    world.do(lambda: socket.cut("network"))


def delayed(world: World) -> None:
    """Spectators who may see everything 2 s late; one of them comes late, to a gateway that watches nothing yet."""
    a, b, _ = people(world)
    watcher(world, "gw1")
    play_on(world, [a, b], 40)
    say(world, a, "now")
    play_on(world, [a, b], 10)
    watcher(world, "gw2")
    play_on(world, [a, b], 60)
    world.heal()


def swallowed(world: World) -> None:
    """Frames vanish between a socket and its client, as in a broken proxy: a hole, and the KEY that would mend it."""
    a, b, c = people(world)
    play_on(world, [a, b, c], 10)
    for _ in range(3):
        _swallow(a, [FrameKind.PATCH, FrameKind.PATCH, FrameKind.KEY])
        play_on(world, [a, b, c], 40)
    world.heal()


def _swallow(client: SimClient, kinds: list[FrameKind]) -> None:
    socket = client.socket
    assert socket is not None

    def on_data(data: Data) -> None:
        if kinds and isinstance(data, bytes) and decode_frame(data).kind is kinds[0]:
            kinds.pop(0)
        else:
            client.on_data(data)

    socket.on_data = on_data


def deaf_client(world: World) -> None:
    """Somebody reads nothing and sends a thousand inputs."""
    a, b, _ = people(world)
    assert a.socket is not None
    world.note_fault("stopped_reader", a.name)
    a.socket.read_rate = 0.0
    for n in range(120):
        for k in range(8):
            act(world, a, "score", n * 8 + k + 1_000)
        act(world, b, "score", n)
        world.advance(TICK_S)
    world.heal()


def match_ends(world: World) -> None:
    """Somebody ends the match while the database is away."""
    a, b, c = people(world)
    play_on(world, [a, b, c], 10)
    world.note_fault("database_down")
    world.offices.down_until = world.now + 1.0
    act(world, a, "end", 999_999)
    world.advance(3.0)
    world.finish_trace()


def deaf_layer(world: World) -> None:
    """A gateway's links to the layer are half-open: only its own watchdog finds out."""
    a, b, c = people(world)
    play_on(world, [a, b, c], 10)
    for alias in ("frames", "control"):
        world.deafen("gw1", alias)
    play_on(world, [a, b, c], 30)
    world.heal()


def asleep(world: World) -> None:
    """Loop and gateways are stopped, as under SIGSTOP, for less time than it takes the others to call them dead."""
    a, b, c = people(world)
    watcher(world)
    play_on(world, [a, b, c], 20)
    for process, for_s in (
        (world.loops[0], 3.5),
        (world.gateways[0], 1.5),
        (world.loops[0], 4.5),
        (world.gateways[1], 1.5),
    ):
        world.stall(process, for_s)
        world.advance(for_s)
        play_on(world, [a, b, c], 30)
    world.heal()


def one_plays(world: World) -> None:
    """One of four plays, the others look on; two of them are on the same gateway."""
    a, *_ = people(world, 4)
    values = count(1)
    play_on(world, [a], 20)
    world.heal(meanwhile=lambda: act(world, a, "score", next(values)))


def crowded(world: World) -> None:
    """Somebody who reads nothing sends more inputs than any client may have unanswered."""
    a, b, _ = people(world)
    socket, schema = a.socket, a.machine.schema
    assert socket is not None and schema is not None
    world.note_fault("stopped_reader", a.name)
    socket.read_rate = 0.0
    numbers = count(1)

    def flood() -> None:
        for n in islice(numbers, 10):
            values = quantize_all(schema.inputs[0], Act("score", n))
            socket.send(encode_input(InputMessage(0, n, Position(0, 0), 0, schema.inputs[0], values)))

    for _ in range(160):
        world.do(flood)
        act(world, b, "score")
        world.advance(TICK_S)
    world.finish_trace()


ALL = (
    Schedule("deaf_layer", deaf_layer),
    Schedule("one_plays", one_plays),
    Schedule("asleep", asleep),
    Schedule("crowded", crowded),
    Schedule("evening", evening),
    Schedule("bad_weather", bad_weather),
    Schedule("comings_and_goings", comings_and_goings),
    Schedule("kicks", kicks),
    Schedule("revoked", revoked),
    Schedule("delayed", delayed, lambda: calm(delay="2s", sees="everything")),
    Schedule("swallowed", swallowed),
    Schedule("deaf_client", deaf_client),
    Schedule("match_ends", match_ends),
)
BY_NAME = {schedule.name: schedule for schedule in ALL}
