"""`python -m tests.bench …`: the bench's command line. Chooses what to run and prints; the modules beside it do the work."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import click

from tests.bench import calibration, pages, scenarios, tables
from tests.bench.arrangements import ARRANGEMENTS, ROOT, MissingError
from tests.bench.campaign import Campaign
from tests.bench.cell import Cell
from tests.bench.facts import commit
from tests.bench.results import Results, ResultsFile
from tests.bench.runner import BenchError, Outcome, run_cell
from tests.bench.scenarios import Scenario
from tests.bench.targets import outcomes


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Roomwright beside its peers, measured."""


@main.command()
@click.option("--peer", required=True, type=click.Choice(sorted(ARRANGEMENTS)))
@click.option("--clients", default=400, show_default=True, type=click.IntRange(1, 20_000))
@click.option("--rooms", default=8, show_default=True, type=click.IntRange(1, 5_000))
@click.option(
    "--inputs", "inputs_hz", default=2.0, show_default=True, type=click.FloatRange(0, 60), help="Per client and second."
)
@click.option("--seconds", default=10.0, show_default=True, type=click.FloatRange(1, 600), help="The measured window.")
@click.option("--warmup", "warmup_s", default=3.0, show_default=True, type=click.FloatRange(0.5, 60))
@click.option("--movers", default=50, show_default=True, type=click.IntRange(1, 5_000), help="Entities per room.")
@click.option("--players", "players_per_room", type=click.IntRange(1), help="Per room; the others watch.")
@click.option("--slow-readers", default=0, show_default=True, type=click.IntRange(0, 8), help="On half the bandwidth.")
@click.option("--idle", "idle_s", default=0.0, type=click.FloatRange(0, 60), help="Seconds to watch the empty server.")
@click.option(
    "--server-root",
    default=ROOT,
    type=click.Path(path_type=Path, exists=True, file_okay=False, resolve_path=True),
    help="The checkout whose server is measured.",
)
@click.option("--repeat", default=1, show_default=True, type=click.IntRange(1, 50))
@click.option("--json", "is_json", is_flag=True, help="The whole outcome.")
def cell(server_root: Path, repeat: int, is_json: bool, **load: object) -> None:
    """One peer under one load; ends with 1 where the run is void."""
    is_void = False
    for _ in range(repeat):
        try:
            outcome = run_cell(Cell(**load), server_root)  # type: ignore[arg-type]  # click has checked them
        except (MissingError, BenchError) as error:
            raise click.ClickException(str(error)) from None
        click.echo(json.dumps(outcome.as_json()) if is_json else described(outcome))
        is_void = is_void or bool(outcome.void)
    sys.exit(1 if is_void else 0)


BENCH = ROOT / ".bench"
CALIBRATION = BENCH / "calibration.json"
BUDGET_S = 14 * 60


def server_root_option(command: Callable[..., None]) -> Callable[..., None]:
    """The checkout that is measured."""
    kind = click.Path(path_type=Path, exists=True, file_okay=False, resolve_path=True)
    text = "The checkout whose server is measured."
    return click.option("--server-root", default=ROOT, type=kind, help=text)(command)


@main.command()
@server_root_option
@click.option("--only", multiple=True, help="Scenarios by name; several times for several.")
def table(server_root: Path, only: tuple[str, ...]) -> None:
    """`make bench`: the table of targets, beside all peers, in under 15 minutes."""
    wanted = chosen(scenarios.TABLE, only)
    file = ResultsFile(BENCH / "table.jsonl")
    file.path.unlink(missing_ok=True)
    campaign = Campaign(file, click.echo, server_root, BUDGET_S)
    results = campaign.run(wanted)
    show(results, wanted, campaign)
    calibrated(results)


@main.command()
@server_root_option
@click.option("--only", multiple=True, help="Scenarios by name; several times for several.")
@click.option("--fresh", is_flag=True, help="Forget what was measured.")
def full(server_root: Path, only: tuple[str, ...], fresh: bool) -> None:
    """`make bench-full`: all the rest, cell by cell; what is finished is kept and not measured again."""
    wanted = chosen(scenarios.FULL, only)
    file = ResultsFile(BENCH / "full.jsonl")
    if fresh:
        file.path.unlink(missing_ok=True)
    kept = file.read()
    if kept.facts and kept.facts["commit"] != commit(server_root):
        click.echo(f"keeping runs of commit {kept.facts['commit']}; --fresh forgets them")
    campaign = Campaign(file, click.echo, server_root, tries=2)
    show(campaign.run(wanted), wanted, campaign)


@main.command()
def docs() -> None:
    """`make bench-docs`: docs/performance.md from the finished runs; without any, from those that it was made of."""
    folder = ROOT / "docs"
    results = ResultsFile(BENCH / "table.jsonl").read()
    extra = ResultsFile(BENCH / "full.jsonl").read()
    if not results.facts:
        results = extra if extra.facts else pages.read(folder)
    elif extra.facts:
        results.rows += extra.rows
        results.facts["full"] = {key: extra.facts[key] for key in ("date", "commit")}
    for path in pages.write(results, folder):
        click.echo(f"wrote {path.relative_to(ROOT)}")


@main.command()
@server_root_option
@click.option("--to", default=CALIBRATION, type=click.Path(path_type=Path, dir_okay=False), show_default=False)
def calibrate(server_root: Path, to: Path) -> None:
    """What this machine needs per update, input and room's tick, for `python -m server routes check`."""
    file = ResultsFile(BENCH / "calibration.jsonl")
    file.path.unlink(missing_ok=True)
    calibrated(Campaign(file, click.echo, server_root, tries=2).run(calibration.scenarios()), to)


def chosen(all_of_them: tuple[Scenario, ...], only: tuple[str, ...]) -> list[Scenario]:
    """Those with these names; all where none is named."""
    names = [scenario.name for scenario in all_of_them]
    for name in only:
        if name not in names:
            raise click.BadParameter(f"expected one of {', '.join(names)}, got {name!r}", param_hint="--only")
    return [scenario for scenario in all_of_them if not only or scenario.name in only]


def show(results: Results, wanted: list[Scenario], campaign: Campaign) -> None:
    """The report; what could not run is named."""
    click.echo("\n" + tables.report(results, wanted, outcomes(results)))
    for why in campaign.missing.values():
        click.echo(f"left out: {why}")
    click.echo(f"runs: {campaign.file.path.relative_to(ROOT)}")


def calibrated(results: Results, to: Path = CALIBRATION) -> None:
    """Writes the calibration, or says why there is none."""
    try:
        calibration.write(to, calibration.calibration(results))
    except calibration.CannotCalibrateError as error:
        click.echo(f"no calibration: {error}")
        return
    click.echo(f"wrote {to}; `python -m server routes check` uses it")


def described(outcome: Outcome) -> str:
    """One run in a few lines."""
    v = {name: 0.0 if value is None else value for name, value in outcome.figures.items()}
    run = outcome.run
    each = " + ".join(f"{100 * used / run['wall_s']:.0f}" for used in run["servers_cpu_s"])
    lines = [
        f"{outcome.cell.peer}: {outcome.cell.load}, {run['wall_s']:.1f} s",
        (
            f"{v['cpu_us_per_update']:.1f} us CPU/update ({v['cpu_pct']:.0f} % of a core: {each})   "
            f"{v['bytes_per_update']:.0f} bytes/update ({v['wire_bytes_per_update']:.0f} with framing)   "
            f"{v['delivered_pct']:.1f} % delivered at {v['pace_hz']:.2f} Hz"
        ),
        (
            f"gap p50 {v['gap_p50_ms']:.1f} p99 {v['gap_p99_ms']:.1f} max {v['gap_max_ms']:.0f} ms   "
            f"rtt p50 {v['rtt_p50_ms']:.1f} p99 {v['rtt_p99_ms']:.1f} ms   {v['joins_per_s']:.0f} joins/s, {v['join_cpu_ms']:.1f} ms CPU each"
        ),
        (
            f"{v['rss_mb']:.0f} MB, {v['rss_per_client_kb']:.1f} KB per client   "
            f"generator {v['generator_pct']:.0f} %, others {v['other_pct']:.0f} %, stolen {v['stolen_pct']:.0f} %"
        ),
        (
            f"{run.get('states_checked', 0)} states, {run.get('strides_checked', 0)} strides checked   "
            f"inputs {run['inputs_answered']} answered of {run['inputs_sent']}   "
            f"protocol gaps {run['protocol_gaps']}, resyncs {run['resyncs']}"
        ),
    ]
    if outcome.cell.slow_readers:
        lines.append(f"slow readers behind by {run['behind_s']} s, at most {run['behind_max_s']}; {run['slow_closes']}")
        lines.append(f"memory grew by {v['rss_growth_mb']:.2f} MB")
    if outcome.cell.idle_s:
        lines.append(f"{v['room_tick_us']:.0f} us per room and tick beyond the idle process")
    text = "\n  ".join(lines)
    text += "".join(f"\n  fault: {what} ({count})" for what, count in run["faults"].items())
    text += "".join(f"\n  VOID: {reason}" for reason in outcome.void)
    return text + (f"\n{run['server_log']}" if outcome.void and run.get("server_log") else "")


if __name__ == "__main__":
    main(prog_name="python -m tests.bench")
