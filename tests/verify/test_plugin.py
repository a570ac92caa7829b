"""An author's own pytest runs the checks: one test per room type and check, with messages for the author."""

import os
import subprocess
import sys
from pathlib import Path

from tests.verify.planted_games import FAULTS, Fault, written

ROOT = Path(__file__).parents[2]


def run_pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """pytest as an author starts it, in a project of the author's own."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(folder)))}
    environ.pop("DJANGO_SETTINGS_MODULE", None)
    command = [sys.executable, "-m", "pytest", "-p", "server.verify.plugin", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=110, check=False)


def project(folder: Path, package: str, fault: Fault | None = None) -> None:
    """An author's project: a package, a routing file, pytest's settings, and a test of its own."""
    routing = written(folder, package, fault)
    settings = f"[pytest]\nroomwright_routing = {routing.name}\nroomwright_programs = 3\n"
    (folder / "pytest.ini").write_text(settings, encoding="utf-8")
    (folder / "test_mine.py").write_text("def test_mine():\n    assert True\n", encoding="utf-8")


def test_a_clean_game_passes_check_by_check_and_promise_by_promise(tmp_path: Path):
    project(tmp_path, "plugged_clean")
    done = run_pytest(tmp_path, "-v")
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("tag::input", "tag::determinism", "tag::rooms", "tag::hidden", "tag::O1", "tag::O24", "tag::O25"):
        assert f"plugged_clean.yaml::{name} PASSED" in done.stdout
    assert "test_mine.py::test_mine PASSED" in done.stdout


def test_a_fault_fails_its_own_check_with_its_message_and_no_traceback(tmp_path: Path):
    fault = next(fault for fault in FAULTS if fault.name == "a class attribute")
    project(tmp_path, "plugged_fault", fault)
    done = run_pytest(tmp_path, "-k", "rooms or hidden")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 failed, 1 passed" in done.stdout
    assert "Tag.past changed while a match was played" in done.stdout
    assert "Traceback" not in done.stdout and "plugin.py" not in done.stdout


def test_chosen_tests_run_alone_and_a_bad_file_is_told(tmp_path: Path):
    project(tmp_path, "plugged_bad")
    alone = run_pytest(tmp_path, "test_mine.py")
    assert "1 passed" in alone.stdout, alone.stdout + alone.stderr
    (tmp_path / "plugged_bad.yaml").write_text("roomwright: 1\nrooms: 7\n", encoding="utf-8")
    bad = run_pytest(tmp_path)
    assert bad.returncode != 0
    assert "rooms" in bad.stdout and "expected" in bad.stdout, bad.stdout
