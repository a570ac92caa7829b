"""Programs of odd play against the rules alone: all that the wire can carry, by anybody, between joins and leaves in any order.

Hypothesis makes them from the input classes' wire fields, and shrinks one that makes the rules raise.
"""

from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any

from attrs import define, evolve, field
from hypothesis import HealthCheck, Phase, find, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from game.codec import body_of
from game.contract import Game
from game.fields import FieldSpec, Kind
from game.quantize import clip_text
from game.schema import Message, Schema
from server.verify.drill import NAMES, REASONS, Drill, Join, Leave, Link, Move, Ruleset, RulesRaised, Step
from server.verify.effort import Effort
from server.verify.findings import Finding
from server.verify.second_run import script_of

CHECK = "no input breaks the rules"
EXAMPLES = 250
MOVES_MAX = 25
STEPS = 400
TRIES_MAX = 1500
QUIET_MAX = 60


def of_odd_input(ruleset: Ruleset, effort: Effort) -> Iterator[Finding]:
    """The smallest program found that makes the rules raise, or one that makes them go on for ever."""
    effort.needs += [message.name for message in ruleset.schema.inputs]
    search = Search(ruleset, effort)
    script = search.found() or search.shortened(script_of(ruleset, STEPS))
    search.tell()
    if script:
        error = raised_by(ruleset, script)
        assert error is not None  # noqa: S101 - it raised a moment ago, and the rules are given the same
        program = "".join(f"\n    {move}" for move in script)
        yield Finding(CHECK, f"{error.called}() in tick {error.tick} of this match: {error.text}{program}", error.where)


def of_wire_ranges(ruleset: Ruleset, effort: Effort) -> Iterator[Finding]:
    """Notes: values that the rules let out of the range which their fields declare."""
    drill = Drill(ruleset)
    try:
        drill.run(script_of(ruleset, STEPS))
    except RulesRaised as error:  # told by the other checks
        effort.leave(f"what comes after tick {drill.tick}", f"the rules raised in {error.called}()")
    note_played(drill, effort)
    for (collection, name), times in sorted(drill.tracker.clamped.items()):
        text = f"was out of its declared range {times} times in {drill.tick} ticks; viewers saw the range's end"
        yield Finding("wire ranges", text, f"{collection}.{name}", is_fault=False)


def note_played(drill: Drill, effort: Effort) -> None:
    """What a match of random play has shown of the rules, and what it has not."""
    effort.needs.append("ticks")
    effort.tried["ticks"] += drill.tick
    effort.tried += drill.applied
    if drill.tick < STEPS / 4:
        why = f"random play ends the match within {drill.tick} ticks, whatever is left out"
        effort.leave(f"what comes after tick {drill.tick}", why)
    for message in drill.ruleset.schema.inputs:
        if not drill.applied[message.name]:
            effort.leave(
                message.name, _never_applied(drill.refused[message.name], drill.last_refusal.get(message.name))
            )


def note_end(drill: Drill, effort: Effort) -> None:
    """Whether random play has come to a match's end, where the rules know of one."""
    if drill.ruleset.kind.result is not Game.result and not (drill.is_over or drill.ruleset.quiet):
        effort.leave("the end of a match", f"no match ended in {drill.tick} ticks of random play")


def _never_applied(refused: int, reason: str | None) -> str:
    return (
        f"never applied: refused {refused} times, at last with {reason!r}" if refused else "never sent to a taken seat"
    )


def lasting(ruleset: Ruleset) -> Ruleset:
    """The ruleset whose random script lasts: inputs that end the match are left out, one after the other."""
    for _ in range(QUIET_MAX):
        ended_by = _ended_by(ruleset)
        if ended_by is None:
            break
        ruleset = evolve(ruleset, quiet=(*ruleset.quiet, ended_by))
    return ruleset


def _ended_by(ruleset: Ruleset) -> int | None:
    """The move whose inputs end the match."""
    try:
        drill = Drill(ruleset)
        for n, move in enumerate(script_of(ruleset, STEPS)):
            drill.do(move)
            if drill.is_over:
                return n if isinstance(move, Step) and move.inputs else None
    except RulesRaised:
        pass  # told by the checks
    return None


def raised_by(ruleset: Ruleset, script: list[Move]) -> RulesRaised | None:
    """What the rules raise on a script, if they do."""
    try:
        Drill(ruleset).run(script)
    except RulesRaised as error:
        return error
    return None


def moves_of(schema: Schema, seats: int) -> st.SearchStrategy[Move]:
    """Any move of a match."""
    seat = st.integers(0, seats - 1)
    bodies = st.one_of([_bodies_of(message) for message in schema.inputs])
    inputs = st.lists(st.tuples(seat, bodies), max_size=4).map(tuple)
    return st.one_of(
        st.builds(Step, inputs, st.sampled_from((1, 1, 2, 60))),
        st.builds(Join, seat, st.sampled_from(NAMES), st.booleans()),
        st.builds(Leave, seat, st.sampled_from(REASONS)),
        st.builds(Link, seat, st.booleans()),
    )


def _bodies_of(message: Message) -> st.SearchStrategy[Any]:
    return st.tuples(*(_quantized_of(wire.spec) for wire in message.fields)).map(lambda q: body_of(message, q))


def _quantized_of(spec: FieldSpec) -> st.SearchStrategy[Any]:
    """What the wire can carry for a field: its ends, its middle, and all between."""
    if spec.kind is Kind.TEXT:
        return st.text(max_size=min(spec.max_bytes, 40)).map(lambda text: clip_text(text, spec.max_bytes))
    ends = st.sampled_from((0, spec.steps, spec.steps // 2))
    return st.one_of(st.integers(0, spec.steps), ends)


class _Endless(KeyboardInterrupt):
    """A call of the rules did not return: no more examples. Hypothesis lets an interrupt through, and shrinks nothing for it."""


@define
class Search:
    """Looks for a program that makes the rules raise, and counts what it tried on the way."""

    ruleset: Ruleset
    effort: Effort
    refused: Counter[str] = field(factory=Counter)
    last_refusal: dict[str, str] = field(factory=dict)
    places: set[str] = field(factory=set)
    endless: list[Move] = field(factory=list)

    def raised_by(self, script: list[Move]) -> RulesRaised | None:
        """What the rules raise on a script, if they do. Raises _Endless where they do not return."""
        drill, at = Drill(self.ruleset), 0
        try:
            for at, move in enumerate(script):  # noqa: B007 - where it was when it raised is the point
                drill.do(move)
            drill.run(())
        except RulesRaised as error:
            if error.is_overdue:
                self.endless = script[: at + 1]
                raise _Endless from error
            return error
        finally:
            self._count(drill)
        return None

    def found(self) -> list[Move] | None:
        """The smallest of many random programs that raise; the first whose end does not come."""
        chosen = settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )
        moves = st.lists(moves_of(self.ruleset.schema, self.ruleset.game.seats), max_size=MOVES_MAX)
        try:
            return find(moves, self._is_raising, settings=chosen, random=Random(self.ruleset.seed))
        except NoSuchExample:
            return None
        except _Endless:
            return self.endless

    def shortened(self, script: list[Move]) -> list[Move] | None:
        """A long match that raises, with every part left out that is not needed: halves, quarters, single moves."""
        try:
            return self._shortened(script)
        except _Endless:
            return self.endless

    def tell(self) -> None:
        """Which input classes were applied, and why the others were not."""
        for message in self.ruleset.schema.inputs:
            name = message.name
            if not self.effort.tried[name]:
                self.effort.leave(name, _never_applied(self.refused[name], self.last_refusal.get(name)))

    def _count(self, drill: Drill) -> None:
        self.effort.tried += drill.applied
        self.refused += drill.refused
        self.last_refusal |= drill.last_refusal

    def _is_raising(self, script: list[Move]) -> bool:
        error = self.raised_by(script)
        if error is None or (self.places and error.where not in self.places):
            return False  # the first fault is the one that is made small
        self.places.add(error.where)
        return True

    def _shortened(self, script: list[Move]) -> list[Move] | None:
        first = self.raised_by(script)
        if first is None:
            return None
        size, tries = len(script) // 2, 0
        while size and tries < TRIES_MAX:
            at = 0
            while at < len(script) and tries < TRIES_MAX:
                shorter = script[:at] + script[at + size :]
                error = raised_by(self.ruleset, shorter)
                tries += 1
                if error is not None and error.where == first.where:
                    script = shorter
                else:
                    at += size
            size //= 2
        return _without_idle_inputs(self.ruleset, script, first.where)


def _without_idle_inputs(ruleset: Ruleset, script: list[Move], where: str) -> list[Move]:
    """The inputs left out that change nothing about it."""
    for n, move in enumerate(script):
        if isinstance(move, Step) and move.inputs:
            calmer = [*script[:n], evolve(move, inputs=()), *script[n + 1 :]]
            error = raised_by(ruleset, calmer)
            if error is not None and error.where == where:
                script = calmer
    return script
