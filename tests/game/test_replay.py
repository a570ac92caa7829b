"""Replay equals live: tick for tick, in another process, under any hash seed, from any checkpoint."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from game.contract import Seat
from game.replay import (
    CHANGES_MAX,
    MAGIC,
    Record,
    Recorder,
    ReplayError,
    decode_state,
    encode_state,
    play,
    replay,
    state_hash,
)
from game.rng import Rng
from tests.vectors.sample import Sample, SampleWorld, Shout, Steer

ROOT = Path(__file__).parents[2]
TICKS = 120


def live_match(seed: int = 7) -> tuple[list[str], bytes]:
    """Plays a match with everything in it; returns the hash after every tick and the record."""
    game = Sample(seats=4, teams=("red", "blue"))
    options = game.Options()
    recorder = Recorder.of(game, seed, options)
    rng, chance = Rng.from_seed(seed), Rng.from_seed(seed, 1)
    world = game.setup(options, rng)
    hashes = [state_hash(world, rng)]
    for tick in range(1, TICKS + 1):
        if tick in (3, 5, 60):
            seat = Seat(tick % 4, f"Zoë {tick}", tick % 2, is_bot=tick == 60)
            game.join(world, seat, rng)
            recorder.joined(seat)
        if tick == 50:
            game.leave(world, 3, "kicked")
            recorder.left(3, "kicked")
        if tick == 55:
            game.connected(world, 1, False)
            recorder.linked(1, False)
        bodies = [Steer(chance.uniform(-1, 1), True), Shout(f"é{tick}", "angry", -1)]
        inputs = [(seat, chance.choice(bodies)) for seat in sorted(world.ships) if chance.below(3) == 0]
        game.step(world, inputs, tick, rng)
        recorder.tick(tick, inputs=inputs)
        hashes.append(state_hash(world, rng))
        if tick % 40 == 0:
            recorder.checkpoint(world, rng)
    return hashes, recorder.to_bytes()


def test_replay_equals_live_from_the_start_and_from_every_checkpoint():
    hashes, data = live_match()
    record = Record.from_bytes(data)
    assert len(set(hashes)) == TICKS + 1
    assert replay(record, Sample(seats=4, teams=("red", "blue"))) == hashes
    assert sorted(record.checkpoints) == [40, 80, 120]
    for tick in record.checkpoints:
        assert replay(record, Sample(seats=4, teams=("red", "blue")), tick) == hashes[tick:]


@pytest.mark.parametrize("hash_seed", ["1", "4242"])
def test_another_process_under_another_hash_seed_replays_the_same_bytes(hash_seed: str, tmp_path: Path):
    hashes, data = live_match()
    (tmp_path / "match").write_bytes(data)
    program = (
        "import sys; from pathlib import Path; from game.replay import Record, replay; "
        "from tests.vectors.sample import Sample; record = Record.from_bytes(Path(sys.argv[1]).read_bytes()); "
        "print(*replay(record, Sample(seats=4, teams=('red', 'blue'))), sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "match")],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.split() == hashes


def test_leaves_and_joins_given_to_tick_replay_in_that_order():
    game = Sample()
    recorder = Recorder.of(game, 1, game.Options())
    rng = Rng.from_seed(1)
    world = game.setup(game.Options(), rng)
    game.join(world, Seat(1, "a"), rng)
    game.step(world, [], 1, rng)
    recorder.tick(1, joins=[Seat(1, "a")])
    game.leave(world, 1, "gone")
    game.join(world, Seat(1, "b"), rng)
    game.step(world, [], 2, rng)
    recorder.tick(2, joins=[Seat(1, "b")], leaves=[(1, "gone")])
    assert replay(Record.from_bytes(recorder.to_bytes()), game)[-1] == state_hash(world, rng)


def test_a_full_recorder_stops_and_keeps_what_replays():
    game = Sample()
    recorder = Recorder(Recorder.of(game, 1, game.Options()).header, game.inputs, bytes_max=300)
    recorder.joined(Seat(1, "a"))
    for tick in range(1, 200):
        recorder.tick(tick, inputs=[(1, Steer(0.5, True))])
    assert recorder.is_cut
    record = Record.from_bytes(recorder.to_bytes())
    assert record.is_cut
    assert 1 < record.last_tick < 50
    assert len(replay(record, game)) == record.last_tick + 1
    assert len(recorder.to_bytes()) < 600


def test_who_comes_and_goes_before_a_tick_that_never_comes_fills_no_memory():
    """A room that waits for more players takes no steps, and anybody can lose a connection as often as they like."""
    game = Sample()
    recorder = Recorder.of(game, 1, game.Options())
    recorder.tick(1, joins=[Seat(1, "a")])
    for _ in range(CHANGES_MAX):
        recorder.linked(1, is_connected=False)
        recorder.linked(1, is_connected=True)
    assert recorder.is_cut and len(recorder._changes) == CHANGES_MAX
    recorder.tick(2)
    assert Record.from_bytes(recorder.to_bytes()).last_tick == 1


def test_a_tick_out_of_order_is_an_error():
    recorder = Recorder.of(Sample(), 1, Sample.Options())
    recorder.tick(1)
    with pytest.raises(ValueError, match="expected 2, got 1"):
        recorder.tick(1)
    with pytest.raises(ValueError, match=r"expected an input of \['Steer', 'Shout'\], got int"):
        recorder.tick(2, inputs=[(1, 5)])


def test_a_record_of_another_game_is_refused():
    _, data = live_match()
    record = Record.from_bytes(data)
    with pytest.raises(ReplayError, match="expected a game like"):
        replay(record, Sample(seats=5, teams=("red", "blue")))
    with pytest.raises(ReplayError, match="expected a checkpoint's tick among"):
        replay(record, Sample(seats=4, teams=("red", "blue")), 7)


@given(st.binary(max_size=200), st.booleans())
def test_bytes_that_are_no_record_are_refused(data: bytes, has_magic: bool):
    try:
        Record.from_bytes(MAGIC + data if has_magic else data)
    except ReplayError:
        return
    assert has_magic


_RECORD = live_match()[1]


@given(st.integers(0, len(_RECORD) - 1), st.integers(0, 255))
def test_a_damaged_record_is_refused_or_fits_the_format(at: int, byte: int):
    damaged = bytearray(_RECORD)
    damaged[at] = byte
    try:
        record = Record.from_bytes(bytes(damaged))
    except ReplayError:
        return
    assert 0 <= record.last_tick <= 1 << 24


def test_a_checkpoint_steps_like_the_original():
    _, data = live_match()
    game = Sample(seats=4, teams=("red", "blue"))
    states = {p.tick: encode_state(p.world, p.rng) for p in play(Record.from_bytes(data), game) if p.tick in (69, 70)}
    saved = states[70]
    assert saved != states[69]
    world, rng = decode_state(SampleWorld, saved)
    other, other_rng = decode_state(SampleWorld, saved)
    for tick in range(71, 90):
        assert game.step(world, [], tick, rng) == game.step(other, [], tick, other_rng)
        assert encode_state(world, rng) == encode_state(other, other_rng)
    with pytest.raises(ReplayError, match="expected a checkpoint of SampleWorld"):
        decode_state(SampleWorld, saved[:-1])
