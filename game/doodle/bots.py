"""A bot for doodle. A policy gets what its seat may see, the tick and a random source, and answers with an input or None."""

from game.contract import Policy
from game.doodle.rules import Move
from game.rng import Rng
from game.view import View


class Scribbler(Policy):
    """Wanders from point to point with its pen down, and lifts it now and then."""

    def __init__(self) -> None:
        self._goal = (500.0, 500.0)
        self._pen = False

    def act(self, view: View, tick: int, rng: Rng) -> Move | None:
        """A small step towards the goal; a new goal where the old one is reached."""
        mine = view.mine("cursors")
        if not mine:
            return None
        own, (goal_x, goal_y) = mine[0], self._goal
        dx, dy = goal_x - own.x, goal_y - own.y
        if abs(dx) + abs(dy) < 20.0:
            self._goal = (rng.uniform(50.0, 950.0), rng.uniform(50.0, 950.0))
            self._pen = rng.below(4) > 0
        return Move(own.x + dx * 0.1, own.y + dy * 0.1, self._pen)
