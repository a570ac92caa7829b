"""How each peer is started and stopped: its processes, and what a client must know to join. `ARRANGEMENTS` names them all.

An arrangement that lacks something (npm, a package, Redis) raises `MissingError` with what to install.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import field, frozen

from tests.bench.cell import Cell
from tests.support.ports import free_port
from tests.support.processes import Processes, Running, clean_environment
from tests.support.programs import MissingProgramError, find_program
from tests.support.redis import RedisServer

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
HOST = "127.0.0.1"
NEW_ROOMS_AT_ONCE = 50  # that Roomwright makes for joiners; then five a second


class MissingError(Exception):
    """A peer cannot run here; the message tells what to install."""


@frozen
class Served:
    """A running peer: the processes that count, where clients join, and what the plan tells the dialect beside."""

    pids: tuple[int, ...]
    port: int
    dialect: str
    extra: Mapping[str, Any] = field(factory=dict)


@frozen
class Place:
    """Where a peer runs: a folder of its own, and the checkout whose server is measured."""

    folder: Path
    server_root: Path = ROOT


Arrangement = Callable[[Cell, Place, Processes], Generator[Served, None, None]]

ROUTING = """\
roomwright: 1
rooms:
  arena50:
    game: arena50:Arena50
    options: {{movers: {movers}}}
    tick_hz: 20
    send_hz: 20
    seats: {seats}
    entities: {{movers: {movers}}}
    spectators: {{limit: {watchers}}}
routes:
  arena50.play:
    path: /ws/{{room}}
    room: arena50
    role: player
    groups: [public]
    accepts: {{input: {{rate: {rate}/s, burst: {burst}}}, leave: {{}}}}
  arena50.watch:
    path: /ws/{{room}}/watch
    room: arena50
    role: spectator
    groups: [public]
    accepts: {{leave: {{}}}}
"""

MINT = """\
import json, os, sys
import django
os.environ["DJANGO_SETTINGS_MODULE"] = "server.settings"
django.setup()
from server.accounts.identity import issue_guest
json.dump([issue_guest()[1] for _ in range(int(sys.argv[1]))], sys.stdout)
"""

OPEN = """\
import sys
from server.django_setup import prepare
prepare()
from server.lobby.directory import open_room
for code in sys.argv[1:]:
    open_room("arena50", code)
"""


def routing_text(cell: Cell) -> str:
    """The routing file of a cell: one room type, seats and rates with room to spare."""
    players = cell.per_room if cell.players_per_room is None else cell.players_per_room
    rate = max(20, round(cell.inputs_hz * 2))
    watchers = max(1, cell.per_room - players)
    seats = max(2, players + (cell.slow_readers > 0))
    return ROUTING.format(movers=cell.movers, seats=seats, watchers=watchers, rate=rate, burst=rate * 2)


def roomwright_environment(cell: Cell, place: Place, layer: str) -> dict[str, str]:
    """A deployment of the bench's own: database, folder, secret, and the reference game on the path."""
    (place.folder / "routing.yaml").write_text(routing_text(cell))
    return {
        "ROOMWRIGHT_HOST": HOST,
        "ROOMWRIGHT_PORT": str(free_port()),
        "ROOMWRIGHT_LAYER": layer,
        "ROOMWRIGHT_ROUTING": str(place.folder / "routing.yaml"),
        "ROOMWRIGHT_SECRET": secrets.token_hex(16),
        "ROOMWRIGHT_VAR": str(place.folder / "var"),
        "DATABASE_URL": f"sqlite:///{place.folder / 'bench.sqlite3'}",
        "PYTHONPATH": os.pathsep.join([str(place.server_root), str(HERE / "games")]),
    }


def tokens(cell: Cell, place: Place, env: Mapping[str, str]) -> list[str]:
    """Guest tokens, as a returning player has one; none where the join is to ask for them."""
    guests = 0 if cell.is_guest_asked else cell.clients + cell.slow_readers
    found: list[str] = json.loads(script(place, env, MINT, str(guests)).strip().splitlines()[-1])
    return found


def codes(cell: Cell, place: Place, env: Mapping[str, str]) -> list[str]:
    """Room codes nobody has used. Joiners make their rooms; more than they may make at once are opened now, as a lobby does."""
    made = [f"B{secrets.token_hex(5)}" for _ in range(cell.rooms)]
    if cell.rooms > NEW_ROOMS_AT_ONCE:
        script(place, env, OPEN, *made)
    return made


def script(place: Place, env: Mapping[str, str], code: str, *words: str) -> str:
    """What a few lines of Python print that run beside the measured server, in its checkout."""
    argv = [sys.executable, "-c", code, *words]
    made = subprocess.run(
        argv, cwd=place.server_root, env=clean_environment(env), capture_output=True, text=True, check=False
    )
    if made.returncode:
        raise AssertionError(f"expected tokens and rooms, got: {made.stderr[-500:]}")
    return made.stdout


def roomwright(cell: Cell, place: Place, processes: Processes) -> Generator[Served, None, None]:
    """`python -m server run`, as its users run it: gateway, loop and worker in one process, in-memory layer, SQLite."""
    env = roomwright_environment(cell, place, "memory://")
    server = processes.python("-m", "server", "run", env=env, cwd=place.server_root)
    yield joinable(cell, place, env, server, ())


def roomwright_redis(cell: Cell, place: Place, processes: Processes) -> Generator[Served, None, None]:
    """A gateway and a loop as two processes, which meet in a Redis of the bench's own (pub/sub); all three count."""
    with redis(place) as server:
        env = roomwright_environment(cell, place, server.url)
        loop = processes.python("-m", "server", "loop", env=env, cwd=place.server_root)
        loop.wait_for_line("loop.started", 60.0)
        gateway = processes.python("-m", "server", "gateway", env=env, cwd=place.server_root)
        assert server.process is not None
        yield joinable(cell, place, env, gateway, (loop.pid, server.process.pid))


def joinable(cell: Cell, place: Place, env: Mapping[str, str], server: Running, also: tuple[int, ...]) -> Served:
    """Waits until the gateway answers; tokens are made meanwhile."""
    extra: dict[str, Any] = {"tokens": tokens(cell, place, env)}
    port = int(env["ROOMWRIGHT_PORT"])
    server.wait_for_url(f"http://{HOST}:{port}/healthz", 60.0)
    extra["codes"] = codes(cell, place, env)
    return Served((server.pid, *also), port, "roomwright", extra)


def colyseus(cell: Cell, place: Place, processes: Processes) -> Generator[Served, None, None]:
    """Colyseus on its default transport, in one Node process."""
    node = colyseus_node()
    port = free_port()
    env = {"PORT": str(port), "MOVERS": str(cell.movers), "NODE_ENV": "production"}
    server = processes.start([node, "server.mjs"], name="colyseus", env=env, cwd=HERE / "peers" / "colyseus")
    server.wait_for_line("^LISTENING", 60.0)
    yield Served((server.pid,), port, "colyseus")


def colyseus_node() -> Path:
    """The peer's own Node, which npm brings; installs the peer's packages where they are missing."""
    folder = HERE / "peers" / "colyseus"
    node, installed = folder / "node_modules" / "node" / "bin" / "node", folder / "node_modules" / ".installed"
    wanted = (folder / "package.json").read_text()
    if not installed.exists() or installed.read_text() != wanted:
        try:
            npm = find_program("npm")
        except MissingProgramError:
            raise MissingError("Colyseus needs npm on the PATH (Debian: apt install npm)") from None
        words = ["install", "--legacy-peer-deps", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"]
        made = subprocess.run([npm, *words], cwd=folder, capture_output=True, text=True, check=False)
        if made.returncode or not node.exists():
            shutil.rmtree(folder / "node_modules", ignore_errors=True)
            raise MissingError(f"npm could not fetch Colyseus: {made.stderr.strip()[-300:] or 'no node was installed'}")
        installed.write_text(wanted)
    return node


def plain(layer: str) -> Arrangement:
    """The hand-written consumer on Daphne; ``layer`` is `memory` or `pubsub`."""

    def serve(cell: Cell, place: Place, processes: Processes) -> Generator[Served, None, None]:
        if layer == "memory":
            yield from daphne("plain_channels", "plain", {"LAYER": "memory"}, cell, processes)
            return
        with redis(place) as server:
            assert server.process is not None
            env, also = {"LAYER": server.url}, (server.process.pid,)
            yield from daphne("plain_channels", "plain", env, cell, processes, also)

    return serve


def bare(cell: Cell, place: Place, processes: Processes) -> Generator[Served, None, None]:
    """An application that only accepts, on Daphne."""
    yield from daphne("bare", "bare", {}, cell, processes)


def daphne(
    folder: str, dialect: str, env: Mapping[str, str], cell: Cell, processes: Processes, also: tuple[int, ...] = ()
) -> Generator[Served, None, None]:
    """`daphne app:application` in a peer's folder."""
    port = free_port()
    where = HERE / "peers" / folder
    own = {"PYTHONPATH": str(where), "MOVERS": str(cell.movers), **env}
    words = ["-m", "daphne", "-b", HOST, "-p", str(port), "-v", "1", "--access-log", os.devnull, "app:application"]
    server = processes.python(*words, env=own, cwd=where)
    server.wait_for_line("Listening on TCP address", 60.0)
    yield Served((server.pid, *also), port, dialect)


@contextmanager
def redis(place: Place) -> Iterator[RedisServer]:
    """A Redis of the bench's own."""
    server = RedisServer(place.folder / "redis")
    try:
        server.start()
    except MissingProgramError as error:
        raise MissingError(str(error)) from None
    try:
        yield server
    finally:
        server.stop()


ARRANGEMENTS: dict[str, Arrangement] = {
    "roomwright": roomwright,
    "roomwright-redis": roomwright_redis,
    "colyseus": colyseus,
    "plain": plain("memory"),
    "plain-redis": plain("pubsub"),
    "bare": bare,
}
