"""The fast profile: programs on two rooms, a report of what they reached, and no promise broken."""

import gc
import multiprocessing as mp
import os
import time
from concurrent.futures import ProcessPoolExecutor
from io import StringIO
from typing import Any

import pytest

from server.verify.ledger import Ledger

ROUNDS = int(os.environ.get("VERIFY_ROUNDS", "2"))
ROOMS: tuple[dict[str, Any], ...] = ({}, {"delay": "2s", "bots": 2})
EXTRA_ROUNDS = 1  # two faults befall each program for certain: what even this does not reach is out of reach
EXAMPLES = 16
ROUND_MAX_S = 300.0


def prepare() -> None:
    """A worker process begins."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "server.settings")
    import django

    django.setup()
    gc.set_threshold(50_000, 20, 50)  # a trace is kept to the end of its program


def play(options: dict[str, Any], seed: int, rounds: int) -> tuple[Ledger, list[str], str, str]:
    """So many rounds on one room: what they reached, what they broke and how, and the report."""
    from rich.console import Console

    from server.verify.campaign import Campaign, run_campaign
    from server.verify.commands import print_report
    from tests.verify.subjects import calm

    paper = Console(width=160, file=StringIO(), record=True)
    # From round 1 on: round 0 would also compare two runs for each section, which test_world does.
    campaign = Campaign(calm(**options), seed=seed - 1, rounds=rounds + 1, examples=EXAMPLES, first=1)
    started = time.perf_counter()
    run_campaign(campaign, lambda: False)
    print_report(paper, campaign, time.perf_counter() - started, "tests/verify")
    return campaign.ledger, [str(violation) for violation in campaign.found], campaign.story, paper.export_text()


def play_rooms(pool: ProcessPoolExecutor, ledger: Ledger, seed: int, rounds: int) -> str:
    """The same on each room, one per core; no program may break a promise."""
    reports = []
    for played in [pool.submit(play, options, seed, rounds) for options in ROOMS]:
        reached, broken, story, report = played.result(ROUND_MAX_S)
        ledger.add(reached)
        reports.append(report)
        assert broken == [], story
    return "".join(reports)


@pytest.mark.timeout(600)
def test_programs_break_no_promise_and_reach_everything(record_property):
    from server.verify.programs import FAULTS, RULES, SOMETIMES
    from tests.verify.conftest import REPORT

    ledger = Ledger()
    with ProcessPoolExecutor(len(ROOMS), mp.get_context("spawn"), prepare) as pool:
        report = play_rooms(pool, ledger, 100, ROUNDS)
        for extra in range(EXTRA_ROUNDS):
            if ledger.missing(RULES, FAULTS, SOMETIMES):
                report = play_rooms(pool, ledger, 1000 + extra, 1)
    record_property(REPORT, report)
    assert ledger.missing(RULES, FAULTS, SOMETIMES) == []
    assert ledger.programs_with_faults * 2 >= ledger.programs
