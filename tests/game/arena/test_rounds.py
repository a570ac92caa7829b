"""Waiting, countdown, fight, intermission, result; free-for-all and teams; late joiners and leavers."""

import pytest

from game.arena import Arena, tuning
from game.arena.damage import hurt
from game.arena.messages import Ping, RoundOver, RoundStart, Steer
from game.arena.options import ArenaOptions
from game.contract import Refusal, Seat
from game.rng import Rng
from tests.game.arena.match import Match, living, put
from tests.game.viewers import Viewers


def wipe_out(match: Match, *seats: int) -> None:
    """Takes all lives of these seats."""
    for seat in seats:
        ship = match.world.ships[seat]
        ship.lives = 1
        hurt(match.world, ship, 1000.0, -1, match.events)


def test_alone_one_flies_about_and_the_second_starts_the_countdown() -> None:
    match = Match.of(1).run(1.0, (0, Steer(thrust=True)))
    assert match.world.phase == "waiting"
    assert living(match.world.ships.values()) == [0]
    match.join(1)
    match.step()
    assert match.world.phase == "countdown"
    assert match.world.clock_s == 3
    match.run(tuning.COUNTDOWN_S + 0.1)
    assert match.world.phase == "fight"
    assert match.bodies(RoundStart) == [RoundStart(1)]


def test_the_last_one_left_wins_and_the_match_ends_after_the_intermission() -> None:
    match = Match.of(3).fight()
    wipe_out(match, 0, 2)
    match.step()
    assert match.bodies(RoundOver) == [RoundOver(1, 1, -1)]
    assert (match.world.phase, match.world.winner_seat, match.world.winner_name) == ("over", 1, "pilot 1")
    assert match.game.result(match.world) is None
    match.run(tuning.INTERMISSION_S + 0.1)
    result = match.game.result(match.world)
    assert result is not None
    assert (result.winners, result.scores) == ((1,), {0: 0.0, 1: 10.0, 2: 0.0})
    assert result.summary == "pilot 1 wins the match."


def test_more_rounds_follow_with_everybody_back() -> None:
    match = Match.of(2, rounds=2).fight()
    wipe_out(match, 0)
    match.step()
    match.run(tuning.INTERMISSION_S + 0.1)
    assert (match.world.round, match.world.phase) == (2, "countdown")
    assert living(match.world.ships.values()) == [0, 1]
    assert match.world.ships[0].lives == 2
    match.fight()
    wipe_out(match, 1)
    match.step()
    match.run(tuning.INTERMISSION_S + 0.1)
    result = match.game.result(match.world)
    assert result is not None
    assert result.winners == (0, 1)
    assert "tie" in result.summary


def test_nobody_left_is_a_draw() -> None:
    match = Match.of(2).fight()
    wipe_out(match, 0, 1)
    match.step()
    assert match.bodies(RoundOver) == [RoundOver(1, -1, -1)]


def test_a_round_ends_without_anybody_firing() -> None:
    match = Match.of(4, round_s=30).fight().run(60.0)
    assert match.world.is_finished


def test_whoever_comes_late_plays_at_once_with_protection() -> None:
    match = Match.of(2).fight().run(5.0)
    ship = match.join(5)
    assert ship.is_alive
    assert ship.is_shielded
    assert ship.lives == 2
    match.world.phase_s = match.world.round_s * 0.8
    match.step()
    assert match.join(6).lives == 1
    match.world.phase_s = match.world.round_s
    match.step()
    late = match.join(7)
    assert not late.is_alive
    assert late.lives == 0


def test_ships_stand_in_seat_order_whatever_the_order_of_joining() -> None:
    match = Match.of(0)
    for number in (5, 1, 9, 0):
        match.join(number)
    assert list(match.world.ships) == [0, 1, 5, 9]


def test_leaving_takes_shots_along_and_may_end_the_round() -> None:
    match = Match.of(2).fight()
    match.run(0.1, (0, Steer(fire=True)))
    assert match.world.shots
    match.game.leave(match.world, 0, "left")
    assert not match.world.shots
    match.step()
    assert match.bodies(RoundOver) == [RoundOver(1, 1, -1)]


def test_a_lost_connection_lets_go_of_the_controls() -> None:
    match = Match.of(2).fight().run(0.1, (0, Steer(turn=1.0, thrust=True, fire=True)))
    match.game.connected(match.world, 0, False)
    fired = match.world.next_id
    match.run(1.0)
    assert not match.world.ships[0].is_thrusting
    assert match.world.next_id == fired


def test_teams_are_filled_evenly_and_the_rooms_choice_counts() -> None:
    match = Match.of(3, mode="teams")
    assert [match.game.team_of(match.world, seat) for seat in range(3)] == [0, 1, 0]
    match.game.join(match.world, Seat(3, "d", team=0), match.rng)
    assert match.game.team_of(match.world, 3) == 0
    assert match.game.team_of(match.world, 99) is None


def test_a_team_wins_together_and_shots_pass_through_friends() -> None:
    match = Match.of(4, mode="teams", map="void").fight()
    put(match.world.ships[0], 0.0, 0.0)
    put(match.world.ships[2], 100.0, 0.0)
    put(match.world.ships[1], 0.0, 300.0)
    put(match.world.ships[3], 100.0, 300.0)
    match.run(0.6, (0, Steer(fire=True)))
    assert match.world.ships[2].hp == tuning.HP_MAX
    wipe_out(match, 1, 3)
    match.step()
    assert match.bodies(RoundOver) == [RoundOver(1, -1, 0)]
    assert match.world.winner_name == "red"
    result = match.run(tuning.INTERMISSION_S + 0.1).game.result(match.world)
    assert result is not None
    assert result.winners == (0, 2)


def test_teams_without_team_names_say_what_is_missing() -> None:
    with pytest.raises(ValueError, match="at least two team names"):
        Arena(teams=("red",)).setup(ArenaOptions(mode="teams"), Rng.from_seed(1))


@pytest.mark.parametrize("wrong", [{"mode": "solo"}, {"rounds": 0}, {"map": "moon"}, {"lives": 10}, {"round_s": 5}])
def test_wrong_options_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ArenaOptions(**wrong)  # type: ignore[arg-type]


def test_refusals_say_why() -> None:
    match = Match.of(3).fight()
    game, world = match.game, match.world
    assert game.validate(world, 0, Steer()) is None
    assert game.validate(world, 9, Steer()) == Refusal("you have no ship in this match")
    assert game.validate(world, 0, Ping(0.0, 0.0)) == Refusal("there are no teams to mark a place for")
    hurt(world, world.ships[0], 1000.0, -1, [])
    assert game.validate(world, 0, Steer()) is None, "who comes back may hold the keys already"
    world.ships[0].lives = 0
    assert game.validate(world, 0, Steer()) == Refusal("you are out until the next round")


def test_a_marker_is_seen_by_the_team_alone_and_fades() -> None:
    match = Match.of(4, mode="teams").fight()
    assert match.game.validate(match.world, 0, Ping(1000.0, 0.0)) == Refusal("that place is outside the map")
    match.step((0, Ping(100.0, 50.0)))
    assert match.game.validate(match.world, 0, Ping(0.0, 0.0)) == Refusal("one marker every 1 s")
    viewers = Viewers(match.game, match.world)
    viewers.show(range(4))
    seen = {seat: [(m.seat, m.x, m.y) for m in view.all("markers")] for seat, view in viewers.views.items()}
    assert seen == {0: [(0, 100.0, 50.0)], 1: [], 2: [(0, 100.0, 50.0)], 3: []}
    match.run(tuning.MARKER_S + 0.1)
    viewers.show(range(4))
    assert viewers.views[2].all("markers") == []


def test_only_the_pilot_sees_ammunition_and_nobody_sees_speed() -> None:
    match = Match.of(2).fight()
    viewers = Viewers(match.game, match.world)
    viewers.show(range(2))
    mine, other = viewers.views[0].all("ships")
    assert mine.ammo == tuning.AMMO_START
    assert mine.boost == 1.0
    for name in ("ammo", "cooldown_s", "boost", "rapid_s", "respawn_s"):
        assert not hasattr(other, name)
    for name in ("vx", "vy", "hit_by", "guard_s"):
        assert not hasattr(mine, name)
    assert viewers.views[0].mine("ships") == [mine]
