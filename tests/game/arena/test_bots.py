"""The pilots: rounds that end in time, the right order of strength, and the pieces of their aim. Seeds are fixed, so these
are facts, with wide bounds to leave room for tuning; `tournament` measures two hundred rounds."""

from statistics import median
from types import SimpleNamespace

import pytest

from game.arena import tuning
from game.arena.aim import Tracks, heading_to_hit, is_blocked, threat
from game.arena.bots import Ace, Chaser, Drifter, Pilot
from game.arena.messages import Steer
from game.arena.options import ArenaOptions
from game.math import COS, SIN
from game.rng import Rng
from tests.game.arena.match import Match, put
from tests.game.arena.tournament import play
from tests.game.viewers import Viewers


def test_rounds_with_bots_end_in_time_and_ships_keep_dying() -> None:
    minds = (Ace, Chaser, Drifter, Chaser, Ace, Chaser)
    played = [play(minds, seed) for seed in range(2)]
    assert all(30.0 < one.winner_s < 180.0 for one in played)
    pace = sum(one.winner_s for one in played) / sum(len(one.deaths) for one in played)
    assert 4.0 < pace < 20.0
    assert median(one.kills for one in played) >= 4


def test_the_strongest_beats_the_weakest() -> None:
    options = ArenaOptions(map="void", lives=1)
    winners = [play((Ace, Drifter) * 2, seed, options).winner % 2 for seed in range(6)]
    assert winners.count(0) >= 4


def test_bots_play_in_teams_and_at_other_rates() -> None:
    assert play((Chaser,) * 4, 1, ArenaOptions(mode="teams"), tick_hz=20).winner in (0, 1)
    assert play((Chaser,) * 4, 1, ArenaOptions(map="belt"), tick_hz=30, send_hz=10).winner in range(4)


@pytest.mark.parametrize("mind", [Drifter, Chaser, Ace])
def test_a_pilot_outside_the_ring_flies_back_in(mind: type[Pilot]) -> None:
    match = Match.of(2, map="void").fight()
    ship = put(match.world.ships[0], 500.0, 0.0)
    put(match.world.ships[1], match.world.ring_x, match.world.ring_y)
    match.world.phase_s = match.world.round_s * 0.75
    viewers, pilot, chance = Viewers(match.game, match.world), mind(), Rng.from_seed(1)
    for tick in range(240):
        match.world.ships[0].hp = match.world.ships[1].hp = tuning.HP_MAX
        viewers.show([0])
        command = pilot.act(viewers.views[0], tick, chance)
        match.step(*([] if command is None else [(0, command)]))
        dx, dy = ship.x - match.world.ring_x, ship.y - match.world.ring_y
        if dx * dx + dy * dy < match.world.ring_radius**2:
            return
    raise AssertionError(f"{mind.__name__} stayed outside for four seconds")


def test_a_dead_pilot_says_nothing_and_a_new_life_steers_anew() -> None:
    match = Match.of(2).fight()
    viewers, pilot, chance = Viewers(match.game, match.world), Chaser(), Rng.from_seed(1)
    viewers.show([0])
    assert isinstance(pilot.act(viewers.views[0], 0, chance), Steer)
    match.world.ships[0].is_alive = False
    viewers.show([0])
    assert pilot.act(viewers.views[0], 10, chance) is None
    match.world.ships[0].is_alive = True
    viewers.show([0])
    assert isinstance(pilot.act(viewers.views[0], 20, chance), Steer)


@pytest.mark.parametrize("velocity", [(0.0, 0.0), (0.0, 150.0), (-200.0, 60.0), (120.0, -180.0)])
def test_a_led_shot_meets_a_moving_target(velocity: tuple[float, float]) -> None:
    own, foe = SimpleNamespace(x=0.0, y=0.0), SimpleNamespace(x=200.0, y=-80.0)
    pointing = heading_to_hit(own, foe, *velocity)
    closest = min(_apart(pointing, foe, velocity, n / 100) for n in range(int(tuning.SHOT_LIFE_S * 100)))
    assert closest < tuning.SHIP_RADIUS


def _apart(pointing: int, foe: SimpleNamespace, velocity: tuple[float, float], t: float) -> float:
    """How far a shot fired at time 0 from the origin is from its target at time t."""
    dx = foe.x + velocity[0] * t - COS[pointing] * tuning.SHOT_SPEED * t
    dy = foe.y + velocity[1] * t - SIN[pointing] * tuning.SHOT_SPEED * t
    return float((dx * dx + dy * dy) ** 0.5)


def test_tracks_guess_speed_and_forget_a_jump() -> None:
    tracks = Tracks()
    for tick in range(0, 60, 3):
        tracks.see([SimpleNamespace(seat=1, x=2.0 * tick, y=0.0, is_alive=True)], tick, 60)
    assert tracks.velocity(1) == pytest.approx((120.0, 0.0), abs=1.0)
    tracks.see([SimpleNamespace(seat=1, x=900.0, y=900.0, is_alive=True)], 63, 60)
    assert abs(tracks.velocity(1)[0]) <= 120.0
    assert tracks.velocity(2) == (0.0, 0.0)


def test_a_shot_that_will_pass_close_is_a_threat_and_others_are_not() -> None:
    own = SimpleNamespace(seat=0, team=-1, x=0.0, y=0.0)
    closing = SimpleNamespace(seat=1, team=-1, x=200.0, y=5.0, heading=512)
    leaving = SimpleNamespace(seat=1, team=-1, x=200.0, y=5.0, heading=0)
    mine = SimpleNamespace(seat=0, team=-1, x=200.0, y=5.0, heading=512)
    assert threat(own, [leaving, mine, closing], 0.0, 0.0) is closing
    assert threat(own, [leaving, mine], 0.0, 0.0) is None


def test_rocks_block_the_line_of_fire_only_where_they_lie_between() -> None:
    own, foe = SimpleNamespace(x=0.0, y=0.0), SimpleNamespace(x=300.0, y=0.0)
    assert is_blocked(own, foe, [SimpleNamespace(x=150.0, y=20.0, radius=40.0)])
    assert not is_blocked(own, foe, [SimpleNamespace(x=150.0, y=60.0, radius=40.0)])
    assert not is_blocked(own, foe, [SimpleNamespace(x=400.0, y=0.0, radius=40.0)])
