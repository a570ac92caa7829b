"""A report says what ran: what was not tried, too little work, rules that never return, and whose fault a bot's is."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from attrs import evolve

from server.verify.commands import TOO_LITTLE
from server.verify.effort import Effort
from server.verify.rules import TABLE, Checked, check_rules
from tests.verify.planted_games import FAULTS, Fault, written
from tests.verify.test_planted import plan_of

__all__ = ["plan_of"]

ROOT = Path(__file__).parents[2]
STEP = "        for seat, run in inputs:\n"
POLICY = "from game.contract import Event, Game, Policy, Refusal, Result"


def fault(*changes: tuple[str, str]) -> Fault:
    """The clean game with some of its text replaced."""
    (old, new), *also = changes
    return evolve(FAULTS[0], old=old, new=new, also=tuple(also))


def verified(
    folder: Path, package: str, planted: Fault | None, *words: str, has_bots: bool = False
) -> subprocess.CompletedProcess[str]:
    """`python -m server verify` of a game, as its author starts it."""
    routing = written(folder, package, planted)
    if has_bots:
        plain, old = routing.read_text("utf-8"), "    chat: {}\nroutes"
        assert old in plain
        bots = f"    chat: {{}}\n    start: {{min_players: 1, bots: {{policy: {package}:Lazy, fill_to: 3}}}}\nroutes"
        routing.write_text(plain.replace(old, bots), "utf-8")
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(folder)))}
    environ.pop("DJANGO_SETTINGS_MODULE", None)
    command = [sys.executable, "-m", "server", "verify", "--routing", str(routing), "--seed", "3", *words]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=280, check=False)


def check(checked: Sequence[Checked], name: str) -> Checked:
    return next(each for each in checked if each.check.id == name)


def rules_of(plan_of, package: str, planted: Fault | None) -> list[Checked]:
    return check_rules(plan_of(package, planted).rooms["tag"])


@pytest.mark.parametrize(
    ("new", "why"),
    [
        ("    is_spy: bool = False\n", "of type bool"),
        ("    secrets: list[int] = []\n", "of type list"),
        ('    side: str = choice(("a", "b", "c"))\n', "3 possible values"),
        ("    is_spy: bool = flag(audience=SEAT)\n", "a flag"),
        ("    rank: int = whole(0, 2, audience=SEAT)\n", "3 possible values"),
    ],
)
def test_hidden_fields_that_cannot_be_altered_are_named(plan_of, new: str, why: str):
    name = new.strip().partition(":")[0]
    package = f"hides_{name}_{why.partition(' ')[0]}"
    found = check(rules_of(plan_of, package, fault(("    seed: int = 0\n", f"    seed: int = 0\n{new}"))), "hidden")
    assert found.verdict == "in part"
    assert why in found.effort.untried[f"Runner.{name}"]
    assert found.effort.tried["Runner.seed"] >= 3


def test_a_field_that_reveals_names_is_not_called_tried(plan_of):
    changed = fault(("class Tag(Game):\n", 'class Tag(Game):\n    reveals = ("Runner.word",)\n'))
    found = check(rules_of(plan_of, "revealing", changed), "hidden")
    assert "reveals" in found.effort.untried["Runner.word"]
    assert not found.effort.tried["Runner.word"]


def test_a_game_whose_only_secret_is_a_flag_is_not_tried(plan_of):
    secrets = [
        ("    breath: int = whole(0, 1000, audience=SEAT, default=1000)\n", "    breath: int = whole(0, 1000, audience=PUBLIC, default=1000)\n"),
        ('    word: str = text(20, audience=SEAT, default="plum")\n', '    word: str = text(20, audience=PUBLIC, default="plum")\n'),
        ("    seed: int = 0\n", "    seed: int = whole(0, 1000, audience=PUBLIC)\n    is_spy: bool = False\n"),
        ("    order: list[str] = []\n", ""),
        ("return Field(order=[])", "return Field()"),
        ("        world.order = sorted({runner.name for runner in world.runners.values()})\n", "        pass\n"),
        ("cards: dict[int, Card] = entities(Card, audience=SEAT, owner=\"seat\", audience_of=\"shown_to\")", "cards: dict[int, Card] = entities(Card, audience=PUBLIC, owner=\"seat\")"),
        ("    shown_to: Audience = SEAT\n", ""),
    ]  # fmt: skip
    found = check(rules_of(plan_of, "one_flag", fault(*secrets)), "hidden")
    assert found.verdict == "not tried"
    assert list(found.effort.untried) == ["Runner.is_spy"]


def test_an_input_that_is_never_applied_is_named_with_the_reason(plan_of):
    no_play = (
        '        return Refusal("out of breath")',
        '        return Refusal("not your card") if True else Refusal("out of breath")',
    )
    never = fault(
        (f"{no_play[0]} if world.runners[seat].breath == 0 else None", '        return Refusal("not your card")')
    )
    found = rules_of(plan_of, "no_card_played", never)
    assert check(found, "input").verdict == "not tried"
    assert "'not your card'" in check(found, "input").effort.untried["Run"]
    assert check(found, "determinism").verdict == "in part"


def test_a_match_that_never_ended_is_named(plan_of):
    found = check(rules_of(plan_of, "endless_match", None), "determinism")
    assert found.effort.untried == {"the end of a match": "no match ended in 400 ticks of random play"}
    assert found.effort.tried["checkpoints"]


def test_the_verdicts_in_a_word():
    holds = Checked(TABLE[0], (), 0.0, effort=Effort(needs=["Run"]))
    assert holds.verdict == "not tried"
    holds.effort.tried["Run"] = 1
    assert holds.verdict == "holds"
    holds.effort.leave("Jump", "never applied")
    assert holds.verdict == "in part"


def test_a_step_without_an_end_is_a_fault_with_its_line_and_no_promise_is_looked_at(tmp_path: Path):
    endless = fault((STEP, f"        while inputs and inputs[0][1].how == 'jump':\n            pass\n{STEP}"))
    done = verified(tmp_path, "endless_tag", endless)
    lines = (tmp_path / "endless_tag" / "__init__.py").read_text("utf-8").splitlines()
    at = next(n for n, line in enumerate(lines, 1) if "how == 'jump'" in line)
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(rf"FAULT .*\n    \S*__init__\.py:({at}|{at + 1}): step\(\) .* did not return", done.stdout)
    assert "how='jump'" in done.stdout
    assert "unproven" in done.stdout
    assert "programs in" not in done.stdout


def test_c_code_that_never_lets_go_is_ended_by_the_parent_which_names_the_line(tmp_path: Path):
    blocked = fault((STEP, f"        if tick == 30:\n            sum(iter(int, 1))\n{STEP}"))
    done = verified(tmp_path, "blocked_tag", blocked)
    lines = (tmp_path / "blocked_tag" / "__init__.py").read_text("utf-8").splitlines()
    at = next(n for n, line in enumerate(lines, 1) if "iter(int, 1)" in line)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"__init__.py:{at} in step(): a call of the rules did not return and could not be interrupted" in done.stdout
    assert done.stdout.count("not tried: any of it") == len(TABLE) - 1


def test_programs_whose_rules_block_are_ended_and_the_line_is_named(tmp_path: Path):
    blocked = fault((STEP, f"        if tick == 30:\n            sum(iter(int, 1))\n{STEP}"))
    done = verified(tmp_path, "blocked_programs", blocked, "--programs-only", "--workers", "1")
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(r"BROKEN rules at .*could not be interrupted: \S*__init__\.py:\d+ in step\(\)", done.stdout)


def test_too_little_work_ends_with_a_status_of_its_own(tmp_path: Path):
    done = verified(tmp_path, "little_tag", None, "--seconds", "0", "--programs-only")
    assert done.returncode == TOO_LITTLE, done.stdout + done.stderr
    assert re.search(r"too little: room tag: programs: \d, expected at least 10", done.stdout)
    assert "not tried" in done.stdout
    assert done.stdout.startswith("verify: ")


def test_enough_work_ends_with_0_and_says_promise_by_promise_what_it_was_held_against(tmp_path: Path):
    done = verified(tmp_path, "enough_tag", None, "--rounds", "1", "--programs-only")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"O1 +│ .* │ [1-9]\d* +│ holds", done.stdout)
    assert re.search(r"O13 +│ .* │ [1-9]\d* +│ holds", done.stdout)
    assert re.search(r"O14 +│ .* │ 0 +│ does not apply: no delayed spectators", done.stdout)
    assert re.search(r"applied: Run [1-9]\d*", done.stdout)


@pytest.mark.parametrize("returned", ["7", 'Run(dx="no")'])
def test_a_bots_bad_input_is_the_bots(tmp_path: Path, returned: str):
    policy = (
        f"\n\nclass Lazy(Policy):\n    def act(self, view, tick, rng):\n        return {returned}\n\n\nclass Tag(Game)"
    )
    package = f"bad_bot_{len(returned)}"
    planted = fault(("from game.contract import Event, Game, Refusal, Result", POLICY), ("\n\nclass Tag(Game)", policy))
    done = verified(tmp_path, package, planted, "--rounds", "1", "--seconds", "20", "--programs-only", has_bots=True)
    assert done.returncode == 1, done.stdout + done.stderr
    said = done.stdout.replace("\n", " ")
    assert "the bot's own code failed, not the server's" in said
    assert re.search(rf"{package}/__init__\.py:\d+", said)
    assert "the server's code failed" not in said
