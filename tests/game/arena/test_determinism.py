"""The same seed and inputs give the same bytes: in another process, under another hash seed, from any checkpoint."""

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

import game.arena
from game.arena.messages import Ping, Steer
from game.arena.world import ArenaWorld
from game.rng import Rng
from tests.game.arena.digest import digest
from tests.game.arena.match import Match


@pytest.mark.parametrize("mode", ["ffa", "teams"])
def test_two_processes_with_different_hash_seeds_agree(mode: str) -> None:
    outputs = [_run_process(mode, hash_seed) for hash_seed in ("0", "4242")]
    assert len(outputs[0].split()) == 3
    assert outputs[0] == outputs[1]


def _run_process(mode: str, hash_seed: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.game.arena.digest", "11", mode],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def _inputs(chance: Rng, seats: list[int]) -> list[tuple[int, Any]]:
    """Wild but legal steering for some of the seats."""
    inputs: list[tuple[int, Any]] = []
    for seat in seats:
        if chance.below(10) == 0:
            bits = chance.bits32()
            inputs.append((seat, Steer(chance.between(-8, 8) / 8, bits & 1 > 0, bits & 2 > 0, bits & 12 == 12)))
        elif chance.below(60) == 0:
            inputs.append((seat, Ping(float(chance.between(-500, 500)), 0.0)))
    return inputs


@pytest.mark.parametrize("mode", ["ffa", "teams"])
@pytest.mark.parametrize("tick_hz", [20, 60])
def test_stepping_a_decoded_checkpoint_equals_stepping_the_original(mode: str, tick_hz: int) -> None:
    match, chance = Match.of(6, mode=mode, tick_hz=tick_hz, round_s=30), Rng.from_seed(5)
    seats = list(match.world.ships)
    copies: list[tuple[ArenaWorld, Rng]] = []
    for tick in range(45 * tick_hz):
        if tick % (7 * tick_hz) == tick_hz:
            blob = msgspec.msgpack.encode((match.world, match.rng))
            copies.append(msgspec.msgpack.decode(blob, type=tuple[ArenaWorld, Rng]))
        inputs = [(s, c) for s, c in _inputs(chance, seats) if match.game.validate(match.world, s, c) is None]
        events = match.game.step(match.world, inputs, tick, match.rng)
        expected = digest(match.world, match.rng)
        for world, rng in copies:
            assert match.game.step(world, inputs, tick, rng) == events
            assert digest(world, rng) == expected
    assert len(copies) == 7
    assert match.world.is_finished


def test_the_rules_use_no_libm_no_clock_and_no_other_randomness() -> None:
    """From `math` only sqrt, which IEEE 754 rounds exactly; powers and sets are left out for the same reason."""
    for path in sorted(Path(game.arena.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            assert not isinstance(node, ast.Import), f"{path.name}: {ast.unparse(node)} imports a whole module"
            if isinstance(node, ast.ImportFrom):
                assert node.module is not None
                root = node.module.split(".")[0]
                assert root in {"game", "attrs", "collections", "typing", "math"}, f"{path.name}: {ast.unparse(node)}"
                assert root != "math" or [alias.name for alias in node.names] == ["sqrt"], path.name
            assert not isinstance(node, ast.Pow | ast.Set | ast.SetComp), f"{path.name}: {ast.unparse(node)}"
