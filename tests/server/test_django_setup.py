"""`prepare`: a new database is migrated, once, however many processes start at the same moment; then it is left alone."""

import sqlite3
from pathlib import Path

import pytest

PREPARE = "from server.django_setup import prepare; prepare()"


def test_several_processes_at_once_make_one_database(processes, tmp_path: Path):
    env = {"DATABASE_URL": f"sqlite:///{tmp_path / 'new' / 'rooms.sqlite3'}"}
    runs = [processes.python("-c", PREPARE, env=env) for _ in range(4)]
    assert [run.wait() for run in runs] == [0] * 4, [run.log() for run in runs]
    with sqlite3.connect(tmp_path / "new" / "rooms.sqlite3") as opened:
        names = [name for (name,) in opened.execute("SELECT app || name FROM django_migrations")]
        assert len(names) == len(set(names)) > 20
        assert opened.execute("SELECT count(*) FROM lobby_room").fetchone() == (0,)
    opened.close()


def test_an_up_to_date_database_costs_one_query(db, django_assert_num_queries, monkeypatch: pytest.MonkeyPatch):
    from server import django_setup

    monkeypatch.setattr(django_setup, "_migrate", lambda: pytest.fail("nothing was to be migrated"))
    with django_assert_num_queries(2):  # is there a table of migrations, and what is in it
        assert django_setup._unapplied() == set()


def test_models_and_migrations_agree(db):
    from django.core.management import call_command

    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_a_database_that_cannot_be_written_exits_2(processes, tmp_path: Path):
    (tmp_path / "rooms.sqlite3").write_text("this is not a database, but it is long enough to be taken for one" * 9)
    run = processes.python("-c", PREPARE, env={"DATABASE_URL": f"sqlite:///{tmp_path / 'rooms.sqlite3'}"})
    assert run.wait() == 2
    assert run.log().startswith("DATABASE_URL: expected a database that can be reached and written, got:")
    assert "Traceback" not in run.log()
