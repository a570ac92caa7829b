"""Shots, ammunition, deaths, credit, pickups and the ring."""

from collections.abc import Callable

import pytest

from game.arena import ring, tuning
from game.arena.messages import Boom, DryFire, Fired, Hit, Spawned, Steer, Taken
from game.arena.world import Pickup, Ship
from game.fields import PUBLIC, SEAT
from tests.game.arena.match import Match, put

FIRE = Steer(fire=True)


def face_off(match: Match, apart: float = 150.0) -> None:
    """Seat 0 looks at seat 1; nobody moves."""
    put(match.world.ships[0], 0.0, 0.0)
    put(match.world.ships[1], apart, 0.0, heading=512.0)


def test_a_shot_flies_straight_and_hurts(duel: Match) -> None:
    face_off(duel)
    duel.run(0.5, (0, FIRE), (0, Steer()))
    assert duel.world.ships[1].hp == tuning.HP_MAX - tuning.SHOT_DAMAGE
    assert [(hit.seat, hit.by) for hit in duel.bodies(Hit)] == [(1, 0)]
    assert not duel.world.shots


def test_a_tap_within_one_tick_fires_exactly_once(duel: Match) -> None:
    duel.run(1.0, (0, FIRE), (0, Steer()))
    assert len(duel.bodies(Fired)) == 1


@pytest.mark.parametrize("tick_hz", [20, 30, 60])
def test_a_held_trigger_fires_at_the_guns_rate_and_uses_ammunition(tick_hz: int) -> None:
    match = Match.of(2, tick_hz=tick_hz, map="void").fight()
    match.run(1.6, (0, FIRE))
    assert len(match.bodies(Fired)) in (5, 6)
    assert match.world.ships[0].ammo == tuning.AMMO_START - len(match.bodies(Fired))


def test_an_empty_magazine_clicks_for_the_pilot_only_and_fills_again(duel: Match) -> None:
    ship = duel.world.ships[0]
    ship.ammo = 0
    events = duel.step((0, FIRE))
    assert [(event.body, event.audience, event.of) for event in events] == [(DryFire(), SEAT, 0)]
    duel.run(tuning.AMMO_REFILL_EVERY_S + 0.1, (0, Steer()))
    assert ship.ammo == 1


def test_a_shield_stops_shots_and_not_the_ring(duel: Match) -> None:
    face_off(duel)
    duel.world.ships[1].guard_s, duel.world.ships[1].is_shielded = 1.0, True
    duel.run(0.4, (0, FIRE))
    assert duel.bodies(Hit)
    assert duel.world.ships[1].hp == tuning.HP_MAX
    duel.world.phase_s = duel.world.round_s
    duel.step()
    assert duel.world.ships[1].is_shielded
    assert duel.world.ships[1].hp < tuning.HP_MAX


def test_rocks_stop_shots() -> None:
    match = Match.of(2).fight()
    rock = match.world.rocks[1]
    put(match.world.ships[0], rock.x - rock.radius - 30.0, rock.y)
    put(match.world.ships[1], rock.x + rock.radius + 30.0, rock.y)
    match.run(1.5, (0, FIRE))
    assert match.bodies(Fired)
    assert not match.bodies(Hit)


def test_a_kill_counts_costs_a_life_and_the_dead_come_back_protected(duel: Match) -> None:
    face_off(duel)
    killer, victim = duel.world.ships[0], duel.world.ships[1]
    victim.hp = 1.0
    duel.run(0.5, (0, FIRE), (0, Steer()))
    assert [(boom.seat, boom.by) for boom in duel.bodies(Boom)] == [(1, 0)]
    assert (killer.kills, victim.deaths, victim.lives, victim.is_alive) == (1, 1, 1, False)
    assert victim.respawn_s > 3.0
    duel.run(tuning.RESPAWN_AFTER_S)
    assert victim.is_alive
    assert victim.is_shielded
    assert victim.hp == tuning.HP_MAX
    assert [spawned.seat for spawned in duel.bodies(Spawned)] == [1]


def test_a_hull_left_in_peace_mends(duel: Match) -> None:
    ship = duel.world.ships[0]
    ship.hp, ship.peace_s = 50.0, 0.0
    duel.run(tuning.REPAIR_AFTER_S - 0.1)
    assert ship.hp == 50.0
    duel.run(2.1)
    assert ship.hp == pytest.approx(50.0 + 2.0 * tuning.REPAIR_PER_S, abs=1.0)


def test_who_chased_a_ship_into_the_ring_gets_the_kill(duel: Match) -> None:
    victim = duel.world.ships[1]
    victim.hp, victim.hit_by, victim.credit_s = 0.01, 0, 2.0
    duel.world.phase_s = duel.world.round_s
    duel.step()
    assert [(boom.seat, boom.by) for boom in duel.bodies(Boom)] == [(1, 0)]


def test_the_ring_holds_then_shrinks_and_never_grows(duel: Match) -> None:
    world = duel.world
    radii = []
    for second in range(160):
        world.phase_s = float(second)
        ring.shrink(world)
        radii.append(world.ring_radius)
    assert radii[0] == radii[20] > radii[40]
    assert radii == sorted(radii, reverse=True)
    assert radii[-1] == 0.0
    for x, y in ((1, 1), (-1, 1), (1, -1), (-1, -1)):
        world.ring_radius = radii[0]
        assert not ring.outside(world, x * (world.reach - 1.0), y * (world.reach - 1.0))


@pytest.mark.parametrize(
    ("kind", "check"),
    [
        ("ammo", lambda ship: ship.ammo == tuning.AMMO_START + tuning.PICKUP_AMMO),
        ("health", lambda ship: ship.hp == 20.0 + tuning.PICKUP_HEALTH),
        ("rapid", lambda ship: ship.rapid_s == tuning.PICKUP_RAPID_S),
        ("shield", lambda ship: ship.is_shielded),
    ],
)
def test_pickups_give_what_they_say(duel: Match, kind: str, check: Callable[[Ship], bool]) -> None:
    ship = put(duel.world.ships[0], 100.0, 100.0)
    ship.hp, ship.peace_s = 20.0, 0.0
    duel.world.pickups[duel.world.new_id()] = Pickup(kind, 110.0, 100.0)
    events = duel.step()
    assert check(ship)
    assert not duel.world.pickups
    assert [(event.body, event.audience) for event in events] == [(Taken(0, kind), PUBLIC)]


def test_pickups_appear_inside_the_ring_and_there_are_never_too_many(duel: Match) -> None:
    put(duel.world.ships[0], -500.0, -500.0)
    put(duel.world.ships[1], 500.0, 500.0)
    seen = 0
    for _ in range(60):
        duel.run(1.0)
        seen = max(seen, len(duel.world.pickups))
        assert len(duel.world.pickups) <= tuning.PICKUPS_MAX
    assert seen >= 3
