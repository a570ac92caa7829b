"""Codes: which there are, that one pattern is everybody's, and that a command line takes all of them."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from game.codes import IDENTITY_MAX, ROOM_CODE, ROOM_CODE_MAX, is_identity, is_room_code, with_dashed_code
from tests.support.processes import ROOT

ODD_CODES = [
    "A",
    "-",
    "_",
    "-x",
    "--",
    "-h",
    "--help",
    "007",
    "quick",
    "rooms",
    "kick",
    "admin",
    "watch",
    "bot",
    "Ab",
    "aB",
]
ODD_CODES += ["x" * ROOM_CODE_MAX, "-" * ROOM_CODE_MAX, "9" * ROOM_CODE_MAX]
NO_CODES = ["", "x" * (ROOM_CODE_MAX + 1), "a b", "a.b", "a/b", "K7\n", "\nK7", "é", "\u0663", "\uff21", "K7\x00", "🏴"]
OPTIONS = {"--seat": True, "--reason": True, "--help": False, "-h": False}


@pytest.mark.parametrize("code", ODD_CODES)
def test_every_allowed_code_is_one(code: str):
    assert is_room_code(code) and is_identity(code)


@pytest.mark.parametrize("code", NO_CODES)
def test_nothing_else_is_and_nothing_is_cleaned_into_one(code: str):
    assert not is_room_code(code)
    assert is_identity(code) == (code == "x" * (ROOM_CODE_MAX + 1))
    assert not is_identity("x" * (IDENTITY_MAX + 1))


def test_the_browser_and_the_documents_have_the_same_pattern():
    script = (ROOT / "clients/browser/sdk/codes.mjs").read_text(encoding="utf-8")
    assert f"/^{ROOM_CODE}$/;" in script
    page = (ROOT / "clients/browser/index.html").read_text(encoding="utf-8")
    assert re.search(rf'id="code"[^>]* maxlength="{ROOM_CODE_MAX}"', page)
    guide = (ROOT / "docs/routing.md").read_text(encoding="utf-8")
    assert f"1 to {ROOM_CODE_MAX} letters, digits, `-`, `_`" in guide


def test_nobody_else_writes_the_pattern_down():
    """One place: a second one was what made some codes end in 4500."""
    found = [
        str(file.relative_to(ROOT))
        for folder in ("game", "server", "clients")
        for file in sorted((ROOT / folder).rglob("*.*"))
        if file.suffix in (".py", ".mjs") and re.search(r"A-Za-z0-9_-\]\{", file.read_text(encoding="utf-8"))
    ]
    assert set(found) <= {"game/codes.py", "clients/browser/sdk/codes.mjs", "server/environment.py"}  # a prefix


@given(
    st.sampled_from(["-x", "-hello", "-", "_a", "--seatx", "--quick", "A1"]),
    st.permutations([["--seat", "-3"], ["--reason=-y"]]),
)
def test_a_code_with_a_dash_goes_behind_the_options(code: str, options: list[list[str]]):
    words = [word for option in options for word in option]
    for place in (0, len(words)):
        line = [*words[:place], code, *words[place:]]
        expected = [*words, "--", code] if code.startswith("-") else line
        assert with_dashed_code(line, OPTIONS) == expected, json.dumps(line)


@pytest.mark.parametrize(
    "line", [["K7", "--saet", "3"], ["--saet", "3"], ["--", "-x"], ["-a", "-b"], ["--seat"], ["-h"]]
)
def test_a_misspelt_option_stays_one(line: list[str]):
    assert with_dashed_code(line, OPTIONS) == line
