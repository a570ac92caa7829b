"""The server's processes as the flow tests start them: one process in memory, or gateways, loop and worker on a Redis.

`Fleet.started` makes one; each has a database, a var folder and the lab's routing file of its own, and the lab itself as
a package outside the repository.
"""

import asyncio
import os
import secrets
import shutil
import signal
import sqlite3
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from attrs import define, field

from tests.flow.player import Guest, Player, guest
from tests.support.ports import free_port
from tests.support.processes import ROOT, Processes, Running
from tests.support.redis import RedisServer
from tests.support.waiting import wait_until

HERE = Path(__file__).parent
SECRET = "the secret of one test deployment"


@define(eq=False)
class Fleet:
    """`layer` is the value of ROOMWRIGHT_LAYER; `gateways` serve sockets (in memory: the one process that does all)."""

    folder: Path
    layer: str
    processes: Processes
    redis: RedisServer | None = None
    gateways: list[Running] = field(factory=list)
    loops: list[Running] = field(factory=list)
    worker: Running | None = None
    extra: dict[str, str] = field(factory=dict)
    players: list[Player] = field(factory=list)

    @classmethod
    def made(
        cls, folder: Path, layer: str, redis: RedisServer | None, extra: Mapping[str, str] | None = None
    ) -> "Fleet":
        """Folders and files, no process yet."""
        (folder / "processes").mkdir(parents=True)
        package = folder / "outside" / "labgames"
        package.mkdir(parents=True)
        shutil.copy(HERE / "lab.py", package / "rules.py")
        (package / "__init__.py").write_text('"""Games of an author."""\n\nfrom labgames.rules import Lab, Poker\n')
        shutil.copy(HERE / "lab.yaml", folder / "routing.yaml")
        return cls(folder, layer, Processes(folder / "processes"), redis, extra=dict(extra or {}))

    def start(self, gateways: int = 2) -> "Fleet":
        """Everything: one process in memory, otherwise gateways, a loop and a worker."""
        if self.layer == "memory://":
            self.gateways.append(self._server("run"))
            return self
        self.start_loop()
        self.start_worker()
        for _ in range(gateways):
            self.start_gateway()
        return self

    def start_gateway(self, **extra: str) -> Running:
        running = self._server("gateway", **extra)
        self.gateways.append(running)
        return running

    def start_loop(self, **extra: str) -> Running:
        running = self.processes.python("-m", "server", "loop", env={**self.env, **extra})
        running.wait_for_line("loop.started")
        self.loops.append(running)
        return running

    def start_worker(self, **extra: str) -> Running:
        self.worker = self.processes.python("-m", "server", "worker", env={**self.env, **extra})
        self.worker.wait_for_line("worker.started")
        return self.worker

    def stop(self) -> None:
        self.processes.stop_all()

    @property
    def env(self) -> dict[str, str]:
        return {
            "ROOMWRIGHT_LAYER": self.layer,
            "ROOMWRIGHT_ROUTING": str(self.folder / "routing.yaml"),
            "ROOMWRIGHT_SECRET": SECRET,
            "ROOMWRIGHT_VAR": str(self.folder / "var"),
            "DATABASE_URL": f"sqlite:///{self.folder / 'test.sqlite3'}",
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(self.folder / "outside")]),
            **self.extra,
        }

    # ---- for the tests

    def code(self) -> str:
        """A room code that nobody has used."""
        return f"T{secrets.token_hex(5)}"

    def url(self, path: str, gateway: int = 0) -> str:
        """The WebSocket address of a path; gateways are counted round, so that 1 is the only one in memory."""
        return self.gateways[gateway % len(self.gateways)].url.replace("http", "ws", 1) + path

    async def guest(self, name: str = "") -> Guest:
        return await guest(self.gateways[-1].url, name)

    async def player(self, path: str, *, gateway: int = 0, is_binary: bool = True, who: Guest | None = None) -> Player:
        """A client of the fleet, not yet connected."""
        who = who or await self.guest()
        made = Player(self.url(path, gateway), who.token, is_binary)
        self.players.append(made)
        return made

    async def close_players(self) -> None:
        for player in self.players:
            await player.close()
        self.players.clear()

    async def get(self, path: str, gateway: int = 0) -> bytes:
        """The body of a page."""

        def fetch() -> bytes:
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(self.gateways[gateway].url + path, timeout=20.0) as answer:
                body: bytes = answer.read()
                return body

        return await asyncio.to_thread(fetch)

    def script(self, code: str, *words: str) -> Running:
        """An operator's or author's own Python process beside the fleet."""
        return self.processes.start([sys.executable, "-c", code, *words], name="script", env=self.env)

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        """What the database says, past Django."""
        opened = sqlite3.connect(self.folder / "test.sqlite3")
        try:
            return opened.execute(sql).fetchall()
        finally:
            opened.close()

    def logs(self) -> str:
        return "\n".join(running.log() for running in self.processes.running)

    def check_sound(self) -> None:
        """No process has died, and none has swallowed an exception that its log calls an accident."""
        for running in [*self.gateways, *self.loops]:
            assert running.returncode is None, (
                f"{running.name} ended with {running.returncode}:\n{running.log()[-4000:]}"
            )

    def _server(self, command: str, **extra: str) -> Running:
        port = free_port()
        env = {**self.env, "ROOMWRIGHT_HOST": "127.0.0.1", "ROOMWRIGHT_PORT": str(port), **extra}
        running = self.processes.python("-m", "server", command, env=env)
        running.url = f"http://127.0.0.1:{port}"
        running.wait_for_url(f"{running.url}/healthz", 60.0)
        return running


def rss_kib(running: Running) -> int:
    """The process's resident memory."""
    status = Path(f"/proc/{running.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


def terminate(running: Running) -> int:
    """SIGTERM to the process alone; its exit status."""
    os.kill(running.pid, signal.SIGTERM)
    return running.wait(30.0)


def wait_for_no_groups(redis: RedisServer) -> None:
    """Nobody is subscribed to anything any more."""
    wait_until("no subscription in Redis", lambda: not redis.cli("PUBSUB", "CHANNELS"))
