"""Free TCP ports for servers that tests start.

They come from below the kernel's ephemeral range, so that no outgoing connection takes one between our look and the
server's bind; pytest-xdist's workers look in stretches of their own, so that they do not meet either.
"""

import itertools
import os
import random
import socket
from collections.abc import Iterator

FIRST, LAST = 12_000, 31_999
STRETCHES = 8


def _candidates() -> Iterator[int]:
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    length = (LAST - FIRST + 1) // STRETCHES
    first = FIRST + worker % STRETCHES * length
    start = random.randrange(length)  # another session of pytest on this machine begins elsewhere
    return (first + (start + i) % length for i in itertools.count())


_ports = _candidates()


def free_port(host: str = "127.0.0.1") -> int:
    """A port of `host` that nobody listens on, not given out before by this process; `OSError` when there is none."""
    for port in itertools.islice(_ports, 2_000):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise OSError(f"expected a free port of {host} between {FIRST} and {LAST}, found none in 2000 tries")


def free_ports(count: int, host: str = "127.0.0.1") -> int:
    """The first of so many free ports in a row, none given out before: a fleet's gateways listen side by side."""
    found = [free_port(host)]
    while len(found) < count:
        port = free_port(host)
        found = [*found, port] if port == found[-1] + 1 else [port]
    return found[0]
