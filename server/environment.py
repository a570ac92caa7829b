"""The environment variables that Roomwright reads, checked and typed, every mistake at once.

`server.settings` is the only caller; it prints the problems and exits 2. Nothing here touches Django, and nothing else
in `server` reads `ROOMWRIGHT_*`, the failpoints of `server.failpoints` excepted.
"""

import os
import re
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

import dj_database_url
from attrs import field, frozen

from server.layers import LayerSpec, parse_layer

T = TypeVar("T")

SECRET_LENGTH_MIN = 16
SQLITE_BUSY_S = 5
POSTGRES_CONNECT_S = 5
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
DATABASE_FORMS = "sqlite:///PATH or postgres://USER:PASSWORD@HOST:PORT/NAME"
NO_DATABASE = "expected the name of a database (for SQLite a file: threads and processes share it), got none"

# WAL lets the gateway read while the loop writes; FULL keeps a committed result through a power loss; IMMEDIATE takes
# the write lock at BEGIN, so that a transaction waits for it (`timeout` seconds) instead of failing half-way.
SQLITE_OPTIONS: dict[str, Any] = {
    "transaction_mode": "IMMEDIATE",
    "timeout": SQLITE_BUSY_S,
    "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL",
}


class BadEnvironmentError(Exception):
    """One line per mistake: which variable, what was expected, what came."""


@frozen
class Environment:
    """What the process was told. `secret` is None where none was given: the caller keeps one under `var`.

    `is_waiting`: a start waits for a database or layer that is away. `log_level` is the least that is logged. `is_paced` False lets
    a socket that does not read grow without bound: for measurements only. `send_buffer_bytes` is the kernel's buffer per socket (0:
    the kernel's choice). `connections_per_address` is 0 for any number, and None for the default, from which this machine is free.
    """

    host: str
    port: int
    routing: Path
    secret: str | None = field(repr=False)
    database: dict[str, Any] = field(repr=False)
    layer: LayerSpec
    prefix: str
    allowed_hosts: tuple[str, ...]
    var: Path
    is_paced: bool
    send_buffer_bytes: int
    connections_per_address: int | None
    is_waiting: bool = False
    log_level: str = "INFO"


def read_environment(env: Mapping[str, str], root: Path) -> Environment:
    """Check every variable; `root` is the checkout, home of the defaults. An empty variable counts as unset.

    Raises:
        BadEnvironmentError: with one line for each variable that is wrong.
    """
    problems: list[str] = []

    def checked(name: str, default: str, read: Callable[[str], T], fallback: T) -> T:
        try:
            return read(env.get(name) or default)
        except ValueError as error:
            problems.append(f"{name}: {error}")
            return fallback

    var = Path(env.get("ROOMWRIGHT_VAR") or root / "var").absolute()
    prefix = checked("ROOMWRIGHT_PREFIX", "roomwright", read_prefix, "roomwright")
    host = checked("ROOMWRIGHT_HOST", "127.0.0.1", read_host, "127.0.0.1")
    found = Environment(
        host=host,
        port=checked("ROOMWRIGHT_PORT", "8000", read_port, 8000),
        routing=Path(env.get("ROOMWRIGHT_ROUTING") or root / "routing.yaml"),
        secret=checked("ROOMWRIGHT_SECRET", "", read_secret, None),
        database=checked("DATABASE_URL", "", lambda text: read_database(text, var / "roomwright.sqlite3"), {}),
        layer=checked(
            "ROOMWRIGHT_LAYER", "memory://", lambda text: parse_layer(text, prefix), parse_layer("memory://")
        ),
        prefix=prefix,
        allowed_hosts=checked("ROOMWRIGHT_ALLOWED_HOSTS", "", lambda text: read_allowed_hosts(text, host), ()),
        var=var,
        is_paced=checked("ROOMWRIGHT_PACING", "on", read_switch, True),
        send_buffer_bytes=checked("ROOMWRIGHT_SEND_BUFFER", "0", read_bytes, 0),
        connections_per_address=checked("ROOMWRIGHT_CONNECTIONS_PER_ADDRESS", "", read_connections, None),
        is_waiting=checked("ROOMWRIGHT_WAIT", "off", read_switch, False),
        log_level=checked("ROOMWRIGHT_LOG", "INFO", read_level, "INFO"),
    )
    if problems:
        raise BadEnvironmentError("\n".join(problems))
    return found


def read_prefix(text: str) -> str:
    """A deployment's prefix, short enough that prefix + group stays under the layer's 100 characters."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", text):
        raise ValueError(f"expected 1 to 32 letters, digits, - or _, got {text[:60]!r}")
    return text


def read_host(text: str) -> str:
    """An address or name to listen on, without scheme or port."""
    if not re.fullmatch(r"[A-Za-z0-9.-]+|\[?[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*\]?", text):
        raise ValueError(f"expected an address such as 127.0.0.1, without scheme or port, got {text[:60]!r}")
    return text.strip("[]")


def read_port(text: str) -> int:
    """0 (any free port) to 65535."""
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > 65535:
        raise ValueError(f"expected a port number from 0 to 65535, got {text[:60]!r}")
    return int(text)


def read_switch(text: str) -> bool:
    """``on`` or ``off``."""
    if text not in ("on", "off"):
        raise ValueError(f"expected on or off, got {text[:60]!r}")
    return text == "on"


def read_bytes(text: str) -> int:
    """A buffer's size; 0 leaves it to the kernel."""
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise ValueError(f"expected a number of bytes, 0 for the kernel's choice, got {text[:60]!r}")
    return int(text)


def read_connections(text: str) -> int | None:
    """How many connections one address may have: a number, or ``off``; nothing for the default."""
    if not re.fullmatch(r"|off|[1-9][0-9]{0,5}", text):
        raise ValueError(f"expected a number of connections from 1 to 999999, or off, got {text[:60]!r}")
    return {"": None, "off": 0}[text] if text in ("", "off") else int(text)


def read_secret(text: str) -> str | None:
    """The signing key; the message never repeats it."""
    if text and len(text) < SECRET_LENGTH_MIN:
        raise ValueError(
            f"expected at least {SECRET_LENGTH_MIN} characters, got {len(text)}; unset it to have one made"
        )
    return text or None


def read_allowed_hosts(text: str, host: str) -> tuple[str, ...]:
    """Names under which browsers may reach us: those given, the loopback's, and the address that we listen on."""
    given = tuple(name.strip() for name in text.split(",") if name.strip())
    wrong = [name for name in given if not re.fullmatch(r"\*|\.?[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]", name)]
    if wrong:
        raise ValueError(f"expected host names separated by commas, without scheme or port, got {wrong[0][:60]!r}")
    if not given and host in {"0.0.0.0", "::"}:  # noqa: S104  whoever listens everywhere is reached by unknown names
        return ("*",)
    own = f"[{host}]" if ":" in host else host
    return tuple(dict.fromkeys((*given, own, "localhost", "127.0.0.1", "[::1]")))


def read_level(text: str) -> str:
    """The name of a log level."""
    if text.upper() not in LOG_LEVELS:
        raise ValueError(f"expected one of {', '.join(LOG_LEVELS)}, got {text[:60]!r}")
    return text.upper()


def read_database(text: str, default: Path) -> dict[str, Any]:
    """Django's settings for one `DATABASE_URL`; without one an SQLite database in the file `default`.

    SQLite gets WAL, full sync and immediate transactions, PostgreSQL a limit to how long connecting may take.
    """
    scheme = text.partition(":")[0]
    if not text:
        return sqlite_at(default)
    if scheme == "sqlite":
        return sqlite_at(read_sqlite_path(text))
    if scheme not in {"postgres", "postgresql"}:
        raise ValueError(f"expected {DATABASE_FORMS}, got scheme {scheme[:30]!r}")
    try:
        found: dict[str, Any] = dict(dj_database_url.parse(text, conn_health_checks=True))
    except (ValueError, dj_database_url.ParseError) as error:
        # The parser's own message would repeat a password.
        raise ValueError(f"expected {DATABASE_FORMS}, got a URL that does not parse") from error
    if not found.get("NAME"):
        raise ValueError(NO_DATABASE)
    found["OPTIONS"] = {"connect_timeout": POSTGRES_CONNECT_S, **found.get("OPTIONS", {})}
    return found


def read_sqlite_path(url: str) -> Path:
    """The file that `sqlite:///PATH` names: `%23` and its kind are decoded, `#` and `?` stand for themselves.

    A URL's query and fragment mean nothing to a file, and a folder's name may hold their signs.
    """
    if re.search(r"\?\w+=[^/?]*$", url):
        raise ValueError("expected sqlite:///PATH without options, got some (write ? as %3F in a file's name)")
    host, slash, path = url.removeprefix("sqlite:").removeprefix("//").partition("/")
    path = unquote(path, errors="surrogateescape")
    if host or not slash or not path or path.endswith("/") or path == ":memory:":
        raise ValueError(NO_DATABASE)
    if "\0" in path:
        raise ValueError(f"expected {DATABASE_FORMS}, got a path with a NUL")
    return Path(path).absolute()


def sqlite_at(path: Path) -> dict[str, Any]:
    """Django's settings for the SQLite database in a file. No URL is made of its name, which may hold any character."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": dict(SQLITE_OPTIONS),
        "TEST": {"NAME": f"{path}.test"},  # a real file: an in-memory one would not be shared
    }


def kept_secret(path: Path) -> str:
    """The secret kept at `path`, made at the first call (mode 0600); two processes starting at once agree on one.

    Raises:
        BadEnvironmentError: where the directory cannot be written or the file holds too little.
    """
    make_directory(path.parent, "ROOMWRIGHT_SECRET")
    try:
        if not path.exists():
            _publish(path, secrets.token_urlsafe(48))
        kept = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadEnvironmentError(
            f"ROOMWRIGHT_SECRET: expected a readable, writable {path}, got: {error}; or set the variable"
        ) from error
    if len(kept) < SECRET_LENGTH_MIN:
        raise BadEnvironmentError(
            f"ROOMWRIGHT_SECRET: expected {SECRET_LENGTH_MIN} or more characters in {path}, got {len(kept)}; remove the file"
        )
    return kept


def make_directory(path: Path, variable: str) -> None:
    """Make the directory that a database or secret is to live in.

    Raises:
        BadEnvironmentError: where it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadEnvironmentError(
            f"{variable}: expected a directory that can be made at {path}, got: {error}"
        ) from error


def _publish(path: Path, text: str) -> None:
    """Write a private file and link it into place: it is whole from its first moment, and the first process wins."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(6)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text + "\n")
        try:
            os.link(draft, path)
        except FileExistsError:
            return
    finally:
        draft.unlink()
