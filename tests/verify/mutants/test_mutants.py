"""Each promise's predicate catches the broken build that is made for it, and nothing in the build that is not broken."""

import time
from collections.abc import Callable, Iterator

import pytest

from server.verify import two_runs
from server.verify.promises import TABLE, Violation, violations
from server.verify.simlayer import Kind
from server.verify.world import World
from tests.verify.mutants import schedule
from tests.verify.mutants.mutants import MUTANTS, Mutant
from tests.verify.subjects import calm

SUBJECT = calm(delay="2s")
TRIES: tuple[tuple[int, Kind], ...] = ((1, "pubsub"), (2, "memory"), (3, "core"))


def judged(run: Callable[[World], None], seed: int, kind: Kind) -> list[Violation]:
    """The violations of one run."""
    with World(SUBJECT.plan, SUBJECT.room, seed, kind) as world:
        run(world)
        return violations(world.trace)


def caught(mutant: Mutant) -> list[Violation]:
    """What the mutant's own predicate says, at the first try that it says anything."""
    for seed, kind in TRIES:
        if mutant.promise == "O22":
            found = two_runs.clock_independence(SUBJECT, seed, kind)
        else:
            found = [v for v in judged(mutant.run, seed, kind) if v.promise == mutant.promise]
        if found:
            return found
    return []


@pytest.fixture(scope="module")
def table() -> Iterator[list[str]]:
    """What was caught, printed at the end."""
    rows: list[str] = []
    yield rows
    print("\n" + "\n".join(rows))


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.promise)
def test_a_broken_build_is_caught(mutant: Mutant, table: list[str]) -> None:
    started = time.process_time()
    with mutant.applied() as hits:
        found = caught(mutant)
    table.append(
        f"{mutant.promise:4} {mutant.name:45} {time.process_time() - started:5.2f} s  {found[0] if found else '-'}"
    )
    assert hits.n > 0, "the mutated line never ran"
    assert found, f"{mutant.promise} did not notice: {mutant.name}"


@pytest.mark.parametrize("run", [schedule.busy, schedule.deaf, schedule.flood, schedule.ending])
@pytest.mark.parametrize(("seed", "kind"), TRIES)
def test_the_build_as_it_is_breaks_no_promise(run: Callable[[World], None], seed: int, kind: Kind) -> None:
    assert list(map(str, judged(run, seed, kind))) == []


def test_every_promise_has_a_mutant() -> None:
    assert {promise.id for promise in TABLE} == {mutant.promise for mutant in MUTANTS}
