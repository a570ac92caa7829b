"""Other Python interpreters at hand, with what `game` needs: for replays on another version than the tests' own.

`python -m tests.verify.interpreters`, which `make test` calls first, gives the newest one attrs and msgspec in a virtual
environment of its own inside ours; the tests themselves use what is there and fetch nothing.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

from attrs import frozen

VERSIONS = ("3.15", "3.14", "3.13", "3.12")
NEEDED = "import attrs, msgspec, sys; print('%d.%d.%d' % sys.version_info[:3])"
REQUIREMENTS = ("attrs>=26.1,<27", "msgspec>=0.22,<0.23")


@frozen
class Interpreter:
    """A Python that can run `game`."""

    path: str
    version: str


def _version(python: str) -> str:
    """Its version where it has what is needed, else ""."""
    try:
        done = subprocess.run([python, "-c", NEEDED], capture_output=True, text=True, check=False, timeout=30)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _candidates(version: str) -> list[str]:
    """Interpreters of a version: on the PATH, and those that pyenv keeps beside it."""
    found = [path for path in (shutil.which(f"python{version}"),) if path]
    roots = {Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")), *(Path(path).parents[1] for path in found)}
    return [*found, *(str(path) for root in sorted(roots) for path in root.glob(f"versions/{version}.*/bin/python"))]


def _prepared(version: str) -> str:
    """The environment that `prepare` made for a version, or ""."""
    made = Path(sys.prefix) / "other" / f"python{version}" / "bin" / "python"
    return str(made) if _version(str(made)) else ""


def _prepare(python: str, version: str) -> str:
    """An environment of this interpreter with the packages, made once; "" where it cannot be made."""
    if made_before := _prepared(version):
        return made_before
    home = Path(sys.prefix) / "other" / f"python{version}"
    made = home / "bin" / "python"
    steps = ([python, "-m", "venv", "--clear", str(home)], [str(made), "-m", "pip", "install", "-q", *REQUIREMENTS])
    for command in steps:
        if subprocess.run(command, capture_output=True, check=False, timeout=90).returncode:
            return ""
    return str(made)


@cache
def newest_other() -> Interpreter | None:
    """The newest interpreter of another minor version that can run `game`, as it stands."""
    return _newest(lambda _, version: _prepared(version))


def prepare() -> Interpreter | None:
    """The same, given the packages where it lacks them."""
    return _newest(_prepare)


def _newest(otherwise: Callable[[str, str], str]) -> Interpreter | None:
    mine = f"{sys.version_info.major}.{sys.version_info.minor}"
    for version in VERSIONS:
        if version == mine:
            continue
        for python in _candidates(version):
            path = python if _version(python) else otherwise(python, version)
            if path:
                return Interpreter(path, _version(path))
    return None


if __name__ == "__main__":
    found = prepare()
    print(f"another Python for replays: {found.version if found else 'none at hand'}")
