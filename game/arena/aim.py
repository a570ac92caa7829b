"""The Ace's eye: speeds guessed from what was seen before, where to point so as to hit, and which shots will hit oneself."""

from collections.abc import Iterable
from math import sqrt
from typing import Any

from attrs import define, field

from game.arena import tuning
from game.math import COS, SIN, heading

_SMOOTHING = 0.5


@define
class _Track:
    x: float
    y: float
    tick: int
    vx: float = 0.0
    vy: float = 0.0


@define
class Tracks:
    """Speeds of ships in pixels per second, by seat, from successive sightings."""

    _by_seat: dict[int, _Track] = field(factory=dict)

    def see(self, ships: Iterable[Any], tick: int, tick_hz: int) -> None:
        """Takes note of where the living ships are now; a jump (a new life) starts a track anew."""
        for ship in ships:
            track = self._by_seat.get(ship.seat)
            if not ship.is_alive or track is None or tick <= track.tick:
                self._by_seat[ship.seat] = _Track(ship.x, ship.y, tick)
                continue
            per_s = tick_hz / (tick - track.tick)
            vx, vy = (ship.x - track.x) * per_s, (ship.y - track.y) * per_s
            if vx * vx + vy * vy > 4.0 * tuning.SHOT_SPEED * tuning.SHOT_SPEED:
                vx = vy = 0.0
            track.vx += (vx - track.vx) * _SMOOTHING
            track.vy += (vy - track.vy) * _SMOOTHING
            track.x, track.y, track.tick = ship.x, ship.y, tick

    def velocity(self, seat: int) -> tuple[float, float]:
        """The last guess; (0, 0) for a ship never seen."""
        track = self._by_seat.get(seat)
        return (0.0, 0.0) if track is None else (track.vx, track.vy)


def heading_to_hit(own: Any, foe: Any, vx: float, vy: float) -> int:
    """Where to point so that a shot fired now meets a foe that keeps its velocity; at the foe itself if none can.

    Solves |p + v t| = SHOT_SPEED t for the smaller t > 0.
    """
    px, py = foe.x - own.x, foe.y - own.y
    a = tuning.SHOT_SPEED * tuning.SHOT_SPEED - vx * vx - vy * vy
    b = px * vx + py * vy
    square = b * b + a * (px * px + py * py)
    if a <= 0.0 or square < 0.0:
        return heading(px, py)
    t = min((b + sqrt(square)) / a, tuning.SHOT_LIFE_S)
    return heading(px + vx * t, py + vy * t)


def threat(own: Any, shots: Iterable[Any], vx: float, vy: float) -> Any | None:
    """The shot that will pass within a ship's width soonest, within 0.6 s; None if the sky is clear."""
    found, soonest = None, 0.6
    for shot in shots:
        if shot.seat == own.seat or (own.team >= 0 and shot.team == own.team):
            continue
        px, py = own.x - shot.x, own.y - shot.y
        wx = COS[int(shot.heading)] * tuning.SHOT_SPEED - vx
        wy = SIN[int(shot.heading)] * tuning.SHOT_SPEED - vy
        speed2 = wx * wx + wy * wy
        t = (px * wx + py * wy) / speed2 if speed2 > 0.0 else -1.0
        if 0.0 < t < soonest and _near(px - wx * t, py - wy * t, tuning.SHIP_RADIUS * 1.8):
            found, soonest = shot, t
    return found


def is_blocked(own: Any, foe: Any, rocks: Iterable[Any]) -> bool:
    """Whether a rock lies on the straight line between two ships."""
    dx, dy = foe.x - own.x, foe.y - own.y
    length2 = dx * dx + dy * dy
    for rock in rocks:
        px, py = rock.x - own.x, rock.y - own.y
        along = (px * dx + py * dy) / length2 if length2 > 0.0 else 0.0
        if 0.0 < along < 1.0 and _near(px - dx * along, py - dy * along, rock.radius):
            return True
    return False


def _near(dx: float, dy: float, distance: float) -> bool:
    return dx * dx + dy * dy < distance * distance
