"""Broken builds of the product, one line each, and the promise whose predicate must notice. Tests only.

A mutant patches a real function while it is in use; ``hits`` counts how often the mutated line ran.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from attrs import define, evolve, frozen
from msgspec.structs import replace

from game import tracker
from game.codec import Delta, TableDelta, encode_delta
from game.replay import Recorder
from game.wire import client as c
from game.wire import messages as m
from game.wire.frames import FrameKind
from game.wire.session import Session
from server.clock import wall_now
from server.relay import envelope as e
from server.relay import port
from server.relay.feed import Feed
from server.relay.hub import Hub
from server.rooms import holder as holder_module
from server.rooms import inputs as inputs_module
from server.rooms.admission import Admission
from server.rooms.chat import ChatLog
from server.rooms.delay import DelayLine
from server.rooms.framing import Framer
from server.rooms.holder import Holder
from server.rooms.inputs import InputQueue
from server.rooms.match import Match
from server.rooms.seats import SeatTable
from server.rooms.stream import Stream
from server.verify.simloop import STARTS_AT_S, WALL_STARTS
from server.verify.simsockets import SimSocket
from server.verify.world import World
from tests.verify.mutants import schedule


@define
class Hits:
    """How often the mutated line ran."""

    n: int = 0

    def __call__(self) -> None:
        self.n += 1


Break = Callable[[ExitStack, Hits], None]


@frozen
class Mutant:
    """``how`` breaks the product; ``promise`` is the one that must be reported."""

    promise: str
    name: str
    how: Break
    run: Callable[[World], None] = schedule.busy

    @contextmanager
    def applied(self) -> Iterator[Hits]:
        """The product is broken within it."""
        hits = Hits()
        with ExitStack() as stack:
            self.how(stack, hits)
            yield hits


def _wrap(owner: Any, name: str, make: Callable[[Any, Hits], Any]) -> Break:
    """Replaces a function by one made from the old one."""

    def how(stack: ExitStack, hits: Hits) -> None:
        stack.enter_context(patch.object(owner, name, make(getattr(owner, name), hits)))

    return how


def _held_back(stack: ExitStack, hits: Hits) -> None:
    """Inputs arrive in pairs, so that there is an order to break."""
    old_due = InputQueue.due

    def due(self: InputQueue, tick: int) -> Any:
        if tick % 12:
            return []
        out = old_due(self, tick)
        if len(out) > 1:
            hits()
        return out[::-1]

    stack.enter_context(patch.object(InputQueue, "due", due))


def _twice(old: Any, hits: Hits) -> Any:
    def take(self: Match, tick_no: int) -> Any:
        for pair in old(self, tick_no):
            hits()
            yield pair
            yield pair

    return take


def _one_gateway_differs(old: Any, hits: Hits) -> Any:
    def on_public(self: Feed, frame: e.PublicFrame) -> Any:
        if self.node == "gw1" and frame.patch is not None and frame.seq % 3 == 0:
            hits()
            frame = replace(frame, patch=encode_delta(Delta(is_key=False)))
        return old(self, frame)

    return on_public


def _tick_back(old: Any, hits: Hits) -> Any:
    def frame(self: Framer, cut: Any, stream: int, wanted: Any, answers: Any, tick_no: int, now: float) -> Any:
        is_back = cut.seq % 5 == 0
        if is_back:
            hits()
        return old(self, cut, stream, wanted, answers, tick_no - 9 * is_back, now)

    return frame


def _no_gap(stack: ExitStack, hits: Hits) -> None:
    """The client takes every patch as it comes; the network (part of the setting) swallows some frames."""
    old_frame, old_reach = c.Client._on_frame, SimSocket._reach_client
    seen = [0]

    def on_frame(self: c.Client, frame: Any, now: float) -> None:
        if frame.kind is FrameKind.PATCH and self.head.seq < frame.base and frame.epoch == self.head.epoch:
            hits()
            self._apply(frame, now)
            return
        old_frame(self, frame, now)

    def reach(self: SimSocket, item: Any) -> None:
        seen[0] += isinstance(item, bytes)
        if not (isinstance(item, bytes) and seen[0] % 5 == 0):
            old_reach(self, item)

    stack.enter_context(patch.object(c.Client, "_on_frame", on_frame))
    stack.enter_context(patch.object(SimSocket, "_reach_client", reach))


def _no_tombstones(old: Any, hits: Hits) -> Any:
    def table_patch(rows: Any, base: int) -> TableDelta | None:
        found: TableDelta | None = old(rows, base)
        if found is not None and found.gone:
            hits()
            return evolve(found, gone=()) if found.groups else None
        return found

    return table_patch


def _mid_tick(old: Any, hits: Hits) -> Any:
    def frame(self: Framer, cut: Any, stream: int, wanted: Any, answers: Any, tick_no: int, now: float) -> Any:
        hits()
        return old(self, cut, stream, wanted, answers, tick_no + 1, now)

    return frame


def _applied_in_the_past(old: Any, hits: Hits) -> Any:
    def causal(self: InputQueue, pending: Any, tick: int, reason: str) -> None:
        hits()
        old(self, pending, max(1, tick - 40), reason)

    return causal


def _late_answers(old: Any, hits: Hits) -> Any:
    def to_send(self: InputQueue, seq: int) -> Any:
        hits()
        return old(self, seq)[:-1]

    return to_send


def _late_roster(old: Any, hits: Hits) -> Any:
    def sources(self: Match) -> Any:
        hits()
        new = {hold.number for hold in self.seats.humans() if not hold.is_confirmed}
        return old(self) | {"_seats": {seat: row for seat, row in self.roster.items() if seat not in new}}

    return sources


def _talks_after_goodbye(stack: ExitStack, hits: Hits) -> None:
    """The session goes on after its goodbye; the hub (the setting) keeps those who left."""

    def finish(self: Session, close: Any, reason: str = "", retry_after_s: float | None = None) -> None:
        hits()
        self._out.append(m.encode(m.Goodbye(close.value.code, close.value.name, reason, retry_after_s)))

    stack.enter_context(patch.object(Session, "finish", finish))
    stack.enter_context(patch.object(Hub, "part", lambda self, member, *, is_lost: None))


def _seated_afresh(old: Any, hits: Hits) -> Any:
    def resume(self: Admission, gateway: str, item: e.Join, viewer: Any, tick_no: int, now: float) -> None:
        hits()
        self._seat(gateway, item, viewer, tick_no)

    return resume


def _everybodys_sections(old: Any, hits: Hits) -> Any:
    def sections_of(self: Admission, viewer: Any) -> Any:
        if viewer.role == "spectator":
            return old(self, viewer)
        hits()
        seats = [seat for other in self.viewers.values() for seat in other.seats]
        return old(self, evolve(viewer, seats=sorted({*viewer.seats, *seats})))

    return sections_of


def _half_the_delay(old: Any, hits: Hits) -> Any:
    def put(self: DelayLine, out: Any, now: float) -> None:
        hits()
        old(self, out, now - self.delay_s / 2)

    return put


def _never_deaf(stack: ExitStack, hits: Hits) -> None:
    old = port.Port._watch

    async def watch(self: port.Port) -> None:
        hits()
        await old(self)

    stack.enter_context(patch.object(port.Port, "_watch", watch))
    stack.enter_context(patch.object(port, "DEAF_AFTER_PROBES", 10**9))


def _unbounded(old: Any, hits: Hits) -> Any:
    def due(self: InputQueue, tick: int) -> Any:
        hits()
        with patch.object(inputs_module, "UNACKED_ANSWERS_MAX", 10**9):
            return old(self, tick)

    return due


def _reused_seq(old: Any, hits: Hits) -> Any:
    def cut(self: Stream, *args: Any, **kwargs: Any) -> Any:
        found = old(self, *args, **kwargs)
        if found is not None and found.seq % 10 == 9:
            hits()
            self.tracker.seq -= 2
        return found

    return cut


def _forgotten_input(old: Any, hits: Hits) -> Any:
    def tick(self: Recorder, tick: int, inputs: Any = (), **rest: Any) -> None:
        inputs = list(inputs)
        if inputs:
            hits()
        old(self, tick, inputs=inputs[1:], **rest)

    return tick


def _old_one_stays(old: Any, hits: Hits) -> Any:
    def resume(self: SeatTable, number: int, conn: str) -> Any:
        hits()
        return old(self, number, conn)[0], ""

    return resume


def _group_of_a_name(_: Any, hits: Hits) -> Any:
    def user_group(identity: str) -> str:
        hits()
        return f"{identity}.{identity}"

    return user_group


def _recorded_twice(old: Any, hits: Hits) -> Any:
    async def record(self: Holder, room: Any, over: Any) -> None:
        hits()
        await old(self, room, over)
        await old(self, room, over)

    return record


def _wall_clock(stack: ExitStack, hits: Hits) -> None:
    def monotonic() -> float:
        hits()
        return STARTS_AT_S + (wall_now() - WALL_STARTS).total_seconds()

    stack.enter_context(patch.object(holder_module, "monotonic", monotonic))


def _dropped(old: Any, hits: Hits) -> Any:
    def receive(self: InputQueue, pending: Any) -> bool:
        if pending.n % 9 == 0:
            hits()
            return True
        return bool(old(self, pending))

    return receive


def _skipped_number(old: Any, hits: Hits) -> Any:
    def add(self: ChatLog, line: Any) -> Any:
        if self.through % 4 == 3:
            hits()
            self.through += 1
        return old(self, line)

    return add


MUTANTS = (
    Mutant("O1", "inputs of a tick in reverse", _held_back),
    Mutant("O2", "an input is stepped twice", _wrap(Match, "_take_inputs", _twice)),
    Mutant("O3", "one gateway empties a patch", _wrap(Feed, "on_public", _one_gateway_differs)),
    Mutant("O4", "a frame tells an earlier tick", _wrap(Framer, "_frame", _tick_back)),
    Mutant("O5", "the client takes a patch over a gap", _no_gap),
    Mutant("O6", "tombstones are left out", _wrap(tracker, "_table_patch", _no_tombstones)),
    Mutant("O7", "a frame tells the tick after its own", _wrap(Framer, "_frame", _mid_tick)),
    Mutant("O8", "an input counts for a tick long past", _wrap(InputQueue, "answer", _applied_in_the_past)),
    Mutant("O9", "the newest answer is kept back", _wrap(InputQueue, "to_send", _late_answers)),
    Mutant("O10", "newcomers come into the roster late", _wrap(Match, "sources", _late_roster)),
    Mutant("O11", "the session goes on after its goodbye", _talks_after_goodbye),
    Mutant("O12", "who comes back is seated afresh", _wrap(Admission, "_resume", _seated_afresh)),
    Mutant("O13", "players get every seat's section", _wrap(Admission, "sections_of", _everybodys_sections)),
    Mutant("O14", "half the delay", _wrap(DelayLine, "put", _half_the_delay)),
    Mutant("O15", "the watchdog sleeps", _never_deaf, schedule.deaf),
    Mutant("O16", "answers are kept without a bound", _wrap(InputQueue, "due", _unbounded), schedule.flood),
    Mutant("O17", "a seq is used again", _wrap(Stream, "cut", _reused_seq)),
    Mutant("O18", "the record lacks inputs", _wrap(Recorder, "tick", _forgotten_input)),
    Mutant("O19", "the replaced connection stays", _wrap(SeatTable, "resume", _old_one_stays)),
    Mutant("O20", "a group is named after a client", _wrap(e, "user_group", _group_of_a_name)),
    Mutant("O21", "a result is recorded twice", _wrap(Holder, "_record", _recorded_twice), schedule.ending),
    Mutant("O22", "the loop goes by the wall clock", _wall_clock),
    Mutant("O23", "each ninth input is forgotten", _wrap(InputQueue, "receive", _dropped)),
    Mutant("O24", "a chat number is left out", _wrap(ChatLog, "add", _skipped_number)),
)
