"""`python -m server verify`: proves what DESIGN §10 promises, for any routing file and its games. Prints; decides nothing.

Ends with 0 where every promise held, 1 where one was broken (and prints how to see it again), 2 for a spec with problems, 3 where
too little was tried to mean anything.
"""

import math
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from attrs import define, field
from rich.console import Console
from rich.table import Table

from game.text import escaped

if TYPE_CHECKING:
    from server.routing.plan import RoomPlan
    from server.verify.campaign import Campaign
    from server.verify.rules import Checked

PIPE_WIDTH = 160
ROUND_EXAMPLES = 25
SECONDS = 60.0
PROGRESS_EVERY_S = 30.0
INTERRUPTED = 130
TOO_LITTLE = 3


@click.command()
@click.option(
    "--routing",
    envvar="ROOMWRIGHT_ROUTING",
    default="routing.yaml",
    show_default=True,
    type=click.Path(path_type=Path),
    help="The routing file.",
)
@click.option("--room", default=None, help="One room type only.")
@click.option("--seconds", default=None, type=click.FloatRange(min=0), help="How long, in all: 60 without --rounds.")
@click.option("--seed", default=None, type=int, help="Begin with this seed; without one, a new one each time.")
@click.option("--rounds", default=None, type=click.IntRange(min=1), help="At most so many rounds for each room.")
@click.option("--workers", default=None, type=click.IntRange(min=1), help="Processes; as many as there are cores.")
@click.option("--programs-only", is_flag=True, help="Leave out the checks of the rules alone.")
@click.option(
    "--coverage", is_flag=True, help="Print how often each rule met each fault, and what hostile clients did."
)
def verify(
    *,
    routing: Path,
    room: str | None,
    seconds: float | None,
    seed: int | None,
    rounds: int | None,
    workers: int | None,
    programs_only: bool,
    coverage: bool,
) -> None:
    """Generate programs from the routing file and its games, run them in simulation, and report promise by promise."""
    click.echo(f"verify: {routing}")  # at once: what follows is loaded for a second or two
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "server.settings")
    import django

    django.setup()
    import secrets

    from server.routing.commands import planned
    from server.verify.campaign import Campaign
    from server.verify.programs import Subject
    from server.verify.rules_run import share_until
    from server.verify.workers import cores

    plan = planned(routing)
    names = [room] if room else list(plan.rooms)
    if room and room not in plan.rooms:
        click.echo(f"--room: expected one of {', '.join(plan.rooms)}, got {room!r}", err=True)
        sys.exit(2)
    first = secrets.randbelow(2**31) if seed is None else seed
    console = Console() if sys.stdout.isatty() else Console(width=PIPE_WIDTH)
    started = time_s()
    budget_s = seconds if seconds is not None else math.inf if rounds else SECONDS
    verdict = Verdict()
    campaigns = []
    for number, name in enumerate(names, 1):
        deadline = started + budget_s * number / len(names)
        if not programs_only:
            checked = check_rules(console, routing, plan.rooms[name], first, share_until(time_s(), deadline))
            verdict.note_rules(name, checked)
            if any(each.faults for each in checked):
                console.print("  the server's promises are looked at once the rules hold", markup=False)
                continue
        campaign = Campaign(Subject(plan, name), first, rounds, ROUND_EXAMPLES)
        began = time_s()
        verdict.is_interrupted = play(campaign, deadline, workers or cores(), routing)
        print_report(console, campaign, time_s() - began, str(routing))
        if coverage:
            print_coverage(console, campaign)
        campaigns.append(campaign)
        verdict.note_programs(name, campaign)
        if verdict.is_interrupted or campaign.found:
            break
    print_sum(console, campaigns, time_s() - started)
    for line in verdict.too_little if verdict.status == TOO_LITTLE else ():
        console.print(f"too little: {line}", style="yellow", markup=False)
    sys.exit(verdict.status)


@define
class Verdict:
    """What the whole run came to, as an exit status. ``too_little`` names what was not tried enough to mean anything."""

    is_broken: bool = False
    is_interrupted: bool = False
    too_little: list[str] = field(factory=list)

    def note_rules(self, room: str, checked: "Sequence[Checked]") -> None:
        """The checks of one room type's rules."""
        self.is_broken |= any(each.faults for each in checked)
        self.too_little += [
            f"room {room}: not tried: {each.check.title}" for each in checked if each.verdict == "not tried"
        ]
        for each in checked:
            if each.check.id == "input" and each.verdict == "in part":
                self.too_little += [f"room {room}: input {name} was {why}" for name, why in each.effort.untried.items()]

    def note_programs(self, room: str, campaign: "Campaign") -> None:
        """The programs of one room type."""
        self.is_broken |= bool(campaign.found)
        if not campaign.found:
            self.too_little += [f"room {room}: {floor}" for floor in campaign.missed_floors()]

    @property
    def status(self) -> int:
        """0, 1, 3, or that of an interrupt. 2, for what cannot start, is given at once."""
        if self.is_broken:
            return 1
        if self.is_interrupted:
            return INTERRUPTED
        return TOO_LITTLE if self.too_little else 0


def check_rules(console: Console, routing: Path, room: "RoomPlan", seed: int, deadline: float) -> "Sequence[Checked]":
    """The rules alone, told check by check."""
    from server.verify.rules import print_check
    from server.verify.rules_run import RulesOrder, run_rules

    console.print(f"room {room.name}: the rules alone", markup=False)
    return run_rules(
        RulesOrder(str(routing), room.name, seed), room, deadline, lambda checked: print_check(console, checked)
    )


def play(campaign: "Campaign", deadline: float, workers: int, routing: Path) -> bool:
    """Runs the campaign in processes of its own, on several cores where it has more rounds than one. Whether it was interrupted."""
    from server.verify.rules_run import is_authors_file
    from server.verify.workers import Crew, Order

    count = min(workers, campaign.rounds or workers)
    subject, rounds = campaign.subject, campaign.rounds
    room = subject.plan.rooms[subject.room]
    orders = [
        Order(str(routing), subject.room, campaign.seed, rounds, campaign.examples, n, count) for n in range(count)
    ]
    crew = Crew(orders, lambda file: is_authors_file(file, room))
    left = f", {max(0.0, deadline - time_s()):.0f} s left" if deadline < math.inf else ""
    click.echo(f"room {subject.room}: programs in {count} process{'es' if count > 1 else ''}{left}")
    crew.run(lambda: time_s() > deadline, Progress(subject.room, deadline, time_s()).tell)
    campaign.ledger.add(crew.ledger())
    for result in crew.results.values():
        if result.violations and not campaign.found:
            campaign.found, campaign.story, campaign.chart = result.violations, result.story, result.chart
            campaign.failed_seed = result.seed
    return crew.is_interrupted


@define
class Progress:
    """A line after the first programs and now and then, so that a long run is seen to run."""

    room: str
    deadline: float
    started_at: float
    told_at: float = -math.inf

    def tell(self, programs: int, delivered: int) -> None:
        """So far."""
        now = time_s()
        if programs and now - self.told_at >= PROGRESS_EVERY_S:
            self.told_at = now
            rate = delivered / (now - self.started_at)
            left = f", {self.deadline - now:.0f} s left" if self.deadline < math.inf else ""
            click.echo(f"room {self.room}: {programs} programs, {delivered} delivered ({rate:.0f}/s){left}")


def time_s() -> float:
    """Seconds for budgets of real time; never part of a simulation."""
    from server.clock import monotonic

    return monotonic()


def print_chart(console: Console, chart: str, name: str) -> None:
    """The failing program as a sequence chart, in a file that any Markdown viewer with Mermaid draws."""
    if not chart:
        return
    path = Path("var", "verify", f"{name}.md")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"# {name}\n\n```mermaid\n{chart}\n```\n", encoding="utf-8")
    console.print(f"drawn as a sequence chart: {path}", markup=False)


def print_coverage(console: Console, campaign: "Campaign") -> None:
    """Rules × faults: in how many programs both of them happened."""
    pairs = campaign.ledger.pairs
    faults = sorted({fault for _, fault in pairs})
    rules: Counter[str] = Counter(rule for rule, _ in pairs)
    table = Table(
        "rule",
        *(str(n) for n, _ in enumerate(faults, 1)),
        title=f"room {campaign.subject.room}: programs with both",
        padding=(0, 0),
    )
    for rule in sorted(rules):
        table.add_row(rule, *(str(pairs[rule, fault] or "") for fault in faults))
    console.print(table)
    console.print(", ".join(f"{n} {fault}" for n, fault in enumerate(faults, 1)), markup=False)
    for name, times in sorted(campaign.ledger.hostile.items()):
        console.print(f"{times:6} {name}", markup=False)


def print_sum(console: Console, campaigns: "Sequence[Campaign]", took_s: float) -> None:
    """All rooms together."""
    ledgers = [campaign.ledger for campaign in campaigns]
    delivered, programs = sum(ledger.delivered for ledger in ledgers), sum(ledger.programs for ledger in ledgers)
    with_faults = sum(ledger.programs_with_faults for ledger in ledgers)
    broken = sum(bool(campaign.found) for campaign in campaigns)
    console.print(
        f"in all: {delivered} frames and inputs delivered ({delivered / max(took_s, 1e-9):.0f}/s), "
        f"faults in {with_faults} of {programs} programs, {broken} rooms with a broken promise, {took_s:.0f} s",
        markup=False,
    )


def print_report(console: Console, campaign: "Campaign", took_s: float, routing: str) -> None:
    """The promises' table, the figures, and the failure with the command that shows it again."""
    ledger = campaign.ledger
    table = Table("promise", "what", "tried", "", title=f"room {campaign.subject.room}")
    for row in campaign.rows():
        table.add_row(*row)
    console.print(table)
    speed = ledger.virtual_s / max(took_s, 1e-9)
    console.print(
        f"{ledger.programs} programs, {ledger.steps} steps ({ledger.steps / max(took_s, 1e-9):.0f}/s), "
        f"{ledger.frames} frames and {ledger.inputs} inputs delivered, {ledger.programs_with_faults} programs with faults, "
        f"{len(ledger.pairs)} pairs of rule and fault, {speed:.0f} × real time"
    )
    console.print("faults: " + ", ".join(f"{name} {n}" for name, n in sorted(ledger.faults.items())))
    applied = ", ".join(f"{name} {n}" for name, n in sorted(ledger.applied.items())) or "no input"
    console.print(f"applied: {applied}", markup=False)
    answers = ", ".join(f"{name} {n}" for name, n in sorted(ledger.refusals.items()))
    console.print(f"answers: {escaped(answers)}", markup=False)
    console.print(
        "hostile clients: " + ", ".join(f"{kind} {total} ({n} kinds)" for kind, n, total in ledger.hostile_rows())
    )
    if missing := campaign.missing():
        console.print("never reached: " + ", ".join(missing))
    for violation in campaign.found[:12]:
        text = escaped(str(violation), "\n")
        console.print(f"BROKEN {text}", style="bold red", markup=False, soft_wrap=True)
    if campaign.found:
        console.print(escaped(campaign.story, "\n"), markup=False)
        room, seed = campaign.subject.room, campaign.failed_seed
        print_chart(console, campaign.chart, f"{room}-{seed}")
        console.print(
            f"again: python -m server verify --routing {routing} --room {room} --seed {seed} --rounds 1", markup=False
        )
