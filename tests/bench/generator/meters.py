"""What the kernel says about processes: CPU time, resident memory, and the machine's load beside them. Linux only."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from attrs import frozen

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@frozen
class Sample:
    """CPU seconds since boot: of the servers, one by one, of this process, of the whole machine; stolen by the host."""

    servers_s: tuple[float, ...]
    own_s: float
    machine_s: float
    stolen_s: float


def sample(pids: Sequence[int]) -> Sample:
    """All of it now."""
    machine, stolen = machine_s()
    return Sample(tuple(map(cpu_s, pids)), cpu_s(os.getpid()), machine, stolen)


def cpu_s(pid: int) -> float:
    """User and system time of all threads of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def rss_bytes(pids: Iterable[int]) -> int:
    """Resident memory of all of them."""
    return sum(_status_kib(pid, "VmRSS") for pid in pids) * 1024


def machine_s() -> tuple[float, float]:
    """Seconds that all cores were busy, and that were stolen by a host."""
    fields = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    idle = fields[3] + fields[4]
    return (sum(fields) - idle) / TICKS_PER_S, fields[7] / TICKS_PER_S


def _status_kib(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    return 0
