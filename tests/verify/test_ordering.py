"""`docs/ordering.md` is what the committed results come to, and its example fails as it says."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.verify import ordering
from tests.verify.layers.experiments import TABLE

WRITE = "python -m tests.verify.ordering --write"


def test_the_page_is_what_the_results_come_to():
    results = json.loads(ordering.RESULTS.read_text(encoding="utf-8"))
    assert ordering.PAGE.read_text(encoding="utf-8") == ordering.page(results), f"write it anew: {WRITE}"


@pytest.mark.parametrize("kind", ["memory", "core", "pubsub"])
def test_the_results_are_what_the_suite_expects(kind: str):
    """Each break was seen every time, each kept property never broke, and Roomwright broke nothing."""
    results = json.loads(ordering.RESULTS.read_text(encoding="utf-8"))
    raw = results["layers"][kind]["raw"]
    assert results["times"] >= 20
    expected = {e.id: results["times"] * (kind in e.breaks) for e in TABLE if kind in e.on}
    assert {name: found["broken"] for name, found in raw.items()} == expected
    assert not any(results["layers"][kind]["broken"].values())


def test_the_example_fails_as_the_page_says(tmp_path: Path):
    text = ordering.PAGE.read_text(encoding="utf-8")
    files = re.findall(r'^```\w+ title="([\w.]+)"\n(.*?)^```', text, re.MULTILINE | re.DOTALL)
    assert [name for name, _ in files] == ["dots_rules.py", "routing.yaml"]
    for name, body in files:
        (tmp_path / name).write_text(body, encoding="utf-8")
    command = re.search(r"^PYTHONPATH=FOLDER python (-m server verify .*)$", text, re.MULTILINE)
    assert command is not None
    words = command[1].replace("FOLDER", str(tmp_path)).split()
    path = os.pathsep.join([str(tmp_path), str(ordering.ROOT)])
    done = subprocess.run(
        [sys.executable, *words], cwd=ordering.ROOT, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    said = " ".join(done.stdout.split())
    assert done.returncode == 1, said + done.stderr
    for told in ("BROKEN O18 at ", "dots.0.x is ", "state.teardown()", "again: python -m server verify"):
        assert told in said, said
