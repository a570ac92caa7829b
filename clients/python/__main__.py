"""``python -m clients.python``: bots, watch and swarm. What goes wrong is said in a sentence; the exit code is then 2."""

import asyncio
import json
import os
import secrets
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from clients.python import bots as bots_
from clients.python.errors import RoomError
from clients.python.lobby import Lobby
from clients.python.sdk import Role, connect
from clients.python.swarm import Plan, Swarm
from clients.python.watch import watch as watch_live
from clients.python.watch import watch_frames
from game.codes import with_dashed_code
from game.text import escaped

T = TypeVar("T")
BOTS_MAX = 10_000


def _own_server() -> str:
    """Where `make run` serves on this machine, its port taken from the same variable."""
    return f"http://127.0.0.1:{os.environ.get('ROOMWRIGHT_PORT') or 8000}"


url_option = click.option(
    "--url",
    default=_own_server,
    show_default="http://127.0.0.1:8000, or the port in ROOMWRIGHT_PORT",
    help="The server's address.",
)


class PlainError(click.ClickException):
    """One sentence on stderr, and exit code 2."""

    exit_code = 2


class WithCode(click.Command):
    """A command whose argument is a room's code, which may begin with a dash."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """What looks like an option and is none is the code."""
        known = [option for option in self.get_params(ctx) if isinstance(option, click.Option)]
        options = {name: not option.is_flag for option in known for name in (*option.opts, *option.secondary_opts)}
        return super().parse_args(ctx, with_dashed_code(args, options))


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Bots, a spectator's view and a swarm for a Roomwright server."""


@main.command()
@click.argument("game")
@click.option("--n", default=4, show_default=True, type=click.IntRange(1, BOTS_MAX), help="How many bots.")
@click.option("--room", metavar="CODE", help="Their room; without it, wherever quick play sends them.")
@click.option(
    "--policy",
    "policies",
    multiple=True,
    metavar="MODULE:CLASS",
    help="Their mind; given several times, taken in turn.",
)
@click.option(
    "--option", "options", multiple=True, metavar="NAME=VALUE", help="Chosen at quick play, such as mode=ffa."
)
@click.option("--seed", default=None, type=int, help="Makes their choices repeatable.")
@url_option
def bots(
    *,
    game: str,
    n: int,
    room: str | None,
    policies: tuple[str, ...],
    options: tuple[str, ...],
    seed: int | None,
    url: str,
) -> None:
    """Send N bots of GAME into a room, until Ctrl-C or the end of the match.

    Without --policy they are those of game/GAME/bots.py, in turn.
    """

    async def play(stop: asyncio.Event) -> bots_.Tally:
        chosen = [bots_.load_policy(spec) for spec in policies] or bots_.default_policies(game)
        wish = dict(_option(text) for text in options)
        crew = bots_.Crew(url, game, room, chosen, secrets.randbits(32) if seed is None else seed, wish)
        return await crew.play(n, stop, lambda line: click.echo(escaped(line)))

    tally = _run(play)
    for failure in sorted(set(tally.failures)):
        click.echo(escaped(f"{tally.failures.count(failure)} x {failure}"), err=True)
    click.echo(f"{tally.joined} of {n} bots played")
    if not tally.is_clean:
        sys.exit(2)


@main.command(cls=WithCode)
@click.argument("room", required=False)
@click.option("--game", help="The room type, where the code alone does not find the room.")
@click.option("--once", is_flag=True, help="Print one picture and exit.")
@click.option("--frames", type=click.IntRange(1), help="Print the picture after so many frames and exit.")
@url_option
def watch(room: str | None, game: str | None, once: bool, frames: int | None, url: str) -> None:
    """Watch ROOM (its code) live in the terminal, as a spectator; without it, the fullest room."""
    console = Console()

    async def look() -> None:
        code = room or await _fullest(url, game)
        async with connect(url, game=game, room=code, role="spectator", name="watch") as entered:
            if frames is not None:
                heading = f"watching room {entered.welcome.room} for {frames} frames; while nothing changes, few come"
                click.echo(escaped(heading), err=True)
            if once or frames is not None:
                await watch_frames(entered, console, frames or 1)
            else:
                await watch_live(entered, console)

    _run(lambda stop: _or_stopped(look(), stop))


@main.command()
@click.option("--n", default=50, show_default=True, type=click.IntRange(1, BOTS_MAX), help="How many bots.")
@click.option("--seconds", default=20.0, show_default=True, type=click.FloatRange(0.1), help="How long all play.")
@click.option("--game", help="The room type; needed where the server has several.")
@click.option("--rooms", type=click.IntRange(1), help="Spread them over so many new rooms, instead of quick play.")
@click.option(
    "--input-hz", default=2.0, show_default=True, type=click.FloatRange(0, 60), help="Random inputs a second."
)
@click.option("--policy", metavar="MODULE:CLASS", help="Play this policy instead of random inputs.")
@click.option("--role", default="bot", show_default=True, type=click.Choice(["bot", "player", "spectator"]))
@click.option("--json", "json_path", metavar="FILE", help="Write the report as JSON; - for stdout.")
@url_option
def swarm(
    *,
    n: int,
    seconds: float,
    game: str | None,
    rooms: int | None,
    input_hz: float,
    policy: str | None,
    role: Role,
    json_path: str | None,
    url: str,
) -> None:
    """Load a server with N bots and report what they measured. Exit code 1 when anything was wrong."""
    console = Console(stderr=True)

    async def run(stop: asyncio.Event) -> dict[str, Any]:
        mind = bots_.load_policy(policy) if policy else None
        run_id = secrets.token_hex(2)
        codes = tuple(f"swarm-{run_id}-{i + 1}" for i in range(rooms or 0))
        planned = Swarm(Plan(url, game, n, seconds, codes, input_hz, mind, role))
        with _progress(console) as bar:
            task = bar.add_task("joining", total=seconds, joined=0, n=n)
            return await planned.run(stop, _shower(bar, task))

    report = _run(run)
    console.print(_summary(report))
    for problem in report["problems"]:
        console.print(Text.assemble(("wrong:", "red"), " ", escaped(problem)))
    for warning in report["warnings"]:
        console.print(Text.assemble(("note:", "yellow"), " ", escaped(warning)))
    if json_path:
        _write_json(json_path, report)
    if report["problems"]:
        sys.exit(1)


def _option(text: str) -> tuple[str, Any]:
    """``mode=ffa`` or ``rounds=3``: a value that is JSON is meant so, anything else is text. Raises PlainError."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise PlainError(escaped(f"--option: expected NAME=VALUE, such as mode=ffa, got {text!r}"))
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


async def _fullest(url: str, game: str | None) -> str:
    rooms = [place for place in await Lobby(url).rooms() if game in (None, place.room_type)]
    if not rooms:
        raise RoomError(f"no room {f'of {game} ' if game else ''}is open at {url}; join one first, or name its code")
    return rooms[0].code


def _run(work: Callable[[asyncio.Event], Coroutine[Any, Any, T]]) -> T:
    """Runs a command; Ctrl-C and SIGTERM set its ``stop``, so that it leaves its rooms properly."""

    async def with_signals() -> T:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        return await work(stop)

    try:
        return asyncio.run(with_signals())
    except RoomError as error:
        raise PlainError(escaped(str(error))) from None


async def _or_stopped(work: Coroutine[Any, Any, None], stop: asyncio.Event) -> None:
    """Runs ``work`` until it is done or ``stop`` is set."""
    task, stopped = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    await asyncio.wait([task, stopped], return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not task.done():
        task.cancel()
    results = await asyncio.gather(task, return_exceptions=True)
    if isinstance(results[0], Exception):
        raise results[0]


def _progress(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[joined]}/{task.fields[n]} bots"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )


def _shower(bar: Progress, task: Any) -> Callable[[float, int], None]:
    def show(played_s: float, joined: int) -> None:
        bar.update(task, completed=played_s, joined=joined, description="playing" if played_s else "joining")

    return show


def _summary(report: dict[str, Any]) -> Table:
    title = f"{report['joined']} of {report['n']} bots in {len(report['rooms'])} rooms at {report['url']}"
    table = Table(title=Text(escaped(title)))
    for heading in ("", "p50", "p99", "max", "count"):
        table.add_column(heading, justify="left" if not heading else "right")
    for name in ("join_ms", "answer_ms", "ping_ms", "frame_gap_ms", "client_lag_ms"):
        spread = report[name]
        table.add_row(name, *("–" if spread[k] is None else str(spread[k]) for k in ("p50", "p99", "max", "count")))
    table.add_section()
    for name in ("joins_per_s", "frames", "bytes_per_frame", "bytes_per_s_per_bot", "gaps", "resyncs", "divergences"):
        table.add_row(name, "–" if report[name] is None else str(report[name]))
    for name in ("inputs", "closes"):
        table.add_row(name, ", ".join(f"{key} {value}" for key, value in report[name].items()) or "none")
    return table


def _write_json(path: str, report: dict[str, Any]) -> None:
    text = json.dumps(report, indent=2) + "\n"
    if path == "-":
        click.echo(text, nl=False)
        return
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise PlainError(f"--json {path}: {error.strerror}; expected a file that can be written") from None


if __name__ == "__main__":
    main(prog_name="python -m clients.python")
