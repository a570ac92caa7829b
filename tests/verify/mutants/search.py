"""`python -m tests.verify.mutants.search [PROGRAMS]`: what random programs alone find of the mutants, without their schedules.

Prints, for each mutant, the promise that was broken first, after how many programs. It judges the programs, not the
mutants: what they do not reach, a rule or a fault is missing for. The suite's own test is `test_killed`.
"""

import sys
import time

from rich.console import Console
from rich.table import Table

from server.verify.ledger import Ledger
from server.verify.programs import PromiseBroken, Subject, run_programs
from tests.verify.mutants.catalogue import ALL, Mutant
from tests.verify.mutants.patching import mutated
from tests.verify.subjects import calm

ROUND = 20
PROGRAMS = 200


def found_by_chance(mutant: Mutant, programs: int) -> tuple[list[str], int, int]:
    """The promises that the first failing round broke, how many programs that took, and how often the line ran."""
    rooms: tuple[Subject, ...] = (calm(), calm(delay="2s", bots=2))
    ledger = Ledger()
    with mutated(mutant.line) as ran:
        for number in range(programs // ROUND):
            try:
                room = rooms[number % len(rooms)]
                run_programs(room, ledger, seed_no=number, examples=ROUND, is_shrunk=False)
            except PromiseBroken as broken:
                return sorted({violation.promise for violation in broken.found}), ledger.programs, ran.times
            except Exception as error:  # noqa: BLE001 - a mutant may break the run itself; that is noticed, too
                return [type(error).__name__], ledger.programs, ran.times
    return [], ledger.programs, ran.times


def main(words: list[str]) -> None:
    """Prints the table."""
    programs = int(words[0]) if words else PROGRAMS
    table = Table("by", "mutant", "found", "programs", "line ran", "CPU s")
    for mutant in ALL:
        started_s = time.process_time()
        promises, tried, times = found_by_chance(mutant, programs)
        took = f"{time.process_time() - started_s:.1f}"
        table.add_row(mutant.promise, mutant.name, " ".join(promises) or "-", str(tried), str(times), took)
    Console(width=150).print(table)


if __name__ == "__main__":
    import django

    django.setup()
    main(sys.argv[1:])
