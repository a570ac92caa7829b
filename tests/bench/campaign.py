"""Runs scenarios: peers in turn within a repetition, repetitions one after the other, finished runs kept and not run again."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import monotonic

from attrs import define, field

from tests.bench.arrangements import ROOT, MissingError
from tests.bench.cell import Cell
from tests.bench.facts import facts
from tests.bench.results import Results, ResultsFile, Row
from tests.bench.runner import BenchError, Outcome, run_cell
from tests.bench.scenarios import Scenario


@define
class Campaign:
    """``say`` prints a line; ``budget_s`` ends the campaign between two runs, with what is there. ``tries``: how often
    a run is tried that turns out to be void."""

    file: ResultsFile
    say: Callable[[str], None]
    server_root: Path = ROOT
    budget_s: float | None = None
    tries: int = 1
    missing: dict[str, str] = field(factory=dict)
    _began: float = field(factory=monotonic)

    def run(self, scenarios: Sequence[Scenario]) -> Results:
        """All that is not there yet."""
        results = self.file.read()
        if not results.facts:
            results.facts = facts(self.server_root)
            self.file.begin(results.facts)
        for scenario, repetition, cell in schedule(scenarios):
            if results.has(scenario.name, repetition, cell.as_json()) or cell.peer in self.missing:
                continue
            if self.budget_s is not None and monotonic() - self._began > self.budget_s:
                self.say(f"{self.budget_s / 60:.0f} minutes are over; what is missing is left out")
                break
            row = self._run_one(scenario, repetition, cell)
            if row is not None:
                results.rows.append(row)
        return results

    def _run_one(self, scenario: Scenario, repetition: int, cell: Cell) -> Row | None:
        row = None
        for _ in range(self.tries):
            try:
                outcome = run_cell(cell, self.server_root)
            except MissingError as error:
                self.missing[cell.peer] = str(error)
                self.say(f"{cell.peer} is left out: {error}")
                return None
            except BenchError as error:
                self.say(f"{scenario.name}, {cell.peer}: {error}")
                return row
            row = Row(scenario.name, repetition, outcome.as_json())
            self.file.add(row)
            self.say(line(scenario, repetition, outcome, monotonic() - self._began))
            if not outcome.void:
                break
        return row


def schedule(scenarios: Sequence[Scenario]) -> Iterator[tuple[Scenario, int, Cell]]:
    """The first repetition of everything, then the second, so that all have runs if time is short."""
    for repetition in range(max(scenario.repetitions for scenario in scenarios)):
        for scenario in scenarios:
            if repetition < scenario.repetitions:
                for cell in scenario.cells():
                    yield scenario, repetition, cell


def line(scenario: Scenario, repetition: int, outcome: Outcome, elapsed_s: float) -> str:
    """One run in one line."""
    shown = [f"{name} {value:.1f}" for name in scenario.figures if (value := outcome.figures.get(name)) is not None]
    void = f"  VOID: {'; '.join(outcome.void)}" if outcome.void else ""
    other = f"others {outcome.figures['other_pct'] or 0:.0f} %"
    return f"{elapsed_s:5.0f} s  {scenario.name} #{repetition + 1} {outcome.cell.peer}: {', '.join(shown)}  ({other}){void}"
