"""Experiments on what a raw layer loses and on what it keeps too long: O5, O10, O11, O16, O23."""

import asyncio
import contextlib

from tests.support.waiting import until
from tests.verify.layers.bench import (
    END,
    Bench,
    Shown,
    blocked_clients,
    brief,
    group_send_until_accepted,
    member_of,
    message,
    missed,
    read_on_until_end,
    read_until_end,
)

GROUP = "room"
BURST = 300
CAPACITY = 100
ACKNOWLEDGED_S = 0.3


async def _read_back_a_burst(bench: Bench) -> list[object]:
    reader, sender = bench.layer(), bench.layer()
    channel = await member_of(reader, GROUP)
    for n in range(BURST):
        await sender.group_send(GROUP, message(n))
    first = (await reader.receive(channel))["n"]
    await sender.group_send(GROUP, message(END))
    return [first, *await read_until_end(reader, channel)]


async def stalled_reader_loses(bench: Bench) -> Shown:
    """A reader stalls for 300 messages, about two seconds of a busy room."""
    got = await _read_back_a_burst(bench)
    return Shown(len(got) == BURST, f"sent {BURST}, got {len(got)}, nothing raised")


async def stalled_reader_is_bounded(bench: Bench) -> Shown:
    """The same stall: is anything ever refused?"""
    got = await _read_back_a_burst(bench)
    return Shown(len(got) <= CAPACITY, f"{len(got)} of {BURST} unread messages were kept")


async def neighbours_share(bench: Bench) -> Shown:
    """Fifty rooms of one process get four messages each while it stalls."""
    reader, sender = bench.layer(), bench.layer()
    rooms = [f"room{n}" for n in range(50)]
    channels = [await member_of(reader, room) for room in rooms]
    for n in range(4):
        for room in rooms:
            await sender.group_send(room, message(n))
    first = [(await reader.receive(channels[0]))["n"]]
    got = 0
    for room, channel in zip(rooms, channels, strict=True):
        await sender.group_send(room, message(END))
        got += len(await read_until_end(reader, channel))
    return Shown(got + len(first) == 200, f"sent 200 messages to 50 rooms, got {got + len(first)}, nothing raised")


async def neighbour_leaves(bench: Bench) -> Shown:
    """One connection's receive is cancelled while a message to its neighbour is on its way from the back end."""
    reader, sender = bench.layer(is_proxied=True), bench.layer()
    leaver, stayer = await member_of(reader, "a"), await member_of(reader, GROUP)
    leaving = asyncio.create_task(reader.receive(leaver))
    if bench.kind == "core":
        await until("the reader to wait in Redis", lambda: blocked_clients(bench.redis) == 1)
    else:
        await asyncio.sleep(0)
    staying = asyncio.create_task(read_until_end(reader, stayer))
    bench.proxy.blackhole()
    await sender.group_send(GROUP, message("to the neighbour"))
    leaving.cancel()
    bench.proxy.heal()
    with contextlib.suppress(asyncio.CancelledError):
        await leaving
    await sender.group_send(GROUP, message(END))
    got = await staying
    return Shown(got == ["to the neighbour"], f"sent ['to the neighbour'], got {got}, nothing raised")


async def gap_is_told(bench: Bench) -> Shown:
    """Redis ends all connections (CLIENT KILL); five messages are sent and accepted before the reader's link is back."""
    reader, sender = bench.layer(is_proxied=True), bench.layer()
    channel = await member_of(reader, GROUP)
    if bench.kind == "core":  # a message that is being put away would come twice: another experiment's matter
        await asyncio.gather(*reader.receive_cleaners)
    bench.proxy.blackhole()
    bench.redis.cli("CLIENT", "KILL", "TYPE", "pubsub" if bench.kind == "pubsub" else "normal")
    sent = [1, 2, 3, 4, 5]
    for n in sent:
        await group_send_until_accepted(sender, GROUP, n)
    bench.proxy.heal()
    if bench.kind == "pubsub":
        await until("the reader to subscribe again", lambda: _subscribers(bench, channel) == 1)
        await until("its group, too", lambda: _group_subscribers(bench) == 1)
    await group_send_until_accepted(sender, GROUP, END)
    got = await read_on_until_end(reader, channel)
    return Shown(got == sent, f"sent {brief(sent)}, got {brief(got)}, nothing raised")


def _subscribers(bench: Bench, channel: str) -> int:
    found = bench.redis.cli("PUBSUB", "NUMSUB", channel)
    assert isinstance(found, list), found
    return int(found[1])


async def join_is_a_barrier(bench: Bench) -> Shown:
    """`group_add` while the link to Redis stands still, then a message by another process."""
    reader, sender = bench.layer(is_proxied=True), bench.layer()
    channel = await member_of(reader, "elsewhere")
    bench.proxy.blackhole()
    adding = asyncio.create_task(reader.group_add(GROUP, channel))
    await asyncio.wait({adding}, timeout=ACKNOWLEDGED_S)
    is_early = adding.done()
    if not is_early:
        bench.proxy.heal()
        await adding
    await sender.group_send(GROUP, message("after the join"))
    bench.proxy.heal()
    if bench.kind == "pubsub":
        await until("the subscription to arrive", lambda: _group_subscribers(bench) == 1)
    return await missed(reader, channel, ["after the join"])


def _group_subscribers(bench: Bench) -> int:
    names = bench.redis.cli("PUBSUB", "CHANNELS", f"*__group__{GROUP}")
    assert isinstance(names, list), names
    return len(names)


async def nothing_after_leave(bench: Bench) -> Shown:
    """A message is in the member's queue when it leaves the group."""
    reader, sender = bench.layer(), bench.layer()
    leaver, witness = await member_of(reader, GROUP), await member_of(reader, GROUP)
    await sender.group_send(GROUP, message("before the leave"))
    assert (await reader.receive(witness))["n"] == "before the leave"
    await reader.group_discard(GROUP, leaver)
    return await missed(reader, leaver, [])
