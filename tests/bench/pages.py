"""docs/performance.md and its pictures, made from the results that are kept beside it and a hand-written template.

`make bench-docs` runs it; a test holds the page to what this makes of the kept results, so that nobody edits figures.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.bench import plots, scenarios, tables
from tests.bench.arrangements import HERE
from tests.bench.results import Results, Row
from tests.bench.scenarios import Scenario
from tests.bench.statistics import Spread
from tests.bench.targets import outcomes

TEMPLATE = HERE / "performance.template.md"
CLIENTS_AXIS = {100: "plain Channels", 200: "200 clients", 400: "rooms of 50", 800: "800 clients", 1600: "1600 clients"}
ROOM_SIZE_AXIS = {4: "rooms of 4", 50: "rooms of 50", 200: "rooms of 200", 1000: "room of 1000"}
MOVERS_AXIS = {movers: f"{movers} movers" for movers in (10, 50, 200, 500, 1000, 2000)}
ROOMS_AXIS = {rooms: f"{rooms} rooms" for rooms in (20, 80, 160, 320)}
KEPT_OF_RUN = ("wall_s", "servers_cpu_s", "updates", "states_checked", "strides_checked", "closes", "faults")


def kept(results: Results) -> Results:
    """The rows as the repository keeps them: figures and verdicts, without logs and long lists."""
    rows = []
    for row in results.rows:
        run = {key: value for key, value in row.outcome["run"].items() if key in KEPT_OF_RUN}
        rows.append(Row(row.scenario, row.repetition, {**row.outcome, "run": run}))
    return Results(results.facts, rows)


def write(results: Results, docs: Path) -> list[Path]:
    """The data, the pictures and the page below ``docs``; what was written."""
    results = Results.from_json(rounded(kept(results).as_json()))  # the page is made of what is kept
    folder = docs / "performance"
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / "results.json"
    data.write_text(json.dumps(results.as_json(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    pictures = drawn(results)
    for name, picture in pictures.items():
        (folder / name).write_text(picture, encoding="utf-8")
    page = docs / "performance.md"
    page.write_text(performance(results, TEMPLATE.read_text(encoding="utf-8")), encoding="utf-8")
    return [data, page, *(folder / name for name in pictures)]


def read(docs: Path) -> Results:
    """The results kept below ``docs``."""
    return Results.from_json(json.loads((docs / "performance" / "results.json").read_text(encoding="utf-8")))


def performance(results: Results, template: str) -> str:
    """The page: the template with its {{placeholders}} filled in."""
    parts = {
        "facts": facts_text(results.facts),
        "in_process": tables.in_process(results.facts),
        "targets": tables.target_table(outcomes(results)),
        "scenarios": scenario_sections(results, scenarios.TABLE),
        "full": scenario_sections(results, scenarios.FULL) or "Not measured yet: `make bench-full`.",
        "pictures": "\n\n".join(f"![{name.removesuffix('.svg')}](performance/{name})" for name in drawn(results)),
        "voids": "\n".join(f"* {text}" for text in tables.voids(results)) or "None.",
    }
    for name, text in parts.items():
        template = template.replace("{{" + name + "}}", text)
    return template


def facts_text(facts: dict[str, Any]) -> str:
    """The machine and the versions in a few lines."""
    machine, versions = facts["machine"], facts["versions"]
    more = facts.get("full")
    lines = [
        f"* {facts['date']}, commit `{facts['commit']}`"
        + (f"; *More*: {more['date']}, commit `{more['commit']}`" if more else ""),
        f"* {machine['cores']} cores of {machine['cpu']}, {machine['memory_gb']} GB, {machine['system']} {machine['kernel']}",
        "* " + ", ".join(f"{name} {version}" for name, version in versions.items()),
        *(f"* Not controlled: {text[0].lower()}{text[1:]}" for text in facts["not_controlled"]),
    ]
    return "\n".join(lines)


def scenario_sections(results: Results, wanted: Sequence[Scenario]) -> str:
    """A heading and a table for each scenario that has runs."""
    shown = [scenario for scenario in wanted if any(True for _ in results.of(scenario.name))]
    return "\n\n".join(f"### {s.title}\n\n{tables.scenario_table(results, s)}" for s in shown)


def drawn(results: Results) -> dict[str, str]:
    """The pictures for which there is data."""
    update, tick = "cpu_us_per_update", "room_tick_us"
    wanted = {
        "clients.svg": (
            "CPU per update by number of clients",
            "clients, rooms of 50",
            "CPU µs / update",
            CLIENTS_AXIS,
            update,
        ),
        "room-sizes.svg": (
            "CPU per update by size of room",
            "clients in a room",
            "CPU µs / update",
            ROOM_SIZE_AXIS,
            update,
        ),
        "movers.svg": ("What a room's tick costs", "movers in the room", "CPU µs / room and tick", MOVERS_AXIS, tick),
        "rooms.svg": ("Rooms in one process", "rooms", "frame gap p99, ms", ROOMS_AXIS, "gap_p99_ms"),
    }
    pictures = {}
    for name, (title, x_label, y_label, axis, figure) in wanted.items():
        lines = {
            tables.NAMES[peer]: line for peer in scenarios.ALL if len(line := points(results, peer, axis, figure)) > 1
        }
        if lines:
            pictures[name] = plots.svg(plots.Plot(title, x_label, y_label, lines))
    return pictures


def points(results: Results, peer: str, axis: dict[int, str], figure: str) -> list[plots.Point]:
    """One peer's figure along an axis of scenarios."""
    found = []
    for x, scenario in axis.items():
        names = [scenario] if scenario != "plain Channels" else ["plain Channels", "100 clients"]
        values = [v for name in names for v in results.values(name, peer, figure) if v is not None]
        if values:
            found.append((float(x), Spread.of(values)))
    return found


def rounded(value: Any) -> Any:
    """Plain data with numbers of five digits: enough, and short."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    return [rounded(each) for each in value] if isinstance(value, list) else value
