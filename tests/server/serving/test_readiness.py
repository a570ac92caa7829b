"""The loop's watch over descriptors: what asyncio's own tells a reader, ours tells, above all of a connection that was reset."""

import asyncio
import os
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from server.serving.readiness import ReadinessLoop

REQUEST = b"GET / HTTP/1.1\r\n\r\n"
Loops = asyncio.AbstractEventLoop


@pytest.fixture(params=[ReadinessLoop, asyncio.SelectorEventLoop], ids=["ours", "asyncio"])
def loop(request: pytest.FixtureRequest) -> Iterator[Loops]:
    made: Loops = request.param()
    yield made
    made.close()


def pair() -> tuple[socket.socket, socket.socket]:
    """A TCP connection: the peer's end and ours."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        peer = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
    ours.setblocking(False)
    return peer, ours


def reset(peer: socket.socket) -> None:
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def run_until(loop: Loops, is_done: Callable[[], object]) -> None:
    async def wait() -> None:
        async with asyncio.timeout(20.0):
            while not is_done():
                await asyncio.sleep(0.001)

    loop.run_until_complete(wait())


def read(ours: socket.socket, into: list[bytes | str]) -> None:
    try:
        into.append(ours.recv(65536))
    except OSError as error:
        into.append(type(error).__name__)


def test_a_reset_before_the_first_read_is_found_by_the_reader(loop: Loops):
    peer, ours = pair()
    peer.sendall(REQUEST)
    reset(peer)
    seen: list[bytes | str] = []
    loop.add_reader(ours, read, ours, seen)
    run_until(loop, lambda: "ConnectionResetError" in seen)
    loop.remove_reader(ours)
    ours.close()


def test_a_reset_is_found_by_a_writer_alone(loop: Loops):
    peer, ours = pair()
    reset(peer)
    calls: list[int] = []
    loop.add_writer(ours.fileno(), calls.append, 1)
    run_until(loop, lambda: calls)
    assert loop.remove_writer(ours.fileno())
    ours.close()


def test_reader_and_writer_of_one_descriptor_come_and_go_alone(loop: Loops):
    peer, ours = pair()
    seen: list[bytes | str] = []
    writes: list[int] = []
    loop.add_reader(ours, read, ours, seen)
    loop.add_writer(ours, writes.append, 1)
    run_until(loop, lambda: writes)
    assert loop.remove_writer(ours)
    assert not loop.remove_writer(ours)
    peer.sendall(b"one")
    run_until(loop, lambda: seen)

    def read_anew() -> None:
        read(ours, seen)
        seen.append("the new one")

    loop.add_reader(ours, read_anew)
    peer.sendall(b"two")
    run_until(loop, lambda: len(seen) == 3)
    assert seen == [b"one", b"two", "the new one"]
    assert loop.remove_reader(ours)
    written = len(writes)
    peer.sendall(b"three")
    run_until(loop, lambda: True)
    assert (len(seen), len(writes)) == (3, written)
    peer.close()
    ours.close()


def test_a_number_that_was_closed_and_is_another_s_now_is_watched(loop: Loops):
    (peer, ours), (other_peer, other), number = pair(), pair(), 200
    os.dup2(ours.fileno(), number)
    loop.add_reader(number, lambda: None)
    ours.close()
    os.close(number)  # without a word to the loop
    loop.remove_reader(number)
    os.dup2(other.fileno(), number)
    seen: list[bytes | str] = []
    loop.add_reader(number, lambda: read(other, seen))
    other_peer.sendall(b"for the new one")
    run_until(loop, lambda: seen)
    assert seen == [b"for the new one"]
    loop.remove_reader(number)
    os.close(number)
    for one in (peer, other_peer, other):
        one.close()


def test_one_reader_that_raises_costs_the_others_nothing(loop: Loops):
    told: list[object] = []
    loop.set_exception_handler(lambda _, context: told.append(context["exception"]))
    lines = [pair() for _ in range(3)]
    seen: list[bytes | str] = []

    def fail() -> None:
        loop.remove_reader(lines[0][1])
        raise ValueError("a bug")

    loop.add_reader(lines[0][1], fail)
    for _, ours in lines[1:]:
        loop.add_reader(ours, read, ours, seen)
    for peer, _ in lines:
        peer.sendall(b"x")
    run_until(loop, lambda: len(seen) == 2 and told)
    assert [type(error) for error in told] == [ValueError]
    for peer, ours in lines:
        loop.remove_reader(ours)
        peer.close()
        ours.close()


def test_a_file_cannot_be_watched(loop: Loops, tmp_path: Path):
    with (tmp_path / "file").open("wb") as file, pytest.raises(PermissionError):
        loop.add_reader(file, lambda: None)
