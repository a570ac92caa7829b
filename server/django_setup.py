"""Bring Django up once per process, and its database up to date. Called first by `asgi` and `__main__`.

Starting must stay quick, so the usual question (is anything to migrate?) is answered from file names and one query,
without importing a migration.
"""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django
from django.core.exceptions import ImproperlyConfigured

from server.starting import NotReadyError, fail, shown, wait_for

LOCK_ID = 0x526F6F6D  # PostgreSQL's advisory lock of whoever migrates

# What time alone may mend; drivers tell causes apart by their words only.
PASSING = re.compile(
    r"refused|time.?out|timed out|starting up|shutting down|recovery|could not translate|resolv|resolution|"
    r"too many (clients|connections)|connection slots|is locked|terminat|reset by|closed the connection|unreachable|"
    r"Is the server running",
    re.IGNORECASE,
)


def prepare() -> None:
    """Set Django up and apply what migrations the database lacks; with nothing to do it costs one query and no write.

    A database that cannot be reached, read or written prints one line and ends the process with 2; one that may come back is
    waited for where starts wait (`server.starting.wait_for`).
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "server.settings")
    try:
        django.setup()
    except ImproperlyConfigured as error:
        raise fail(NotReadyError(f"DATABASE_URL: {_without_driver(error)}")) from None
    wait_for("the database", _bring_up_to_date)


def _bring_up_to_date() -> None:
    from django.db import Error, connection

    try:
        if _unapplied():
            with _migrating_alone():
                _migrate()
        check_writable()
    except ImproperlyConfigured as error:
        raise NotReadyError(f"DATABASE_URL: {_without_driver(error)}") from None
    except (Error, OSError) as error:
        raise NotReadyError(
            f"DATABASE_URL: expected a database that can be reached and written, got: {error} ({_place()})",
            may_pass=bool(PASSING.search(str(error))),
        ) from None
    finally:
        connection.close()  # this thread has no more to ask; those that have, open their own


def check_writable(*, is_kept: bool = False) -> None:
    """Raises a database error where nothing can be written now. SQLite writes a page as it was, which no disk sees unless
    ``is_kept``: then a full one is noticed, too.
    """
    from django.db import OperationalError, connection, transaction

    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SHOW transaction_read_only")
            if cursor.fetchone() == ("on",):
                raise OperationalError("it is read-only, as a standby is")
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("PRAGMA user_version")
        cursor.execute(f"PRAGMA user_version = {int(cursor.fetchone()[0])}")
        transaction.set_rollback(not is_kept)


def _place() -> str:
    """Where the database is, without a password."""
    from django.db import connection

    found = connection.settings_dict
    if connection.vendor == "sqlite":
        return shown(Path(found["NAME"]))
    return f"{found['HOST'] or 'local socket'}:{found['PORT'] or 5432}/{found['NAME']}"


def _without_driver(error: ImproperlyConfigured) -> str:
    if "psycopg" in str(error):
        return "expected the package psycopg, PostgreSQL's driver, got none; install it: pip install -e '.[postgres]'"
    return f"expected a database that Django can use, got: {error}"


def _unapplied() -> set[tuple[str, str]]:
    """(app, migration) on disk that the database has not recorded."""
    from django.apps import apps
    from django.db import connection
    from django.db.migrations.recorder import MigrationRecorder

    on_disk = {
        (config.label, file.stem)
        for config in apps.get_app_configs()
        for file in (Path(config.path) / "migrations").glob("[0-9]*.py")
    }
    return on_disk - set(MigrationRecorder(connection).applied_migrations())


def _migrate() -> None:
    from django.core.management import call_command
    from django.db import Error

    if _unapplied():  # another process may have done it while we waited for the lock
        try:
            call_command("migrate", interactive=False, verbosity=0)
        except Exception as error:
            if isinstance(error, Error) and PASSING.search(str(error)):
                raise
            raise NotReadyError(f"DATABASE_URL: expected migrations that apply to {_place()}, got: {error!r}") from None


@contextmanager
def _migrating_alone() -> Iterator[None]:
    """Hold the right to migrate: a lock file beside an SQLite database, an advisory lock in PostgreSQL."""
    from django.db import connection

    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK_ID])
            try:
                yield
            finally:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK_ID])
        return
    with Path(f"{connection.settings_dict['NAME']}.migrating").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
