"""Finds the programs that tests start (Redis, Chromium, Node), and says what to do where one is missing.

A missing program fails the test that needs it; it never skips it. `.ci/servers` is what installs them.
"""

import os
import shutil
import sys
from pathlib import Path

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")


class MissingProgramError(RuntimeError):
    """A program that the tests start is not on this machine."""


def find_program(*names: str) -> str:
    """The path of the first of `names` on the PATH or beside this Python; raises `MissingProgramError`."""
    search = os.pathsep.join([os.environ.get("PATH", os.defpath), str(Path(sys.prefix) / "bin")])
    for name in names:
        if path := shutil.which(name, path=search):
            return path
    raise MissingProgramError(
        f"expected {' or '.join(names)} on the PATH, found none: run `.ci/servers` (`make test` does), "
        f"or install it yourself (Debian: apt install {names[0]})"
    )
