"""Starts the project's own programs as a person would, keeps their logs, and ends them with their children.

`Processes` is the `processes` fixture; `Running` is one process. Logs go to files, so that no pipe can fill up, and
into the report of a test that fails.
"""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import define, field

from tests.support.ports import free_port
from tests.support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
GRACE_S = 10.0
LOG_TAIL_BYTES = 20_000
OWN_SETTINGS = ("ROOMWRIGHT_", "DATABASE_URL", "DJANGO_SETTINGS_MODULE", "PYTEST_", "COVERAGE_")


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process' environment without anything that would steer a server, plus `extra`."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(OWN_SETTINGS)}
    path = os.pathsep.join([str(Path(sys.prefix) / "bin"), env.get("PATH", os.defpath)])
    return {**env, "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT), "PATH": path, **(extra or {})}


def answers(url: str) -> bool:
    """Whether `url` answers with a status below 400."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback, whatever proxy the machine has
    try:
        with opener.open(url, timeout=5.0):
            return True
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


@define
class Running:
    """One process, the leader of a group of its own."""

    name: str
    process: subprocess.Popen[bytes]
    log_path: Path
    url: str = ""

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def returncode(self) -> int | None:
        return self.process.poll()

    def log(self) -> str:
        """Everything it has printed so far, both streams."""
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def _check_alive(self, awaited: str) -> None:
        if (code := self.returncode) is not None:
            raise AssertionError(f"{self.name} ended with {code} before {awaited}; its log:\n{self.log()[-4000:]}")

    def wait_for_line(self, pattern: str, timeout_s: float = 30.0) -> re.Match[str]:
        """The first match of the regular expression `pattern` in the log; fails if the process ends before."""
        expression = re.compile(pattern, re.MULTILINE)

        def look() -> re.Match[str] | None:
            ended = self.returncode is not None
            if found := expression.search(self.log()):
                return found
            if ended:
                self._check_alive(f"printing {pattern!r}")
            return None

        found = wait_until(f"{self.name} to print {pattern!r}", look, timeout_s)
        assert found is not None
        return found

    def wait_for_url(self, url: str, timeout_s: float = 30.0) -> None:
        """Return when `url` answers; fails if the process ends before."""

        def look() -> bool:
            self._check_alive(f"answering {url}")
            return answers(url)

        wait_until(f"{self.name} to answer {url}", look, timeout_s)

    async def line(self, pattern: str, timeout_s: float = 30.0) -> re.Match[str]:
        """`wait_for_line`, for async tests."""
        return await asyncio.to_thread(self.wait_for_line, pattern, timeout_s)

    def wait(self, timeout_s: float = 60.0) -> int:
        """Its exit code, once it has ended by itself; `subprocess.TimeoutExpired` otherwise."""
        return self.process.wait(timeout_s)

    def signal(self, number: int) -> None:
        """Send a signal to the process and all its children; nothing happens when they are gone."""
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            self.process.poll()

    def kill(self) -> None:
        """SIGKILL to the whole group, and wait for the leader."""
        self.signal(signal.SIGKILL)
        self.process.wait(GRACE_S)

    def pause(self) -> None:
        """SIGSTOP: alive, but deaf and mute."""
        self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self.signal(signal.SIGCONT)

    def stop(self) -> int:
        """SIGTERM, its grace, then SIGKILL; the exit code."""
        if self.returncode is None:
            self.signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(GRACE_S)
        self.signal(signal.SIGKILL)  # what is left of its children
        return self.process.wait(GRACE_S)


@define
class Processes:
    """Starts processes for one test and ends them all after it."""

    folder: Path
    running: list[Running] = field(factory=list)

    def start(
        self, argv: Sequence[str | Path], *, name: str = "", env: Mapping[str, str] | None = None, cwd: Path = ROOT
    ) -> Running:
        """Start `argv` in its own process group with a scrubbed environment plus `env`; returns at once."""
        name = name or Path(argv[0]).name
        log_path = self.folder / f"{len(self.running):02d}-{re.sub(r'[^A-Za-z0-9.-]+', '-', name)}.log"
        with log_path.open("wb") as log:
            process = subprocess.Popen(
                [str(word) for word in argv],
                cwd=cwd,
                env=clean_environment(env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        running = Running(name, process, log_path)
        self.running.append(running)
        return running

    def python(self, *words: str, env: Mapping[str, str] | None = None, cwd: Path = ROOT) -> Running:
        """Start `python <words>` with this Python, e.g. `processes.python("-m", "server", "worker")`."""
        return self.start([sys.executable, *words], name=" ".join(words[:3]), env=env, cwd=cwd)

    def server(
        self, command: str = "run", *words: str, env: Mapping[str, str] | None = None, timeout_s: float = 60.0
    ) -> Running:
        """Start `python -m server <command>` on a free port with a folder and database of its own; returns once /healthz answers.

        Processes of one test share both unless `env` says otherwise. The address is `Running.url`.
        """
        port = free_port()
        own = {
            "ROOMWRIGHT_HOST": "127.0.0.1",
            "ROOMWRIGHT_PORT": str(port),
            "ROOMWRIGHT_VAR": str(self.folder / "var"),
            "DATABASE_URL": f"sqlite:///{self.folder / 'test.sqlite3'}",
        }
        running = self.python("-m", "server", command, *words, env={**own, **(env or {})})
        running.url = f"http://127.0.0.1:{(env or {}).get('ROOMWRIGHT_PORT', port)}"
        running.wait_for_url(f"{running.url}/healthz", timeout_s)
        return running

    def stop_all(self) -> None:
        """End every process, the newest first."""
        for running in reversed(self.running):
            running.stop()

    def logs(self) -> list[tuple[str, str]]:
        """The name and the last of the log of each, for a report."""
        return [(running.name, running.log()[-LOG_TAIL_BYTES:]) for running in self.running]
