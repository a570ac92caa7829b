"""Starts that cannot succeed say why in one line, starts that may wait do so, and two servers never share what is one's own."""

import signal
import socket
from pathlib import Path

import pytest

from tests.flow.conftest import MakeFleet
from tests.flow.fleet import Fleet
from tests.flow.lab import Poke
from tests.flow.servers import HERE, self_signed
from tests.support.ports import free_port
from tests.support.processes import Running
from tests.support.redis import RedisServer

PARTS = ("gateway", "loop", "worker", "kick")
WORDS = {"kick": ("K7", "--seat", "1")}


def start(fleet: Fleet, part: str, *words: str, **env: str) -> Running:
    """A part of the fleet with an environment of its own; whether it comes up is for the test to say."""
    own = {**fleet.env, "ROOMWRIGHT_PORT": str(free_port()), **env}
    return fleet.processes.python("-m", "server", part, *WORDS.get(part, ()), *words, env=own)


def check_refused(running: Running, *expected: str) -> None:
    """It ended with a status, and one line that holds all of this."""
    assert running.wait() != 0
    lines = running.log().strip().splitlines()
    assert len(lines) == 1, running.log()
    assert [text for text in expected if text not in lines[0]] == [], lines[0]


# ---- what does not start


@pytest.mark.parametrize("part", PARTS)
def test_a_redis_that_is_not_there(new_fleet: MakeFleet, part: str):
    fleet = new_fleet("memory")
    dead = f"127.0.0.1:{free_port()}"
    check_refused(
        start(fleet, part, ROOMWRIGHT_LAYER=f"redis://:hunter2@{dead}/0"), "ROOMWRIGHT_LAYER", dead, "refused"
    )


@pytest.mark.redis
@pytest.mark.parametrize("scheme", ["redis", "redis+core"])
def test_a_redis_that_cannot_be_used(new_fleet: MakeFleet, redis_server: RedisServer, scheme: str):
    """A password, rights, a database number, TLS: each by its name, at once even where starts wait, and no secret is told."""
    fleet = new_fleet("pubsub", redis_server)
    redis_server.cli("ACL", "SETUSER", "mute", "on", ">hunter2hunter2", "+@all", "~*")
    redis_server.cli("ACL", "SETUSER", "poor", "on", ">hunter2hunter2", "+ping", "&*")
    here = f"127.0.0.1:{redis_server.port}"
    wrong = {
        f"{scheme}://mute:wrong@{here}/0": ("invalid username-password",),
        f"{scheme}://poor:hunter2hunter2@{here}/0": ("o permissions", "rights"),
        f"{scheme}://{here}/99": ("DB index",),
        f"{scheme.replace('redis', 'rediss', 1)}://{here}/0": ("without TLS",),
    }
    if scheme == "redis":
        wrong[f"redis://mute:hunter2hunter2@{here}/0"] = ("channel", "&*")
    for url, expected in wrong.items():
        refused = start(fleet, "loop", "--wait", ROOMWRIGHT_LAYER=url)
        check_refused(refused, "ROOMWRIGHT_LAYER", here, *expected)
        assert "hunter2" not in refused.log()


def test_a_layer_that_takes_everything_and_delivers_nothing(new_fleet: MakeFleet):
    """Only a layer's own echo shows that it works: a class of somebody's that swallows messages, and one that is not there."""
    fleet = new_fleet("memory")
    (fleet.folder / "outside" / "deafness.py").write_text(
        "from channels.layers import InMemoryChannelLayer\n\n\n"
        "class Deaf(InMemoryChannelLayer):\n    async def group_send(self, group, message):\n        pass\n"
    )
    check_refused(start(fleet, "loop", ROOMWRIGHT_LAYER="deafness.Deaf"), "deafness.Deaf", "echo", "none within")
    check_refused(start(fleet, "gateway", ROOMWRIGHT_LAYER="deafness.Missing"), "deafness.Missing", "imported")
    check_refused(start(fleet, "loop", ROOMWRIGHT_LAYER='deafness.Deaf {"speed": 1}'), "deafness.Deaf", "speed")


@pytest.mark.parametrize("part", ["run", "gateway"])
def test_an_address_that_cannot_be_had(new_fleet: MakeFleet, part: str):
    fleet = new_fleet("memory")
    layer = {} if part == "run" else {"ROOMWRIGHT_LAYER": "redis://127.0.0.1:1/0"}
    check_refused(start(fleet, part, ROOMWRIGHT_HOST="192.0.2.1", **layer), "192.0.2.1", "ROOMWRIGHT_HOST")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        check_refused(start(fleet, part, ROOMWRIGHT_PORT=port, **layer), f"port {port}", "in use")
    assert not (fleet.folder / "test.sqlite3").exists(), "what cannot be served is said before anything is made"


def test_an_address_that_is_lost_at_the_last_moment(new_fleet: MakeFleet):
    """Daphne's own server would end with 0: here somebody takes the port after our look at it."""
    fleet = new_fleet("memory")
    (fleet.folder / "server.pem").write_bytes(self_signed())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        words = [str(HERE / "tls_server.py"), port, str(fleet.folder / "server.pem")]
        refused = fleet.processes.python(*words, env=fleet.env)
        assert refused.wait() == 1
    last = refused.log().strip().splitlines()[-1]
    assert "cannot listen" in last and port in last and "in use" in last
    assert "Traceback" not in refused.log()


def test_a_database_that_cannot_be_used(new_fleet: MakeFleet):
    fleet = new_fleet("memory")
    (fleet.folder / "garbage.db").write_bytes(b"not a database, but long enough to be taken for one" * 20)
    dead = free_port()
    wrong = {
        f"sqlite:///{fleet.folder}": ("DATABASE_URL", str(fleet.folder)),
        f"sqlite:///{fleet.folder}/garbage.db": ("DATABASE_URL", "garbage.db", "not a database"),
        f"sqlite:///{fleet.folder}/routing.yaml/x.db": ("DATABASE_URL", "routing.yaml"),
        f"postgres://me:hunter2@127.0.0.1:{dead}/rooms": ("DATABASE_URL", "psycopg"),
    }
    for url, expected in wrong.items():
        refused = start(fleet, "run", DATABASE_URL=url)
        check_refused(refused, *expected)
        assert "hunter2" not in refused.log()


READ_ONLY = """
import server.settings as settings
settings.DATABASES["default"]["NAME"] = "file:" + settings.DATABASES["default"]["NAME"] + "?mode=ro"
settings.DATABASES["default"]["OPTIONS"].pop("init_command")
from server.django_setup import prepare
prepare()
"""
LOCKED = """
import sqlite3, sys
opened = sqlite3.connect(sys.argv[1], isolation_level=None)
opened.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read() if len(sys.argv) > 2 else __import__("signal").pause()
"""


def test_a_database_that_cannot_be_written(new_fleet: MakeFleet):
    """Read-only is final. A lock that somebody holds may pass: a start that waits takes place once it has."""
    fleet = new_fleet("memory").start()
    fleet.gateways[0].stop()
    check_refused(fleet.script(READ_ONLY), "DATABASE_URL", "readonly", "test.sqlite3")
    holding = fleet.script(LOCKED, str(fleet.folder / "test.sqlite3"))
    holding.wait_for_line("locked")
    check_refused(start(fleet, "run"), "DATABASE_URL", "locked", "test.sqlite3")
    waiting = start(fleet, "run", "--wait")
    waiting.wait_for_line("waiting for the database since 0 s: .*is locked")
    holding.kill()
    waiting.wait_for_line("server.listening")


def test_a_migration_that_fails(new_fleet: MakeFleet):
    """A table that is in the way: one line that names the database, no traceback."""
    fleet = new_fleet("memory")
    made = f"import sqlite3; sqlite3.connect({str(fleet.folder / 'test.sqlite3')!r}).execute('CREATE TABLE lobby_room (x)')"
    assert fleet.script(made).wait() == 0
    check_refused(start(fleet, "run"), "DATABASE_URL", "migrations", "test.sqlite3", "lobby_room")


# ---- what waits


@pytest.mark.redis
async def test_parts_that_wait_for_redis(new_fleet: MakeFleet, redis_server: RedisServer):
    """With --wait everything may be started in any order: a line says for what, and people play once it is there."""
    fleet = new_fleet("pubsub", redis_server)
    redis_server.kill()
    port = free_port()
    loop, gateway = (
        start(fleet, "loop", "--wait"),
        start(fleet, "gateway", ROOMWRIGHT_WAIT="on", ROOMWRIGHT_PORT=str(port)),
    )
    for running in (loop, gateway):
        running.wait_for_line(rf"waiting for the layer since 0 s: .*127\.0\.0\.1:{redis_server.port}.*refused")
    redis_server.start()
    gateway.url = f"http://127.0.0.1:{port}"
    gateway.wait_for_url(f"{gateway.url}/healthz", 60.0)
    fleet.gateways.append(gateway)
    player = await (await fleet.player(f"/ws/lab/{fleet.code()}")).joined()
    await player.poke(Poke(1))
    await player.answered(1)


# ---- whose folder, whose rooms


async def test_a_second_server_touches_nothing(new_fleet: MakeFleet):
    """On one var folder, or on one database, there is one server: the second says who has it, and the first plays on."""
    fleet = new_fleet("memory").start()
    player = await (await fleet.player(f"/ws/lab/{fleet.code()}")).joined()
    pid = str(fleet.gateways[0].pid)
    other = {"ROOMWRIGHT_VAR": str(fleet.folder / "other")}
    check_refused(start(fleet, "run"), "ROOMWRIGHT_VAR", str(fleet.folder / "var"), pid, fleet.gateways[0].url)
    check_refused(start(fleet, "run", **other), "DATABASE_URL", "test.sqlite3", pid)
    stock = ["-m", "daphne", "-b", "127.0.0.1", "-p", str(free_port()), "server.asgi:application"]
    check_refused(fleet.processes.python(*stock, env=fleet.env), "ROOMWRIGHT_VAR", pid)
    check_refused(start(fleet, "loop", ROOMWRIGHT_LAYER="redis://127.0.0.1:1/0"), "ROOMWRIGHT_VAR", pid)
    await player.poke(Poke(1))
    await player.answered(1)
    assert fleet.rows("SELECT state FROM lobby_room") == [("open",)]
    fleet.gateways[0].kill()
    fleet.gateways.clear()
    fleet.start()
    assert fleet.rows("SELECT state FROM lobby_room") == [("ended",)], "whoever is alone knows that the others are dead"


@pytest.mark.redis
async def test_only_rooms_whose_loop_is_dead_are_ended(new_fleet: MakeFleet, redis_server: RedisServer):
    """Of three loops one is killed and one paused; a fourth, starting, ends the rooms of the dead one, and no other."""
    fleet = new_fleet("pubsub", redis_server)
    fleet.start_loop()
    fleet.start_gateway()
    holders: list[str] = []
    for _ in range(3):
        player = await (await fleet.player(f"/ws/lab/{fleet.code()}")).joined()
        holders = [str(holder) for (holder,) in fleet.rows("SELECT holder FROM lobby_room ORDER BY id")]
        assert player.close_code is None
        if len(holders) < 3:
            fleet.loops[-1].signal(signal.SIGSTOP)  # the next room opens elsewhere
            fleet.start_loop()
            fleet.loops[-2].signal(signal.SIGCONT)
    assert len(set(holders)) >= 2
    dead = str(fleet.rows("SELECT holder FROM lobby_room ORDER BY id LIMIT 1")[0][0])
    fleet.loops[0].kill()
    fleet.loops[1].pause()
    fleet.start_loop()
    fleet.loops[1].resume()
    left = fleet.rows("SELECT holder FROM lobby_room WHERE state = 'open'")
    assert {str(holder) for (holder,) in left} == set(holders) - {dead}
    assert (fleet.folder / "var" / "lives" / dead).exists() is False


# ---- what the folder is called


@pytest.mark.parametrize("name", ["a#b?c=d&e", "100% %41 näh", 'it\'s "it"', "new\nline"])
def test_whatever_the_folder_is_called(new_fleet: MakeFleet, name: str):
    """Everything that the server keeps is in its folder, and nowhere else."""
    fleet = new_fleet("memory")
    home = fleet.folder / name
    home.mkdir()
    before = {path for path in fleet.folder.rglob("*") if home not in path.parents}
    port = free_port()
    env = {**fleet.env, "ROOMWRIGHT_VAR": str(home / "var"), "ROOMWRIGHT_PORT": str(port)}
    del env["DATABASE_URL"], env["ROOMWRIGHT_SECRET"]
    running = fleet.processes.python("-m", "server", "run", env=env)
    running.wait_for_url(f"http://127.0.0.1:{port}/healthz")
    kept = {path.name for path in (home / "var").iterdir()}
    assert {"roomwright.sqlite3", "secret", "server.lock", "lives"} <= kept
    new = {path for path in fleet.folder.rglob("*") if home not in path.parents} - before
    assert {path for path in new if path.parent != Path(fleet.folder / "processes")} == set()
