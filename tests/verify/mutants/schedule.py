"""The schedules that mutants are run under: everything that a mutant may need to show itself, in a few virtual seconds."""

from functools import partial

from server.verify.simclient import SimClient
from server.verify.world import World
from tests.verify.calm import ENDS_ABOVE, Act

ACTIONS = ("score", "switch", "reveal", "hide", "score")


def _play(world: World, people: list[SimClient], seconds: float) -> None:
    for step in range(round(seconds / 0.05)):
        for n, client in enumerate(people):
            if (step + n) % 4 == 0:
                world.do(partial(client.send, Act(ACTIONS[(step * 10 + n) % 5], step * 10 + n)))
            if step % 15 == n:
                world.do(partial(client.say, f"{client.name} at {world.now:.2f}"))
        world.advance(0.05)


def _gather(world: World) -> list[SimClient]:
    player, watcher = world.route_of("player"), world.route_of("spectator")
    assert player is not None and watcher is not None
    world.advance(1.3)
    people = [world.client(player, is_binary=n != 2, gateway=f"gw{1 + n % 2}") for n in range(3)]
    world.advance(0.8)
    world.client(watcher)
    return people


def busy(world: World) -> None:
    """People play, talk, break off, come back, take over, leave; a layer with losses; then all is healed."""
    people = _gather(world)
    _play(world, people, 1.5)
    assert people[0].socket is not None
    world.do(lambda: people[0].socket.cut("network"))  # type: ignore[union-attr]  # just asserted
    _play(world, people, 1.5)
    people.append(world.client(people[1].route, resume_of=people[1], gateway="gw1"))
    _play(world, people, 1.0)
    world.do(people[2].leave)
    world.set_weather(loss=0.1)
    world.note_fault("loss")
    _play(world, people, 2.0)
    world.heal()


def deaf(world: World) -> None:
    """A gateway's subscriptions go deaf."""
    people = _gather(world)
    _play(world, people, 0.5)
    for alias in ("frames", "control"):
        world.deafen("gw1", alias)
    _play(world, people, 1.0)
    world.heal()


def flood(world: World) -> None:
    """Somebody sends and sends, and reads nothing."""
    people = _gather(world)
    world.do(lambda: setattr(people[0].socket, "read_rate", 0.0))
    for step in range(180):
        for n in range(5):
            world.do(partial(people[0].send, Act("score", step * 5 + n)))
        world.advance(0.05)
    world.heal()


def ending(world: World) -> None:
    """The match ends."""
    people = _gather(world)
    _play(world, people, 0.5)
    world.do(lambda: people[0].send(Act("end", ENDS_ABOVE + 5)))
    world.heal()
