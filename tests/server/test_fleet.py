"""The fleet's supervisor: pauses by numbers, and real processes that die, cannot stay up, or will not end."""

import asyncio
import io
import os
import re
import signal
import sys
from functools import partial

import pytest

from server import fleet
from server.fleet import BACK_MAX_S, STEADY_S, Backoff, Program, Supervisor, programs_of
from tests.support.waiting import until


def test_pauses_grow_to_a_bound_and_a_steady_life_ends_them():
    backoff = Backoff()
    assert backoff.after(STEADY_S) == 0.0
    pauses = [backoff.after(1.0) for _ in range(60)]
    assert pauses[:7] == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, BACK_MAX_S]
    assert set(pauses[7:]) == {BACK_MAX_S}
    assert (backoff.crashes, backoff.after(STEADY_S), backoff.crashes) == (60, 0.0, 0)
    assert backoff.after(0.0) == 0.5


def test_ports_count_up_and_the_kernel_s_choice_stays_its_choice():
    def ports(first: int) -> list[str]:
        return [p.env["ROOMWRIGHT_PORT"] for p in programs_of(3, 1, 1, first, {}) if p.name.startswith("gateway")]

    assert ports(8000) == ["8000", "8001", "8002"]
    assert ports(0) == ["0", "0", "0"]


def _is_in(expression: re.Pattern[str], out: io.StringIO) -> bool:
    return expression.search(out.getvalue()) is not None


def python(name: str, code: str) -> Program:
    return Program(name, (sys.executable, "-uc", code), dict(os.environ))


async def test_a_process_that_dies_comes_back_and_the_others_stay():
    out = io.StringIO()
    sleeper = "import os, time; print('here', os.getpid()); time.sleep(600)"
    supervisor = Supervisor([python("one", sleeper), python("other", sleeper)], out)
    running = asyncio.create_task(supervisor.run())
    await until("both to be here", lambda: out.getvalue().count("here") == 2)
    other, first = supervisor._live["other"].pid, supervisor._live["one"].pid
    os.kill(first, signal.SIGKILL)
    await until("the one to be back", lambda: out.getvalue().count("here") == 3)
    assert "one was ended by SIGKILL; again in 0.5 s" in out.getvalue()
    assert supervisor._live["other"].pid == other != supervisor._live["one"].pid
    supervisor.stop()
    assert await running == 0
    for pid in (other, first):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_one_that_cannot_stay_up_is_tried_less_often_and_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(fleet, "BACK_FIRST_S", 0.001)
    monkeypatch.setattr(fleet, "BACK_MAX_S", 0.002)
    out = io.StringIO()
    broken = [python("broken", "raise SystemExit('the reason')"), Program("missing", ("/no/such/program",), {})]
    supervisor = Supervisor(broken, out)
    running = asyncio.create_task(supervisor.run())
    for name in ("broken ended with status 1", "missing could not be started"):
        named = re.compile(f"{name}.*it cannot stay up, 5 times in a row now")
        await until(named.pattern, partial(_is_in, named, out))
    assert out.getvalue().count("the reason") >= 5
    supervisor.stop()
    assert await running == 0


async def test_one_that_will_not_end_is_made_to(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(fleet, "STOP_S", 0.2)
    out = io.StringIO()
    deaf = "import signal, time; signal.signal(signal.SIGTERM, lambda *_: print('no')); print('here')\nwhile 1: time.sleep(600)"
    supervisor = Supervisor([python("deaf", deaf)], out)
    running = asyncio.create_task(supervisor.run())
    await until("it to be here", lambda: "here" in out.getvalue())
    supervisor.stop()
    assert await running == 1
    assert "deaf did not end within 0.2 s and must" in out.getvalue()
