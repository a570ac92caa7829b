"""`python -m server routes …`: the routing compiler's face on the command line. Prints; decides nothing.

`routes` is a click group that `server.__main__` mounts. Every command ends with 2 where the spec has a problem.
"""

import json
import os
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from server.routing import documents, explain
from server.routing.calibration import DEFAULT_PATH, BadCalibrationError, Calibration, read_calibration
from server.routing.capacity import FEW_INPUTS_HZ, SHARE, capacity
from server.routing.generate import generate, stale
from server.routing.plan import Deployment, Plan, load_plan
from server.routing.problems import Problems

PIPE_WIDTH = 200  # a table that is not read on a terminal is not folded to 80 columns

pass_path = click.make_pass_decorator(Path)


@click.group(invoke_without_command=True)
@click.option(
    "--routing",
    envvar="ROOMWRIGHT_ROUTING",
    default="routing.yaml",
    show_default=True,
    show_envvar=True,
    type=click.Path(path_type=Path),
    help="The routing file.",
)
@click.pass_context
def routes(context: click.Context, routing: Path) -> None:
    """The routes of the routing file: their table, or what a command below tells."""
    context.obj = routing
    if context.invoked_subcommand is None:
        print_routes(planned(routing))


@routes.command()
@click.argument("path")
@pass_path
def why(routing: Path, path: str) -> None:
    """Which line of the spec serves PATH, as whom, in which groups."""
    plan = planned(routing)
    click.echo(explain.why(plan, path))
    if plan.match(path) is None:
        sys.exit(1)


@routes.command()
@click.option(
    "--calibration",
    "measured",
    envvar="ROOMWRIGHT_CALIBRATION",
    default=str(DEFAULT_PATH),
    show_default=True,
    show_envvar=True,
    type=click.Path(path_type=Path),
    help="What this machine needs, as `make bench` measured it.",
)
@pass_path
def check(routing: Path, measured: Path) -> None:
    """Every problem of the spec, or its budget."""
    plan = planned(routing)
    try:
        calibration = read_calibration(measured)
    except BadCalibrationError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    print_budgets(plan)
    print_capacity(plan, calibration)
    for warning in plan.warnings:
        click.echo(f"warning: {warning.text(plan.source)}")
    click.echo(f"{plan.source}: {len(plan.rooms)} room types, {len(plan.routes)} routes, no problems")


@routes.command()
def schema() -> None:
    """The JSON Schema of the routing file."""
    click.echo(json.dumps(documents.json_schema(), indent=2, ensure_ascii=False))


@routes.command()
@pass_path
def asyncapi(routing: Path) -> None:
    """An AsyncAPI 3 document of all routes."""
    click.echo(json.dumps(documents.asyncapi(planned(routing)), indent=2, ensure_ascii=False))


@routes.command()
@pass_path
def types(routing: Path) -> None:
    """TypeScript types of each game."""
    click.echo("\n".join(map(documents.typescript, documents.games(planned(routing)))), nl=False)


@routes.command()
@pass_path
def full(routing: Path) -> None:
    """The spec as understood, every default written out."""
    click.echo(explain.to_yaml(planned(routing).spec), nl=False)


@routes.command()
@click.option("--check", "is_check", is_flag=True, help="Write nothing; end with 1 where a file is stale.")
@click.option("--to", default="docs/generated", show_default=True, type=click.Path(path_type=Path, file_okay=False))
@pass_path
def docs(routing: Path, to: Path, is_check: bool) -> None:
    """Write the generated documents."""
    plan = planned(routing, Deployment())  # the same text whatever the environment
    try:
        changed = stale(to, plan) if is_check else generate(to, plan)
    except OSError as error:
        raise click.ClickException(f"expected a directory that can be written, got {error}") from error
    for path in changed:
        click.echo(f"{'stale: ' if is_check else 'wrote '}{path}")
    if changed and is_check:
        click.echo("run `make docs` and commit what it writes")
        sys.exit(1)


def planned(routing: Path, deployment: Deployment | None = None) -> Plan:
    """The plan; with problems, prints all of them and ends with 2."""
    plan = load_plan(routing, deployment)
    if isinstance(plan, Problems):
        click.echo(str(plan), err=True)
        sys.exit(2)
    return plan


def console() -> Console:
    return Console() if sys.stdout.isatty() else Console(width=int(os.environ.get("COLUMNS", PIPE_WIDTH)))


def print_routes(plan: Plan) -> None:
    table = Table("route", "path", "role", "admit", "room", "groups", "accepts", "limits", box=None, pad_edge=False)
    for row in explain.rows(plan):
        cells = (row.name, row.path, row.role, row.admit, row.room, row.groups, row.accepts, row.limits)
        table.add_row(*map(escaped, cells))
    console().print(table)


def print_budgets(plan: Plan) -> None:
    table = Table("one room, estimated", *plan.budgets, box=None, pad_edge=False)
    columns = [explain.budget_rows(budget) for budget in plan.budgets.values()]
    for figures in zip(*columns, strict=True):
        table.add_row(figures[0][0], *(value for _, value in figures))
    console().print(table)
    click.echo(f"layer: {plan.layer.name}; over capacity it drops {plan.layer.drops}")


def print_capacity(plan: Plan, calibration: Calibration) -> None:
    found = {name: capacity(plan, name, calibration) for name in plan.budgets}
    table = Table("one process, estimated", *found, box=None, pad_edge=False)
    table.add_row("clients, each sending all it may", *(f"{each.clients_busy:,}" for each in found.values()))
    table.add_row(
        f"clients, each sending {FEW_INPUTS_HZ:g} inputs/s", *(f"{each.clients_calm:,}" for each in found.values())
    )
    console().print(table)
    click.echo(f"at {SHARE:.0%} of a core; {calibration.origin}")
    if not calibration.is_measured:
        click.echo("`make bench` measures this machine")


def escaped(text: str) -> str:
    """Rich reads [brackets] as markup; a path has none, but a name may."""
    return text.replace("[", r"\[")
