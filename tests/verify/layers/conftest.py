"""A Redis and a proxy for all experiments of this folder, and a bench for each."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.support.proxy import TcpProxy
from tests.support.redis import RedisServer
from tests.verify.layers.bench import Bench, Kind


@pytest.fixture(scope="module")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One redis-server for the module: experiments leave nothing in it that another would see."""
    folder: Path = tmp_path_factory.mktemp("layers")
    server = RedisServer(folder / "redis")
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def bench(kind: Kind, shared_redis: RedisServer) -> AsyncIterator[Bench]:
    """A bench for layers of ``kind``."""
    proxy = TcpProxy(shared_redis.port)
    proxy.start()
    made = Bench(kind, shared_redis, proxy)
    yield made
    await made.close()
    proxy.stop()


@pytest.fixture
def shared_proxy(shared_redis: RedisServer) -> Iterator[TcpProxy]:
    """A proxy in front of the module's Redis."""
    proxy = TcpProxy(shared_redis.port)
    proxy.start()
    yield proxy
    proxy.stop()
