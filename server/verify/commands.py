"""`python -m server verify`: proves what DESIGN §10 promises, for any routing file and its games. Prints; decides nothing.

Ends with 0 where every promise held, 1 where one was broken (and prints how to see it again), 2 for a spec with problems.
"""

import os
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

PIPE_WIDTH = 160
ROUND_EXAMPLES = 25


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
@click.option("--seconds", default=60.0, show_default=True, type=click.FloatRange(min=0), help="How long, in all.")
@click.option("--seed", default=None, type=int, help="Begin with this seed; without one, a new one each time.")
@click.option("--rounds", default=None, type=click.IntRange(min=1), help="At most so many rounds for each room.")
def verify(routing: Path, room: str | None, seconds: float, seed: int | None, rounds: int | None) -> None:
    """Generate programs from the routing file and its games, run them in simulation, and report promise by promise."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "server.settings")
    import django

    django.setup()
    import secrets

    from server.routing.commands import planned
    from server.verify.campaign import Campaign, run_campaign
    from server.verify.programs import Subject
    from server.verify.rules import check_rules, print_checks

    plan = planned(routing)
    names = [room] if room else list(plan.rooms)
    if room and room not in plan.rooms:
        click.echo(f"--room: expected one of {', '.join(plan.rooms)}, got {room!r}", err=True)
        sys.exit(2)
    first = secrets.randbelow(2**31) if seed is None else seed
    console = Console() if sys.stdout.isatty() else Console(width=PIPE_WIDTH)
    is_broken = False
    for name in names:
        checked = check_rules(plan.rooms[name])
        print_checks(console, name, checked)
        if any(each.faults for each in checked):
            is_broken = True
            console.print("  the server's promises are looked at once the rules hold", markup=False)
            continue
        campaign = Campaign(Subject(plan, name), first, seconds / len(names), rounds, ROUND_EXAMPLES)
        started = time_s()
        run_campaign(campaign, time_s)
        print_report(console, campaign, time_s() - started, str(routing))
        is_broken |= bool(campaign.found)
    sys.exit(1 if is_broken else 0)


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


def print_report(console: Console, campaign: "object", took_s: float, routing: str) -> None:
    """The promises' table, the figures, and the failure with the command that shows it again."""
    from server.verify.campaign import Campaign

    assert isinstance(campaign, Campaign)  # noqa: S101 - imported late, so that the command line starts quickly
    ledger = campaign.ledger
    table = Table("promise", "what", "programs", "broken", title=f"room {campaign.subject.room}")
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
    console.print("answers: " + ", ".join(f"{name} {n}" for name, n in sorted(ledger.refusals.items())))
    if missing := campaign.missing():
        console.print("never reached: " + ", ".join(missing))
    for violation in campaign.found[:12]:
        console.print(f"BROKEN {violation}", style="bold red", markup=False)
    if campaign.found:
        console.print(campaign.story, markup=False)
        room, seed = campaign.subject.room, campaign.failed_seed
        print_chart(console, campaign.chart, f"{room}-{seed}")
        console.print(
            f"again: python -m server verify --routing {routing} --room {room} --seed {seed} --rounds 1", markup=False
        )
