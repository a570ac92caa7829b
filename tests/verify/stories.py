"""How a story in the simulated world begins: a server that is up, people who come; and how it ends: every promise kept."""

from collections.abc import Iterator
from contextlib import contextmanager

from server.verify.promises import violations
from server.verify.simclient import SimClient
from server.verify.simlayer import Kind
from server.verify.world import World
from tests.verify.subjects import calm

FOUND_S = 1.3


@contextmanager
def begun(seed: int, kind: Kind = "memory", *, gateways: int = 2, delay: str = "0s") -> Iterator[World]:
    """A world of the calm game, in fair weather, whose processes have found each other."""
    subject = calm(delay=delay)
    with World(subject.plan, subject.room, seed, kind, gateway_count=gateways) as world:
        world.advance(FOUND_S)
        yield world


def newcomer(world: World, role: str = "player", *, gateway: str | None = None, is_binary: bool = True) -> SimClient:
    """Somebody on the way in, by the role's first route."""
    route = world.route_of(role)
    assert route is not None
    return world.client(route, gateway=gateway, is_binary=is_binary)


def second_tab(world: World, first: SimClient, *, gateway: str | None = None) -> SimClient:
    """Another client on the way in with the first one's token."""
    return world.client(first.route, resume_of=first, gateway=gateway)


def assert_promises_kept(world: World) -> None:
    """Nothing in the world's trace breaks a promise."""
    assert list(map(str, violations(world.trace))) == []
