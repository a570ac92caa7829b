"""The state of a match: what exists and who may see it. A plain attrs field never leaves the server. No behaviour here.

Only types that msgspec restores exactly stand here, and ships are kept in seat order, so that a decoded checkpoint steps
like the original.
"""

from attrs import define, field

from game.arena.messages import KINDS, SEAT_MAX
from game.arena.tuning import HP_MAX
from game.fields import PUBLIC, SEAT, TEAM, choice, entities, flag, num, text, whole
from game.math import TURN

PHASES = ("waiting", "countdown", "fight", "over")


@define
class Ship:
    """One seat's ship, alive or waiting. ``side`` is what it fights for: its team, or its own seat in free-for-all."""

    seat: int = whole(0, SEAT_MAX, audience=PUBLIC)
    team: int = whole(-1, 15, audience=PUBLIC, default=-1)
    name: str = text(48, audience=PUBLIC)
    colour: int = whole(0, 15, audience=PUBLIC)
    is_bot: bool = flag(audience=PUBLIC)
    x: float = num(-1024, 1024, step=0.0625, audience=PUBLIC)
    y: float = num(-1024, 1024, step=0.0625, audience=PUBLIC)
    heading: float = num(0, TURN, step=1, audience=PUBLIC)
    hp: float = num(0, HP_MAX, step=0.5, audience=PUBLIC, default=HP_MAX)
    is_alive: bool = flag(audience=PUBLIC)
    is_thrusting: bool = flag(audience=PUBLIC)
    is_boosting: bool = flag(audience=PUBLIC)
    is_shielded: bool = flag(audience=PUBLIC)
    lives: int = whole(0, 9, audience=PUBLIC)
    kills: int = whole(0, 999, audience=PUBLIC)
    deaths: int = whole(0, 999, audience=PUBLIC)
    wins: int = whole(0, 20, audience=PUBLIC)

    ammo: int = whole(0, 99, audience=SEAT)
    cooldown_s: float = num(0, 2, step=0.05, audience=SEAT)
    boost: float = num(0, 1, step=0.01, audience=SEAT, default=1.0)
    rapid_s: float = num(0, 10, step=0.1, audience=SEAT)
    respawn_s: float = num(0, 10, step=0.1, audience=SEAT)

    side: int = 0
    vx: float = 0.0
    vy: float = 0.0
    turn: float = 0.0
    is_thrust_held: bool = False
    is_fire_held: bool = False
    is_boost_held: bool = False
    is_trigger_pulled: bool = False
    guard_s: float = 0.0
    refill_s: float = 0.0
    marker_s: float = 0.0
    hit_by: int = -1
    credit_s: float = 0.0
    peace_s: float = 0.0


@define
class Shot:
    """A bullet in flight. It keeps its heading and SHOT_SPEED, whatever its ship did."""

    seat: int = whole(0, SEAT_MAX, audience=PUBLIC)
    team: int = whole(-1, 15, audience=PUBLIC, default=-1)
    x: float = num(-1024, 1024, step=0.0625, audience=PUBLIC)
    y: float = num(-1024, 1024, step=0.0625, audience=PUBLIC)
    heading: int = whole(0, TURN - 1, audience=PUBLIC)
    side: int = 0
    vx: float = 0.0
    vy: float = 0.0
    life_s: float = 0.0


@define
class Pickup:
    """Something to fly through."""

    kind: str = choice(KINDS, audience=PUBLIC)
    x: float = num(-1024, 1024, step=0.0625, audience=PUBLIC)
    y: float = num(-1024, 1024, step=0.0625, audience=PUBLIC)


@define
class Rock:
    """An obstacle that never moves: ships bounce off it, shots end at it."""

    x: float = num(-1024, 1024, step=0.0625, audience=PUBLIC)
    y: float = num(-1024, 1024, step=0.0625, audience=PUBLIC)
    radius: float = num(0, 255, step=0.5, audience=PUBLIC)


@define
class Marker:
    """A place that a pilot marked for the team; nobody else knows that it exists."""

    seat: int = whole(0, SEAT_MAX, audience=TEAM)
    team: int = -1
    x: float = num(-1024, 1024, step=0.0625, audience=TEAM)
    y: float = num(-1024, 1024, step=0.0625, audience=TEAM)
    left_s: float = 0.0


@define
class ArenaWorld:
    """The whole match. ``clock_s`` counts down in countdown and intermission, and up in a fight."""

    mode: str = choice(("ffa", "teams"), audience=PUBLIC)
    phase: str = choice(PHASES, audience=PUBLIC)
    round: int = whole(1, 20, audience=PUBLIC)
    rounds: int = whole(1, 20, audience=PUBLIC)
    clock_s: int = whole(0, 4095, audience=PUBLIC)
    reach: float = num(0, 1024, step=1, audience=PUBLIC)
    tick_hz: int = whole(1, 255, audience=PUBLIC)
    ring_x: float = num(-1024, 1024, step=0.0625, audience=PUBLIC)
    ring_y: float = num(-1024, 1024, step=0.0625, audience=PUBLIC)
    ring_radius: float = num(0, 2048, step=0.25, audience=PUBLIC)
    winner_seat: int = whole(-1, SEAT_MAX, audience=PUBLIC, default=-1)
    winner_team: int = whole(-1, 15, audience=PUBLIC, default=-1)
    winner_name: str = text(64, audience=PUBLIC)

    ships: dict[int, Ship] = entities(Ship, audience=PUBLIC, owner="seat")
    shots: dict[int, Shot] = entities(Shot, audience=PUBLIC)
    pickups: dict[int, Pickup] = entities(Pickup, audience=PUBLIC)
    rocks: dict[int, Rock] = entities(Rock, audience=PUBLIC)
    markers: dict[int, Marker] = entities(Marker, audience=TEAM, team="team")

    lives: int = 2
    round_s: float = 150.0
    phase_s: float = 0.0
    pickup_s: float = 0.0
    next_id: int = 1
    spawn_plan: list[int] = field(factory=list)
    team_wins: list[int] = field(factory=list)
    is_finished: bool = False

    def new_id(self) -> int:
        """A number for a shot, pickup or marker; never given twice in a match."""
        self.next_id += 1
        return self.next_id - 1
