"""Ships turn, fly, stop at walls and rocks, and play alike at every tick rate."""

import pytest

from game.arena import tuning
from game.arena.messages import Steer
from tests.game.arena.match import Match, put


def test_a_ship_turns_only_while_the_countdown_runs() -> None:
    match = Match.of(2)
    match.step()
    ship = match.world.ships[0]
    before = (ship.x, ship.y, ship.heading)
    match.run(0.5, (0, Steer(turn=1.0, thrust=True, fire=True)))
    assert (ship.x, ship.y) == before[:2]
    assert ship.heading != before[2]
    assert not match.world.shots


@pytest.mark.parametrize("tick_hz", [20, 30, 60])
def test_a_second_of_thrust_goes_about_as_far_at_every_rate(tick_hz: int) -> None:
    match = Match.of(2, tick_hz=tick_hz, map="void").fight()
    ship = put(match.world.ships[0], -300.0, 0.0)
    match.run(1.0, (0, Steer(thrust=True)))
    assert -168.0 < ship.x < -132.0
    assert abs(ship.y) < 1.0


def test_steering_is_held_until_the_next_one(duel: Match) -> None:
    ship = put(duel.world.ships[0], -300.0, 0.0)
    duel.run(0.5, (0, Steer(thrust=True)))
    fast = ship.vx
    duel.run(0.5, (0, Steer()))
    assert fast > 100.0
    assert 0.0 < ship.vx < fast
    assert not ship.is_thrusting


def test_heading_stays_in_the_circle_both_ways_round(duel: Match) -> None:
    for turn in (-1.0, 1.0):
        for _ in range(200):
            duel.step((0, Steer(turn=turn)))
            assert 0.0 <= duel.world.ships[0].heading < 1024.0


def test_walls_throw_a_ship_back(duel: Match) -> None:
    ship = put(duel.world.ships[0], duel.world.reach - 20.0, 0.0)
    ship.vx = 300.0
    duel.run(0.2)
    assert ship.x <= duel.world.reach - tuning.SHIP_RADIUS
    assert ship.vx < 0.0


def test_rocks_are_solid_even_in_their_very_middle() -> None:
    match = Match.of(2).fight()
    rock = match.world.rocks[1]
    ship = put(match.world.ships[0], rock.x, rock.y)
    match.step()
    away = ((ship.x - rock.x) ** 2 + (ship.y - rock.y) ** 2) ** 0.5
    assert away == pytest.approx(rock.radius + tuning.SHIP_RADIUS)


def test_ships_that_meet_are_parted_and_swap_speed(duel: Match) -> None:
    one, other = put(duel.world.ships[0], 0.0, 0.0), put(duel.world.ships[1], 20.0, 0.0)
    one.vx = 200.0
    duel.step()
    assert other.x - one.x == pytest.approx(2 * tuning.SHIP_RADIUS)
    assert other.vx > 150.0
    assert abs(one.vx) < 1.0


def test_boost_is_faster_and_runs_dry(duel: Match) -> None:
    ship = put(duel.world.ships[0], -300.0, 0.0)
    duel.run(0.4, (0, Steer(thrust=True, boost=True)))
    assert (ship.is_thrusting, ship.is_boosting) == (True, True)
    assert ship.boost < 1.0
    assert ship.vx > 250.0
    duel.run(3.0)
    assert ship.boost == 0.0
    assert (ship.is_thrusting, ship.is_boosting) == (True, False)
