"""`python -m server up`: gateways, loops and workers of one machine under honcho, which prefixes and stops them."""

import os
import sys

from honcho.manager import Manager

from server.environment import BadEnvironmentError, read_environment
from server.settings import BASE_DIR


def run_fleet(gateways: int, loops: int, workers: int) -> int:
    """Runs until one of them ends or the user stops it; returns the exit status."""
    try:
        first = read_environment(os.environ, BASE_DIR).port
    except BadEnvironmentError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    manager = Manager()
    python = f'"{sys.executable}" -m server'
    for index in range(loops):
        manager.add_process(f"loop.{index + 1}", f"{python} loop", env=dict(os.environ))
    for index in range(gateways):
        env = {**os.environ, "ROOMWRIGHT_PORT": str(first + index)}
        manager.add_process(f"gateway.{index + 1}", f"{python} gateway", env=env)
    for index in range(workers):
        manager.add_process(f"worker.{index + 1}", f"{python} worker", env=dict(os.environ))
    manager.loop()
    return int(manager.returncode or 0)
