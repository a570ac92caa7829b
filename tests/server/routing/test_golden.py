"""Every message of the compiler, word for word: golden/NAME.yaml and what it prints in golden/NAME.txt.

A first line `# with layer=… prefix=…` sets the deployment. After a wanted change: `python -m pytest … --golden-write`
does not exist on purpose; write the new text by hand, so that somebody reads it.
"""

import shlex
from pathlib import Path

import pytest

from server.routing.plan import Deployment, load_plan
from server.routing.problems import Problems

GOLDEN = Path(__file__).parent / "golden"
CASES = sorted(GOLDEN.glob("*.yaml"))


def deployment_of(text: bytes) -> Deployment:
    first = text.split(b"\n", 1)[0].decode("latin-1")
    if not first.startswith("# with "):
        return Deployment()
    return Deployment(**dict(word.split("=", 1) for word in shlex.split(first.removeprefix("# with "))))


def printed(case: Path, outside: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the compiler says about a file, with the temporary directory's name taken out."""
    monkeypatch.chdir(GOLDEN)
    plan = load_plan(case.name, deployment_of(case.read_bytes()))
    if isinstance(plan, Problems):
        return str(plan).replace(str(outside), "OUTSIDE") + "\n"
    return "".join(f"warning: {warning.text(plan.source)}\n" for warning in plan.warnings) or "no problems\n"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_message_is_the_golden_one(case: Path, outside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert printed(case, outside, monkeypatch) == case.with_suffix(".txt").read_text(encoding="utf-8")


def test_every_golden_text_has_its_file() -> None:
    assert {case.stem for case in CASES} == {text.stem for text in GOLDEN.glob("*.txt")}
