"""Rounds of programs for one room until the time is up or a promise is broken, with the comparisons of two runs between them."""

from collections.abc import Callable

from attrs import define, field

from server.verify import two_runs
from server.verify.again import played_elsewhere
from server.verify.chart import mermaid
from server.verify.ledger import Ledger
from server.verify.programs import FAULTS, RULES, SOMETIMES, PromiseBroken, Subject, run_programs
from server.verify.promises import TABLE, Violation

GUARDED_FROM_PROGRAMS = 300  # fewer cannot be expected to reach everything
ELSEWHERE = 3


@define
class Campaign:
    """What to run, and what came of it. Round n has seed ``seed + n``: any round can be run again by itself."""

    subject: Subject
    seed: int
    seconds: float
    rounds: int | None
    examples: int
    ledger: Ledger = field(factory=Ledger)
    found: list[Violation] = field(factory=list)
    story: str = ""
    chart: str = ""
    failed_seed: int = 0

    def rows(self) -> list[tuple[str, str, str, str]]:
        """One row per promise."""
        broken = {violation.promise for violation in self.found}
        programs = str(self.ledger.programs)
        return [(p.id, p.title, programs, "BROKEN" if p.id in broken else "") for p in TABLE]

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


def run_campaign(campaign: Campaign, now: Callable[[], float]) -> None:
    """Runs rounds; stops at the first broken promise."""
    deadline = now() + campaign.seconds
    n = 0
    while not campaign.found and (n == 0 or now() < deadline) and (campaign.rounds is None or n < campaign.rounds):
        seed = campaign.seed + n
        try:
            run_programs(campaign.subject, campaign.ledger, seed_no=seed, examples=campaign.examples)
        except PromiseBroken as broken:
            campaign.found = list(broken.found)
            campaign.story = "\n".join(getattr(broken, "__notes__", []))
            campaign.chart = mermaid(broken.trace, broken.found)
        if not campaign.found and n % 8 == 0:
            campaign.found = compare(campaign.subject, seed)
        campaign.failed_seed = seed
        n += 1


def compare(subject: Subject, seed: int) -> list[Violation]:
    """O13, O15 and O22 by two runs each; O18 in a second process."""
    found = two_runs.non_interference(subject, seed)
    found += two_runs.stalled_neighbour(subject, seed)
    found += two_runs.clock_independence(subject, seed)
    kept = two_runs.run(subject, seed, "memory").kept
    for hash_seed in range(1, ELSEWHERE + 1):
        for record in kept:
            different = played_elsewhere(record, hash_seed)
            if different:
                text = f"played again in a process with PYTHONHASHSEED={hash_seed}, the state is another{different}"
                found.append(Violation("O18", 0.0, text))
    return found[:20]
