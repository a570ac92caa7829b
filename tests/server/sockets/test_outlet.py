"""The way out over plain ASGI: order, and what becomes of a peer that takes nothing."""

import asyncio
from typing import Any

from server.sockets.outlet import OUT_BYTES_MAX, OUT_MAX, AsgiOutlet


class Server:
    """An ASGI server whose ``send`` waits for as long as the peer takes nothing."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.takes = asyncio.Event()

    async def send(self, event: dict[str, Any]) -> None:
        """Waits for the peer."""
        await self.takes.wait()
        self.sent.append(event)


async def test_messages_and_the_close_leave_in_order_and_nothing_after_it():
    server = Server()
    outlet = AsgiOutlet(server.send, lambda: None)
    outlet.write(b"1")
    assert outlet.send("2") == 1
    outlet.close(4000, "bye")
    outlet.write(b"3")
    server.takes.set()
    while len(server.sent) < 3:
        await asyncio.sleep(0)
    assert [event.get("bytes", event.get("text", event.get("code"))) for event in server.sent] == [b"1", "2", 4000]
    outlet.stop()


async def test_what_is_sent_beyond_the_bound_is_not_taken_and_calls_nobody_until_it_is_left():
    """Who sends to many at once must not be called back in the middle of it."""
    calls: list[int] = []
    outlet = AsgiOutlet(Server().send, lambda: calls.append(1))
    for _ in range(OUT_MAX):
        assert outlet.send(b"x") == 1
    assert outlet.send(b"x") == 0
    assert calls == []
    outlet.leave(b"x")
    assert calls == [1]
    outlet.leave(b"x")
    outlet.write(b"x")
    assert calls == [1]
    outlet.stop()


async def test_a_goodbye_fits_after_the_overflow():
    server = Server()
    outlet = AsgiOutlet(server.send, lambda: outlet.close(4430, "too_slow"))
    for _ in range(OUT_MAX + 1):
        outlet.write(b"x")
    server.takes.set()
    while not server.sent or server.sent[-1]["type"] != "websocket.close":
        await asyncio.sleep(0)
    assert server.sent[-1]["code"] == 4430
    outlet.stop()


async def test_large_messages_are_bounded_by_their_bytes():
    """512 KEYs of a MB each would be half a GB for one peer that takes nothing."""
    calls: list[int] = []
    server = Server()
    outlet = AsgiOutlet(server.send, lambda: calls.append(1))
    half = b"x" * (OUT_BYTES_MAX // 2)
    for _ in range(5):
        outlet.write(half)
        await asyncio.sleep(0)
    assert calls == [1] and len(outlet._waiting) == 0
    outlet.stop()


async def test_what_has_left_makes_place():
    server = Server()
    server.takes.set()
    outlet = AsgiOutlet(server.send, lambda: None)
    for _ in range(10):
        outlet.write(b"x" * (OUT_BYTES_MAX // 2))
        while outlet._waiting:
            await asyncio.sleep(0)
    assert not outlet._has_overflowed() and outlet._size == 0 and len(server.sent) == 10
    outlet.stop()
