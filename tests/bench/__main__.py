"""`python -m tests.bench …`: the bench's command line. Chooses what to run and prints; the modules beside it do the work."""

import json
import sys
from pathlib import Path

import click

from tests.bench.arrangements import ARRANGEMENTS, ROOT, MissingError
from tests.bench.cell import Cell
from tests.bench.runner import BenchError, Outcome, run_cell


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
            f"rtt p50 {v['rtt_p50_ms']:.1f} p99 {v['rtt_p99_ms']:.1f} ms   {v['joins_per_s']:.0f} joins/s"
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
