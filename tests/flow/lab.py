"""The game that the flow tests play: counts what it is sent, hides canaries from everybody else, and fails on request.

The tests copy this file into a package outside the repository and name it in a routing file; nothing imports it from
here but its input classes.
"""

import contextlib
import itertools
import time
from collections.abc import Sequence
from typing import Any, ClassVar

from attrs import define

from game.contract import Event, Game, Policy, Refusal, Result, Seat
from game.fields import PUBLIC, SEAT, SPECTATORS, TEAM, choice, entities, flag, text, whole
from game.rng import Rng

STALL_S = 0.02
MILLION = 1_000_000


@define
class LabOptions:
    """``ends_at``: the tick that ends the match (0: none). ``ballast``: bytes of noise in every frame."""

    greeting: str = "hello"
    ends_at: int = 0
    ballast: int = 0


@define
class Piece:
    """One seat's things, with a canary for each audience."""

    seat: int = whole(0, 255, audience=PUBLIC)
    name: str = text(48, audience=PUBLIC)
    count: int = whole(0, MILLION, audience=PUBLIC)
    last: int = whole(0, MILLION, audience=PUBLIC)
    is_in_order: bool = flag(audience=PUBLIC, default=True)
    is_here: bool = flag(audience=PUBLIC, default=True)
    team: int = 0
    hand: str = text(64, audience=SEAT)
    plan: str = text(64, audience=TEAM)
    secret: str = text(64)
    forgotten: str = ""


@define
class Bench:
    """The world."""

    pieces: dict[int, Piece] = entities(Piece, audience=PUBLIC, owner="seat", team="team")
    greeting: str = text(64, audience=PUBLIC)
    lap: int = whole(0, MILLION, audience=PUBLIC)
    noise: str = text(60_000, audience=PUBLIC)
    whisper: str = text(64, audience=SPECTATORS)
    vault: str = text(64)
    ends_at: int = 0
    ballast: int = 0
    is_stalling: bool = False


@define
class Poke:
    """A number; the game keeps how many came, the last, and whether they only grew."""

    value: int = whole(0, MILLION)


@define
class Switch:
    """To the other team."""


@define
class Explode:
    """Makes the rules raise."""


@define
class Stall:
    """Makes every step take longer than a period of 60 Hz."""


@define
class Hang:
    """Makes a step that does not return, in one of these ways: see `_hang`."""

    how: str = choice(("loop", "sleep", "deaf", "c"))


@define
class Poked:
    """Somebody poked."""

    seat: int = whole(0, 255)
    value: int = whole(0, MILLION)


@define
class Felt:
    """Only the one who poked feels it."""

    canary: str = text(64)


class Lab(Game):
    """The rules."""

    Options: ClassVar[type] = LabOptions
    World: ClassVar[type] = Bench
    inputs: ClassVar[tuple[type, ...]] = (Poke, Switch, Explode, Stall, Hang)
    events: ClassVar[tuple[type, ...]] = (Poked, Felt)

    def setup(self, options: LabOptions, rng: Rng) -> Bench:
        return Bench(greeting=options.greeting, ends_at=options.ends_at, ballast=options.ballast)

    def join(self, world: Bench, seat: Seat, rng: Rng) -> None:
        world.pieces[seat.number] = Piece(seat.number, seat.name, team=seat.team or 0)
        _hide(world, 0)

    def leave(self, world: Bench, seat: int, reason: str) -> None:
        world.pieces.pop(seat, None)

    def connected(self, world: Bench, seat: int, is_connected: bool) -> None:
        world.pieces[seat].is_here = is_connected

    def team_of(self, world: Bench, seat: int) -> int | None:
        return world.pieces[seat].team if self.teams and seat in world.pieces else None

    def validate(self, world: Bench, seat: int, command: Any) -> Refusal | None:
        return Refusal("unlucky") if isinstance(command, Poke) and command.value == 13 else None

    def step(self, world: Bench, inputs: Sequence[tuple[int, Any]], tick: int, rng: Rng) -> Sequence[Event]:
        events: list[Event] = []
        for seat, command in inputs:
            piece = world.pieces[seat]
            match command:
                case Poke(value=value):
                    piece.is_in_order = piece.is_in_order and value > piece.last
                    piece.count, piece.last = piece.count + 1, value
                    events.append(Event(Poked(seat, value), PUBLIC))
                    events.append(Event(Felt(f"felt-canary-{seat}."), SEAT, seat))
                case Switch():
                    piece.team = 1 - piece.team
                case Explode():
                    raise RuntimeError("the lab blew up")
                case Stall():
                    world.is_stalling = True
                case Hang(how=how):
                    _hang(how)
        world.lap = tick
        if tick % 10 == 0:
            _hide(world, tick)
        if world.ballast:
            world.noise = f"{tick:08d}" * (world.ballast // 8)
        if world.is_stalling:
            time.sleep(STALL_S)
        return events

    def result(self, world: Bench) -> Result | None:
        if not world.ends_at or world.lap < world.ends_at:
            return None
        scores = {seat: float(piece.count) for seat, piece in world.pieces.items()}
        best = max(scores.values(), default=0.0)
        return Result(tuple(seat for seat, score in scores.items() if score == best), scores, "the lab is closed")


class Poker(Policy):
    """A bot that pokes with growing numbers."""

    def act(self, view: Any, tick: int, rng: Rng) -> Poke | None:
        assert "secret" not in vars(view.mine("pieces")[0])
        return Poke(tick % MILLION) if tick % 5 == 0 else None


def _hang(how: str) -> None:
    """``loop`` swallows what an ordinary handler can, ``deaf`` swallows everything, ``c`` never lets go of Python's lock."""
    while how == "loop":
        with contextlib.suppress(Exception):
            sum(range(1000))
    while how == "sleep":
        time.sleep(3600)
    while how == "c":
        sum(itertools.repeat(1))
    if how == "deaf":
        _go_on_whatever_happens()


def _go_on_whatever_happens() -> None:
    try:
        while True:
            sum(range(1000))
    finally:
        _go_on_whatever_happens()


def _hide(world: Bench, tick: int) -> None:
    """Fresh canaries: a marker per audience, so that any of them is found in bytes and in JSON."""
    world.whisper, world.vault = f"whisper-canary-{tick}.", f"vault-canary-{tick}."
    for seat, piece in world.pieces.items():
        piece.hand, piece.plan = f"hand-canary-{seat}-{tick}.", f"plan-canary-{piece.team}-{tick}."
        piece.secret = piece.forgotten = f"secret-canary-{seat}-{tick}."
