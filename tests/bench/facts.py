"""What a reader must know of a measurement: the commit, the machine, the versions, and what was not controlled."""

import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.bench.arrangements import HERE

PACKAGES = (
    "django",
    "channels",
    "daphne",
    "channels-redis",
    "autobahn",
    "twisted",
    "redis",
    "hiredis",
    "uvloop",
    "msgspec",
    "attrs",
)
NOT_CONTROLLED = (
    "Servers, load generator and Redis share the machine's cores; what else ran is printed beside each run as `others`.",
    "The load generator keeps to one core while it measures; no core was reserved for the servers, no frequency was fixed; a virtual machine's host may have had other guests.",
    "Everything speaks over the loopback interface: no network, no TLS, no proxy.",
)


def facts(root: Path) -> dict[str, Any]:
    """All of it, without paths and names of hosts."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit(root),
        "machine": machine(),
        "versions": versions(),
        "not_controlled": list(NOT_CONTROLLED),
        "in_process": in_process(root),
    }


def in_process(root: Path) -> list[dict[str, float]]:
    """One room's step and frame in microseconds, three times; none where that version has other insides."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), str(HERE / "games")])}
    argv = [sys.executable, str(HERE / "inprocess.py"), "50", "3000"]
    found = []
    for _ in range(3):
        made = subprocess.run(argv, cwd=root, env=env, capture_output=True, text=True, check=False)
        found += [json.loads(made.stdout)] if made.returncode == 0 else []
    return found


def commit(root: Path) -> str:
    """The short hash, with a plus sign where the checkout has changes of its own."""
    short = git(root, "rev-parse", "--short", "HEAD")
    return f"{short}+" if short and git(root, "status", "--porcelain", "--untracked-files=no") else short or "unknown"


def git(root: Path, *words: str) -> str:
    """What git prints; nothing where it fails or there is none."""
    try:
        return subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""


def machine() -> dict[str, Any]:
    """Cores, the processor's name, the kernel, memory."""
    text = Path("/proc/cpuinfo").read_text()
    model = next(
        (line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")), "unknown"
    )
    memory_kib = int(Path("/proc/meminfo").read_text().split(maxsplit=2)[1])
    return {
        "cores": len(os.sched_getaffinity(0)),
        "cpu": model,
        "kernel": platform.release().partition("-")[0],
        "system": platform.system(),
        "memory_gb": round(memory_kib / 1024 / 1024),
    }


def versions() -> dict[str, str]:
    """Python, our packages, Redis, and what npm fetched."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "missing"
    found["redis-server"] = program_version("redis-server", "--version")
    package = HERE / "peers" / "colyseus" / "package.json"
    found |= {f"npm {name}": str(version) for name, version in json.loads(package.read_text())["dependencies"].items()}
    return found


def program_version(*words: str) -> str:
    """The v=… of a program's own words."""
    try:
        text = subprocess.run(words, capture_output=True, text=True, check=False).stdout
    except OSError:
        return "missing"
    return next((word.removeprefix("v=") for word in text.split() if word.startswith("v=")), "unknown")
