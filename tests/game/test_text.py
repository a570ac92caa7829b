"""What is true of every text that was cleaned, whatever it was before."""

import json
import subprocess
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from game.rng import Rng
from game.text import (
    MARKS_MAX,
    NAME_BYTES_MAX,
    NAME_LENGTH_MAX,
    TABLES,
    ZWJ,
    ZWNJ,
    clean_line,
    clean_name,
    cut,
    escaped,
)
from tests.support.processes import ROOT
from tests.support.programs import find_program
from tests.vectors.texts import ENGLAND, FAMILY, GIVEN, PERSIAN

PARTS = [
    *"a \n\x00\x1b\x7f\x85\x9b",
    *("\u00e9", "e\u0301", "\u0301", "\u0316", "\u0344", "\u034f", "\u200b", ZWNJ, ZWJ, "\u200e", "\u2028", "\u202e"),
    *("\u2066", "\u2800", "\u3164", "\ud83d", "\ude00", "\ufe0f", "\ufeff", "\uffff", "\u0645", "\u06cc", "\u094d"),
    *("\u0915", "\u05e9\u05c1", "\u0f73", "\u1100", "\u1161", "\U0001d160", "\U0001f468", "\U0001f3fd", "\U0001f3f4"),
    *("\U000e0067", "\U000e0031", "\U000e007f", ENGLAND, FAMILY, PERSIAN),
]
ODD = st.sampled_from(PARTS)
TEXTS = st.lists(ODD | st.text(max_size=3), max_size=40).map("".join)


def codes(table: str) -> set[int]:
    ends = [[int(end, 16) for end in part.split("-")] for part in TABLES[table].split()]
    return {code for pair in ends for code in range(pair[0], pair[-1] + 1)}


FORBIDDEN = codes("stripped") | (codes("space") - {0x20})
TAGS = set(range(0xE0020, 0xE0080))


@given(TEXTS)
@example("".join(GIVEN.values()))
def test_a_clean_line_holds_nothing_that_is_forbidden_and_can_be_kept_anywhere(text: str):
    line = clean_line(text)
    assert not (set(map(ord, line)) - TAGS) & FORBIDDEN
    assert "\0" not in line and line.encode("utf-8").decode("utf-8") == line
    assert line == unicodedata.normalize("NFC", line) == line.strip() and "  " not in line
    flagless = line.replace(ENGLAND, "")
    for tag in [at for at, c in enumerate(flagless) if ord(c) in TAGS]:
        assert "\U0001f3f4" in flagless[max(0, tag - 7) : tag] and "\U000e007f" in flagless[tag : tag + 8]


@given(TEXTS)
def test_cleaning_again_changes_nothing(text: str):
    assert clean_line(clean_line(text)) == clean_line(text)
    assert clean_name(clean_name(text)) == clean_name(text)


@given(TEXTS)
def test_no_character_bears_more_marks_than_it_may_and_none_stands_on_nothing(text: str):
    marks = MARKS_MAX
    for character in clean_line(text):
        category = unicodedata.category(character)
        if category[0] == "M":
            marks += 1
        elif category != "Cf":
            marks = MARKS_MAX if character == " " else 0
        assert marks <= MARKS_MAX or category[0] != "M"


@given(TEXTS)
def test_joiners_stand_between_what_they_join(text: str):
    line = clean_line(text)
    for at in (at for at, c in enumerate(line) if c in (ZWJ, ZWNJ)):
        around = {ord(c) for c in line[max(0, at - 2) : at] + line[at + 1 : at + 2]}
        assert around & (codes("joining") if line[at] == ZWNJ else codes("joining") | codes("emoji")), ascii(line)


@given(TEXTS)
def test_a_name_shows_something_within_its_bounds_or_is_none(text: str):
    name = clean_name(text)
    assert len(name) <= NAME_LENGTH_MAX and len(name.encode()) <= NAME_BYTES_MAX
    assert not name or {*map(ord, name)} - codes("blank")


@given(TEXTS, st.integers(0, 30), st.integers(0, 30))
def test_a_cut_is_a_beginning_within_both_bounds(text: str, length: int, size: int):
    line = clean_line(text)
    beginning = cut(line, length, size)
    assert len(beginning) <= length and len(beginning.encode()) <= size
    assert line.startswith(beginning)
    assert clean_line(beginning) == beginning


@given(st.text())
def test_what_people_write_in_their_scripts_stays(text: str):
    """Letters of every script, one by one: nothing that is seen is taken."""
    letters = [c for c in unicodedata.normalize("NFC", text) if unicodedata.category(c)[0] in "LNPS"]
    for letter in letters:
        assert clean_line(letter) == ("" if ord(letter) in codes("blank") else letter)


@pytest.mark.parametrize(
    "text", [PERSIAN, FAMILY, ENGLAND, "\u0d9a\u0dca\u200d\u0dc2", "René Zürich", "漢字かな交じり"]
)
def test_what_must_survive_does(text: str):
    assert clean_line(text) == clean_name(text) == text == escaped(text)


@given(TEXTS)
def test_nothing_that_a_terminal_obeys_is_left_escaped(text: str):
    shown = escaped(text)
    assert not (set(map(ord, shown)) - TAGS) & codes("stripped")
    assert shown.encode("utf-8").decode() == shown
    assert escaped(shown) == shown
    assert escaped("a\tb\nc", "\n") == "a\\x09b\nc"


@given(TEXTS)
def test_a_clean_text_needs_no_escape_but_for_marks_of_direction(text: str):
    line = clean_line(text)
    marks = str.maketrans({c: f"\\u{ord(c):04x}" for c in "\u061c\u200e\u200f"})
    assert escaped(line) == line.translate(marks)


def test_the_browser_cleans_alike(tmp_path: Path):
    """Any text of the odd parts: halves of pairs aside, which meet to a whole one in JavaScript's strings only."""
    rng = Rng.from_seed(9)
    parts = [part for part in PARTS if not "\ud800" <= part <= "\udfff"]
    texts = ["".join(rng.choice(parts) for _ in range(rng.below(30))) for _ in range(3000)]
    given_file, script = tmp_path / "texts.json", tmp_path / "clean.mjs"
    given_file.write_text(json.dumps(texts))
    script.write_text(
        f"import {{ cleanLine, cleanName }} from {json.dumps((ROOT / 'clients/browser/sdk/text.mjs').as_uri())};"
        f"import {{ readFileSync }} from 'node:fs';"
        f"const texts = JSON.parse(readFileSync({json.dumps(str(given_file))}, 'utf-8'));"
        f"process.stdout.write(JSON.stringify(texts.map((text) => [cleanLine(text), cleanName(text)])));"
    )
    command = [find_program("node", "nodejs"), str(script)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100.0)
    assert json.loads(done.stdout) == [[clean_line(text), clean_name(text)] for text in texts]


def test_a_flood_costs_as_much_as_its_length():
    """Composing sorts the marks of one character, in time that grows with the square of their number: they go first."""
    assert clean_line("a" + "\u0316\u0301" * 200_000) == "\u00e1\u0316\u0316\u0316\u0301\u0301"
