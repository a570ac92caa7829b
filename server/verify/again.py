"""Records played again: in this process, and in a second one with another hash seed, with the first field that differs.

`python -m server.verify.again GAME TICK_HZ SEATS TEAMS` reads a record from standard input and writes the state that it comes to.
"""

import importlib
import os
import subprocess
import sys
from typing import Any

import msgspec
from attrs import frozen

from game.contract import Game
from game.replay import Record, encode_state, play

WITHIN_S = 60


@frozen
class Kept:
    """A room's record, and its state after the last tick, in canonical bytes."""

    record: bytes
    state: bytes


def replayed_state(record: bytes, rules: Game) -> bytes:
    """The state after the record's last tick."""
    last = None
    for last in play(Record.from_bytes(record), rules):  # noqa: B007 - the last one is wanted
        pass
    return b"" if last is None else encode_state(last.world, last.rng)


def difference(live: bytes, again: bytes) -> str:
    """Where two states differ first, for people; "" where they are the same."""
    if live == again:
        return ""
    left, right = (msgspec.msgpack.decode(data, strict=False) if data else None for data in (live, again))
    return f": {_first(left, right, 'state')}"


def _first(left: Any, right: Any, path: str) -> str:
    if isinstance(left, dict) and isinstance(right, dict):
        for key in [*left, *(key for key in right if key not in left)]:
            if left.get(key) != right.get(key):
                return _first(left.get(key), right.get(key), f"{path}.{key}")
        return f"{path} has its keys in another order: {list(left)[:6]} live, {list(right)[:6]} played again"
    if isinstance(left, list) and isinstance(right, list):
        for n, (a, b) in enumerate(zip(left, right, strict=False)):
            if a != b:
                return _first(a, b, f"{path}[{n}]")
        return f"{path} has {len(left)} items live, {len(right)} played again"
    return f"{path} is {str(left)[:60]!r} live, {str(right)[:60]!r} played again"


def played_elsewhere(kept: Kept, hash_seed: int) -> str:
    """Plays the record in a second process; where that comes to another state, says where they differ."""
    header = Record.from_bytes(kept.record).header
    words = [header.game, str(header.tick_hz), str(header.seats), ",".join(header.teams)]
    environment = {
        **os.environ,
        "PYTHONHASHSEED": str(hash_seed),
        "PYTHONPATH": os.pathsep.join(p or "." for p in sys.path),
    }
    command = [sys.executable, "-m", "server.verify.again", *words]
    done = subprocess.run(  # noqa: S603 - ourselves
        command, input=kept.record, capture_output=True, env=environment, timeout=WITHIN_S, check=False
    )
    if done.returncode:
        return f": playing it in a second process failed: {done.stderr.decode(errors='replace').strip()[-300:]}"
    return difference(kept.state, done.stdout)


def main(words: list[str]) -> None:
    """The second process."""
    module, _, name = words[0].partition(":")
    game_class = getattr(importlib.import_module(module), name)
    teams = tuple(word for word in words[3].split(",") if word)
    rules = game_class(int(words[1]), int(words[2]), teams)
    sys.stdout.buffer.write(replayed_state(sys.stdin.buffer.read(), rules))


if __name__ == "__main__":
    main(sys.argv[1:])
