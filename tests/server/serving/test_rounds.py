"""Sockets read in rounds: all that have something by then, in one go; closed and removed ones never again."""

import asyncio
import socket

import pytest

from server.serving.rounds import Rounds

pytestmark = pytest.mark.asyncio


class Reader:
    """One end of a pair, and what was read of it in each round."""

    def __init__(self, rounds: Rounds, order: list["Reader"]) -> None:
        self.rounds, self.order = rounds, order
        self.ours, self.peer = socket.socketpair()
        self.ours.setblocking(False)
        self.got: list[bytes] = []
        self.fd = self.ours.fileno()
        rounds.add(self.fd, self.read)

    def read(self) -> None:
        """As a connection does."""
        self.got.append(self.ours.recv(100))
        self.order.append(self)

    def close(self) -> None:
        """Both ends."""
        self.ours.close()
        self.peer.close()


async def until(condition: object, what: str) -> None:
    for _ in range(2000):
        if condition():  # type: ignore[operator]
            return
        await asyncio.sleep(0.001)
    raise AssertionError(f"waited for {what}")


async def test_what_came_meanwhile_is_read_in_one_go():
    order: list[Reader] = []
    rounds = Rounds(asyncio.get_running_loop())
    one, two, quiet = (Reader(rounds, order) for _ in range(3))
    one.peer.send(b"a")
    two.peer.send(b"b")
    one.peer.send(b"c")
    await until(lambda: len(order) == 2, "both")
    assert (one.got, two.got, quiet.got) == ([b"ac"], [b"b"], [])
    quiet.peer.send(b"d")
    await until(lambda: quiet.got, "the next round")
    assert len(order) == 3
    for reader in (one, two, quiet):
        reader.close()


async def test_a_second_without_a_message_ends_the_rounds_and_the_next_one_begins_them_again(monkeypatch):
    monkeypatch.setattr("server.serving.rounds.QUIET_ROUNDS", 3)
    order: list[Reader] = []
    rounds = Rounds(asyncio.get_running_loop())
    one = Reader(rounds, order)
    for n in range(1, 4):
        await until(lambda: not rounds._is_running or rounds._quiet >= 3, "quiet")
        one.peer.send(b"x")
        await until(lambda n=n: len(one.got) == n, "the message")
    one.close()


async def test_removed_and_closed_sockets_are_read_no_more_and_their_numbers_serve_again():
    order: list[Reader] = []
    rounds = Rounds(asyncio.get_running_loop())
    removed, closed = Reader(rounds, order), Reader(rounds, order)
    rounds.remove(removed.fd)
    removed.peer.send(b"x")
    closed.close()
    rounds.remove(closed.fd)
    rounds.remove(closed.fd)
    new = Reader(rounds, order)
    new.peer.send(b"y")
    await until(lambda: new.got, "the new one")
    assert order == [new]
    removed.close()
    new.close()


async def test_one_readers_fault_does_not_end_the_rounds():
    order: list[Reader] = []
    rounds = Rounds(asyncio.get_running_loop())
    broken, fine = Reader(rounds, order), Reader(rounds, order)
    rounds.remove(broken.fd)
    rounds.add(broken.fd, lambda: broken.ours.recv(100).missing)  # type: ignore[attr-defined]
    broken.peer.send(b"x")
    fine.peer.send(b"y")
    await until(lambda: fine.got, "the other one")
    broken.peer.send(b"z")
    fine.peer.send(b"y")
    await until(lambda: len(fine.got) == 2, "the other one again")
    broken.close()
    fine.close()
