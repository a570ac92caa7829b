"""A socket that stops reading, and one that reads at half speed: memory, the others' frames, and how it ends."""

import asyncio
import time
from collections.abc import Callable

from tests.flow.conftest import MakeFleet
from tests.flow.fleet import Fleet, rss_kib
from tests.flow.lab import Poke
from tests.flow.player import Player
from tests.support.proxy import TcpProxy
from tests.support.waiting import until

BUFFER_BYTES = 4096
SLOW = 6
PING_EVERY_S = 0.2  # as fast as the metrics are read it would be a flood, and closed for that (4429)
# The gateway's ring of 256 frames of 50 kB fills up meanwhile; without pacing each slow socket adds 1 MB/s to that.
FLAT_KIB = 24 * 1024
OVERFLOW = 'roomwright_queue_overflows_total{policy="close",queue="socket"}'


async def stalled(fleet: Fleet) -> tuple[Player, list[Player]]:
    """A player who plays on, and spectators of 50 kB frames who have stopped reading (both buffers 4 KiB)."""
    code = fleet.code()
    player = await (await fleet.player(f"/ws/heavy/{code}")).joined()
    slow = [await fleet.player(f"/ws/heavy/{code}/watch") for _ in range(SLOW)]
    for one in slow:
        one.receive_buffer_bytes = BUFFER_BYTES
        await one.joined()
    await player.frames(20)
    for one in slow:
        one.stop_reading()
    return player, slow


async def test_sockets_that_stop_reading(new_fleet: MakeFleet):
    """The server says 4430 within 15 s, its memory stays flat, and the others' frames come as before."""
    fleet = new_fleet("memory", ROOMWRIGHT_SEND_BUFFER=str(BUFFER_BYTES)).start()
    player, slow = await stalled(fleet)
    before_kib, at = rss_kib(fleet.gateways[0]), time.monotonic()
    usual_gap_s = player.gap_s_max()
    closed = f'roomwright_closes_total{{code="4430"}} {SLOW}.0'.encode()

    async def said() -> bool:
        for one in slow:
            await one.send_raw('{"type":"ping","t":1}')  # it is no dead connection: it talks, and does not read
        await asyncio.sleep(PING_EVERY_S)
        return closed in await fleet.get("/metrics")

    await until("the metric of the closes", said, 60.0)
    took_s = time.monotonic() - at
    grown_kib = rss_kib(fleet.gateways[0]) - before_kib
    assert grown_kib < FLAT_KIB, f"{grown_kib} KiB in {took_s:.1f} s"
    assert OVERFLOW.encode() not in await fleet.get("/metrics")
    assert player.gap_s_max(at) < usual_gap_s + 0.5
    assert len([t for t in player.frames_at if t > at]) > took_s * 20 * 0.7
    for one in slow:
        one.read_on()
    for one in slow:
        await one.is_closed(4430)
        assert one.goodbye is not None
        assert one.goodbye.name == "too_slow"


async def test_without_pacing_only_the_bound_of_a_socket_ends_the_same_readers(new_fleet: MakeFleet):
    """The test above can fail: with pacing off nobody stops the frames, and they pile up to the last bound."""
    fleet = new_fleet("memory", ROOMWRIGHT_SEND_BUFFER=str(BUFFER_BYTES), ROOMWRIGHT_PACING="off").start()
    _, slow = await stalled(fleet)

    async def piled_up() -> bool:
        return f"{OVERFLOW} {SLOW}.0".encode() in await fleet.get("/metrics")

    await until("the metric of the overflows", piled_up, 60.0)
    for one in slow:
        one.read_on()
    for one in slow:
        await one.is_closed(4430)


async def test_nothing_is_held_back_from_newcomers(new_fleet: MakeFleet):
    """The answer to their handshake stood in the transport's buffer for a moment: no reason to withhold the first frame."""
    fleet = new_fleet("memory").start()
    code = fleet.code()
    for _ in range(3):
        player = await (await fleet.player(f"/ws/lab/{code}")).joined()
        await player.frames(3)

    async def counted() -> bytes:
        page = await fleet.get("/metrics")
        return page if b"roomwright_frames_sent_total 0.0" not in page else b""

    page = await until("the metric of the frames", counted)
    assert b"roomwright_frames_skipped_total 0.0" in page, [
        line for line in page.splitlines() if line.startswith(b"roomwright_frames")
    ]


async def test_a_reader_at_half_speed(new_fleet: MakeFleet, tcp_proxy: Callable[..., TcpProxy]):
    """It sees fewer frames, and each is fresh: what it shows is never a second behind what the others have."""
    fleet = new_fleet("memory", ROOMWRIGHT_SEND_BUFFER=str(BUFFER_BYTES)).start()
    proxy = tcp_proxy(int(fleet.gateways[0].url.rpartition(":")[2]), BUFFER_BYTES)
    code = fleet.code()
    player = await (await fleet.player(f"/ws/heavy/{code}")).joined()
    slow = await fleet.player(f"/ws/heavy/{code}/watch")
    slow.url = slow.url.replace(fleet.url(""), f"ws://127.0.0.1:{proxy.port}")
    slow.receive_buffer_bytes = BUFFER_BYTES
    await slow.joined()
    bytes_per_frame = len(player.raw[-1])
    proxy.throttle(bytes_per_frame * 20 / 2)
    await slow.frames(20)  # it settles

    behind: list[int] = []
    for _ in range(30):
        await slow.frames(1)
        behind.append(player.client.tick - slow.client.tick)
    assert max(behind) <= 20, f"ticks of 1/20 s behind: {behind}"
    assert slow.close_code is None
    await player.poke(Poke(5))
    await slow.until("the poke", lambda: slow.view.all("pieces")[0].last == 5)
    await asyncio.gather(player.frames(3), slow.frames(1))
