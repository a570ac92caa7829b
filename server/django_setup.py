"""Bring Django up once per process, and its database up to date. Called first by `asgi` and `__main__`.

Starting must stay quick, so the usual question (is anything to migrate?) is answered from file names and one query,
without importing a migration.
"""

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django

LOCK_ID = 0x526F6F6D  # PostgreSQL's advisory lock of whoever migrates


def prepare() -> None:
    """Set Django up and apply what migrations the database lacks; with nothing to do it costs one query.

    A database that cannot be reached or written prints one line and exits 2.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "server.settings")
    django.setup()
    from django.db import DatabaseError, connection

    try:
        if _unapplied():
            with _migrating_alone():
                _migrate()
        connection.close()  # this thread has no more to ask; those that have, open their own
    except (DatabaseError, OSError) as error:
        sys.stderr.write(
            f"DATABASE_URL: expected a database that can be reached and written, got: {error}\n".replace("\n ", " ")
        )
        raise SystemExit(2) from None


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

    if _unapplied():  # another process may have done it while we waited for the lock
        call_command("migrate", interactive=False, verbosity=0)


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
