"""Finds where rules ask the outside world: global chance, clocks, files. Watches one match with a profile function.

Whatever way a name was imported, the call itself is seen, and the line of the author's code that made it.
"""

import datetime as dt
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from game.contract import Game
from server.verify.drill import is_authors

DATES = (dt.datetime, dt.date)
NOW = {"now", "utcnow", "today"}
MODULES = {
    "time": {
        "time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time",
        "process_time_ns", "thread_time", "thread_time_ns", "localtime", "gmtime", "ctime", "sleep",
    },
    "posix": {"urandom", "getpid", "getrandom", "listdir", "scandir", "stat", "open"},
    "nt": {"urandom", "getpid", "listdir", "scandir", "stat", "open"},
    "_io": {"open"},
    "io": {"open"},
}  # fmt: skip


@contextmanager
def watched(kind: type[Game]) -> Iterator[dict[str, str]]:
    """While it is open, every call of the game's rules to the outside is noted: file:line → what was called."""
    found: dict[str, str] = {}

    def look(frame: FrameType, event: str, argument: Any) -> None:
        called = _called(frame, event, argument)
        if called and (place := _place(frame, kind)):
            found.setdefault(place, called)

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        yield found
    finally:
        sys.setprofile(before)


def _called(frame: FrameType, event: str, argument: Any) -> str:
    if event == "call":
        is_global = frame.f_code.co_filename == random.__file__ and _is_global_chance(frame.f_locals.get("self"))
        return f"random.{frame.f_code.co_name}" if is_global else ""
    if event != "c_call":
        return ""
    name, owner = argument.__name__, getattr(argument, "__self__", None)
    if name in NOW and isinstance(owner, type) and issubclass(owner, DATES):
        return f"{owner.__name__}.{name}"
    if _is_global_chance(owner):
        return f"random.{name}"
    module = str(getattr(argument, "__module__", None) or getattr(owner, "__name__", ""))
    if name in MODULES.get(module, ()):
        return f"{ {'posix': 'os', 'nt': 'os', '_io': 'io'}.get(module, module) }.{name}"
    return ""


def _is_global_chance(owner: object) -> bool:
    return owner is random._inst or isinstance(owner, random.SystemRandom)


def _place(frame: FrameType | None, kind: type[Game]) -> str:
    """The line of the author's code that led here; none for what the engine itself calls."""
    while frame is not None:
        if is_authors(frame, kind):
            return f"{frame.f_code.co_filename}:{frame.f_lineno}"
        if frame.f_globals.get("__name__") == "server.verify.drill":
            return ""
        frame = frame.f_back
    return ""
