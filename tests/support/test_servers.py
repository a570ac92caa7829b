"""The tests' own machinery, tried on the real thing: Redis and its faults, the proxy, processes, the browser."""

import contextlib
import json
import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from tests.support.browser import Chromium, launched_chromium
from tests.support.processes import Processes
from tests.support.programs import MissingProgramError, find_program
from tests.support.proxy import TcpProxy
from tests.support.redis import RedisServer
from tests.support.waiting import until, wait_until

NO_RETRY = Retry(NoBackoff(), 0)
PAGE = b"<!doctype html><link rel=icon href=data:,><title>page</title><script>%s</script>"


def serve_folder(processes: Processes, folder: Path, port: int) -> str:
    server = processes.python("-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(folder))
    url = f"http://127.0.0.1:{port}/"
    server.wait_for_url(url)
    return url


def test_a_killed_redis_forgets_and_a_persistent_one_remembers(
    redis_server: RedisServer, persistent_redis_server: RedisServer
) -> None:
    for server in (redis_server, persistent_redis_server):
        server.cli("SET", "key", "value")
    persistent_redis_server.cli("WAITAOF", 1, 0, 2000) if "WAITAOF" in str(
        persistent_redis_server.cli("INFO")
    ) else None
    for server in (redis_server, persistent_redis_server):
        server.restart()
    assert redis_server.cli("GET", "key") is None
    assert persistent_redis_server.cli("GET", "key") == "value"
    assert redis_server.url != persistent_redis_server.url


def test_a_paused_redis_is_silent_until_it_is_resumed(redis_server: RedisServer) -> None:
    redis_server.pause()
    with Redis(port=redis_server.port, socket_timeout=0.2, retry=NO_RETRY) as client, pytest.raises(RedisTimeoutError):
        client.ping()
    redis_server.resume()
    assert redis_server.cli("PING") is True


def test_proxy_cuts_blackholes_and_leaves_half_open(
    redis_server: RedisServer, tcp_proxy: Callable[..., TcpProxy]
) -> None:
    proxy = tcp_proxy(redis_server.port)
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=5.0) as connection:
        connection.sendall(b"PING\r\n")
        assert connection.recv(64) == b"+PONG\r\n"
        proxy.blackhole()
        connection.sendall(b"PING\r\n")
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(64)
        proxy.heal()
        connection.settimeout(5.0)
        assert connection.recv(64) == b"+PONG\r\n"

        proxy.half_open()
        connection.sendall(b"PING\r\n")
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(64)
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=5.0) as fresh:
            fresh.sendall(b"PING\r\n")
            assert fresh.recv(64) == b"+PONG\r\n"
            assert proxy.connections == 2
            assert proxy.cut() == 2
            with pytest.raises(ConnectionResetError):
                fresh.recv(64)


def test_proxy_forgets_connections_that_end_by_themselves(
    redis_server: RedisServer, tcp_proxy: Callable[..., TcpProxy]
) -> None:
    proxy = tcp_proxy(redis_server.port)
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=5.0) as connection:
        connection.sendall(b"PING\r\n")
        assert connection.recv(64) == b"+PONG\r\n"
    wait_until("the proxy to let go of the connection", lambda: proxy.connections == 0)


def send_until_full(sender: socket.socket, limit_bytes: int) -> int:
    """How many bytes `sender` gets rid of before nobody takes any more."""
    taken = 0
    with contextlib.suppress(TimeoutError):
        while taken < limit_bytes:
            taken += sender.send(bytes(1000))
    return taken


def test_throttled_proxy_with_small_buffers_holds_little(tcp_proxy: Callable[..., TcpProxy]) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        proxy = tcp_proxy(listener.getsockname()[1], buffer_bytes=4096)
        proxy.throttle(1000)
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=5.0):
            sender, _ = listener.accept()
            with sender:
                sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
                sender.settimeout(0.3)
                taken = send_until_full(sender, 1_000_000)
    assert taken < 50_000


def test_redis_through_a_dead_port_is_refused(free_port: Callable[[], int]) -> None:
    with Redis(port=free_port(), retry=NO_RETRY) as client, pytest.raises(RedisConnectionError):
        client.ping()


def test_free_ports_differ(free_port: Callable[[], int]) -> None:
    assert len({free_port() for _ in range(20)}) == 20


def test_a_process_that_ends_early_shows_its_log(processes: Processes) -> None:
    ending = processes.python("-c", "print('the reason'); raise SystemExit(3)")
    with pytest.raises(AssertionError, match=r"ended with 3 before answering(.|\n)*the reason"):
        ending.wait_for_url("http://127.0.0.1:9/")


CHILD = """
import socket, time
listener = socket.create_server(("127.0.0.1", 0))
print("child on", listener.getsockname()[1], flush=True)
time.sleep(600)
"""


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5.0).close()
    except ConnectionRefusedError:
        return False
    return True


def test_stopping_a_process_stops_its_children(processes: Processes) -> None:
    parent = processes.python("-c", f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CHILD!r}])")
    port = int(parent.wait_for_line(r"child on (\d+)")[1])
    assert accepts(port)
    parent.stop()
    wait_until("the child to be gone", lambda: not accepts(port))


def test_a_missing_program_is_named_with_what_to_do() -> None:
    with pytest.raises(MissingProgramError, match=r"expected no-such-program on the PATH.*apt install no-such-program"):
        find_program("no-such-program")


async def test_chromium_shows_a_page(
    chromium: Chromium, processes: Processes, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    (tmp_path / "index.html").write_bytes(PAGE % b"document.title = JSON.stringify([1 + 1])")
    page = await chromium.page(serve_folder(processes, tmp_path, free_port()))
    assert json.loads(await page.title()) == [2]


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        (b"console.error('planted')", "console error: planted"),
        (b"throw new Error('thrown')", "uncaught exception: .*thrown"),
        (b"fetch('https://example.com/').catch(() => 0)", "external request: https://example.com/"),
        (b"new WebSocket('ws://example.com/')", "external request: ws://example.com/"),
    ],
)
async def test_chromium_fails_a_page_that_misbehaves(
    processes: Processes, tmp_path: Path, free_port: Callable[[], int], script: bytes, problem: str
) -> None:
    (tmp_path / "index.html").write_bytes(PAGE % script)
    url = serve_folder(processes, tmp_path, free_port())

    async def visit() -> None:
        async with launched_chromium() as chromium:
            await chromium.page(url)
            await until(problem, lambda: any(re.search(problem, found) for found in chromium.problems))

    with pytest.raises(AssertionError, match="the pages did what they should not(.|\n)*" + problem):
        await visit()
