"""Kernel locks: who has died has let go, whatever its file says, and who lives is never taken for dead."""

from pathlib import Path

import pytest

from server.locks import FileLock, Lives
from tests.support.processes import Processes

HOLD = """
import sys, time
from pathlib import Path
from server.locks import Lives
life = Lives(Path(sys.argv[1])).begin(sys.argv[2])
print("holding", flush=True)
time.sleep(600)
"""


def test_one_at_a_time_and_the_next_when_it_is_let_go(tmp_path: Path):
    first, second = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert first.take("process 1, http://here")
    assert not second.take()
    assert second.about() == "process 1, http://here"
    first.release()
    assert second.take("process 2")
    assert first.about() == "process 2"


def test_many_may_share_but_not_with_one_who_wants_it_alone(tmp_path: Path):
    one, other, alone = (FileLock(tmp_path / "lock") for _ in range(3))
    assert alone.take("the one before")
    alone.release()
    assert one.take(is_shared=True)
    assert other.take(is_shared=True)
    assert not alone.take()
    assert alone.about() == "", "what a dead owner wrote is not shown"
    one.release()
    other.release()
    assert alone.take()


def test_a_file_that_was_removed_meanwhile_is_made_anew(tmp_path: Path):
    first = FileLock(tmp_path / "lock")
    assert first.take()
    first.release(is_removed=True)
    assert not (tmp_path / "lock").exists()
    second = FileLock(tmp_path / "lock")
    assert second.take()
    assert not FileLock(tmp_path / "lock").take()


def test_a_killed_process_is_dead_and_a_paused_one_is_not(processes: Processes, tmp_path: Path):
    lives = Lives(tmp_path / "lives")
    assert lives.dead() == []
    running = {name: processes.python("-c", HOLD, str(tmp_path / "lives"), name) for name in ("aa-loop", "bb-loop")}
    for process in running.values():
        process.wait_for_line("holding")
    own = lives.begin("own-loop")
    assert lives.dead() == []
    running["bb-loop"].pause()
    running["aa-loop"].kill()
    assert lives.dead() == ["aa-loop"]
    for name in ("aa-loop", "bb-loop"):
        lives.forget(name)
    assert sorted(path.name for path in lives.folder.iterdir()) == ["bb-loop", "own-loop"]
    own.release(is_removed=True)
    assert [path.name for path in lives.folder.iterdir()] == ["bb-loop"]


def test_a_name_that_would_leave_the_folder_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="expected 1 to 80"):
        Lives(tmp_path).begin("../elsewhere")
