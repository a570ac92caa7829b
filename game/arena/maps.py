"""The maps: how far each reaches from its middle, and where its rocks lie. Plain data; `game.arena.rules` reads it once."""

from attrs import frozen


@frozen
class Map:
    """A square from -reach to +reach both ways. Rocks are (x, y, radius)."""

    reach: float
    rocks: tuple[tuple[float, float, float], ...] = ()


MAPS: dict[str, Map] = {
    "nebula": Map(
        900.0,
        (
            (-380.0, -290.0, 62.0),
            (410.0, -330.0, 50.0),
            (310.0, 390.0, 70.0),
            (-430.0, 340.0, 46.0),
            (20.0, 10.0, 40.0),
        ),
    ),
    "belt": Map(
        800.0,
        (
            (0.0, -420.0, 48.0),
            (300.0, -300.0, 60.0),
            (430.0, 20.0, 44.0),
            (290.0, 310.0, 62.0),
            (-20.0, 440.0, 46.0),
            (-320.0, 290.0, 58.0),
            (-440.0, -10.0, 50.0),
            (-300.0, -320.0, 54.0),
            (0.0, 0.0, 70.0),
        ),
    ),
    "void": Map(560.0),
}
