"""Fixtures for every test: real servers of the test's own, a proxy with faults, a browser; and Hypothesis' profiles.

A program that is missing fails the test that needs it, with what to install; nothing is skipped.
"""

import os
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.browser import Chromium, launched_chromium
from tests.support.ports import free_port as find_free_port
from tests.support.processes import Processes
from tests.support.proxy import TcpProxy
from tests.support.redis import RedisServer

pytest_plugins = ["tests.support.skips"]

IS_CI = os.environ.get("CI", "").lower() in {"1", "true"}

settings.register_profile(
    "fast", deadline=None, print_blob=True, derandomize=IS_CI, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "deep", settings.get_profile("fast"), max_examples=2_000, stateful_step_count=60, derandomize=False
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))

_processes_key = pytest.StashKey[Processes]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put the logs of a failing test's processes into its report."""
    report = yield
    if report.failed and (processes := item.stash.get(_processes_key, None)) is not None:
        report.sections += [(f"log of {name}", log) for name, log in processes.logs()]
    return report


@pytest.fixture
def free_port() -> Callable[[], int]:
    """A function that gives a free TCP port of 127.0.0.1, another one at each call."""
    return find_free_port


@pytest.fixture
def processes(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Processes]:
    """Starts the project's programs; ends them, and shows their logs if the test fails."""
    folder = tmp_path / "processes"
    folder.mkdir()
    started = Processes(folder)
    request.node.stash[_processes_key] = started
    yield started
    started.stop_all()


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A running redis-server on a port of its own, that keeps nothing when it is killed."""
    server = RedisServer(tmp_path / "redis")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def persistent_redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """The same with an append-only file: data outlive `kill` and `restart`."""
    server = RedisServer(tmp_path / "persistent-redis", persistent=True)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def tcp_proxy() -> Iterator[Callable[..., TcpProxy]]:
    """A function `(target_port, buffer_bytes=None)` that puts a proxy with faults in front of a port."""
    proxies: list[TcpProxy] = []

    def start(target_port: int, buffer_bytes: int | None = None) -> TcpProxy:
        proxy = TcpProxy(target_port, buffer_bytes)
        proxy.start()
        proxies.append(proxy)
        return proxy

    yield start
    for proxy in proxies:
        proxy.stop()


@pytest.fixture
async def chromium() -> AsyncIterator[Chromium]:
    """A headless Chromium; console errors and external requests fail the test."""
    async with launched_chromium() as launched:
        yield launched
