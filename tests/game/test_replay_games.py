"""The shipped games replay as they were played: in other processes, under two hash seeds, from every checkpoint."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from game.replay import Record, replay
from tests.game.replayed_match import GAMES, TICKS, game_of, live

ROOT = Path(__file__).parents[2]


def _elsewhere(hash_seed: str, *arguments: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.game.replayed_match", *arguments],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    return done.stdout.split()


@pytest.mark.parametrize("name", GAMES)
def test_replay_is_live_wherever_it_runs(name: str, tmp_path: Path):
    hashes, data = live(name)
    (tmp_path / "match").write_bytes(data)
    assert len(set(hashes)) > TICKS / 4
    assert _elsewhere("1", name, str(tmp_path / "match")) == hashes
    assert _elsewhere("4242", name, str(tmp_path / "match")) == hashes
    assert _elsewhere("77", name) == hashes, "playing live is the same in another process, bots' views and all"
    record = Record.from_bytes(data)
    for tick in record.checkpoints:
        assert replay(record, game_of(name), tick) == hashes[tick:]
