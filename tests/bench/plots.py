"""Small SVG plots: lines over a logarithmic x axis, one per peer. Pure: text in, text out, the same bytes for the same data."""

import math
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

from attrs import frozen

from tests.bench.statistics import Spread

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 40, 64
COLOURS = ("#0b6e99", "#7a3e9d", "#c2410c", "#4d7c0f", "#525252")
STYLE = "font-family:system-ui,sans-serif;font-size:12px;fill:#222"
Point = tuple[float, Spread]


@frozen
class Plot:
    """``lines``: a name's points by x. The y axis begins at 0."""

    title: str
    x_label: str
    y_label: str
    lines: Mapping[str, Sequence[Point]]


def svg(plot: Plot) -> str:
    """The picture. Raises ValueError where there is no point at all."""
    points = [point for line in plot.lines.values() for point in line]
    if not points:
        raise ValueError(f"expected points for {plot.title!r}, got none")
    xs = sorted({x for x, _ in points})
    top = ceiling(max(found.high for _, found in points))
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" style="background:#fff">',
        f"<title>{escape(plot.title)}</title>",
        text(LEFT, 20, plot.title, "font-weight:bold"),
        *grid(xs, top),
        text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 28, plot.x_label, "text-anchor:middle"),
        text(LEFT, TOP - 6, plot.y_label),
    ]
    for number, (name, line) in enumerate(plot.lines.items()):
        out += drawn(name, line, number, xs, top)
    return "\n".join([*out, "</svg>"]) + "\n"


def drawn(name: str, line: Sequence[Point], number: int, xs: Sequence[float], top: float) -> list[str]:
    """One line: medians joined, the spread as a bar at each, its name below."""
    colour = COLOURS[number % len(COLOURS)]
    places = [(x_at(x, xs), y_at(found.median, top), found) for x, found in line]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in places)
    out = [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>']
    for x, y, found in places:
        low, high = y_at(found.low, top), y_at(found.high, top)
        out.append(f'<line x1="{x:.1f}" y1="{low:.1f}" x2="{x:.1f}" y2="{high:.1f}" stroke="{colour}"/>')
        out.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>')
    key_x = LEFT + number * 190
    out.append(f'<rect x="{key_x}" y="{HEIGHT - 20}" width="12" height="12" fill="{colour}"/>')
    return [*out, text(key_x + 18, HEIGHT - 10, name)]


def grid(xs: Sequence[float], top: float) -> list[str]:
    """Axes, five levels, and the x values that were measured."""
    out = []
    for step in range(6):
        value = top * step / 5
        y = y_at(value, top)
        out.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#ddd"/>')
        out.append(text(LEFT - 8, y + 4, f"{value:g}", "text-anchor:end"))
    return out + [text(x_at(x, xs), HEIGHT - BOTTOM + 18, f"{x:g}", "text-anchor:middle") for x in xs]


def text(x: float, y: float, words: str, style: str = "") -> str:
    """A line of text."""
    return f'<text x="{x:.1f}" y="{y:.1f}" style="{STYLE};{style}">{escape(words)}</text>'


def x_at(x: float, xs: Sequence[float]) -> float:
    """Logarithmic; a single value stands in the middle."""
    low, high = math.log(xs[0]), math.log(xs[-1])
    share = 0.5 if high == low else (math.log(x) - low) / (high - low)
    return LEFT + 20 + share * (WIDTH - LEFT - RIGHT - 40)


def y_at(y: float, top: float) -> float:
    """Linear from 0."""
    return HEIGHT - BOTTOM - y / top * (HEIGHT - TOP - BOTTOM)


def ceiling(value: float) -> float:
    """The next of 1, 2, 5, 10 … that divides well."""
    if value <= 0:
        return 1.0
    power: float = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if step * power >= value)
