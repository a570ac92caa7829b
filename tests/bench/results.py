"""Finished runs as they are kept: one JSON line each, in the order in which they ended. Reads, writes, looks up."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attrs import define, field, frozen


class BadResultsError(Exception):
    """A results file that is not one; the message names file and line."""


@frozen
class Row:
    """One run. ``repetition`` counts from 0; runs of one repetition stand side by side in time."""

    scenario: str
    repetition: int
    outcome: dict[str, Any]

    @property
    def peer(self) -> str:
        """Who was measured."""
        return str(self.outcome["cell"]["peer"])

    @property
    def is_void(self) -> bool:
        """Whether its figures count for nothing."""
        return bool(self.outcome["void"])


@define
class Results:
    """``facts`` are the machine, the versions, the commit."""

    facts: dict[str, Any] = field(factory=dict)
    rows: list[Row] = field(factory=list)

    def values(self, scenario: str, peer: str, figure: str) -> list[float | None]:
        """A figure by repetition; None where the run is missing, void, or knows no such figure. A newer run counts."""
        found: dict[int, float | None] = {}
        for row in self.of(scenario, peer):
            found[row.repetition] = None if row.is_void else row.outcome["figures"].get(figure)
        return [found.get(repetition) for repetition in range(max(found, default=-1) + 1)]

    def of(self, scenario: str, peer: str | None = None) -> Iterator[Row]:
        """The runs of a scenario, perhaps of one peer only."""
        return (row for row in self.rows if row.scenario == scenario and peer in (None, row.peer))

    def has(self, scenario: str, repetition: int, cell: dict[str, Any]) -> bool:
        """Whether this very run is there and counts."""
        return any(
            row.repetition == repetition and row.outcome["cell"] == cell and not row.is_void
            for row in self.of(scenario)
        )

    def as_json(self) -> dict[str, Any]:
        """Everything, as the documentation's data keeps it."""
        rows = [{"scenario": row.scenario, "repetition": row.repetition, **row.outcome} for row in self.rows]
        return {"facts": self.facts, "rows": rows}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Results":
        """What `as_json` made."""
        rows = []
        for each in data["rows"]:
            outcome = {key: value for key, value in each.items() if key not in ("scenario", "repetition")}
            rows.append(Row(each["scenario"], each["repetition"], outcome))
        return cls(data["facts"], rows)


@define
class ResultsFile:
    """An append-only file of runs; the first line holds the facts."""

    path: Path

    def read(self) -> Results:
        """What it holds; nothing where there is none. Raises BadResultsError."""
        results = Results()
        if not self.path.exists():
            return results
        for number, line in enumerate(self.path.read_text(encoding="utf-8").splitlines(), start=1):
            try:
                data = json.loads(line)
                if "facts" in data:
                    results.facts = data["facts"]
                else:
                    results.rows.append(Row(data["scenario"], data["repetition"], data["outcome"]))
            except (ValueError, KeyError, TypeError) as error:
                raise BadResultsError(
                    f"{self.path}:{number}: expected one run as JSON, got {line[:60]!r} ({error!r}); remove the file"
                ) from error
        return results

    def begin(self, facts: dict[str, Any]) -> None:
        """A new file with these facts."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps({"facts": facts}) + "\n", encoding="utf-8")

    def add(self, row: Row) -> None:
        """One more run."""
        with self.path.open("a", encoding="utf-8") as out:
            data = {"scenario": row.scenario, "repetition": row.repetition, "outcome": row.outcome}
            out.write(json.dumps(data) + "\n")
