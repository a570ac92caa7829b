"""A process's own time: whatever happens to the process, nobody finds more than LATE_S of what it slept through."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server import clock
from server.clock import HEARTBEAT_EVERY_S, LATE_S, OwnTime, keep_time, monotonic, run_at, sleep_until, stopwatch
from server.verify.simloop import Process, SimLoop

SECONDS = st.floats(0.0, 100.0)
STEPS = st.lists(st.tuples(SECONDS, st.booleans()), max_size=40)
LIMIT_S = HEARTBEAT_EVERY_S + LATE_S


@given(STEPS)
def test_own_time_never_goes_back_and_never_jumps(steps: list[tuple[float, bool]]):
    own, now, slept = OwnTime(), 1000.0, 0.0
    own.beat(now)
    before = own.at(now)
    beat_at = before
    for passed, is_beat in steps:
        now += passed
        at = own.at(now)
        assert before <= at <= beat_at + LIMIT_S + 1e-6
        if is_beat:
            slept += own.beat(now)
            assert own.at(now) == pytest.approx(at)
            beat_at = own.at(now)
        before = own.at(now)
    assert own.at(now) <= now - slept + 1e-6


@given(st.lists(st.floats(0.0, LATE_S), max_size=30))
def test_a_process_that_runs_has_everybody_s_time(late: list[float]):
    own, now = OwnTime(), 1000.0
    for late_s in late:
        assert own.beat(now) == 0.0
        now += HEARTBEAT_EVERY_S + late_s
        assert own.at(now) == now


def test_without_heartbeats_and_after_their_end_it_is_everybody_s_time():
    own = OwnTime()
    assert own.at(5.0) == 5.0
    own.beat(5.0)
    assert own.at(50.0) == 5.0 + LIMIT_S
    own.end(50.0)
    assert own.at(51.0) == pytest.approx(5.0 + LIMIT_S + 1.0)


@pytest.fixture
def stopped():
    """Seconds by which the machine's clock is ahead: what a test adds passes while nothing runs."""
    away = [0.0]
    own = OwnTime()
    real = clock.Source()
    with clock.replaced(clock.Source(lambda: real.monotonic() + away[0], real.wall_now, lambda: own)):
        yield away


async def test_the_heartbeat_tells_how_long_the_process_slept(stopped: list[float]):
    told: list[float] = []
    heartbeat = asyncio.create_task(keep_time(told.append))
    await asyncio.sleep(0)
    before, raw = monotonic(), stopwatch()
    stopped[0] += 30.0
    assert monotonic() - before <= LIMIT_S  # before the heartbeat has come: who judges first finds no more either
    while not told:
        await asyncio.sleep(0.01)
    assert 29.0 < sum(told) <= 30.0
    assert monotonic() - before < stopwatch() - raw - 29.0
    heartbeat.cancel()
    await asyncio.gather(heartbeat, return_exceptions=True)


def test_waits_are_as_long_as_the_process_runs():
    loop, process = SimLoop(), Process("sleeper")
    woken: list[tuple[str, float]] = []

    async def live() -> None:
        heartbeat = asyncio.create_task(keep_time(lambda _: None))
        started = monotonic()
        run_at(started + 5.0, lambda: woken.append(("timer", monotonic() - started)))
        await sleep_until(started + 5.0)
        woken.append(("sleep", monotonic() - started))
        run_at(monotonic() + 1.0, lambda: woken.append(("later", monotonic() - started)))
        await sleep_until(monotonic() + 2.0)
        heartbeat.cancel()

    async def main() -> None:
        task = process.start(live(), loop)
        await sleep_until(monotonic() + 1.0)
        process.held_until = loop.now + 30.0
        await task

    loop.run(main())
    waits = dict(woken)
    assert loop.now >= 1000.0 + 30.0 + 2.0
    assert waits["sleep"] == pytest.approx(5.0)
    assert waits["later"] == pytest.approx(6.0)
    assert waits["timer"] <= 5.0  # set before the sleep: it may come early, never late
    loop.finish()
