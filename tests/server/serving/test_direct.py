"""The direct way out over a real TCP connection: order, partial writes, a peer that reads slowly or is gone."""

import gc
import select
import socket
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from daphne.server import reactor  # Daphne chooses it
from twisted.internet import tcp
from twisted.internet.protocol import Protocol

from server.serving.direct import DirectSocket
from server.serving.frames import FrameCache, framed
from server.sockets.outlet import DirectOutlet


class _Open(Protocol):
    """As much of a WebSocket protocol as the way out asks for."""

    STATE_OPEN = 3
    state = 3


class Pair:
    """Twisted's own server transport on one end, a socket on the other; nobody runs the reactor but `flush`."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.peer = socket.create_connection(listener.getsockname())
            ours, address = listener.accept()
        ours.setblocking(False)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
        ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.protocol = _Open()
        self.transport = tcp.Server(ours, self.protocol, address, None, 0, reactor)  # type: ignore[arg-type]  # no port, as adopted ones
        self.protocol.makeConnection(self.transport)
        self.direct = DirectSocket(self.protocol, self.transport)

    def receive(self, size: int) -> bytes:
        """So many bytes at the peer; the transport writes on meanwhile, as the reactor would have it do."""
        got = bytearray()
        while len(got) < size:
            writing = [self.transport.socket] if self.direct.buffered() else []
            readable, writable, _ = select.select([self.peer], writing, [], 10.0)
            assert readable or writable, f"nothing comes after {len(got)} of {size} bytes"
            if writable:
                self.transport.doWrite()
            if readable:
                got += self.peer.recv(min(65536, size - len(got)))
        return bytes(got)

    def close(self) -> None:
        self.peer.close()
        self.transport.stopReading()
        self.transport.stopWriting()
        self.transport.socket.close()


@pytest.fixture
def pair() -> Iterator[Pair]:
    made = Pair()
    yield made
    made.close()


def test_a_message_is_at_the_peer_at_once(pair: Pair):
    pair.direct.write(b"x" * 600)
    assert pair.direct.buffered() == 0
    assert pair.receive(604) == b"\x82\x7e\x02\x58" + b"x" * 600


def test_what_does_not_fit_waits_and_all_that_follows_waits_behind_it(pair: Pair):
    big, others = b"b" * 1_000_000, [bytes([n]) * 300 for n in range(20)]
    pair.direct.write(big)
    assert 0 < pair.direct.buffered() < 1_000_000
    pair.transport.write(b"\x89\x00")  # a ping of autobahn's
    for other in others:
        pair.direct.write(other)
    expected = framed(big) + b"\x89\x00" + b"".join(map(framed, others))
    assert pair.receive(len(expected)) == expected
    assert pair.direct.buffered() == 0
    pair.direct.write("and again directly")
    assert pair.receive(20) == b"\x81\x12and again directly"


def test_what_autobahn_has_written_goes_first(pair: Pair):
    pair.transport.write(b"\x8a\x00")
    pair.direct.write(b"x")
    assert pair.direct.buffered() == 5
    assert pair.receive(5) == b"\x8a\x00\x82\x01x"


def test_a_socket_is_clear_while_it_is_open_and_nothing_waits(pair: Pair):
    assert pair.direct.is_clear()
    pair.transport.write(b"\x89\x00")
    assert not pair.direct.is_clear()
    pair.receive(2)
    assert pair.direct.is_clear()
    pair.protocol.state = 2
    assert not pair.direct.is_clear()


def test_a_peer_that_takes_nothing_is_told_of_once(pair: Pair):
    calls: list[int] = []
    pair.direct.limit(100_000, lambda: calls.append(pair.direct.buffered()), lambda: None)
    while not calls and pair.direct.buffered() < 50_000_000:
        pair.direct.write(b"x" * 65_536)
    assert calls and calls[0] > 100_000
    pair.direct.write(b"x" * 65_536)
    assert len(calls) == 1


def test_each_write_that_the_kernel_does_not_take_whole_is_told_of(pair: Pair):
    left: list[int] = []
    pair.direct.limit(10_000_000, lambda: None, lambda: left.append(pair.direct.buffered()))
    pair.direct.write(b"x" * 600)
    assert left == []
    pair.direct.write(b"b" * 1_000_000)
    pair.direct.write(b"x" * 600)
    assert len(left) == 2 and left[1] == left[0] + 604
    pair.receive(1_000_010 + 2 * 604)
    pair.direct.write(b"x" * 600)
    assert len(left) == 2


class Owner:
    """Of an outlet, as a connection is."""

    def __init__(self, direct: Any) -> None:
        self.outlet = DirectOutlet(direct, self.end_slow, self.hold)

    def end_slow(self) -> None:
        raise AssertionError("the socket took everything")

    def hold(self) -> None:
        raise AssertionError("the socket took everything")


def test_an_outlet_that_is_stopped_lets_go_of_its_owner(pair: Pair):
    gc.disable()
    try:
        owner = Owner(pair.direct)
        watched = weakref.ref(owner)
        owner.outlet.stop()
        del owner
        assert watched() is None
    finally:
        gc.enable()


def test_a_peer_that_is_gone_is_found_by_twisted(pair: Pair):
    pair.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    pair.peer.close()
    pair.direct.write(b"x")
    pair.direct.write(b"y")
    assert pair.direct.buffered() > 0
    assert isinstance(pair.transport.doWrite(), Exception)


def test_after_the_close_nothing_is_written(pair: Pair):
    pair.protocol.state = 2
    pair.direct.write(b"x")
    pair.direct.write("y")
    pair.direct.close(4001, "again")
    assert pair.direct.buffered() == 0
    pair.transport.write(b"\x88\x00")
    assert pair.receive(2) == b"\x88\x00"


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536])
def test_frames_have_the_shortest_header(size: int):
    assert len(framed(b"x" * size)) - size == (2 if size < 126 else 4 if size < 65536 else 10)


def test_a_message_is_framed_once_and_an_equal_one_is_another():
    cache = FrameCache(size=2)
    one, other, text = bytes(bytearray(b"same")), bytes(bytearray(b"same")), "same"
    first = cache.framed(one)
    assert cache.framed(one) is first
    assert cache.framed(other) == first
    assert cache.framed(other) is not first
    assert cache.framed(text) == b"\x81\x04same"
    assert cache.framed(one) is not first, "only the last few are kept"
