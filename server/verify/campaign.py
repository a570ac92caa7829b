"""Rounds of programs for one room until the time is up or a promise is broken, with the comparisons of two runs between them."""

from collections.abc import Callable, Iterator

from attrs import define, field

from server.verify import two_runs
from server.verify.again import played_elsewhere
from server.verify.chart import mermaid
from server.verify.evidence import Floor, does_not_apply, missed_floors
from server.verify.isolation import Isolation
from server.verify.ledger import Ledger
from server.verify.programs import FAULTS, RULES, SOMETIMES, PromiseBroken, Subject, run_programs
from server.verify.promises import TABLE, Violation

GUARDED_FROM_PROGRAMS = 300  # fewer cannot be expected to reach everything
ELSEWHERE = 3
COMPARED_EVERY = 8
FOUND_MAX = 20
UNSHRUNK = "the time was up before this failure was shrunk to the end: with more --seconds, its program gets shorter"


@define
class Campaign:
    """What to run, and what came of it. Round n has seed ``seed + n``: any round can be run again by itself.

    Of several processes each takes every ``stride``-th round, from ``first`` on.
    """

    subject: Subject
    seed: int
    rounds: int | None
    examples: int
    first: int = 0
    stride: int = 1
    ledger: Ledger = field(factory=Ledger)
    found: list[Violation] = field(factory=list)
    story: str = ""
    chart: str = ""
    failed_seed: int = 0
    on_first_broken: Callable[[], None] = lambda: None

    def rows(self) -> list[tuple[str, str, str, str]]:
        """One row per promise: its id, its title, what it was held against, and the verdict."""
        return [(p.id, p.title, str(self.ledger.tried[p.id]), self._verdict(p.id)) for p in TABLE]

    def _verdict(self, promise: str) -> str:
        if any(violation.promise == promise for violation in self.found):
            return "BROKEN"
        why = does_not_apply(self.subject.plan, self.subject.room).get(promise)
        if why is not None and not self.ledger.tried[promise]:
            return f"does not apply: {why}"
        return "holds" if self.ledger.tried[promise] else "not tried"

    def missed_floors(self) -> list[Floor]:
        """Where this run did too little to mean anything."""
        ledger = self.ledger
        return missed_floors(
            self.subject.plan, self.subject.room, ledger.programs, ledger.programs_with_faults, ledger.applied
        )

    def missing(self) -> list[str]:
        """Rules, faults and rare events that a run of this length should have reached and did not."""
        plan = self.subject.plan
        routes = [route for route in plan.routes if route.room.name == self.subject.room]
        rules = set(RULES)
        if not any(route.role.value == "spectator" for route in routes):
            rules.discard("watch")
        if not any("chat" in route.accepts for route in routes):
            rules.discard("chat")
        missing = self.ledger.missing(rules, FAULTS, SOMETIMES)
        return missing if self.ledger.programs >= GUARDED_FROM_PROGRAMS else []


def run_campaign(campaign: Campaign, is_time_up: Callable[[], bool]) -> None:
    """Runs rounds; stops at the first broken promise. When the time is up, the program or comparison at hand is the last."""
    n = campaign.first
    while not campaign.found and (campaign.rounds is None or n < campaign.rounds):
        if n > campaign.first and is_time_up():
            return
        _run_round(campaign, campaign.seed + n, is_time_up)
        if not campaign.found and n % COMPARED_EVERY == 0:
            for promise, found in comparisons(campaign.subject, campaign.seed + n, campaign.ledger):
                campaign.ledger.tried[promise] += 1
                campaign.found += found
                if campaign.found or is_time_up():
                    break
            del campaign.found[FOUND_MAX:]
        n += campaign.stride


def _run_round(campaign: Campaign, seed: int, is_time_up: Callable[[], bool]) -> None:
    campaign.failed_seed = seed
    before = campaign.ledger.programs

    def is_over() -> bool:
        return campaign.ledger.programs > before and is_time_up()

    latest: list[PromiseBroken] = []

    def on_broken(broken: PromiseBroken) -> None:
        is_first = not latest
        latest[:] = [broken]
        if is_first:
            _keep(campaign, broken, UNSHRUNK)
            campaign.on_first_broken()

    try:
        run_programs(
            campaign.subject,
            campaign.ledger,
            seed_no=seed,
            examples=campaign.examples,
            is_time_up=is_over,
            on_broken=on_broken,
        )
    except PromiseBroken as broken:
        _keep(campaign, broken, "\n".join(getattr(broken, "__notes__", [])))
    else:
        if latest:
            _keep(campaign, latest[0], UNSHRUNK)


def _keep(campaign: Campaign, broken: PromiseBroken, story: str) -> None:
    """What is known of a failure so far."""
    campaign.found, campaign.story = list(broken.found), story
    campaign.chart = mermaid(broken.trace, broken.found)


def comparisons(subject: Subject, seed: int, ledger: Ledger) -> Iterator[tuple[str, list[Violation]]]:
    """O13, O15 and O22 by two runs each, O25 by three; O18 in a second process.

    One experiment at a time, with the promise that it is about.
    """
    for found in two_runs.each_non_interference(subject, seed):
        yield "O13", found
    isolation = Isolation(subject, seed)
    found = isolation.violations()
    ledger.hostile += isolation.reached
    if isolation.reached:
        yield "O25", found
    yield "O15", two_runs.stalled_neighbour(subject, seed)
    yield "O22", two_runs.clock_independence(subject, seed)
    for record in two_runs.run(subject, seed, "memory").kept:
        for hash_seed in range(1, ELSEWHERE + 1):
            different = played_elsewhere(record, hash_seed)
            text = f"played again in a process with PYTHONHASHSEED={hash_seed}, the state is another{different}"
            yield "O18", [Violation("O18", 0.0, text)] if different else []
