"""Three pilots of different strength: `Drifter` < `Chaser` < `Ace`. They see what their seat sees and steer like anyone else.

A pilot thinks about 20 times a second and turns just as far as it needs until its next thought, so it plays alike in the
loop (called every tick) and over a socket (called every frame).
"""

from math import sqrt
from typing import Any

from game.arena import tuning
from game.arena.aim import Tracks, heading_to_hit, is_blocked, threat
from game.arena.messages import Steer
from game.contract import Policy
from game.math import TURN, heading, turn_towards
from game.rng import Rng
from game.view import View

_THOUGHTS_PER_S = 20


class Pilot(Policy):
    """What all three share: when to think, and how to turn a wish (heading, thrust, fire, boost) into a Steer."""

    def __init__(self) -> None:
        self._last: Steer | None = None
        self._thought_at: int | None = None

    def act(self, view: View, tick: int, rng: Rng) -> Steer | None:
        """A new Steer where something changed since the last one; None between thoughts, while dead or waiting."""
        interval = max(1, view.world.tick_hz // _THOUGHTS_PER_S)
        if self._thought_at is not None and 0 <= tick - self._thought_at < interval:
            return None
        since = interval if self._thought_at is None else max(1, min(interval * 4, tick - self._thought_at))
        self._thought_at = tick
        mine = view.mine("ships")
        if not mine or not mine[0].is_alive:
            self._last = None
            return None
        own = mine[0]
        target, thrust, fire, boost = self.wish(view, own, tick, rng)
        wanted = Steer(self._turn(own, target, since / view.world.tick_hz), thrust, fire, boost)
        if wanted == self._last:
            return None
        self._last = wanted
        return wanted

    def wish(self, view: View, own: Any, tick: int, rng: Rng) -> tuple[int, bool, bool, bool]:
        """The heading to turn to (turn units), thrust, fire, boost."""
        raise NotImplementedError

    def _turn(self, own: Any, target: int, until_next_s: float) -> float:
        """How hard to turn so as to arrive at the next thought; in the wire's eighths."""
        wanted = turn_towards(int(own.heading), target) / (tuning.TURN_RATE * until_next_s)
        return (max(-8.0, min(8.0, wanted * 8.0 + 0.5)) // 1.0) / 8.0


class Drifter(Pilot):
    """Wanders about, and fires at what happens to be in front of it."""

    def __init__(self) -> None:
        super().__init__()
        self._course = 0
        self._until = 0

    def wish(self, view: View, own: Any, tick: int, rng: Rng) -> tuple[int, bool, bool, bool]:
        if tick >= self._until:
            self._until = tick + view.world.tick_hz * rng.between(6, 20) // 10
            self._course = rng.below(TURN)
        if beyond_ring(view.world, own, 0.0):
            return to_ring(view.world, own), True, False, False
        foe = nearest_foe(view, own)
        is_in_front = foe is not None and _distance(own, foe) < 300.0 and _off(own, foe) < 60
        return self._course, rng.below(3) > 0, is_in_front and rng.below(3) == 0, False


class Chaser(Pilot):
    """Flies at the nearest foe and fires at where it is now, not too steadily; then breaks off for a while."""

    def __init__(self) -> None:
        super().__init__()
        self._is_attacking = False
        self._until = 0
        self._course = 0
        self._wobble = 0

    def wish(self, view: View, own: Any, tick: int, rng: Rng) -> tuple[int, bool, bool, bool]:
        if tick >= self._until:
            self._change_mind(view.world.tick_hz, tick, rng)
        foe = nearest_foe(view, own)
        if foe is None or beyond_ring(view.world, own, 120.0):
            return to_ring(view.world, own), True, False, False
        if not self._is_attacking or own.hp < 30.0:
            return self._course, True, False, own.hp < 30.0 and own.boost > 0.5
        away, off = _distance(own, foe), _off(own, foe)
        course = (heading(foe.x - own.x, foe.y - own.y) + self._wobble) % TURN
        return course, away > 220.0 and off < 160, away < 320.0 and off < 40 and not foe.is_shielded, False

    def _change_mind(self, tick_hz: int, tick: int, rng: Rng) -> None:
        self._is_attacking = not self._is_attacking
        self._until = tick + tick_hz * (rng.between(20, 45) if self._is_attacking else rng.between(10, 25)) // 10
        self._course = rng.below(TURN)
        self._wobble = rng.between(-18, 18)


class Ace(Pilot):
    """Leads its shots, dodges, fetches what it needs, and keeps well inside the ring."""

    def __init__(self) -> None:
        super().__init__()
        self._tracks = Tracks()
        self._is_fleeing = False

    def wish(self, view: View, own: Any, tick: int, rng: Rng) -> tuple[int, bool, bool, bool]:
        self._tracks.see(view.all("ships"), tick, view.world.tick_hz)
        vx, vy = self._tracks.velocity(own.seat)
        is_straying = beyond_ring(view.world, own, 60.0, vx * 0.5, vy * 0.5)
        if is_straying and beyond_ring(view.world, own, 0.0):
            return to_ring(view.world, own), True, False, own.boost > 0.2
        incoming = threat(own, view.all("shots"), vx, vy)
        course, fire = self._fight(view, own)
        if is_straying:
            return to_ring(view.world, own), True, False, False
        if incoming is not None and not own.is_shielded:
            return self._dodge(own, incoming, course, fire)
        prize = self._prize(view, own)
        if prize is not None and not fire:
            return heading(prize.x - own.x - vx * 0.4, prize.y - own.y - vy * 0.4), True, False, False
        foe = nearest_foe(view, own)
        if foe is not None and self._flees(own, foe):
            return heading(own.x - foe.x, own.y - foe.y), True, False, own.boost > 0.4
        is_far = foe is not None and _distance(own, foe) > 240.0
        return course, is_far and abs(turn_towards(int(own.heading), course)) < 140, fire, False

    def _fight(self, view: View, own: Any) -> tuple[int, bool]:
        """Where to point for the best target, and whether a shot fired now would hit it."""
        foe = min(
            foes(view, own), key=lambda foe: _distance(own, foe) + 1.5 * foe.hp + 300.0 * foe.is_shielded, default=None
        )
        if foe is None:
            return to_ring(view.world, own), False
        course = heading_to_hit(own, foe, *self._tracks.velocity(foe.seat))
        away = max(30.0, _distance(own, foe))
        tolerance = min(70.0, tuning.SHIP_RADIUS * TURN / (6.28 * away) + 5.0)
        is_aimed = abs(turn_towards(int(own.heading), course)) < tolerance
        in_range = away < tuning.SHOT_SPEED * tuning.SHOT_LIFE_S * 0.9
        return course, is_aimed and in_range and not foe.is_shielded and not is_blocked(own, foe, view.all("rocks"))

    def _flees(self, own: Any, foe: Any) -> bool:
        """Runs when badly hurt, until the hull has mended or the foe is worse off."""
        self._is_fleeing = own.hp < (80.0 if self._is_fleeing else 40.0) and foe.hp > own.hp
        return self._is_fleeing and _distance(own, foe) < 600.0

    def _dodge(self, own: Any, shot: Any, course: int, fire: bool) -> tuple[int, bool, bool, bool]:
        """Thrust if the nose already points across the shot's path; else keep aiming."""
        across = abs(turn_towards(int(own.heading), int(shot.heading)))
        is_across = 128 < across < 384
        return course, is_across, fire, is_across and own.boost > 0.3

    def _prize(self, view: View, own: Any) -> Any | None:
        """The nearest pickup worth a detour."""
        wanted = [p for p in view.all("pickups") if _distance(own, p) < self._reach_for(own, p.kind)]
        return min(wanted, key=lambda pickup: _distance(own, pickup), default=None)

    def _reach_for(self, own: Any, kind: str) -> float:
        if kind == "health":
            return 400.0 if own.hp < 60.0 else 0.0
        if kind == "ammo":
            return 350.0 if own.ammo < 8 else 0.0
        return 250.0


def foes(view: View, own: Any) -> list[Any]:
    """The living ships of other sides."""
    return [s for s in view.all("ships") if s.is_alive and s.seat != own.seat and (own.team < 0 or s.team != own.team)]


def nearest_foe(view: View, own: Any) -> Any | None:
    """The closest living foe, or None."""
    return min(foes(view, own), key=lambda foe: _distance(own, foe), default=None)


def beyond_ring(world: Any, own: Any, margin: float, ahead_x: float = 0.0, ahead_y: float = 0.0) -> bool:
    """Whether a ship is outside the ring, or will be within ``margin`` of its edge at an offset ahead."""
    dx, dy = own.x + ahead_x - world.ring_x, own.y + ahead_y - world.ring_y
    edge = max(world.ring_radius - margin, world.ring_radius * 0.3)
    return bool(dx * dx + dy * dy > edge * edge)


def to_ring(world: Any, own: Any) -> int:
    """The heading to the ring's middle."""
    return heading(world.ring_x - own.x, world.ring_y - own.y)


def _distance(one: Any, other: Any) -> float:
    dx, dy = one.x - other.x, one.y - other.y
    return sqrt(dx * dx + dy * dy)


def _off(own: Any, other: Any) -> int:
    """How far the nose points away from something, in turn units."""
    return abs(turn_towards(int(own.heading), heading(other.x - own.x, other.y - own.y)))
