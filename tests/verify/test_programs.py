"""The fast profile: programs on two rooms, a report of what they reached, and no promise broken."""

import os
import time

import pytest
from rich.console import Console

from server.verify.campaign import Campaign, run_campaign
from server.verify.commands import print_report
from server.verify.ledger import Ledger
from server.verify.programs import FAULTS, RULES, SOMETIMES
from tests.verify.subjects import calm

ROUNDS = int(os.environ.get("VERIFY_ROUNDS", "2"))


@pytest.mark.timeout(600)
def test_programs_break_no_promise_and_reach_everything(capsys):
    ledger = Ledger()
    for options in ({}, {"delay": "2s", "bots": 2}):
        campaign = Campaign(calm(**options), seed=100, seconds=1e9, rounds=ROUNDS, examples=40, ledger=ledger)
        started = time.perf_counter()
        run_campaign(campaign, time.perf_counter)
        with capsys.disabled():
            print_report(Console(width=160), campaign, time.perf_counter() - started, "tests/verify")
        assert campaign.found == [], campaign.story
    assert ledger.missing(RULES, FAULTS, SOMETIMES) == []
    assert ledger.programs_with_faults * 2 >= ledger.programs
