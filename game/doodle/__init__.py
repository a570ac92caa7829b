"""Doodle: shared cursors that leave ink. The smallest whole game; read `rules.py` first, then `bots.py`."""

from game.doodle.rules import Doodle

__all__ = ["Doodle"]
