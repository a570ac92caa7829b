"""The guide's own examples run: its game and routing file in a fresh directory, its message among the golden ones."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs" / "routing.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^```\w+ file=(\S+)\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL))
MESSAGES = re.findall(r"^```text case=(\S+)\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
MAIN = "from server.routing.commands import routes; routes()"


def run(directory: Path, *arguments: str, path: str) -> subprocess.CompletedProcess[str]:
    """The routes command in a process of its own, from a directory outside the repository."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), path])}
    command = [sys.executable, "-c", MAIN, *arguments]
    return subprocess.run(command, cwd=directory, env=env, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def example(tmp_path: Path) -> Path:
    assert FILES.keys() == {"dots_game.py", "routing.yaml"}
    (tmp_path / "games").mkdir()
    (tmp_path / "games" / "dots_game.py").write_text(FILES["dots_game.py"], encoding="utf-8")
    (tmp_path / "routing.yaml").write_text(FILES["routing.yaml"], encoding="utf-8")
    return tmp_path


def test_the_guide_s_game_plays_from_outside_by_yaml_alone(example: Path) -> None:
    done = run(example, "check", path=str(example / "games"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 room types, 3 routes, no problems" in done.stdout
    assert "warning" not in done.stdout


def test_without_its_directory_on_the_path_it_says_what_to_do(example: Path) -> None:
    done = run(example, "check", path="")
    assert done.returncode == 2
    assert "no module 'dots_game'" in done.stderr
    assert "PYTHONPATH" in done.stderr


@pytest.mark.parametrize(("case", "text"), MESSAGES)
def test_the_guide_quotes_real_messages(case: str, text: str) -> None:
    golden = (Path(__file__).parent / "golden" / f"{case}.txt").read_text(encoding="utf-8")
    assert golden.startswith(text)
