"""The checks of one room type's rules in a child process, within a time, and told one after the other.

The child may hang in the author's code, be killed by it, or be too slow: the parent ends it, says which check it was at and in which
line, and the checks that it did not come to are *not tried*.
"""

import math
import os
import sys
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from attrs import frozen

from server.clock import monotonic
from server.routing.plan import RoomPlan
from server.verify.child import Child, line_of
from server.verify.effort import Effort
from server.verify.findings import Finding
from server.verify.rules import TABLE, Check, Checked, ruleset_of, run_check

POLL_S = 0.5
RULES_SHARE = 0.5  # of a room's time, at most; the rest is the promises'


@frozen
class RulesOrder:
    """Which room's rules to check."""

    routing: str
    room: str
    seed: int


@frozen
class Began:
    """The child is at this check."""

    check: str


def run_rules(
    order: RulesOrder, room: RoomPlan, deadline: float, on_checked: Callable[[Checked], None]
) -> list[Checked]:
    """Every check of `TABLE`, in a child process that is ended at ``deadline`` (of `server.clock.monotonic`)."""
    child = Child.of(_work, order, has_group=True)
    done: list[Checked] = []
    at: str | None = None
    started = monotonic()
    try:
        while len(done) < len(TABLE) and monotonic() < deadline:
            if not child.pipe.poll(min(POLL_S, max(0.0, deadline - monotonic()))):
                continue
            news = child.pipe.recv()
            if isinstance(news, Began):
                at, started = news.check, monotonic()
            else:
                done.append(news)
                on_checked(news)
                at = None
    except EOFError:
        pass  # it is gone: `has_hung` and its stacks tell why
    stacks = child.end()
    for checked in _of_the_rest(child, done, at, stacks, room, monotonic() - started):
        done.append(checked)
        on_checked(checked)
    return done


def _of_the_rest(
    child: Child, done: list[Checked], at: str | None, stacks: str, room: RoomPlan, took_s: float
) -> Iterator[Checked]:
    """The check that the child was ended at, and those behind it."""
    where = line_of(stacks, lambda file: is_authors_file(file, room))
    for check in TABLE[len(done) :]:
        if check.id == at and child.has_hung:
            text = "a call of the rules did not return and could not be interrupted; its process was ended"
            yield Checked(check, (Finding(check.id, text, where),), took_s)
        elif check.id == at and child.has_died:
            text = f"the process that ran the rules ended with status {child.exit_status}"
            yield Checked(check, (Finding(check.id, text, where),), took_s)
        else:
            why = f"the time was up{f', at {where}' if where and check.id == at else ''}"
            yield _untried(check, why)
        where = ""


def _untried(check: Check, why: str) -> Checked:
    return Checked(check, (), 0.0, effort=Effort(needs=["anything"], untried={"any of it": why}))


def is_authors_file(file: str, room: RoomPlan) -> bool:
    """Whether a file belongs to the package of the game."""
    module = sys.modules[room.game_class.__module__]
    path = Path(str(module.__file__)).resolve()
    is_package = bool(module.__package__)
    return Path(file).resolve().is_relative_to(path.parent) if is_package else Path(file).resolve() == path


def _work(order: RulesOrder, pipe: Connection) -> None:
    """The child's life."""
    import django

    django.setup()
    from server.routing.commands import planned

    _tell(pipe, Began(TABLE[0].id))  # making the ruleset plays matches, too
    ruleset = ruleset_of(planned(Path(order.routing)).rooms[order.room], order.seed)
    for check in TABLE:
        _tell(pipe, Began(check.id))
        _tell(pipe, run_check(check, ruleset))


def _tell(pipe: Connection, news: Any) -> None:
    try:
        pipe.send(news)
    except OSError:  # the parent is gone
        os._exit(1)


def share_until(started: float, deadline: float) -> float:
    """Until when the rules' checks may go on, where a room's time goes from one to the other."""
    return deadline if math.isinf(deadline) else started + RULES_SHARE * (deadline - started)
