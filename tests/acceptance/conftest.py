"""The figures of an acceptance run: taken five times each, printed as medians with their spread, asserted by nobody."""

import os
import platform
from collections.abc import Iterator
from statistics import median

import pytest
from attrs import define, field

pytest_plugins = ["tests.flow.conftest"]

TIMES = 5


@define
class Figures:
    """Seconds by what they measure, in the order of measuring."""

    taken: dict[str, list[float]] = field(factory=dict)

    def add(self, what: str, seconds: float) -> None:
        self.taken.setdefault(what, []).append(seconds)

    def table(self) -> str:
        rows = [f"{'what':<64} {'median':>8} {'min':>8} {'max':>8}  runs"]
        for what, seconds in self.taken.items():
            low, middle, high = min(seconds), median(seconds), max(seconds)
            rows.append(f"{what:<64} {middle:>6.2f} s {low:>6.2f} s {high:>6.2f} s  {len(seconds)}")
        return "\n".join(rows)


_figures = Figures()


@pytest.fixture
def figures() -> Figures:
    return _figures


@pytest.fixture(autouse=True, scope="session")
def printed() -> Iterator[None]:
    """The table, at the end of the run."""
    yield
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}"
    print(f"\n\nAcceptance figures ({machine}):\n{_figures.table()}\n")
