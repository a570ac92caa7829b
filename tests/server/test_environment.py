"""The environment: defaults, every mistake at once, and a secret that two processes agree on."""

import sqlite3
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from server.environment import BadEnvironmentError, kept_secret, read_environment


def test_defaults(tmp_path: Path):
    found = read_environment({}, tmp_path)
    assert (found.host, found.port, found.prefix, found.secret) == ("127.0.0.1", 8000, "roomwright", None)
    assert found.routing == tmp_path / "routing.yaml"
    assert found.layer.kind == "memory"
    assert found.database["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert "127.0.0.1" in found.allowed_hosts
    assert "localhost" in found.allowed_hosts


def test_every_mistake_is_told_at_once(tmp_path: Path):
    env = {
        "ROOMWRIGHT_HOST": "http://here:80",
        "ROOMWRIGHT_PORT": "80000",
        "ROOMWRIGHT_SECRET": "hunter2",
        "ROOMWRIGHT_LAYER": "rabbit://x",
        "ROOMWRIGHT_PREFIX": "a b",
        "ROOMWRIGHT_ALLOWED_HOSTS": "http://game.example",
        "ROOMWRIGHT_CONNECTIONS_PER_ADDRESS": "-3",
        "DATABASE_URL": "mysql://u:hunter3@h/db",
    }
    with pytest.raises(BadEnvironmentError) as caught:
        read_environment(env, tmp_path)
    lines = str(caught.value).splitlines()
    assert {line.partition(":")[0] for line in lines} == set(env)
    assert all("expected" in line and "got" in line for line in lines)
    assert "hunter" not in str(caught.value)


@pytest.mark.parametrize("port", ["", "0", "8000", "65535"])
def test_good_ports(tmp_path: Path, port: str):
    assert read_environment({"ROOMWRIGHT_PORT": port}, tmp_path).port == int(port or 8000)


@pytest.mark.parametrize("port", ["-1", "65536", "eighty", "8000 ", "٨٠"])
def test_bad_ports(tmp_path: Path, port: str):
    with pytest.raises(BadEnvironmentError, match="port number"):
        read_environment({"ROOMWRIGHT_PORT": port}, tmp_path)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite://:memory:", "postgres://[bad/db", "nonsense"])
def test_bad_databases(tmp_path: Path, url: str):
    with pytest.raises(BadEnvironmentError, match="DATABASE_URL: expected"):
        read_environment({"DATABASE_URL": url}, tmp_path)


STRANGE = [
    "a#b",
    "a?b=c",
    "100%",
    "%41",
    "a b",
    'it\'s "it"',
    "näh 漢字",
    "new\nline",
    "back\\slash",
    "semi;colon",
    "file:x",
]


@pytest.mark.parametrize("name", STRANGE)
def test_the_database_is_in_its_folder_whatever_that_is_called(tmp_path: Path, name: str):
    """No URL is made of the folder's name; Django's own connection shows where the file is."""
    var = tmp_path / name / "var"
    var.mkdir(parents=True)
    found = read_environment({}, tmp_path / name)
    for env in ({"ROOMWRIGHT_VAR": str(var)}, {}):
        found = read_environment(env, tmp_path / name)
        assert (found.var, found.database["NAME"]) == (var, str(var / "roomwright.sqlite3"))
    with closing(sqlite3.connect(found.database["NAME"], uri=True)) as opened:  # as Django opens it
        opened.execute("CREATE TABLE t (x)")
    assert [path.name for path in var.iterdir()] == ["roomwright.sqlite3"]


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:////data/a#b/x.db", "/data/a#b/x.db"),
        ("sqlite:////data/what?/x.db", "/data/what?/x.db"),
        ("sqlite:////data/a%23b%3Fc%20d/x.db", "/data/a#b?c d/x.db"),
        ("sqlite:////data/100%/x.db", "/data/100%/x.db"),
        ("sqlite:////data/new\nline/x.db", "/data/new\nline/x.db"),
    ],
)
def test_a_database_url_names_a_file_as_it_is_called(tmp_path: Path, url: str, path: str):
    assert read_environment({"DATABASE_URL": url}, tmp_path).database["NAME"] == path


def test_relative_paths_are_of_the_folder_that_the_process_starts_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    found = read_environment({"ROOMWRIGHT_VAR": "v", "DATABASE_URL": "sqlite:///d/x.db"}, Path("/elsewhere"))
    assert (found.var, found.database["NAME"]) == (tmp_path / "v", str(tmp_path / "d" / "x.db"))


@pytest.mark.parametrize("url", ["sqlite:////x.db?timeout=20", "sqlite:////data/", "sqlite:////a%00b", "sqlite://h/x"])
def test_an_sqlite_url_that_is_more_than_a_file_is_refused(tmp_path: Path, url: str):
    with pytest.raises(BadEnvironmentError, match="DATABASE_URL: expected"):
        read_environment({"DATABASE_URL": url}, tmp_path)


def test_postgres_has_no_sqlite_options(tmp_path: Path):
    found = read_environment({"DATABASE_URL": "postgres://u:p@db.example:5433/rooms"}, tmp_path).database
    assert (found["HOST"], found["PORT"], found["NAME"]) == ("db.example", 5433, "rooms")
    assert "transaction_mode" not in found.get("OPTIONS", {})


def test_listening_everywhere_admits_any_name_unless_names_are_given(tmp_path: Path):
    assert read_environment({"ROOMWRIGHT_HOST": "::"}, tmp_path).allowed_hosts == ("*",)
    given = {"ROOMWRIGHT_HOST": "::", "ROOMWRIGHT_ALLOWED_HOSTS": "game.example, .play.example"}
    found = read_environment(given, tmp_path).allowed_hosts
    assert found[:2] == ("game.example", ".play.example")
    assert "*" not in found


def test_secret_is_made_once_private_and_agreed_upon(tmp_path: Path):
    path = tmp_path / "var" / "secret"
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(kept_secret, [path] * 8))
    assert len(found) == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["secret"]


def test_a_secret_that_cannot_be_kept_says_what_to_do(tmp_path: Path):
    (tmp_path / "var").write_text("a file where a directory should be")
    with pytest.raises(BadEnvironmentError, match="ROOMWRIGHT_SECRET: expected"):
        kept_secret(tmp_path / "var" / "secret")


def test_a_truncated_secret_is_refused(tmp_path: Path):
    (tmp_path / "secret").write_text("short")
    with pytest.raises(BadEnvironmentError, match="remove the file"):
        kept_secret(tmp_path / "secret")


def test_a_bad_value_ends_the_process_with_2_and_one_line(processes):
    run = processes.start([sys.executable, "-c", "import server.settings"], env={"ROOMWRIGHT_PORT": "http"})
    assert run.wait() == 2
    assert run.log() == "ROOMWRIGHT_PORT: expected a port number from 0 to 65535, got 'http'\n"


@pytest.mark.parametrize(("text", "expected"), [("", None), ("off", 0), ("1", 1), ("5000", 5000)])
def test_connections_per_address(tmp_path: Path, text: str, expected: int | None):
    assert read_environment({"ROOMWRIGHT_CONNECTIONS_PER_ADDRESS": text}, tmp_path).connections_per_address == expected


@pytest.mark.parametrize("text", ["0", "-1", "many", "1e3", "٨٠", "1000000"])
def test_bad_connections_per_address(tmp_path: Path, text: str):
    with pytest.raises(BadEnvironmentError, match="number of connections"):
        read_environment({"ROOMWRIGHT_CONNECTIONS_PER_ADDRESS": text}, tmp_path)
