"""Fleets for the flow tests: `fleet` is shared by the session (per layer), `new_fleet` makes one that a test may break."""

from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from tests.flow.fleet import Fleet
from tests.support.redis import RedisServer


class MakeFleet(Protocol):
    """What the fixture `new_fleet` is."""

    def __call__(self, layer: str, redis: RedisServer | None = None, layer_port: int = 0, **env: str) -> Fleet: ...


_fleets_key = pytest.StashKey[list[Fleet]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put the logs of a failing test's fleet into its report."""
    report = yield
    for fleet in item.stash.get(_fleets_key, []) if report.failed else []:
        report.sections += [(f"log of {name}", log[-6000:]) for name, log in fleet.processes.logs()]
    return report


def layer_url(layer: str, redis: RedisServer | None, port: int = 0) -> str:
    """The value of ROOMWRIGHT_LAYER; `port` stands for a proxy before the Redis."""
    if redis is None:
        return "memory://"
    return f"{'redis+core' if layer == 'core' else 'redis'}://127.0.0.1:{port or redis.port}/0"


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("flow-redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def session_fleet(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """The fleet of one layer, for all tests that leave it as they found it."""
    layer: str = request.param
    redis = None if layer == "memory" else request.getfixturevalue("shared_redis")
    extra = {"ROOMWRIGHT_PREFIX": f"flow-{layer}"}
    made = Fleet.made(tmp_path_factory.mktemp(f"flow-{layer}"), layer_url(layer, redis), redis, extra)
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture
async def fleet(session_fleet: Fleet, request: pytest.FixtureRequest) -> AsyncIterator[Fleet]:
    """The session's fleet; this test's clients are closed after it, and no process may have died of it."""
    request.node.stash[_fleets_key] = [session_fleet]
    yield session_fleet
    await session_fleet.close_players()
    session_fleet.check_sound()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`fleet` comes on the in-memory layer and on Redis pub/sub, unless `@pytest.mark.layers(...)` says otherwise."""
    if "session_fleet" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("layers")
        layers = marker.args if marker else ("memory", "pubsub")
        metafunc.parametrize("session_fleet", layers, indirect=True, scope="session")


@pytest.fixture
async def new_fleet(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[MakeFleet]:
    """Makes fleets of the test's own, which the test starts and may break."""
    made: list[Fleet] = []
    request.node.stash[_fleets_key] = made

    def make(layer: str, redis: RedisServer | None = None, layer_port: int = 0, **env: str) -> Fleet:
        fleet = Fleet.made(tmp_path / f"fleet{len(made)}", layer_url(layer, redis, layer_port), redis, env)
        made.append(fleet)
        return fleet

    yield make
    for fleet in made:
        await fleet.close_players()
        fleet.stop()
