"""How a mutant is looked for: the promises over one run's trace, canaries in what was written, or two runs compared."""

import re
from collections import defaultdict
from collections.abc import Callable

from attrs import evolve

from server.verify import trace as tr
from server.verify.isolation import Isolation
from server.verify.promises import Violation, faults_of, violations
from server.verify.two_runs import clock_independence, non_interference, stalled_neighbour
from tests.verify.mutants.schedules import Schedule

Judge = Callable[[Schedule], list[Violation]]
CANARY = re.compile(rb"(?:hand-of|face|secret-of)-(\d+)")


def one_run(schedule: Schedule) -> list[Violation]:
    """The promises over the schedule's trace."""
    return violations(_traced(schedule))


def canaries(schedule: Schedule) -> list[Violation]:
    """O13: what only one seat may see is found on no other's socket. For schedules in which nobody shows a card."""
    trace = _traced(schedule)
    own: dict[str, set[int]] = defaultdict(set)
    for welcome in trace.of(tr.Welcomed):
        own[welcome.client] |= {seat for _, seat, _ in welcome.seats}
    found, is_own_seen = faults_of(trace), False
    for wrote in trace.of(tr.Wrote):
        for match in CANARY.finditer(wrote.data):
            is_secret = match.group().startswith(b"secret")
            if is_secret or int(match.group(1)) not in own[wrote.client]:
                found.append(Violation("O13", wrote.t, f"{wrote.client} got {match.group().decode()}"))
            else:
                is_own_seen = True
    assert is_own_seen or found, "nobody got a canary of its own: the schedule shows nothing"
    return found


def other_secrets(schedule: Schedule) -> list[Violation]:
    """O13: other values in what a viewer may not see."""
    return non_interference(schedule.subject(), schedule.seed)


def other_clock(schedule: Schedule) -> list[Violation]:
    """O22: another wall clock."""
    return clock_independence(schedule.subject(), schedule.seed)


def stalled_reader(schedule: Schedule) -> list[Violation]:
    """O15: a neighbour that reads nothing."""
    return stalled_neighbour(schedule.subject(), schedule.seed)


def nobody_is_sent_away(schedule: Schedule) -> list[Violation]:
    """O15: nothing that befalls the processes costs anybody a socket. For schedules in which no one is away for long."""
    trace = _traced(schedule)
    closed = [event for event in trace.of(tr.Closed) if event.why == "server"]
    return faults_of(trace) + [Violation("O15", c.t, f"{c.client} was sent away with {c.code}") for c in closed]


def odd_fields(schedule: Schedule) -> list[Violation]:
    """O25: hostile clients, with every field at its ends."""
    return _isolated(schedule, "fields")


def odd_order(schedule: Schedule) -> list[Violation]:
    """O25: hostile clients, who say things at the wrong time."""
    return _isolated(schedule, "order")


def floods(schedule: Schedule) -> list[Violation]:
    """O25: hostile clients, who say very much."""
    return _isolated(schedule, "floods")


def openings(schedule: Schedule) -> list[Violation]:
    """O25: hostile clients, who open rooms and hang up."""
    return _isolated(schedule, "openings")


def _isolated(schedule: Schedule, *fronts: str) -> list[Violation]:
    return Isolation(schedule.subject(), schedule.seed, fronts=fronts).violations()


def with_seed(schedule: Schedule, seed: int) -> Schedule:
    """The same with other chances."""
    return evolve(schedule, seed=seed)


def _traced(schedule: Schedule) -> tr.Trace:
    world = schedule.world()
    try:
        schedule.play(world)
    finally:
        world.close()
    return world.trace
