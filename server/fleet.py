"""`python -m server up`: gateways, loops and workers of one machine, each brought back when it ends, all ended together.

One of them that dies costs what it held, never the others. One that cannot stay up is tried less and less often, and named.
docs/decisions/0012 says why this is no library.
"""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TextIO

from attrs import define, field, frozen

from server.clock import monotonic, wall_now
from server.starting import check_address, fail, occupy, planned, settings

STEADY_S = 10.0
BACK_FIRST_S, BACK_MAX_S = 0.5, 30.0
CRASHES_NAMED = 5
STOP_S = 15.0  # a server takes 8 s to drain at most
LAST_WORDS_S = 1.0
READ_BYTES = 65_536
LINE_BYTES_MAX = 1 << 20
PR_SET_PDEATHSIG = 1
COLOURS = (36, 33, 32, 35, 34, 31)


@frozen
class Program:
    """One process of the fleet: what it is called, what is run, and in which environment."""

    name: str
    words: Sequence[str]
    env: Mapping[str, str]


@define
class Backoff:
    """How long until a process that ended is started again: at once after a steady life, else longer each time. Pure."""

    crashes: int = 0

    def after(self, lived_s: float) -> float:
        """Seconds until the next start: 0 after 10 s of life, then 0.5, 1, 2 … 30."""
        self.crashes = 0 if lived_s >= STEADY_S else self.crashes + 1
        return min(BACK_MAX_S, BACK_FIRST_S * 2.0 ** min(self.crashes - 1, 20)) if self.crashes else 0.0


@define(eq=False)
class Supervisor:
    """Runs programs until `stop`, and prints what they say with their names before it."""

    programs: Sequence[Program]
    out: TextIO
    _live: dict[str, asyncio.subprocess.Process] = field(factory=dict)
    _stopping: asyncio.Event = field(factory=asyncio.Event)
    _statuses: list[int] = field(factory=list)

    async def run(self) -> int:
        """The exit status: 0 where everybody ended well when told to."""
        keeping = [asyncio.create_task(self._keep(program)) for program in self.programs]
        await self._stopping.wait()
        for process in list(self._live.values()):
            self._signal(process, signal.SIGTERM)
        _, late = await asyncio.wait(keeping, timeout=STOP_S)
        if late:
            self._say("fleet", f"{', '.join(sorted(self._live))} did not end within {STOP_S:g} s and must")
            self.kill()
            await asyncio.wait(late)
        return 0 if all(status in (0, -signal.SIGTERM) for status in self._statuses) else 1

    def stop(self) -> None:
        """Tells everybody to end, once; the second time makes them."""
        if self._stopping.is_set():
            self.kill()
        self._stopping.set()

    def kill(self) -> None:
        """SIGKILL to all."""
        for process in list(self._live.values()):
            self._signal(process, signal.SIGKILL)

    async def _keep(self, program: Program) -> None:
        backoff = Backoff()
        while not self._stopping.is_set():
            began = monotonic()
            ended = await self._live_once(program)
            if self._stopping.is_set():
                break
            delay_s = backoff.after(monotonic() - began)
            again = f"again in {delay_s:g} s" if delay_s else "again at once"
            if backoff.crashes >= CRASHES_NAMED:
                again = f"it cannot stay up, {backoff.crashes} times in a row now; {again}"
            self._say("fleet", f"{program.name} {ended}; {again}")
            with suppress(TimeoutError):
                async with asyncio.timeout(delay_s):
                    await self._stopping.wait()

    async def _live_once(self, program: Program) -> str:
        """From its start to its end; how it ended."""
        try:
            process = await asyncio.create_subprocess_exec(
                *program.words,
                env=dict(program.env),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for us, who tell them once
                preexec_fn=_die_with_parent(os.getpid()),
            )
        except OSError as error:
            return f"could not be started: {error}"
        self._live[program.name] = process
        self._say("fleet", f"{program.name} is process {process.pid}")
        if self._stopping.is_set():
            self._signal(process, signal.SIGTERM)
        printing = asyncio.create_task(self._print(program.name, process))
        status = await process.wait()
        del self._live[program.name]
        await asyncio.wait([printing], timeout=LAST_WORDS_S)  # a child of its own may keep the pipe open
        printing.cancel()
        if self._stopping.is_set():
            self._statuses.append(status)
        return f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"

    async def _print(self, name: str, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        rest = b""
        while data := await process.stdout.read(READ_BYTES):
            *lines, rest = (rest + data).split(b"\n")
            if len(rest) > LINE_BYTES_MAX:  # overflow: close; the line is printed in parts
                lines, rest = [*lines, rest], b""
            for line in lines:
                self._say(name, line.decode(errors="replace"))
        if rest:
            self._say(name, rest.decode(errors="replace"))

    def _say(self, name: str, line: str) -> None:
        width = max(5, *(len(program.name) for program in self.programs))
        before = f"{wall_now():%H:%M:%S} {name:<{width}} |"
        if self.out.isatty():
            colour = COLOURS[sum(map(ord, name)) % len(COLOURS)]
            before = f"\x1b[{colour}m{before}\x1b[0m"
        with suppress(OSError):  # whoever read us has gone: no reason to end a game
            self.out.write(f"{before} {line.rstrip()}\n")
            self.out.flush()

    @staticmethod
    def _signal(process: asyncio.subprocess.Process, number: int) -> None:
        with suppress(ProcessLookupError):
            process.send_signal(number)


def _die_with_parent(parent: int) -> Callable[[], None] | None:
    """For a child to run before it begins: where the kernel offers it, we do not leave it behind, however we end."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)

    def ask() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it was quicker than we
            os._exit(1)

    return ask


def programs_of(gateways: int, loops: int, workers: int, first_port: int, env: Mapping[str, str]) -> list[Program]:
    """The fleet's processes. Ports count up from the first; 0 lets the kernel choose for each."""
    words = (sys.executable, "-m", "server")
    made = [Program(f"loop.{n + 1}", (*words, "loop"), env) for n in range(loops)]
    for n in range(gateways):
        port = str(first_port + n if first_port else 0)
        made.append(Program(f"gateway.{n + 1}", (*words, "gateway"), {**env, "ROOMWRIGHT_PORT": port}))
    return made + [Program(f"worker.{n + 1}", (*words, "worker"), env) for n in range(workers)]


def run_fleet(gateways: int, loops: int, workers: int) -> int:
    """Runs until it is told to end; returns the exit status. What would keep every process from starting is said before, once."""
    environment = settings()
    planned()
    if environment.port and environment.port + gateways - 1 > 65535:
        raise fail(f"ROOMWRIGHT_PORT: expected a port with {gateways - 1} more after it, got {environment.port}")
    for n in range(gateways if environment.port else 0):
        check_address(environment.host, environment.port + n)
    occupy()
    from server.django_setup import prepare
    from server.layer_check import need_layer

    prepare()
    need_layer()
    return asyncio.run(_supervised(programs_of(gateways, loops, workers, environment.port, dict(os.environ))))


async def _supervised(programs: Sequence[Program]) -> int:
    supervisor = Supervisor(programs, sys.stdout)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, supervisor.stop)
    return await supervisor.run()
