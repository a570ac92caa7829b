"""A match of the rules in another process: a request on stdin, hashes on stdout. `python -m server.verify.second_run`.

Started by `server.verify.determinism` under other hash seeds, and on other interpreters: it needs `game`, attrs and msgspec.
"""

import importlib
import json
import sys
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any

import msgspec

from game.contract import Event, Game
from game.replay import Header, Record, play, state_hash
from server.verify.drill import Drill, Ruleset, RulesRaised, Step, hashes, random_script

Tree = Any  # plain data: what msgspec makes of a world


def request_of(ruleset: Ruleset, steps: int, dump_at: int = -1) -> str:
    """What `main` reads: play the random script of the ruleset's seed; with ``dump_at``, tell that tick's state instead."""
    header = b64encode(msgspec.msgpack.encode(ruleset.header)).decode()
    return json.dumps({"header": header, "steps": steps, "dump_at": dump_at, "quiet": ruleset.quiet})


def replay_request_of(record: bytes, from_tick: int = 0, dump_at: int = -1) -> str:
    """The same for a record, from one of its checkpoints."""
    return json.dumps({"record": b64encode(record).decode(), "from_tick": from_tick, "dump_at": dump_at})


def game_of(header: Header) -> Game:
    """The game that a header names."""
    module, _, name = header.game.partition(":")
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    game = found(header.tick_hz, header.seats, header.teams)
    if not isinstance(game, Game):
        raise TypeError(f"expected {header.game} to be a Game, got {game!r}")
    return game


def tree_of(drill: Drill) -> Tree:
    """The state as plain data."""
    return {"world": msgspec.to_builtins(drill.world, str_keys=True), "rng": [drill.rng.state, drill.rng.increment]}


def state_at(ruleset: Ruleset, steps: int, tick: int) -> Tree:
    """The state after a tick of the random script."""
    found: list[Tree] = []

    def look(drill: Drill, _: Sequence[Event]) -> None:
        if drill.tick == tick:
            found.append(tree_of(drill))

    drill = Drill(ruleset, on_tick=look)
    if tick == 0:
        return tree_of(drill)
    drill.run(script_of(ruleset, steps))
    return found[0] if found else {}


def script_of(ruleset: Ruleset, steps: int) -> list[Any]:
    """The random script of a ruleset's own seed, without the inputs that would end it."""
    script = random_script(ruleset.schema, ruleset.game.seats, ruleset.seed, steps)
    for n in ruleset.quiet:
        if n < len(script):
            script[n] = Step()
    return script


def replayed_state(record: Record, game: Game, from_tick: int, tick: int) -> Tree:
    """The state after a tick of a replay."""
    for played in play(record, game, from_tick):
        if played.tick == tick:
            rng = [played.rng.state, played.rng.increment]
            return {"world": msgspec.to_builtins(played.world, str_keys=True), "rng": rng}
    return {}


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """What `main` prints: {"hashes": …} or {"state": …}."""
    dump_at = request["dump_at"]
    if "record" in request:
        record = Record.from_bytes(b64decode(request["record"]))
        game, start = game_of(record.header), request["from_tick"]
        if dump_at >= 0:
            return {"state": replayed_state(record, game, start, dump_at)}
        return {"hashes": [state_hash(played.world, played.rng) for played in play(record, game, start)]}
    ruleset = ruleset_of(request)
    if dump_at >= 0:
        return {"state": state_at(ruleset, request["steps"], dump_at)}
    return {"hashes": hashes(ruleset, script_of(ruleset, request["steps"]))}


def ruleset_of(request: dict[str, Any]) -> Ruleset:
    """The ruleset that `request_of` wrote."""
    header = msgspec.msgpack.decode(b64decode(request["header"]), type=Header)
    game = game_of(header)
    options: Any = msgspec.msgpack.decode(header.options, type=type(game).Options)
    return Ruleset(game, options, header.seed, tuple(request["quiet"]))


def main() -> None:
    """One request, one answer."""
    try:
        found = answer(json.load(sys.stdin))
    except RulesRaised as error:
        found = {"raised": str(error)}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
