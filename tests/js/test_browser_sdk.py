"""What the browser's code shares with the server: one table of close codes, and pages that the content policy allows."""

import json
import subprocess
from pathlib import Path

from game.wire.closecodes import BARE, BY_CODE, Retry, retry_of
from tests.support.programs import find_program

ROOT = Path(__file__).resolve().parents[2]
RETRY = {Retry.NEVER: "never", Retry.FRESH: "fresh", Retry.BACKOFF: "backoff"}


def node(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [find_program("node"), *arguments], cwd=ROOT, capture_output=True, text=True, timeout=100, check=False
    )


def test_close_codes_are_the_servers():
    script = (
        "import {CLOSE_CODES} from './clients/browser/sdk/closecodes.mjs'; console.log(JSON.stringify(CLOSE_CODES))"
    )
    done = node("--input-type=module", "--eval", script)
    assert done.returncode == 0, done.stderr
    codes = {int(code): row for code, row in json.loads(done.stdout).items()}
    assert {code: (row["name"], row["retry"]) for code, row in codes.items()} == {
        code: (close.value.name, RETRY[close.value.retry]) for code, close in BY_CODE.items()
    }
    assert all(row["sentence"] for row in codes.values())


def test_bare_closes_are_the_servers():
    script = """
        import {BARE_CODES, CLOSE_CODES, retryOf} from './clients/browser/sdk/closecodes.mjs';
        const codes = [...Object.keys(CLOSE_CODES), ...Object.keys(BARE_CODES), 1001, 1006, 1012, 4999].map(Number);
        console.log(JSON.stringify([BARE_CODES, codes.map((code) => [code, retryOf(code, true), retryOf(code, false)])]))"""
    done = node("--input-type=module", "--eval", script)
    assert done.returncode == 0, done.stderr
    bare, rows = json.loads(done.stdout)
    assert {int(code): retry for code, retry in bare.items()} == {c: RETRY[row.retry] for c, row in BARE.items()}
    for code, told, untold in rows:
        assert (told, untold) == (RETRY[retry_of(code)], RETRY[retry_of(code, is_told=False)]), code


def test_people_read_why_they_are_out_and_nothing_twice():
    script = """
        import {sentenceOf} from './clients/browser/sdk/closecodes.mjs';
        console.log(JSON.stringify([
            sentenceOf(4403, "unkind words"), sentenceOf(4403, "unkind words", true), sentenceOf(4410, "the match is over"),
            sentenceOf(4410, "red wins", true), sentenceOf(1006), sentenceOf(1006, "", true)]))"""
    done = node("--input-type=module", "--eval", script)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [
        "You may not enter this room. (unkind words)",
        "You were removed from this room. (unkind words)",
        "This room is closed: the match is over.",
        "This room is closed: the match is over. (red wins)",
        "The connection was lost.",
        "The connection was lost.",
    ]


def test_pages_need_no_inline_script_and_no_other_host():
    pages = sorted((ROOT / "clients" / "browser").rglob("*.html"))
    assert pages
    for page in pages:
        text = page.read_text("utf-8")
        assert "<style" not in text and "<script>" not in text and "style=" not in text, page
        assert "http://" not in text and "https://" not in text, page
