"""`python -m server …`: run, gateway, loop, worker, up, kick, routes, docs. Reads the command line; the parts do the work."""

import asyncio
import os
import sys
from collections.abc import Collection
from pathlib import Path

import click

from game.codes import with_dashed_code
from game.text import escaped
from server.routing.commands import routes
from server.verify.commands import verify


class WithCode(click.Command):
    """A command whose argument is a room's code, which may begin with a dash."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """What looks like an option and is none is the code."""
        known = [option for option in self.get_params(ctx) if isinstance(option, click.Option)]
        options = {name: not option.is_flag for option in known for name in (*option.opts, *option.secondary_opts)}
        return super().parse_args(ctx, with_dashed_code(args, options))


WAIT_HELP = "Wait for a database or layer that is away, for ever, with a line every 5 s; otherwise that ends the start."


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Roomwright: a multiplayer game server made from routing.yaml."""


def _with_routing(command: click.Command) -> click.Command:
    option = click.Option(["--routing"], envvar="ROOMWRIGHT_ROUTING", help="The routing file (default: routing.yaml).")
    command.params.append(option)
    return command


def _with_wait(command: click.Command) -> click.Command:
    command.params.append(
        click.Option(["--wait/--no-wait"], envvar="ROOMWRIGHT_WAIT", default=False, show_default=True, help=WAIT_HELP)
    )
    return command


@main.command()
def run(routing: str | None, wait: bool) -> None:
    """Everything in one process: gateway, loop and worker."""
    _serve({"gateway", "loop", "worker"}, routing, is_waiting=wait)


@main.command()
def gateway(routing: str | None, wait: bool) -> None:
    """A gateway: sockets and pages. Any number of them, meeting the loops in the layer."""
    _need_shared_layer("gateway")
    _serve({"gateway"}, routing, is_waiting=wait)


@main.command()
def loop(routing: str | None, wait: bool) -> None:
    """A loop: holds rooms. Any number of them."""
    _need_shared_layer("loop")
    _choose(routing, is_waiting=wait)
    from server.headless import run_loop

    asyncio.run(run_loop())


@main.command()
def worker(wait: bool) -> None:
    """A background worker: writes results and replays."""
    _choose(None, is_waiting=wait)
    from server.django_setup import prepare
    from server.layer_check import need_layer

    prepare()
    need_layer()
    from server.history.worker import main as work
    from server.ops.log import configure_logging
    from server.starting import settings

    configure_logging(level=settings().log_level)
    sys.exit(asyncio.run(work()))


@main.command()
@click.option("--gateways", default=2, show_default=True, type=click.IntRange(1, 64))
@click.option("--loops", default=2, show_default=True, type=click.IntRange(1, 64))
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 16))
@click.option("--wait/--no-wait", default=True, show_default=True, help=f"{WAIT_HELP} Its processes do the same.")
def up(routing: str | None, gateways: int, loops: int, workers: int, wait: bool) -> None:
    """A fleet on this machine, whose processes are brought back when they end: gateways on ROOMWRIGHT_PORT and the ports after it."""
    _need_shared_layer("up")
    _choose(routing, is_waiting=wait)
    from server.fleet import run_fleet

    sys.exit(run_fleet(gateways, loops, workers))


@main.command(cls=WithCode)
@click.argument("code")
@click.option("--seat", type=int, help="Whoever holds this seat.")
@click.option("--identity", help="This identity, as a player or a spectator.")
@click.option("--reason", help="What they are told.")
def kick(routing: str | None, code: str, seat: int | None, identity: str | None, reason: str | None) -> None:
    """Remove somebody from the room CODE, for the rest of its life."""
    _need_shared_layer("kick", "POST /api/rooms/kick to that process")
    _choose(routing, is_waiting=False)
    from server.headless import run_kick  # isort: skip - sets Django up, so it comes first

    from server.lobby.moderation import clean_kick
    from server.web.api import BadRequestError

    asked: dict[str, object] = {"code": code, "seat": seat, "identity": identity}
    try:
        wanted = clean_kick(asked if reason is None else {**asked, "reason": reason})
        click.echo(escaped(asyncio.run(run_kick(wanted))))
    except Exception as error:  # noqa: BLE001 - an operator reads one line, whatever went away meanwhile
        why = str(error) if isinstance(error, LookupError) else repr(error)
        if isinstance(error, BadRequestError):
            why = f"expected {error.expected}, got {error.got}"
        click.echo(escaped(f"kick: {why}"), err=True)
        sys.exit(1)


def _choose(routing: str | None, *, is_waiting: bool) -> None:
    if routing:
        os.environ["ROOMWRIGHT_ROUTING"] = routing
    os.environ["ROOMWRIGHT_WAIT"] = "on" if is_waiting else "off"


def _serve(roles: Collection[str], routing: str | None, *, is_waiting: bool) -> None:
    _choose(routing, is_waiting=is_waiting)
    from server.starting import before_serving

    before_serving()
    from server.serving.serve import serve  # isort: skip - chooses Twisted's reactor, so it comes first

    from django.conf import settings

    from server.asgi import planned
    from server.ops.log import configure_logging
    from server.wiring import Parts

    environment = settings.ROOMWRIGHT
    configure_logging(level=environment.log_level)
    serve(Parts(planned(), frozenset(roles)), environment.host, environment.port, environment.send_buffer_bytes)


def _need_shared_layer(command: str, instead: str = "`python -m server run`: one process") -> None:
    if os.environ.get("ROOMWRIGHT_LAYER", "memory://").strip() in ("", "memory://"):
        sys.stderr.write(
            f"{command}: processes meet in a shared layer, got ROOMWRIGHT_LAYER=memory://; "
            f"set ROOMWRIGHT_LAYER=redis://127.0.0.1:6379/0 (or use {instead})\n"
        )
        sys.exit(2)


for _command in (run, gateway, loop, up, kick):
    _with_routing(_command)
for _command in (run, gateway, loop, worker):
    _with_wait(_command)
main.add_command(routes)
main.add_command(verify)


@main.command()
@click.option("--check", "is_check", is_flag=True, help="Write nothing; end with 1 where a file is stale.")
@click.option("--to", default="docs/generated", show_default=True, type=click.Path(path_type=Path, file_okay=False))
@click.pass_context
def docs(context: click.Context, routing: str | None, is_check: bool, to: Path) -> None:
    """docs/generated, written anew."""
    context.obj = Path(routing or "routing.yaml")
    context.invoke(routes.commands["docs"], is_check=is_check, to=to)


_with_routing(docs)

if __name__ == "__main__":
    main(prog_name="python -m server")
