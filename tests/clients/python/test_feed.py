"""Feeds are bounded, count what a slow reader missed, and end."""

import asyncio

from clients.python.feed import Feed, Pulse


async def test_a_reader_gets_everything_in_order_and_then_the_end():
    feed: Feed[int] = Feed(Pulse(), 10)
    for i in range(5):
        feed.publish(i)
    assert [i async for i in feed.read(lambda: True)] == [0, 1, 2, 3, 4]
    assert feed.skipped == 0


async def test_a_slow_reader_skips_what_is_gone_and_it_is_counted():
    feed: Feed[int] = Feed(Pulse(), 3)
    reader = feed.read(lambda: True)
    feed.publish(0)
    assert await anext(reader) == 0
    for i in range(1, 11):
        feed.publish(i)
    assert [i async for i in reader] == [8, 9, 10]
    assert feed.skipped == 7


async def test_with_a_limit_of_one_the_latest_wins():
    feed: Feed[str] = Feed(Pulse(), 1)
    for word in ("old", "new"):
        feed.publish(word)
    assert [word async for word in feed.read(lambda: True)] == ["new"]


async def test_waiting_readers_wake_up_each_time():
    pulse = Pulse()
    feed: Feed[int] = Feed(pulse, 10)
    got: list[int] = []
    is_over = False

    async def read() -> None:
        got.extend([item async for item in feed.read(lambda: is_over)])

    readers = [asyncio.create_task(read()) for _ in range(3)]
    for i in range(3):
        await asyncio.sleep(0)
        feed.publish(i)
        pulse.give()
    await asyncio.sleep(0)
    is_over = True
    pulse.give()
    await asyncio.gather(*readers)
    assert sorted(got) == [0, 0, 0, 1, 1, 1, 2, 2, 2]
