"""Every mutant is found by the promise that it breaks; the product as it is breaks none on the same schedules."""

import time
from collections import defaultdict
from collections.abc import Iterator

import pytest

from server.verify.promises import TABLE
from tests.verify.mutants.catalogue import ALL, Mutant
from tests.verify.mutants.judges import with_seed
from tests.verify.mutants.patching import Line, MutantStale, mutated
from tests.verify.mutants.schedules import BY_NAME


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Rows for the table at the end of the run."""
    rows: list[str] = []
    yield rows
    request.node.user_properties.extend(("mutant", row) for row in rows)


BASELINES = sorted({(m.schedule, m.judge.__name__, seed) for m in ALL for seed in range(1, m.seeds + 1)})
JUDGES = {m.judge.__name__: m.judge for m in ALL}


@pytest.mark.parametrize(("schedule", "judge", "seed"), BASELINES)
def test_the_product_itself_is_clean(schedule: str, judge: str, seed: int) -> None:
    found = JUDGES[judge](with_seed(BY_NAME[schedule], seed))
    assert not found, "\n".join(map(str, found))


@pytest.mark.parametrize("mutant", ALL, ids=lambda m: f"{m.promise}-{m.name.replace(' ', '_')}")
def test_the_mutant_is_killed(mutant: Mutant, report: list[str]) -> None:
    started = time.process_time()
    others: set[str] = set()
    with mutated(mutant.line) as ran:
        for seed in range(1, mutant.seeds + 1):
            found = {v.promise for v in mutant.judge(with_seed(BY_NAME[mutant.schedule], seed))}
            others |= found
            if mutant.promise in found:
                break
    took_s = time.process_time() - started
    assert ran.times, f"the mutated line never ran: {mutant.line.place}"
    assert mutant.promise in others, f"survived {ran.times} runs of {mutant.line.place}; found only {sorted(others)}"
    report.append(f"{mutant.promise:4} {mutant.name:55} {mutant.line.place:55} {took_s:6.2f} s {ran.times:8}")
