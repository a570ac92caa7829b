"""What has to hold before a process of the server starts, and the one line that an operator reads where it does not.

In the order of `before_serving`: the environment, the routing file, the address, the folder that no other server may use; then
the database (`server.django_setup`) and the layer (`server.layer_check`), which a start may wait for (`--wait`).
"""

import errno
import os
import socket
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from server import clock
from server.locks import FileLock
from server.routing.plan import Plan, load_plan
from server.routing.problems import Problems

TRY_AGAIN_S = 1.0
LINE_EVERY_S = 5.0


class NotReadyError(Exception):
    """What is not as it has to be, in one line that names where and why. ``may_pass``: it may be mended by time alone."""

    def __init__(self, text: str, *, may_pass: bool = False) -> None:
        super().__init__(" ".join(text.split()))
        self.may_pass = may_pass


def settings() -> Any:
    """The environment as `server.settings` read it; its problems are printed and end the process with 2."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "server.settings")
    from django.conf import settings as django_settings

    return django_settings.ROOMWRIGHT


def fail(error: object, status: int = 2) -> SystemExit:
    """Prints one line; raise what this returns."""
    sys.stderr.write(f"{error}\n")
    return SystemExit(status)


def wait_for(what: str, check: Callable[[], None]) -> None:
    """Returns once ``check`` raises nothing. A NotReadyError ends the process with 2 and its line.

    Where starts wait (ROOMWRIGHT_WAIT), one that may pass is tried again each second, for ever, and said every 5 s: how long is
    too long is for the operator or their supervisor to say.
    """
    began = said_at = None
    while True:
        try:
            check()
        except NotReadyError as error:
            now = clock.monotonic()
            if not (error.may_pass and settings().is_waiting):
                raise fail(error) from None
            began = began or now
            if said_at is None or now - said_at >= LINE_EVERY_S:
                said_at = now
                sys.stderr.write(f"waiting for {what} since {now - began:.0f} s: {error}\n")
                sys.stderr.flush()
            clock.block_s(TRY_AGAIN_S)
        else:
            return


@cache
def _loaded(path: Path) -> "Plan | Problems":
    return load_plan(path)


def planned() -> Plan:
    """The plan of the routing file; its problems are printed and end the process with 2."""
    plan = _loaded(settings().routing)
    if isinstance(plan, Problems):
        raise fail(plan)
    return plan


def before_serving() -> None:
    """The cheap half, for a process that listens: whatever is wrong here is said before anything has been touched."""
    environment = settings()
    planned()
    check_address(environment.host, environment.port)
    occupy(f"process {os.getpid()}, http://{environment.host}:{environment.port}")


# ---- the address


def check_address(host: str, port: int) -> None:
    """Says what to do where the port is taken or the host is not ours: Daphne itself would say nothing."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        raise fail(_address_problem(host, port, error), 1) from None


def _address_problem(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        another = port + 1 if port < 65535 else 8000
        return f"port {port} on {host} is in use; choose another: ROOMWRIGHT_PORT={another} make run"
    if error.errno == errno.EACCES:
        return (
            f"port {port} needs privileges that this user lacks; choose one above 1023: ROOMWRIGHT_PORT=8000 make run"
        )
    return f"cannot listen on {host}:{port}: {error.strerror}; see ROOMWRIGHT_HOST and ROOMWRIGHT_PORT"


# ---- the folder and the database of one server

_held: list[FileLock] = []
_is_alone = False


def is_alone() -> bool:
    """Whether this process is the only server on its var folder and its SQLite database."""
    return _is_alone


def occupy(about: str = "") -> None:
    """Holds the var folder, and the SQLite database, until the process ends; the first call of a process counts.

    With the in-memory layer a server is alone there; the processes of a fleet share them with each other, and with no such
    server. Otherwise one line, and status 2.
    """
    global _is_alone  # noqa: PLW0603 - a fact of the process
    if _held:
        return
    environment = settings()
    is_shared = environment.layer.is_shared
    database = environment.database
    is_sqlite = database["ENGINE"].endswith("sqlite3")
    wanted = [("ROOMWRIGHT_VAR", "directory", environment.var, environment.var / "server.lock")]
    if is_sqlite:
        file = Path(os.path.realpath(database["NAME"]))
        wanted.append(("DATABASE_URL", "database", file, file.with_name(f"{file.name}.lock")))
    for variable, what, place, path in wanted:
        _hold(variable, what, place, FileLock(path), about, is_shared=is_shared)
    _is_alone = is_sqlite and not is_shared


def _hold(variable: str, what: str, place: Path, lock: FileLock, about: str, *, is_shared: bool) -> None:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        if what == "directory":
            place.mkdir(exist_ok=True)
        elif place.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        is_ours = lock.take(about or f"process {os.getpid()}", is_shared=is_shared)
    except OSError as error:
        raise fail(
            f"{variable}: expected a {what} that can be written at {shown(place)}, got: {error.strerror or error}"
        ) from None
    if not is_ours:
        other = lock.about() or "processes of a fleet"
        raise fail(
            f"{variable}: expected a {what} that no other server uses, got {shown(place)}, which is in use ({other}); "
            f"stop that one, or choose another {what}: {variable}=..."
        )
    _held.append(lock)


def shown(path: Path) -> str:
    """A path as a person can read it, in one line whatever it is called."""
    return str(path) if str(path).isprintable() else repr(str(path))
