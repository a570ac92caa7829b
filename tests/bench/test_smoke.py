"""The whole bench once, small: the real generator against a real Roomwright server, the witness over what it recorded."""

from pathlib import Path

import pytest
from attrs import evolve

from tests.bench import arrangements
from tests.bench.campaign import Campaign
from tests.bench.cell import Cell
from tests.bench.results import ResultsFile
from tests.bench.runner import Outcome, run_cell
from tests.bench.scenarios import Scenario

SMALL = Cell("roomwright", clients=6, rooms=2, inputs_hz=4.0, seconds=2.0, warmup_s=0.5)


def check_counts(outcome: Outcome) -> None:
    """Everything that the bench reads is there; how fast it was is no test's business."""
    run = outcome.run
    assert run["updates"] > 0
    assert run["states_checked"] > 0
    assert run["strides_checked"] > 0
    assert run["state_problems"] == []
    assert run["closes"] == {}
    assert run["inputs_answered"] > 0
    assert run["inputs_refused"] == 0
    assert run["protocol_gaps"] == 0
    assert run["faults"] == {}
    assert run["join_s"] > 0
    assert run["rss_bytes"] > 0
    assert run["payload_bytes"] < run["wire_bytes"]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("peer", ["roomwright", "plain"])
def test_a_small_cell_counts_and_its_state_is_right(peer: str) -> None:
    check_counts(run_cell(evolve(SMALL, peer=peer)))


@pytest.mark.redis
@pytest.mark.timeout(120)
def test_a_small_cell_over_redis_counts_all_processes() -> None:
    outcome = run_cell(evolve(SMALL, peer="roomwright-redis"))
    check_counts(outcome)
    assert len(outcome.run["servers_cpu_s"]) == 3


@pytest.mark.timeout(120)
def test_newcomers_ask_for_their_token_and_spectators_send_nothing() -> None:
    outcome = run_cell(evolve(SMALL, is_guest_asked=True, players_per_room=1))
    check_counts(outcome)
    assert outcome.run["inputs_sent"] <= 2 * 4 * 2.5


@pytest.mark.timeout(120)
def test_an_empty_application_is_joined_and_owes_nothing() -> None:
    outcome = run_cell(evolve(SMALL, peer="bare", inputs_hz=0.0))
    assert outcome.void == ()
    assert outcome.figures["joins_per_s"]


def test_without_npm_the_peer_is_missing_and_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    peer = tmp_path / "peers" / "colyseus"
    peer.mkdir(parents=True)
    (peer / "package.json").write_text("{}")
    monkeypatch.setattr(arrangements, "HERE", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(arrangements.MissingError, match="Colyseus needs npm"):
        arrangements.colyseus_node()


@pytest.mark.timeout(120)
def test_a_campaign_keeps_what_is_finished_and_runs_only_the_rest(tmp_path: Path) -> None:
    load = evolve(SMALL, peer="", inputs_hz=0.0, seconds=1.0)
    first = Scenario("first", "sockets", load, ("bare",), ("joins_per_s",), repetitions=1)
    second = evolve(first, name="second")
    file = ResultsFile(tmp_path / "runs.jsonl")
    said: list[str] = []
    assert len(Campaign(file, said.append).run([first]).rows) == 1
    assert len(Campaign(file, said.append).run([first, second]).rows) == 2
    assert [line.split("s  ")[1].split(":")[0] for line in said] == ["first #1 bare", "second #1 bare"]
    assert Campaign(file, said.append, budget_s=-1.0).run([evolve(first, name="third")]).rows == file.read().rows
    assert "minutes are over" in said[-1]


def test_a_missing_peer_is_left_out_and_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    peer = tmp_path / "peers" / "colyseus"
    peer.mkdir(parents=True)
    (peer / "package.json").write_text('{"dependencies": {}}')
    file = ResultsFile(tmp_path / "runs.jsonl")
    file.begin({"commit": "abc1234"})
    monkeypatch.setattr(arrangements, "HERE", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    campaign = Campaign(file, print)
    assert campaign.run([Scenario("one", "one", SMALL, ("colyseus",))]).rows == []
    assert "npm" in campaign.missing["colyseus"]
