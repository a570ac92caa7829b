"""A real Redis for one test: its own port, its own folder, and the faults that a Redis can have.

`RedisServer` is the `redis_server` fixture. Nothing is kept across a restart unless the test asks with `persistent`.
"""

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from attrs import define, field

from tests.support.ports import free_port
from tests.support.programs import find_program
from tests.support.waiting import wait_until

BIND_TRIES = 5


@define
class RedisServer:
    """A redis-server of the test's own. `start` before use; every method returns when its effect is there."""

    folder: Path
    persistent: bool = False  # append-only file, fsync every second
    port: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def url(self) -> str:
        """For `redis.from_url`, and after `ROOMWRIGHT_LAYER=`."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def log_path(self) -> Path:
        return self.folder / "redis.log"

    def start(self) -> None:
        """Start it and wait until it answers PING. A port lost to somebody else at the first start means another port."""
        for _ in range(BIND_TRIES):
            if self._start_on(self.port or free_port()):
                return
        raise RuntimeError(f"redis-server did not start in {BIND_TRIES} tries; its log:\n{self._log()}")

    def _start_on(self, port: int) -> bool:
        process = self.process = self._spawn(port)
        wait_until("redis-server to answer PING or to end", lambda: self._pongs(port) or self._has_ended())
        if process.poll() is not None:
            return False
        self.port = port
        return True

    def _spawn(self, port: int) -> subprocess.Popen[bytes]:
        self.folder.mkdir(parents=True, exist_ok=True)
        options = {
            "port": str(port),
            "bind": "127.0.0.1",
            "dir": str(self.folder),
            "save": "",
            "appendonly": "yes" if self.persistent else "no",
            "loglevel": "notice",
            "logfile": str(self.log_path),
            "daemonize": "no",
            "maxmemory": "256mb",
        }
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        return subprocess.Popen(
            [find_program("redis-server"), *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _has_ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def _log(self) -> str:
        return self.log_path.read_text(errors="replace")[-4000:] if self.log_path.exists() else "(none)"

    def _pongs(self, port: int) -> bool:
        """Whether *our* process answers there, with its data loaded."""
        if self.process is None:
            return False
        ours = f"process_id:{self.process.pid}\r\n".encode()
        answer = b""
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1.0) as connection:
                connection.sendall(b"PING\r\nINFO server\r\nQUIT\r\n")
                while part := connection.recv(65_536):
                    answer += part
        except OSError:
            return False
        return answer.startswith(b"+PONG") and ours in answer

    def _signal(self, number: int) -> None:
        if self.process is not None and not self._has_ended():
            os.kill(self.process.pid, number)

    def kill(self) -> None:
        """SIGKILL: connections are reset, and what was only in memory is gone."""
        self._signal(signal.SIGCONT)
        self._signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait(10.0)

    def restart(self) -> None:
        """Kill it if it lives, and start it again on the same port."""
        self.kill()
        self.start()

    def pause(self) -> None:
        """SIGSTOP: connections stay open and nobody answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT, and wait until it answers again."""
        self._signal(signal.SIGCONT)
        wait_until("redis-server to answer PING", lambda: self._pongs(self.port))

    def cli(self, *words: str | int, timeout_s: float = 10.0) -> object:
        """Send one command, e.g. `cli("CLIENT", "KILL", "TYPE", "pubsub")`; its reply, bytes decoded as text."""
        from redis import Redis

        with Redis(port=self.port, decode_responses=True, socket_timeout=timeout_s) as client:
            return client.execute_command(*words)

    def stop(self) -> None:
        """End it and remove its folder."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
