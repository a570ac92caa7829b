"""The browser SDK's own tests, run by Node: `*.test.js` and `*.test.mjs` beside this file."""

import subprocess
from pathlib import Path

from tests.support.programs import find_program

HERE = Path(__file__).parent


def test_node_passes_every_javascript_test() -> None:
    files = sorted(path for kind in ("js", "mjs") for path in HERE.glob(f"*.test.{kind}"))
    assert files, "expected *.test.mjs files beside this one, found none"
    command = [find_program("node", "nodejs"), "--test", *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100.0)
    assert done.returncode == 0, done.stdout + done.stderr
