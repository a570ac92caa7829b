"""A clean game passes; each planted fault is found, by its own check, and named."""

import sys
from pathlib import Path

import pytest

from server.routing.plan import Deployment, Plan, load_plan
from server.verify.drill import Drill
from server.verify.oddities import STEPS
from server.verify.rules import TABLE, check_rules, ruleset_of, run_check
from server.verify.second_run import script_of
from tests.verify.planted_games import FAULTS, Fault, written
from tests.verify.subjects import calm


@pytest.fixture
def plan_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(tmp_path)
    made: list[str] = []

    def make(package: str, fault: Fault | None = None) -> Plan:
        made.append(package)
        plan = load_plan(written(tmp_path, package, fault), Deployment())
        assert isinstance(plan, Plan), plan
        return plan

    yield make
    for package in made:
        sys.modules.pop(package, None)


def test_a_clean_game_passes(plan_of):
    checked = check_rules(plan_of("clean_tag").rooms["tag"])
    assert [each.check.id for each in checked] == [check.id for check in TABLE]
    assert not [str(finding) for each in checked for finding in each.findings]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.replace(" ", "-"))
def test_a_planted_fault_is_found_and_named(fault: Fault, plan_of, tmp_path: Path):
    package = "tag_" + fault.name.replace(" ", "_")
    room = plan_of(package, fault).rooms["tag"]
    check = next(check for check in TABLE if check.id == fault.check)
    checked = run_check(check, ruleset_of(room))
    print(f"{fault.name}: found in {checked.took_s:.2f} s", *checked.faults, sep="\n  ")
    said = "\n".join(map(str, checked.faults))
    assert checked.faults
    assert all(name in said for name in fault.named), said
    if fault.at:
        lines = (tmp_path / package / "__init__.py").read_text("utf-8").splitlines()
        line = next(n for n, text in enumerate(lines, 1) if fault.at in text)
        assert f"__init__.py:{line}:" in said, said


def test_random_play_that_ends_matches_is_kept_going():
    """Else everything after the first "end" would go unproven."""
    subject = calm()
    ruleset = ruleset_of(subject.plan.rooms[subject.room])
    assert ruleset.quiet
    assert Drill(ruleset).run(script_of(ruleset, STEPS)).tick == STEPS
    assert not [str(finding) for each in check_rules(subject.plan.rooms[subject.room]) for finding in each.findings]
