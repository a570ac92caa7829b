"""`verify` on several cores: one report of all workers, and an end at the first violation, at an interrupt and on time."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from server.verify.commands import TOO_LITTLE
from tests.verify.planted_games import written

ROOT = Path(__file__).parents[2]
WAIT_MAX_S = 200.0  # many times what each needs: the machine may be busy with other tests
EXAMPLE = ROOT / "docs" / "ordering.md"


def started(routing: Path, *words: str) -> subprocess.Popen[str]:
    """`python -m server verify` on two workers."""
    command = [sys.executable, "-m", "server", "verify", "--routing", str(routing), "--programs-only", "--workers", "2"]
    environment = {"PYTHONPATH": f"{ROOT}:{routing.parent}", "PATH": "", "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [*command, *words],
        cwd=routing.parent,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@contextmanager
def within(process: subprocess.Popen[str], wait_for: str) -> Iterator[None]:
    """Ends the process and its workers where what is waited for does not come, and says what that was."""
    late = threading.Event()

    def end() -> None:
        late.set()
        os.killpg(process.pid, signal.SIGKILL)

    timer = threading.Timer(WAIT_MAX_S, end)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        if late.is_set():
            pytest.fail(f"waited {WAIT_MAX_S:.0f} s in vain for {wait_for}")


def output_of(process: subprocess.Popen[str], wait_for: str) -> str:
    """All that it prints until its end."""
    with within(process, wait_for):
        return process.communicate()[0]


def await_progress(process: subprocess.Popen[str]) -> None:
    """Until it has told of a program that ran."""
    assert process.stdout is not None
    with within(process, "the first line of progress"):
        for line in process.stdout:
            if re.match(r"room tag: [1-9]\d* programs, \d+ delivered", line):
                break


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_workers_and_what_they_reached_is_reported(tmp_path: Path, number: int) -> None:
    with started(written(tmp_path, "interrupted_tag", None), "--seconds", "100000") as process:
        await_progress(process)
        assert process.stdout is not None
        process.send_signal(number)
        with within(process, "the report after the interrupt"):
            rest = process.stdout.read()
    assert process.returncode == 130, rest
    assert re.search(r"in all: [1-9]\d* frames and inputs delivered", rest)
    assert "Traceback" not in rest


def test_workers_do_not_outlive_a_verification_that_was_killed(tmp_path: Path) -> None:
    # They took the broken pipe for a failing program, and went on to shrink it on both cores.
    with started(written(tmp_path, "killed_tag", None), "--seconds", "100000") as process:
        await_progress(process)
        group = os.getpgid(process.pid)
        process.kill()
        process.wait()
    with within(process, "the workers' end"):
        while members(group):
            time.sleep(0.05)


def members(group: int) -> list[int]:
    """The living processes of a process group."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            _, _, rest = stat.read_text().rpartition(")")
        except OSError:
            continue  # it ended meanwhile
        state, _, its_group = rest.split()[:3]
        if int(its_group) == group and state != "Z":
            found.append(int(stat.parent.name))
    return found


def test_a_violation_in_a_worker_ends_them_all_and_prints_how_to_see_it_again(
    tmp_path: Path,
) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    for language, title in (("python", "dots_rules.py"), ("yaml", "routing.yaml")):
        block = re.search(rf'```{language} title="{title}"\n(.*?)```', text, re.DOTALL)
        assert block is not None
        (tmp_path / title).write_text(block.group(1), encoding="utf-8")
    process = started(tmp_path / "routing.yaml", "--rounds", "2", "--seed", "7")
    output = output_of(process, "the report of a violation and its end")
    assert process.returncode == 1, output
    assert re.search(r"BROKEN O18 at ", output)
    again = re.search(r"again: python -m server (verify .* --room dots --seed (7|8) --rounds 1)", output)
    assert again is not None, output


def test_the_time_is_kept_with_every_program_counted_once(tmp_path: Path) -> None:
    process = started(written(tmp_path, "timed_tag", None), "--seconds", "5", "--coverage")
    output = output_of(process, "the end of five seconds of programs, and the report")
    assert process.returncode in (0, TOO_LITTLE), output  # how much fits into five seconds is the machine's
    programs = re.search(r"^(\d+) programs, \d+ steps", output, re.MULTILINE)
    in_all = re.search(r"faults in \d+ of (\d+) programs", output)
    assert programs is not None and in_all is not None and programs.group(1) == in_all.group(1)


def test_a_worker_s_imports_need_no_django() -> None:
    """Workers are spawned bare: what they import must not define Django's models."""
    code = "import server.verify.workers, server.verify.world, server.verify.campaign"
    environment = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
