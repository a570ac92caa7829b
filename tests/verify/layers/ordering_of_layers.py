"""Experiments on the order and number of a raw layer's messages: O1, O2, O3, O8, O22."""

from tests.verify.layers.bench import (
    END,
    Bench,
    Shown,
    brief,
    group_send_until_accepted,
    member_of,
    message,
    missed,
    read_on_until_end,
    read_until_end,
    stepped_clock,
)

GROUP = "room"


async def one_sender(bench: Bench) -> Shown:
    """One sender, 60 messages in turn."""
    reader, sender = bench.layer(), bench.layer()
    channel = await member_of(reader, GROUP)
    sent = list(range(60))
    for n in sent:
        await sender.group_send(GROUP, message(n))
    return await missed(reader, channel, sent)


async def clock_steps_back(bench: Bench) -> Shown:
    """One sender, whose wall clock is stepped back by 10 ms before each message."""
    reader, sender = bench.layer(), bench.layer()
    with stepped_clock() as clock:
        channel = await member_of(reader, GROUP)
        sent = [0, 1, 2, 3]
        for n in sent:
            await sender.group_send(GROUP, message(n))
            clock.now -= 0.01
        clock.now += 1.0
        return await missed(reader, channel, sent)


async def two_senders(bench: Bench) -> Shown:
    """Two senders with 20 ms between their clocks: B is sent when A was seen, by a process whose clock is behind."""
    quick, slow, first, second = (bench.layer() for _ in range(4))
    with stepped_clock() as clock:
        sees_at_once, reads_later = await member_of(quick, GROUP), await member_of(slow, GROUP)
        await first.group_send(GROUP, message("A"))
        seen = [(await quick.receive(sees_at_once))["n"]]
        clock.now -= 0.02
        await second.group_send(GROUP, message("B, which answers A"))
        clock.now += 1.0
        await second.group_send(GROUP, message("end"))
        seen += await read_until_end(quick, sees_at_once)
        later = await read_until_end(slow, reads_later)
    return Shown(seen == later, f"one viewer saw {seen}, another {later}")


async def at_most_once(bench: Bench) -> Shown:
    """Redis ends its clients' connections (CLIENT KILL) right after the first of three messages was received."""
    reader, sender = bench.layer(), bench.layer()
    channel = await member_of(reader, GROUP)
    sent = [0, 1, 2]
    for n in sent:
        await sender.group_send(GROUP, message(n))
    got = [(await reader.receive(channel))["n"]]
    bench.redis.cli("CLIENT", "KILL", "TYPE", "normal")
    await group_send_until_accepted(sender, GROUP, END)
    got += await read_on_until_end(reader, channel)
    return Shown(got == sent, f"sent {brief(sent)}, got {brief(got)}")


async def queued_at_a_clock_step(bench: Bench) -> Shown:
    """The wall clock is set forward by 61 s between two messages."""
    reader, sender = bench.layer(), bench.layer()
    with stepped_clock() as clock:
        channel = await member_of(reader, GROUP)
        await sender.group_send(GROUP, message("before"))
        clock.now += 61.0
        await sender.group_send(GROUP, message("after"))
        clock.now += 1.0
        return await missed(reader, channel, ["before", "after"])
