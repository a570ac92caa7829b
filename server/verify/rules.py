"""Checks of a game alone, from its classes and its room type: the author's half of `python -m server verify`.

What is checked: `TABLE`. The promises of the server are elsewhere; these are about what the rules themselves do.
"""

from collections.abc import Callable, Iterator, Sequence

from attrs import field, frozen
from rich.console import Console

from game.text import escaped
from server.clock import monotonic
from server.routing.plan import RoomPlan
from server.verify import determinism, exposure, oddities, shared
from server.verify.drill import Ruleset, RulesRaised
from server.verify.effort import Effort
from server.verify.findings import Finding

FINDINGS_MAX = 8  # of one check; the first ones say what to do


@frozen
class Check:
    """One check. ``finders`` run in order, the rest is not asked once one has found a fault."""

    id: str
    title: str
    finders: tuple[Callable[[Ruleset, Effort], Iterator[Finding]], ...]


@frozen
class Checked:
    """What came of one check of one room type."""

    check: Check
    findings: tuple[Finding, ...]
    took_s: float
    is_cut_short: bool = False
    effort: Effort = field(factory=Effort)

    @property
    def verdict(self) -> str:
        """In a word or two.

        *unproven*: the rules raised, so the check could not be finished. *not tried*: it ran on nothing. *in part*: what it
        tried holds, and `effort` names what it did not try.
        """
        if self.is_cut_short:
            return "unproven"
        if self.faults:
            return "FAULT"
        if self.effort.is_empty:
            return "not tried"
        return "in part" if self.effort.untried else "holds"

    @property
    def faults(self) -> tuple[Finding, ...]:
        """What breaks the contract."""
        return tuple(finding for finding in self.findings if finding.is_fault)

    @property
    def notes(self) -> tuple[Finding, ...]:
        """What an author should read."""
        return tuple(finding for finding in self.findings if not finding.is_fault)


TABLE = (
    Check("input", "no input, join or leave breaks the rules", (oddities.of_odd_input,)),
    Check(
        "determinism",
        "the same seed and inputs give the same bytes, in any process, from any checkpoint",
        (determinism.of_the_outside, determinism.of_two_runs, determinism.of_checkpoints),
    ),
    Check("rooms", "rooms share no state", (shared.of_shared_state,)),
    Check("hidden", "hidden values are not copied to where others see them", (exposure.of_copies,)),
    Check("ranges", "values keep to their declared ranges (a note)", (oddities.of_wire_ranges,)),
)


def ruleset_of(room: RoomPlan, seed: int = 1) -> Ruleset:
    """The game as a room of this type has it."""
    return oddities.lasting(Ruleset(room.game_class(room.tick_hz, room.seats, room.teams), room.options, seed))


def run_check(check: Check, ruleset: Ruleset) -> Checked:
    """Runs one check. Never raises for what the author's code does."""
    started = monotonic()
    is_cut_short = False
    found: list[Finding] = []
    effort = Effort()
    for finder in check.finders:
        try:
            for finding in finder(ruleset, effort):
                found.append(finding)
                if len(found) >= FINDINGS_MAX:
                    break
        except RulesRaised as error:
            text = f"could not be finished: the rules raised in {error.called}(), tick {error.tick}: {error.text}"
            is_cut_short = not any(finding.is_fault for finding in found)
            found.append(Finding(check.id, text, error.where))
        if any(finding.is_fault for finding in found):
            break
    return Checked(check, tuple(found), monotonic() - started, is_cut_short, effort)


def check_rules(room: RoomPlan, seed: int = 1) -> list[Checked]:
    """Every check of `TABLE` for one room type."""
    ruleset = ruleset_of(room, seed)
    return [run_check(check, ruleset) for check in TABLE]


def print_checks(console: Console, room: str, checked: Sequence[Checked]) -> None:
    """What was checked and found, for people."""
    console.print(f"room {room}: the rules alone", markup=False)
    for each in checked:
        print_check(console, each)


def print_check(console: Console, checked: Checked) -> None:
    """One check: its verdict, what it found, and what it has not tried."""

    def say(text: str, style: str) -> None:
        lines = escaped(text, "\n").replace("\n", "\n  ")
        console.print(f"    {lines}", markup=False, style=style, highlight=False, soft_wrap=True)

    console.print(f"  {checked.verdict:9} {checked.check.title} ({checked.took_s:.1f} s)", markup=False)
    for finding in checked.findings:
        say(str(finding), "bold red" if finding.is_fault else "yellow")
    names: dict[str, list[str]] = {}
    for name, why in checked.effort.untried.items():
        names.setdefault(why, []).append(name)
    for why, same in names.items():
        say(f"not tried: {', '.join(same)}: {why}", "yellow")
