"""Every mutant is found by the promise that it breaks; the product as it is breaks none on the same schedules."""

import time
from collections import Counter
from collections.abc import Callable

import pytest

from server.verify.promises import TABLE
from tests.verify.mutants.catalogue import ALL, Mutant
from tests.verify.mutants.judges import with_seed
from tests.verify.mutants.patching import Line, MutantStale, mutated
from tests.verify.mutants.schedules import BY_NAME

JUDGES = {mutant.judge.__name__: mutant.judge for mutant in ALL}
RUNS = sorted({(m.schedule, m.judge.__name__, seed) for m in ALL for seed in range(1, m.seeds + 1)})


@pytest.mark.parametrize(("schedule", "judge", "seed"), RUNS)
def test_the_product_itself_is_clean(schedule: str, judge: str, seed: int) -> None:
    found = JUDGES[judge](with_seed(BY_NAME[schedule], seed))
    assert not found, "\n".join(map(str, found))


@pytest.mark.parametrize("mutant", ALL, ids=lambda mutant: f"{mutant.promise}-{mutant.name.replace(' ', '_')}")
def test_the_mutant_is_killed(mutant: Mutant, record_property: Callable[[str, object], None]) -> None:
    started_s = time.process_time()
    found: set[str] = set()
    with mutated(mutant.line) as ran:
        for seed in range(1, mutant.seeds + 1):
            found |= {violation.promise for violation in mutant.judge(with_seed(BY_NAME[mutant.schedule], seed))}
            if mutant.promise in found:
                break
    took_s = time.process_time() - started_s
    place = mutant.line.place
    assert ran.times, f"the mutated line never ran: {place}"
    assert mutant.promise in found, f"it survived {ran.times} runs of its line in {place}; found: {sorted(found)}"
    row = f"{mutant.promise:>3}  {mutant.name:54} {place:58} {took_s:6.2f} s {ran.times:9}"
    record_property("killed mutant", row)


def test_each_promise_has_a_mutant() -> None:
    mutants = Counter(mutant.promise for mutant in ALL)
    assert set(mutants) == {promise.id for promise in TABLE}
    assert len({mutant.name for mutant in ALL}) == len(ALL)


def add(a: int, b: int) -> int:
    """What the patching's own tests break."""
    total = a
    if b:
        total += b
    return total


def test_a_line_is_replaced_counted_and_put_back() -> None:
    module = __import__(__name__, fromlist=["add"])
    with mutated(Line(module, "add", "total += b", "total -= b")) as ran:
        assert (module.add(3, 0), ran.times) == (3, 0)
        assert (module.add(3, 2), ran.times) == (1, 1)
    assert module.add(3, 2) == 5


def test_a_line_that_is_not_there_any_more_is_told() -> None:
    module = __import__(__name__, fromlist=["add"])
    with pytest.raises(MutantStale, match="found it 0 times"), mutated(Line(module, "add", "total *= b", "pass")):
        pass
