"""Markdown tables of results: the targets first, then each scenario's runs. Pure; the same text on the terminal and in the docs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.bench.results import Results
from tests.bench.scenarios import Scenario
from tests.bench.statistics import Spread, ratios
from tests.bench.targets import COLYSEUS, Outcome, Target

UNITS = {
    "cpu_us_per_update": "CPU µs / update",
    "cpu_pct": "CPU % of a core",
    "bytes_per_update": "bytes / update",
    "gap_p50_ms": "gap p50 ms",
    "gap_p99_ms": "gap p99 ms",
    "gap_max_ms": "gap max ms",
    "rtt_p50_ms": "rtt p50 ms",
    "rtt_p99_ms": "rtt p99 ms",
    "joins_per_s": "joins / s",
    "join_p99_ms": "join p99 ms",
    "join_cpu_ms": "join CPU ms",
    "rss_per_client_kb": "KB / connection",
    "rss_mb": "RSS MB",
    "rss_growth_mb": "RSS growth MB",
    "room_tick_us": "CPU µs / room and tick",
    "behind_s": "s behind",
    "behind_max_s": "s behind at most",
}
NAMES = {
    "roomwright": "Roomwright, one process",
    "roomwright-redis": "Roomwright, gateway + loop + Redis",
    "colyseus": "Colyseus",
    "plain": "plain Channels",
    "plain-redis": "plain Channels + Redis",
    "bare": "empty ASGI application",
}
VERDICTS = {"aim": "reached", "must": "held", "missed": "**missed**"}


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first column reads, the others count."""
    lines = [header, ["---", *("--:" for _ in header[1:])], *rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in lines)


def number(value: float) -> str:
    """Three digits, as far as that makes sense."""
    size = abs(value)
    return f"{value:.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"


def spread(found: Spread) -> str:
    """A median, and in brackets how far the repetitions lie apart."""
    if found.count == 1:
        return number(found.median)
    return f"{number(found.median)} ({number(found.low)}–{number(found.high)})"


def target_table(found: Sequence[Outcome]) -> str:
    """The targets and what came of them."""
    rows = []
    for outcome in found:
        target = outcome.target
        theirs = f"{spread(outcome.theirs)} {target.unit}" if outcome.theirs else "–"
        ratio = f"{spread(outcome.ratio)} ×" if outcome.theirs else "–"
        mine = f"{spread(outcome.ours)} {target.unit}"
        rows.append([target.title, mine, theirs, ratio, bound(target), VERDICTS[outcome.verdict]])
    return table(["figure", "Roomwright", "the other", "ratio", "must / aim", ""], rows)


def bound(target: Target) -> str:
    """How much is enough."""
    sign = "≥" if target.is_more_better else "≤"
    unit = " ×" if target.theirs else f" {target.unit}"
    return f"{sign} {target.must:g} / {target.aim:g}{unit}"


def scenario_table(results: Results, scenario: Scenario) -> str:
    """Its peers and figures, medians of the runs that count, CPU against Colyseus, and how many runs were void."""
    rows = []
    for peer in dict.fromkeys(row.peer for row in results.of(scenario.name)):
        runs = list(results.of(scenario.name, peer))
        voids = sum(row.is_void for row in runs)
        cells = [figure_cell(results, scenario.name, peer, figure) for figure in scenario.figures]
        others = [row.outcome["figures"]["other_pct"] for row in runs]
        note = f"{len(runs) - voids} of {len(runs)}" if voids else f"{len(runs)}"
        rows.append(
            [
                NAMES.get(peer, peer),
                *cells,
                to_colyseus(results, scenario, peer),
                note,
                number(Spread.of(others).median),
            ]
        )
    header = [
        "",
        *(UNITS.get(figure, figure) for figure in scenario.figures),
        f"{UNITS[scenario.figures[0]]} ÷ Colyseus",
        "runs",
        "others %",
    ]
    return table(header, rows)


def to_colyseus(results: Results, scenario: Scenario, peer: str) -> str:
    """The first figure's ratio to Colyseus, repetition by repetition."""
    if peer == COLYSEUS:
        return "1"
    figure = scenario.figures[0]
    found = ratios(results.values(scenario.name, peer, figure), results.values(scenario.name, COLYSEUS, figure))
    return spread(Spread.of(found)) if found else "–"


def figure_cell(results: Results, scenario: str, peer: str, figure: str) -> str:
    """A median with its spread; a dash where no run counts."""
    values = [value for value in results.values(scenario, peer, figure) if value is not None]
    return spread(Spread.of(values)) if values else "void"


def voids(results: Results) -> Iterator[str]:
    """Each void run and why."""
    for row in results.rows:
        if row.is_void:
            why = "; ".join(row.outcome["void"])
            yield f"{row.scenario} #{row.repetition + 1}, {NAMES.get(row.peer, row.peer)}: {why}"


def in_process(facts: Mapping[str, Any]) -> str:
    """What one room's rules and encoding cost by themselves."""
    runs = facts.get("in_process") or ()
    if not runs:
        return ""
    step, frame = (spread(Spread.of([run[key] for run in runs])) for key in ("step_us", "frame_us"))
    return f"In process, without loop, layer and sockets: one tick of 50 movers takes {step} µs, its frame {frame} µs."


def report(results: Results, scenarios: Sequence[Scenario], found: Sequence[Outcome]) -> str:
    """What the terminal shows at the end."""
    facts = results.facts
    parts = [
        f"{facts['date']}, commit {facts['commit']}, {facts['machine']['cores']} cores of {facts['machine']['cpu']}"
    ]
    parts += [text] if (text := in_process(facts)) else []
    for scenario in scenarios:
        if any(True for _ in results.of(scenario.name)):
            parts += [f"{scenario.name}: {scenario.title}", scenario_table(results, scenario)]
    if found:
        parts += ["Targets (medians; in brackets the spread over repetitions)", target_table(found)]
    lost = list(voids(results))
    parts += ["Void runs, which count for nothing:\n" + "\n".join(f"  {text}" for text in lost)] if lost else []
    return "\n\n".join(parts)
