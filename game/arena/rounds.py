"""Rounds: waiting for two sides, countdown, fight, intermission; who won a round and, at the end, the match."""

from collections.abc import Callable

from game.arena import ring, spawn, tuning
from game.arena.messages import RoundOver, RoundStart
from game.arena.world import ArenaWorld, Ship
from game.contract import Event, Result
from game.fields import PUBLIC
from game.rng import Rng

Phase = Callable[[ArenaWorld, float, Rng, tuple[str, ...], list[Event]], None]


def advance(world: ArenaWorld, dt: float, rng: Rng, teams: tuple[str, ...], events: list[Event]) -> None:
    """Runs the phase's clock and, where its end has come, begins the next phase."""
    if not world.is_finished:
        _PHASES[world.phase](world, dt, rng, teams, events)


def _waiting(world: ArenaWorld, dt: float, rng: Rng, teams: tuple[str, ...], events: list[Event]) -> None:
    if _sides(world, living_only=False) >= 2:
        _begin_countdown(world, rng)


def _countdown(world: ArenaWorld, dt: float, rng: Rng, teams: tuple[str, ...], events: list[Event]) -> None:
    world.phase_s -= dt
    world.clock_s = _whole_up(world.phase_s)
    if _sides(world, living_only=False) < 2:
        world.phase, world.clock_s = "waiting", 0
    elif world.phase_s <= 0.0:
        world.phase, world.phase_s, world.clock_s = "fight", 0.0, 0
        for ship in world.ships.values():
            ship.guard_s = tuning.SPAWN_GUARD_S
        events.append(Event(RoundStart(world.round), PUBLIC))


def _fight(world: ArenaWorld, dt: float, rng: Rng, teams: tuple[str, ...], events: list[Event]) -> None:
    world.phase_s += dt
    world.clock_s = int(world.phase_s)
    if _sides(world, living_only=True) <= 1:
        _end_round(world, teams, events)


def _over(world: ArenaWorld, dt: float, rng: Rng, teams: tuple[str, ...], events: list[Event]) -> None:
    world.phase_s -= dt
    world.clock_s = _whole_up(world.phase_s)
    if world.phase_s > 0.0:
        return
    if world.round >= world.rounds:
        world.is_finished = True
        return
    world.round += 1
    if _sides(world, living_only=False) >= 2:
        _begin_countdown(world, rng)
    else:
        world.phase, world.clock_s = "waiting", 0


_PHASES: dict[str, Phase] = {"waiting": _waiting, "countdown": _countdown, "fight": _fight, "over": _over}


def _begin_countdown(world: ArenaWorld, rng: Rng) -> None:
    world.phase, world.phase_s = "countdown", tuning.COUNTDOWN_S
    world.clock_s = _whole_up(world.phase_s)
    world.winner_seat = world.winner_team = -1
    world.winner_name = ""
    world.shots.clear()
    world.pickups.clear()
    world.pickup_s = tuning.PICKUP_EVERY_S
    ring.open_ring(world, rng)
    spawn.plan_places(world, rng)
    for ship in world.ships.values():
        ship.ammo, ship.lives = 0, world.lives
        spawn.place_at_start(world, ship, rng)


def has_time_for_newcomers(world: ArenaWorld) -> bool:
    """Whether another round follows, or this one goes on for a while."""
    if world.round < world.rounds:
        return not world.is_finished
    left_s = world.round_s - world.phase_s
    return world.phase in ("waiting", "countdown") or (world.phase == "fight" and left_s > tuning.NEWCOMER_S)


def is_in_play(world: ArenaWorld, ship: Ship) -> bool:
    """Whether a ship is alive, or will come back in this round."""
    return ship.is_alive or (ship.lives > 0 and world.ring_radius > tuning.RING_NO_SPAWN)


def _sides(world: ArenaWorld, living_only: bool) -> int:
    """How many different sides there are, counted up to two."""
    first: int | None = None
    for ship in world.ships.values():
        if living_only and not is_in_play(world, ship):
            continue
        if first is None:
            first = ship.side
        elif ship.side != first:
            return 2
    return 0 if first is None else 1


def _end_round(world: ArenaWorld, teams: tuple[str, ...], events: list[Event]) -> None:
    winners = [ship for ship in world.ships.values() if is_in_play(world, ship)]
    for ship in winners:
        ship.wins += 1
    if winners and world.mode == "teams":
        world.winner_team = winners[0].team
        world.team_wins[world.winner_team] += 1
        world.winner_name = teams[world.winner_team]
    elif winners:
        world.winner_seat = winners[0].seat
        world.winner_name = winners[0].name
    world.phase, world.phase_s = "over", tuning.INTERMISSION_S
    world.clock_s = _whole_up(world.phase_s)
    events.append(Event(RoundOver(world.round, world.winner_seat, world.winner_team), PUBLIC))


def match_result(world: ArenaWorld, teams: tuple[str, ...]) -> Result:
    """Most rounds won, then most kills; who is level on both wins together. Scores are 10 a round and 1 a kill."""
    scores = {ship.seat: 10.0 * ship.wins + ship.kills for ship in world.ships.values()}
    if world.mode == "teams":
        kills = [0] * len(world.team_wins)
        for ship in world.ships.values():
            kills[ship.team] += ship.kills
        best_team = max(zip(world.team_wins, kills, strict=True))
        named = [team for team, mark in enumerate(zip(world.team_wins, kills, strict=True)) if mark == best_team]
        winners = tuple(ship.seat for ship in world.ships.values() if ship.team in named)
        return Result(winners, scores, _sentence([teams[team] for team in named]))
    best = max(((ship.wins, ship.kills) for ship in world.ships.values()), default=(0, 0))
    first = [ship for ship in world.ships.values() if (ship.wins, ship.kills) == best]
    return Result(tuple(ship.seat for ship in first), scores, _sentence([ship.name for ship in first]))


def _sentence(names: list[str]) -> str:
    if not names:
        return "Nobody stayed to the end."
    return f"{names[0]} wins the match." if len(names) == 1 else f"A tie between {', '.join(names)}."


def _whole_up(seconds: float) -> int:
    """Whole seconds left to show: 3 until the third has passed."""
    return max(0, int(seconds + 0.999))
