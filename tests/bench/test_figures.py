"""The bench's arithmetic and its rules: quantiles, ratios, what makes a run void, how results are kept, shown and calibrated."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.routing.plan import Plan, load_plan
from tests.bench import calibration, pages, plots, tables
from tests.bench.arrangements import HERE, routing_text
from tests.bench.campaign import schedule
from tests.bench.cell import Cell, due_of, figures, void_reasons
from tests.bench.results import BadResultsError, Results, ResultsFile, Row
from tests.bench.scenarios import FULL, TABLE, Scenario, every
from tests.bench.statistics import Spread, quantile, ratios
from tests.bench.targets import TARGETS, Target, outcome

CELL = Cell("roomwright", clients=100, rooms=2, inputs_hz=2.0)
FACTS = {
    "date": "2026-11-22",
    "commit": "abc1234",
    "machine": {"cores": 2, "cpu": "A Processor", "kernel": "6.1", "system": "Linux", "memory_gb": 8},
    "versions": {"python": "3.11"},
    "not_controlled": ["Nothing was controlled."],
    "in_process": [{"step_us": 4.0, "frame_us": 60.0}, {"step_us": 5.0, "frame_us": 70.0}],
}


def run_of(**change: Any) -> dict[str, Any]:
    """A run of `CELL` for ten seconds in which all is well, but for the change."""
    spread = {"p50": 0.05, "p99": 0.06, "max": 0.07}
    good = {
        "wall_s": 10.0,
        "servers_cpu_s": [1.0, 0.5],
        "generator_cpu_s": 1.0,
        "other_cpu_s": 0.5,
        "stolen_s": 0.0,
        "idle_cpu_share": 0.0,
        "join_s": 0.5,
        "join_cpu_s": 0.2,
        "join_each_s": spread,
        "rss_added_bytes": 50 * 20 * 1024,
        "rss_added_clients": 50,
        "rss_bytes": 2**26,
        "rss_growth_bytes": 0,
        "updates": 20_000,
        "updates_min": 200,
        "updates_of_rooms": [[50, 200], [50, 200]],
        "payload_bytes": 20_000 * 300,
        "wire_bytes": 20_000 * 304,
        "gap_s": spread,
        "rtt_s": spread,
        "inputs_sent": 2000,
        "inputs_answered": 2000,
        "inputs_refused": 0,
        "protocol_gaps": 0,
        "resyncs": 0,
        "closes": {},
        "faults": {},
        "state_problems": [],
    }
    return good | change


def row_of(scenario: str, peer: str, repetition: int, cpu_us: float, *, void: bool = False, load: Cell = CELL) -> Row:
    found = {"cpu_us_per_update": cpu_us, "bytes_per_update": 300.0, "other_pct": 5.0}
    cell = load.as_json() | {"peer": peer}
    return Row(
        scenario,
        repetition,
        {"cell": cell, "run": run_of(), "figures": found, "void": ["why"] if void else [], "at": ""},
    )


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0, 1))
def test_a_quantile_is_one_of_the_values(values: list[float], share: float) -> None:
    ordered = sorted(values)
    found = quantile(ordered, share)
    assert found in values
    assert sum(value < found for value in values) <= share * len(values)


def test_quantiles_of_little() -> None:
    assert quantile([], 0.99) == 0.0
    assert quantile([3.0], 0.5) == 3.0
    assert quantile(list(range(100)), 0.99) == 99
    assert quantile(list(range(1000)), 0.5) == 500


def test_a_spread_needs_a_value() -> None:
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0, 3)
    with pytest.raises(ValueError, match="at least one value"):
        Spread.of([])


def test_ratios_are_taken_within_a_repetition() -> None:
    assert ratios([10.0, 20.0, None, 5.0], [20.0, None, 7.0, 0.0, 1.0]) == [0.5]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"updates": 19_600}, "98.0 % of the frames that the rooms sent arrived"),
        ({"updates_of_rooms": [[50, 150], [50, 200]]}, "the rooms sent 87.5 % of 20 frames a second"),
        ({"closes": {"4430 too_slow": 3}}, "3 sockets closed: 4430 too_slow"),
        ({"inputs_answered": 1000}, "1000 of 2000 inputs answered"),
        ({"inputs_refused": 7}, "7 inputs refused"),
        ({"state_problems": ["expected 50 movers, got 49"]}, "state: expected 50 movers, got 49"),
        ({"updates": 0, "updates_of_rooms": [[50, 0], [50, 0]], "updates_min": 0}, "the rooms sent 0.0 % of 20 frames"),
    ],
)
def test_a_run_that_fell_short_is_void_and_says_why(change: dict[str, Any], reason: str) -> None:
    assert void_reasons(CELL, run_of()) == []
    assert any(reason in found for found in void_reasons(CELL, run_of(**change)))


def test_a_frame_that_straddles_the_windows_edge_voids_nothing() -> None:
    assert void_reasons(CELL, run_of(updates=19_900, updates_of_rooms=[[50, 201], [50, 200]])) == []


def test_an_empty_application_owes_no_frames() -> None:
    silent = run_of(updates=0, updates_min=0, updates_of_rooms=[[50, 0], [50, 0]], inputs_sent=0, inputs_answered=0)
    assert void_reasons(Cell("bare", 100, 2), silent) == []
    assert figures(silent, 100, 2)["cpu_us_per_update"] is None


def test_figures_have_their_units() -> None:
    found = figures(run_of(), CELL.clients, CELL.rooms)
    assert found["cpu_us_per_update"] == pytest.approx(75.0)
    assert found["bytes_per_update"] == pytest.approx(300.0)
    assert found["rss_per_client_kb"] == pytest.approx(20.0)
    assert found["joins_per_s"] == pytest.approx(200.0)
    assert found["room_tick_us"] == pytest.approx(75.0 * 50)
    assert found["pace_hz"] == pytest.approx(20.0)
    assert due_of(run_of()) == 20_000


def test_peers_alternate_within_a_repetition() -> None:
    first, second = (Scenario(name, name, CELL, ("roomwright", "colyseus")) for name in "ab")
    order = [(s.name, repetition, cell.peer) for s, repetition, cell in schedule([first, second])]
    assert order[:5] == [
        ("a", 0, "roomwright"),
        ("a", 0, "colyseus"),
        ("b", 0, "roomwright"),
        ("b", 0, "colyseus"),
        ("a", 1, "roomwright"),
    ]
    assert len(order) == 2 * 2 * 3


def test_scenarios_have_names_of_their_own_and_targets_name_them() -> None:
    names = [scenario.name for scenario in every()]
    assert len(names) == len(set(names))
    runs = {(scenario.name, peer) for scenario in every() for peer in scenario.peers}
    wanted = {run for target in TARGETS for run in (target.ours, target.theirs) if run is not None}
    assert wanted - runs == set()
    axes = (pages.CLIENTS_AXIS, pages.ROOM_SIZE_AXIS, pages.MOVERS_AXIS, pages.ROOMS_AXIS)
    assert {name for axis in axes for name in axis.values()} - set(names) == set()


def test_a_results_file_keeps_runs_and_knows_them_again(tmp_path: Path) -> None:
    file = ResultsFile(tmp_path / "deep" / "runs.jsonl")
    assert file.read() == Results()
    file.begin(FACTS)
    file.add(row_of("a", "roomwright", 0, 1.0))
    file.add(row_of("a", "roomwright", 1, 2.0, void=True))
    results = file.read()
    assert results.facts == FACTS
    assert results.values("a", "roomwright", "cpu_us_per_update") == [1.0, None]
    assert results.has("a", 0, CELL.as_json())
    assert not results.has("a", 1, CELL.as_json())
    assert not results.has("a", 0, Cell("roomwright", clients=5).as_json())
    assert Results.from_json(json.loads(json.dumps(results.as_json()))) == results


@pytest.mark.parametrize("line", ["{", "[]", '{"scenario": "a"}', "3"])
def test_a_spoilt_results_file_names_the_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "runs.jsonl"
    path.write_text(json.dumps({"facts": FACTS}) + "\n" + line + "\n")
    with pytest.raises(BadResultsError, match=r"runs\.jsonl:2: expected one run"):
        ResultsFile(path).read()


@pytest.mark.parametrize(
    ("ours", "is_more_better", "verdict"),
    [(30.0, False, "aim"), (70.0, False, "must"), (90.0, False, "missed"), (90.0, True, "aim"), (30.0, True, "missed")],
)
def test_targets_are_judged_by_the_median_ratio(ours: float, is_more_better: bool, verdict: str) -> None:
    bounds = (0.4, 0.8) if is_more_better else (0.75, 0.4)
    target = Target("t", "cpu_us_per_update", ("a", "roomwright"), ("a", "colyseus"), *bounds, is_more_better)
    rows = [row_of("a", "colyseus", n, 100.0) for n in range(3)]
    rows += [row_of("a", "roomwright", n, value) for n, value in enumerate((ours, ours - 1, ours + 1))]
    found = outcome(Results(FACTS, rows), target)
    assert found is not None
    assert found.verdict == verdict
    assert found.ratio.count == 3


def test_a_target_without_runs_is_no_row() -> None:
    target = Target("t", "cpu_us_per_update", ("a", "roomwright"), ("a", "colyseus"), 1, 1)
    void = Results(FACTS, [row_of("a", "roomwright", 0, 1.0, void=True), row_of("a", "colyseus", 0, 1.0)])
    assert outcome(Results(), target) is None
    assert outcome(void, target) is None


def test_the_report_names_void_runs_and_counts_those_that_count() -> None:
    scenario = Scenario("a", "a load", CELL, ("roomwright", "colyseus"), ("cpu_us_per_update", "bytes_per_update"))
    rows = [row_of("a", "colyseus", n, 20.0) for n in range(3)]
    rows += [row_of("a", "roomwright", n, 10.0, void=n == 1) for n in range(3)]
    text = tables.report(Results(FACTS, rows), [scenario], [])
    assert "| Roomwright, one process | 10.0 (10.0–10.0) | 300 (300–300) | 0.50 (0.50–0.50) | 2 of 3 | 5.00 |" in text
    assert "a #2, Roomwright, one process: why" in text


def test_every_table_row_has_as_many_cells_as_its_header() -> None:
    rows = [row_of(s.name, peer, 0, 10.0) for s in TABLE + FULL for peer in s.peers]
    for line in (tables.scenario_table(Results(FACTS, rows), s) for s in TABLE + FULL):
        assert len({row.count("|") for row in line.splitlines()}) == 1


def calibration_rows(update_us: float, input_us: float, tick_us: float) -> list[Row]:
    """Runs as a machine with just these costs and an idle share of 2 % would have them."""
    rows = []
    for scenario in calibration.scenarios():
        cell = scenario.cells()[0]
        updates, ticks = cell.clients * 20 * 8.0, cell.rooms * 20 * 8.0
        inputs = cell.clients * cell.inputs_hz * 8.0
        cpu_s = 1e-6 * (updates * update_us + inputs * input_us + ticks * tick_us) + 0.02 * 8.0
        run = run_of(wall_s=8.0, updates=updates, servers_cpu_s=[cpu_s], idle_cpu_share=0.02)
        rows.append(Row(scenario.name, 0, {"cell": cell.as_json(), "run": run, "figures": {}, "void": [], "at": ""}))
    return rows


def test_a_calibration_finds_the_costs_again() -> None:
    found = calibration.calibration(Results(FACTS, calibration_rows(12.0, 25.0, 150.0)))
    assert (found["update_us"], found["input_us"], found["room_tick_us"]) == (12.0, 25.0, 150.0)
    assert found["source"] == "tests.bench at commit abc1234"


def test_a_calibration_without_all_loads_or_with_nonsense_says_so() -> None:
    rows = calibration_rows(12.0, 25.0, 150.0)
    with pytest.raises(calibration.CannotCalibrateError, match="expected runs of"):
        calibration.calibration(Results(FACTS, rows[:2]))
    with pytest.raises(calibration.CannotCalibrateError, match="the machine was too busy"):
        calibration.calibration(Results(FACTS, calibration_rows(12.0, -5.0, 150.0)))


def test_a_plot_is_well_formed_and_needs_points() -> None:
    from xml.etree.ElementTree import fromstring

    line = [(100.0, Spread.of([1.0, 2.0])), (1600.0, Spread.of([3.0]))]
    picture = plots.svg(plots.Plot("a < b & c", "x", "y", {"ours": line, "theirs": line[:1]}))
    root = fromstring(picture)  # noqa: S314  our own text
    assert len(root.findall("{http://www.w3.org/2000/svg}circle")) == 3
    assert picture == plots.svg(plots.Plot("a < b & c", "x", "y", {"ours": line, "theirs": line[:1]}))
    with pytest.raises(ValueError, match="expected points"):
        plots.svg(plots.Plot("empty", "x", "y", {"ours": []}))


def test_the_page_has_no_placeholder_left() -> None:
    rows = [row_of(s.name, peer, n, 10.0) for s in TABLE + FULL for peer in s.peers for n in range(2)]
    page = pages.performance(Results(FACTS, rows), pages.TEMPLATE.read_text(encoding="utf-8"))
    assert "{{" not in page
    assert "400 clients in rooms of 50" in page
    assert "takes 4.50 (4.00–5.00) µs, its frame 65.0 (60.0–70.0) µs" in page


@pytest.mark.parametrize("scenario", every(), ids=lambda scenario: scenario.name)
def test_each_scenario_s_rooms_are_ones_that_a_routing_file_may_have(
    scenario: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rooms of 200 players were in the list and never ran: a room has 64 seats at most."""
    monkeypatch.syspath_prepend(HERE / "games")
    routing = tmp_path / "routing.yaml"
    routing.write_text(routing_text(scenario.load))
    assert isinstance(load_plan(routing), Plan)
