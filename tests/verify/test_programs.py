"""The fast profile: programs on two rooms, a report of what they reached, and no promise broken."""

import os

import pytest

from server.verify.campaign import Campaign, run_campaign
from server.verify.commands import print_report
from server.verify.programs import FAULTS, RULES, SOMETIMES
from tests.verify.subjects import calm

ROUNDS = int(os.environ.get("VERIFY_ROUNDS", "3"))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("options", [{}, {"delay": "2s", "bots": 2}], ids=["live", "delayed-with-bots"])
def test_programs_break_no_promise_and_reach_everything(options, capsys):
    from rich.console import Console

    campaign = Campaign(calm(**options), seed=100, seconds=1e9, rounds=ROUNDS, examples=40)
    ticks = iter(range(10**6))
    run_campaign(campaign, lambda: float(next(ticks)))
    with capsys.disabled():
        print_report(Console(width=160), campaign, 1.0, "tests/verify")
    assert campaign.found == [], campaign.story
    assert campaign.ledger.missing(RULES, FAULTS, SOMETIMES) == []
    assert campaign.ledger.programs_with_faults * 2 >= campaign.ledger.programs
