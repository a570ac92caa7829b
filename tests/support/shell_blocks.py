"""Runs the ```sh blocks of a Markdown page as a reader would: in a copy of the project, one command after the other.

Commands that serve are started, asked for a page, and stopped; endless clients run beside the server until they have
printed something; everything else has to exit with 0. What the tests already are (make test, make check) is left out.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from attrs import define, field

from tests.support.ports import free_ports
from tests.support.processes import ROOT, Processes, Running
from tests.support.waiting import wait_until

PREFIX = r"^(?:[A-Z_]+=\S*\s+)*"
LEFT_OUT = re.compile(
    PREFIX + r"(make (test|check|deep|bench|acceptance|install|clean|format)\b|git |cd |pip |sudo |apt |brew )"
)
SERVES = re.compile(PREFIX + r"(make (run|up)\b|\S*python3? -m server (run|up|gateway)\b|\S*daphne\b)")
ENDLESS = re.compile(PREFIX + r"\S*python3? -m (clients\.python (bots|watch)|server (loop|worker))\b")
DEFAULT_ADDRESS = re.compile(r"(127\.0\.0\.1|localhost):8000")
DEFAULT_REDIS = re.compile(r"redis://(127\.0\.0\.1|localhost):6379")
COMMAND_S = 180.0
GATEWAYS_MAX = 4  # of a fleet that a page starts: they listen on ports in a row


def shell_commands(markdown: str) -> list[str]:
    """The commands of all ```sh blocks, in order; continued lines joined, comments and prompts dropped."""
    blocks = re.findall(r"^```sh\n(.*?)^```", markdown, re.MULTILINE | re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    bare = (re.sub(r"(^|\s)#.*$", "", line).strip().removeprefix("$ ") for line in lines)
    return [line for line in bare if line]


def copy_project(target: Path) -> None:
    """Copy what git knows or would add, with this Python's environment linked in as `.venv`, so that nothing installs."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    (target / ".venv").mkdir()
    for entry in Path(sys.prefix).iterdir():
        if not entry.name.startswith(".installed"):
            (target / ".venv" / entry.name).symlink_to(entry)
    for stamp in (".installed", ".installed-dev"):
        (target / ".venv" / stamp).touch()


@define
class Reader:
    """Somebody who types a page's commands in `folder`. Only one server runs at a time, as in the page."""

    folder: Path
    processes: Processes
    redis_url: Callable[[], str]
    port: int = field(factory=lambda: free_ports(GATEWAYS_MAX))
    server: Running | None = None

    def type(self, command: str) -> None:
        """Run one command to the point where the reader would be content; raises AssertionError if it never comes."""
        if LEFT_OUT.match(command):
            return
        command = DEFAULT_ADDRESS.sub(rf"\1:{self.port}", command)
        if DEFAULT_REDIS.search(command):
            command = DEFAULT_REDIS.sub(self.redis_url().removesuffix("/0"), command)
        if SERVES.match(command):
            self._serve(command)
        elif ENDLESS.match(command):
            self._watch(command)
        else:
            self._finish(command)

    def _start(self, command: str) -> Running:
        path = f"{self.folder / '.venv' / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        env = {"PATH": path, "PYTHONPATH": "", "ROOMWRIGHT_PORT": str(self.port)}
        return self.processes.start(["/bin/sh", "-c", command], name=command, env=env, cwd=self.folder)

    def _serve(self, command: str) -> None:
        if self.server is not None:
            self.server.stop()
        self.server = self._start(command)
        self.server.wait_for_url(f"http://127.0.0.1:{self.port}/", timeout_s=60.0)

    def _watch(self, command: str) -> None:
        client = self._start(command)
        wait_until(f"{command} to print something", lambda: client.log() or client.returncode is not None, 30.0)
        if client.returncode:
            raise AssertionError(f"{command}: expected it to go on, it ended with {client.returncode}:\n{client.log()}")
        client.stop()

    def _finish(self, command: str) -> None:
        running = self._start(command)
        if code := running.wait(COMMAND_S):
            raise AssertionError(f"{command}: expected exit code 0, got {code}; it printed:\n{running.log()}")
