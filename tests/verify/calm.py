"""The game of the verification's own tests: the room tests' parlour, which ends rarely and crashes never."""

from typing import Any, ClassVar

from attrs import define

from game.contract import Policy, Refusal
from game.fields import choice, whole
from game.rng import Rng
from game.view import View
from tests.server.rooms.parlour import UNLUCKY, Parlour, Salon

ENDS_ABOVE = 999_990


@define
class Act:
    """One action; ``value`` marks it."""

    what: str = choice(("score", "switch", "reveal", "hide", "end"))
    value: int = whole(0, 1_000_000)


class Calm(Parlour):
    """The parlour's rules with fewer accidents."""

    inputs: ClassVar[tuple[type, ...]] = (Act,)

    def validate(self, world: Salon, seat: int, command: Any) -> Refusal | None:
        """Ends are refused but for a few values."""
        if command.what == "end" and command.value < ENDS_ABOVE:
            return Refusal("not yet")
        return Refusal("unlucky") if command.value == UNLUCKY else None


class Usher(Policy):
    """A bot that scores now and then."""

    def act(self, view: View, tick: int, rng: Rng) -> Act | None:
        """Every 8th tick."""
        return Act("score", 500_000 + tick) if tick % 8 == 0 else None
