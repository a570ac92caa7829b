"""The law of motion, held against decoded states: every mover is there, moves, and moves as the game says.

Between two states of one tick's distance each mover has gone as far as every other (all have one speed, whatever their
heading), within quantization; less only at a wall, where it was stopped. Pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from math import hypot
from statistics import median

from attrs import define, field, frozen

SIZE, SPEED, HZ = 1000.0, 120.0, 20
TOLERANCE = (
    3 * SIZE / 65535
)  # each end of each axis may be off by half a step; the peer may compute on quantized values
STRIDE_MAX = SPEED  # a peer that steps by measured time may have been held up, for a second at most
Positions = Mapping[int, tuple[float, float, float]]  # by entity: x, y, hp


@frozen
class State:
    """The whole decoded state after one update. ``tick`` is None where the peer tells none."""

    at_s: float
    tick: int | None
    movers: Positions


@define
class Verdict:
    """``problems`` is empty where the state is right."""

    states: int = 0
    strides: int = 0
    problems: list[str] = field(factory=list)

    def problem(self, text: str) -> None:
        """The first ten are enough."""
        if len(self.problems) < 10:
            self.problems.append(text)


def judge(states: Sequence[State], movers: int) -> Verdict:
    """The verdict on one client's whole life."""
    verdict = Verdict(states=len(states))
    if len(states) < 2:
        verdict.problem(f"expected many states, got {len(states)}")
        return verdict
    for state in states:
        if len(state.movers) != movers:
            verdict.problem(f"expected {movers} movers, got {len(state.movers)} at {state.at_s:.3f} s")
        if any(not (0 <= x <= SIZE and 0 <= y <= SIZE) or hp != 100 for x, y, hp in state.movers.values()):
            verdict.problem(f"a mover outside the arena or without its hp at {state.at_s:.3f} s")
    for before, after in pairwise(states):
        _judge_stride(before, after, verdict)
    if not verdict.strides:
        verdict.problem("expected movers that move, got none that could be followed")
    return verdict


def _judge_stride(before: State, after: State, verdict: Verdict) -> None:
    """All movers' way from one state to the next; over more than a tick headings may have changed, so it is not judged."""
    ticks = None if before.tick is None or after.tick is None else after.tick - before.tick
    if ticks is not None and ticks != 1:
        if ticks < 0:
            verdict.problem(f"the tick went back from {before.tick} to {after.tick}")
        return
    strides = [_stride(before.movers[i], new) for i, new in after.movers.items() if i in before.movers]
    free = [length for length, is_at_wall in strides if not is_at_wall]
    if not free:
        return
    expected = SPEED / HZ if ticks == 1 else median(free)
    if not 0 < expected <= STRIDE_MAX:
        if expected:  # a peer without ticks may patch before it has stepped again
            verdict.problem(f"expected a stride of at most {STRIDE_MAX}, got {expected:.2f} at {after.at_s:.3f} s")
        return
    verdict.strides += len(free)
    wrong = [x for x in free if abs(x - expected) > TOLERANCE] + [
        length for length, is_at_wall in strides if is_at_wall and length > expected + TOLERANCE
    ]
    if wrong:
        verdict.problem(f"expected strides of {expected:.3f}, got {wrong[0]:.3f} and {len(wrong) - 1} more wrong ones")


def _stride(old: tuple[float, float, float], new: tuple[float, float, float]) -> tuple[float, bool]:
    is_at_wall = any(value <= TOLERANCE or value >= SIZE - TOLERANCE for value in new[:2])
    return hypot(new[0] - old[0], new[1] - old[1]), is_at_wall


def merged(verdicts: Iterable[Verdict]) -> Verdict:
    """One verdict over all rooms."""
    total = Verdict()
    for verdict in verdicts:
        total.states += verdict.states
        total.strides += verdict.strides
        for text in verdict.problems:
            total.problem(text)
    return total
