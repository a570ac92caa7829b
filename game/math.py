"""Numbers that come out the same everywhere: + − × ÷ √ and tables, never a platform's sin, cos or pow.

Angles are whole *turns* units: ``TURN`` steps to a full circle, 0 along +x, growing towards +y. The tables are built
with a polynomial from exactly rounded operations only, so every IEEE 754 machine gets the same bits.
"""

from math import sqrt

TURN = 1024
_QUARTER = TURN // 4
_PI = 3.141592653589793


def _sine(angle: float) -> float:
    """Taylor's series for 0 <= angle <= pi/2, summed to x^21: the error is below one unit in the last place or two."""
    term = total = angle
    square = angle * angle
    for n in range(2, 22, 2):
        term = -term * square / (n * (n + 1))
        total += term
    return total


def _sine_table() -> tuple[float, ...]:
    quarter = [_sine(2.0 * _PI * i / TURN) for i in range(_QUARTER + 1)]
    quarter[_QUARTER] = 1.0
    half = quarter + quarter[-2:0:-1]
    return tuple(half + [-value for value in half])


SIN = _sine_table()
COS = SIN[_QUARTER:] + SIN[:_QUARTER]


def heading(dx: float, dy: float) -> int:
    """The direction of a vector in turn units, 0…TURN-1, right to half a unit or so; 0 for the null vector.

    A binary search in the sine table over one octant: no arctangent needed.
    """
    length = sqrt(dx * dx + dy * dy)
    if length == 0.0:
        return 0
    sine = abs(dy) / length
    low, high = 0, _QUARTER
    while high - low > 1:
        middle = (low + high) // 2
        if SIN[middle] <= sine:
            low = middle
        else:
            high = middle
    if sine - SIN[low] > SIN[high] - sine:
        low = high
    if dx < 0:
        low = TURN // 2 - low
    return (TURN - low) % TURN if dy < 0 else low


def turn_towards(current: int, target: int) -> int:
    """The signed difference in turn units on the shorter way round, -TURN/2…TURN/2-1."""
    return (target - current + TURN // 2) % TURN - TURN // 2
