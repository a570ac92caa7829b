"""Experiments on members that a raw layer forgets, and on readers that it lets hang or die: O12, O15, and other processes."""

import asyncio
from typing import Any

from channels_redis.core import RedisChannelLayer
from redis import RedisError, _defaults

from tests.support.waiting import until
from tests.verify.layers.bench import (
    END,
    Bench,
    Shown,
    blocked_clients,
    group_send_until_accepted,
    member_of,
    message,
    missed,
    read_on_until_end,
    read_until_end,
    stepped_clock,
)

GROUP = "room"
SHORT_S = 0.5


async def unread_message_expires(bench: Bench) -> Shown:
    """A member does not read for 61 s, and then does; is it still a member?"""
    reader, sender = bench.layer(), bench.layer()
    with stepped_clock() as clock:
        channel = await member_of(reader, GROUP)
        await sender.group_send(GROUP, message("unread"))
        clock.now += 61.0
        await sender.group_send(GROUP, message("at 61 s"))
        clock.now += 1.0
        await sender.group_send(GROUP, message("later"))
        clock.now += 1.0
        await sender.send(channel, message(END))
        got = await read_until_end(reader, channel)
    return Shown("later" in got, f"sent ['unread', 'at 61 s', 'later'], got {got}")


async def a_day_passes(bench: Bench) -> Shown:
    """A member is connected for a day and a second."""
    reader, sender = bench.layer(), bench.layer()
    with stepped_clock() as clock:
        channel = await member_of(reader, GROUP)
        clock.now += 86_402.0
        await sender.group_send(GROUP, message("next day"))
        clock.now += 1.0
        return await missed(reader, channel, ["next day"])


async def half_open_link_is_noticed(bench: Bench) -> Shown:
    """The reader's link to Redis goes half-open. Does `receive` ever raise, or hear anything again?"""
    reader, sender = bench.layer(is_proxied=True, socket_timeout_s=SHORT_S), bench.layer()
    if bench.kind == "core":
        reader.brpop_timeout = SHORT_S / 2
    channel = await member_of(reader, GROUP)
    if bench.kind == "core":
        await asyncio.gather(*reader.receive_cleaners)
    receiving = asyncio.create_task(reader.receive(channel))
    if bench.kind == "core":
        await until("the reader to wait in Redis", lambda: blocked_clients(bench.redis) == 1)
    bench.proxy.half_open()
    for n in range(5):
        await sender.group_send(GROUP, message(n))
    await asyncio.wait({receiving}, timeout=SHORT_S * 6)
    is_noticed = receiving.done()
    outcome = repr(receiving.exception() or receiving.result()) if is_noticed else "nothing raised, nothing heard"
    receiving.cancel()
    await asyncio.gather(receiving, return_exceptions=True)
    return Shown(is_noticed, f"6 socket timeouts after the link died: {outcome[:90]}")


async def restart_is_survived(bench: Bench) -> Shown:
    """Redis is killed and started again; then a message is sent, and again, until the sender hears no error."""
    reader, sender = bench.layer(), bench.layer()
    channel = await member_of(reader, GROUP)
    bench.redis.restart()
    if bench.kind == "pubsub":
        await until("the reader to subscribe again", lambda: bench.redis.cli("PUBSUB", "NUMSUB", channel)[1] == 1)  # type: ignore[index]  # a list
        await until("the group's subscription", lambda: bench.redis.cli("PUBSUB", "CHANNELS", f"*__group__{GROUP}"))
    await group_send_until_accepted(sender, GROUP, "after the restart")
    await until("the layer to accept the end", lambda: _is_sent(reader, channel))
    got = await read_on_until_end(reader, channel)
    return Shown("after the restart" in got, f"sent 'after the restart' without an error, got {got}")


async def _is_sent(layer: Any, channel: str) -> bool:
    try:
        await layer.send(channel, message(END))
    except RedisError:
        return False
    return True


async def idle_reader_lives(bench: Bench) -> Shown:
    """Nobody writes for as long as the layer's blocking pop waits, with redis-py's own timeout (both are 5 s; here 1 s)."""
    is_equal = RedisChannelLayer.brpop_timeout == _defaults.DEFAULT_SOCKET_TIMEOUT
    reader = bench.layer(socket_timeout_s=1.0 if is_equal else 2.0)
    if bench.kind == "core":
        reader.brpop_timeout = 1
    channel = await member_of(reader, GROUP)
    receiving = asyncio.create_task(reader.receive(channel))
    await asyncio.wait({receiving}, timeout=1.6)
    is_alive = not receiving.done()
    outcome = "still waits" if is_alive else repr(receiving.exception())
    receiving.cancel()
    await asyncio.gather(receiving, return_exceptions=True)
    return Shown(is_alive, f"idle for as long as the pop waits: {outcome[:90]}")


async def another_process_hears(bench: Bench) -> Shown:
    """Another process sends to the group."""
    reader, other = bench.layer(), bench.other_process()
    channel = await member_of(reader, GROUP)
    await other.group_send(GROUP, message("from another process"))
    return await missed(reader, channel, ["from another process"])
