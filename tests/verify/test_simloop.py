"""The simulated loop's self-test: what it leans on in asyncio holds, and what it forbids is refused."""

import asyncio
import socket
import time

import pytest

from server.clock import monotonic, sleep_until, wall_now
from server.verify.simloop import Process, RealWorldTouched, SimDeadlock, SimLivelock, SimLoop


@pytest.fixture
def loop():
    """A loop of its own."""
    made = SimLoop()
    yield made
    if not made.is_closed():
        made.finish()


def test_an_hour_passes_at_once(loop):
    async def wait() -> float:
        before = monotonic()
        await sleep_until(before + 3600.0)
        return monotonic() - before

    started = time.perf_counter()
    assert loop.run(wait()) == 3600.0
    assert time.perf_counter() - started < 60.0


def test_timers_of_one_instant_run_in_the_order_they_were_set(loop):
    order: list[int] = []

    async def note(n: int) -> None:
        await sleep_until(1001.0)
        order.append(n)

    async def all_of_them() -> None:
        await asyncio.gather(*(note(n) for n in range(20)))

    loop.run(all_of_them())
    assert order == list(range(20))


def test_the_wall_clock_steps_and_the_monotonic_one_does_not(loop):
    async def look() -> tuple[float, float]:
        wall, mono = wall_now(), monotonic()
        loop.wall_offset_s -= 3600.0
        return (wall_now() - wall).total_seconds(), monotonic() - mono

    assert loop.run(look()) == (-3600.0, 0.0)


def test_waiting_for_nothing_is_a_deadlock(loop):
    with pytest.raises(SimDeadlock, match="every task waits"):
        loop.run(asyncio.Event().wait())


def test_time_that_stands_still_is_a_livelock(loop):
    async def spin() -> None:
        while True:
            await asyncio.sleep(0)

    with pytest.raises(SimLivelock, match="time stands still"):
        loop.run(spin())


def test_sockets_are_refused_and_executors_run_inline(loop):
    async def touch() -> str:
        with pytest.raises(RealWorldTouched):
            await asyncio.open_connection("127.0.0.1", 1)
        return await asyncio.get_running_loop().run_in_executor(None, socket.getfqdn, "localhost") and "inline"

    assert loop.run(touch()) == "inline"


def test_exceptions_that_nobody_awaits_are_collected(loop):
    async def fail() -> None:
        raise RuntimeError("unseen")

    async def start() -> None:
        task = asyncio.get_running_loop().create_task(fail())
        await asyncio.sleep(0)
        del task
        await asyncio.sleep(0)

    loop.run(start())
    assert "unseen" in loop.errors[0]


def test_a_callback_that_raises_is_collected_and_the_loop_goes_on(loop):
    seen: list[str] = []

    def fail() -> None:
        raise RuntimeError("in a callback")

    async def start() -> None:
        running = asyncio.get_running_loop()
        running.call_soon(fail)
        running.call_at(running.time() + 1.0, fail)
        await sleep_until(monotonic() + 2.0)
        seen.append("went on")

    loop.run(start())
    assert seen == ["went on"]
    assert ["in a callback" in error for error in loop.errors] == [True, True]


def test_a_killed_process_does_nothing_and_a_held_one_does_it_later(loop):
    seen: list[tuple[str, float]] = []

    async def count(name: str) -> None:
        for _ in range(3):
            await sleep_until(monotonic() + 1.0)
            seen.append((name, monotonic()))

    async def main() -> None:
        killed, held = Process("killed"), Process("held")
        tasks = [killed.start(count("killed"), loop), held.start(count("held"), loop)]
        await sleep_until(1001.5)
        killed.kill(loop)
        held.held_until = 1005.0
        await tasks[1]

    loop.run(main())
    assert seen == [("killed", 1001.0), ("held", 1001.0), ("held", 1005.0), ("held", 1006.0)]
