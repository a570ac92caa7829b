"""What a game is: typed state and pure functions. Authors subclass :class:`Game`; the loop calls it, and nobody else.

The world may be changed in place inside ``step``; the same seed and inputs must always give the same bytes. Nothing in
a game reads a clock, a file, a socket or a global random source.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from attrs import define, field, frozen

from game.fields import NOBODY, Audience
from game.rng import Rng

if TYPE_CHECKING:
    from game.view import View


@frozen
class Seat:
    """A player's or bot's place in a room. ``team`` is an index into the room type's teams, or None."""

    number: int
    name: str
    team: int | None = None
    is_bot: bool = False


def _reason(reason: str) -> str:
    return reason or "refused"


@frozen
class Refusal:
    """Why an input was not applied. The player is told; nothing is raised. An empty reason becomes "refused"."""

    reason: str = field(converter=_reason)


@frozen
class Result:
    """The end of a match: the winning seats (none: a draw), every seat's score, and a sentence for people."""

    winners: tuple[int, ...] = ()
    scores: dict[int, float] = field(factory=dict)
    summary: str = ""


@frozen
class Event:
    """Something cosmetic that happened in this tick. ``body`` is an instance of one of the game's event classes.

    ``of`` is the seat or team number where the audience is SEAT or TEAM.
    """

    body: Any
    audience: Audience = NOBODY
    of: int | None = None


@define
class NoOptions:
    """The options of a game that has none."""


@frozen
class Game:
    """One room's rules. An instance holds the facts of its room type and no state; all state is in the world."""

    tick_hz: int = 60
    seats: int = 16
    teams: tuple[str, ...] = ()

    Options: ClassVar[type] = NoOptions
    World: ClassVar[type]
    inputs: ClassVar[tuple[type, ...]]
    events: ClassVar[tuple[type, ...]] = ()
    version: ClassVar[str] = "1"
    reveals: ClassVar[tuple[str, ...]] = ()  # hidden fields ("Card.face") that the rules copy to others on purpose

    def setup(self, options: Any, rng: Rng) -> Any:
        """A new world. Called once per match, before anybody joins."""
        raise NotImplementedError(f"{type(self).__name__} lacks setup(options, rng) -> World")

    def join(self, world: Any, seat: Seat, rng: Rng) -> None:
        """A player or bot takes a seat, at a tick boundary."""
        raise NotImplementedError(f"{type(self).__name__} lacks join(world, seat, rng)")

    def leave(self, world: Any, seat: int, reason: str) -> None:
        """A seat is given up for good: left, kicked, or its grace period ran out."""
        raise NotImplementedError(f"{type(self).__name__} lacks leave(world, seat, reason)")

    def step(self, world: Any, inputs: Sequence[tuple[int, Any]], tick: int, rng: Rng) -> Sequence[Event]:
        """One fixed step of 1 / tick_hz seconds: changes the world in place, returns what to show and hear."""
        raise NotImplementedError(f"{type(self).__name__} lacks step(world, inputs, tick, rng) -> events")

    def validate(self, world: Any, seat: int, command: Any) -> Refusal | None:
        """None where the input may be applied now, else the reason why not."""
        return None

    def result(self, world: Any) -> Result | None:
        """None while the match goes on."""
        return None

    def accepts_newcomers(self, world: Any) -> bool:
        """Whether quick play may send somebody here now: not into a match that is as good as over. Asked once a second."""
        return self.result(world) is None

    def team_of(self, world: Any, seat: int) -> int | None:
        """The seat's team now, an index into ``teams``; it may change in mid-match."""
        return None

    def connected(self, world: Any, seat: int, is_connected: bool) -> None:
        """A seat's connection was lost or came back within the grace period. Most games need not care."""


class Policy:
    """A bot's mind: one fresh instance per seat, fed with exactly what its seat may see."""

    def act(self, view: "View", tick: int, rng: Rng) -> Any | None:
        """The bot's input for this tick, or None."""
        raise NotImplementedError(f"{type(self).__name__} lacks act(view, tick, rng) -> input or None")
