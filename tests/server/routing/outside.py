"""A package of games outside the repository, written to a temporary directory: a good one, and one per way to be wrong.

Its modules are text, because half of them must not import.
"""

import sys
from pathlib import Path

SAMPLE = '''
"""Games of somebody else's package."""

from attrs import define, field, frozen, validators

from game.contract import Game, Policy
from game.fields import NOBODY, PUBLIC, SEAT, SPECTATORS, TEAM, entities, num, text, whole


@define
class Move:
    dx: float = num(-1, 1, step=0.01)


@define
class Dot:
    seat: int = whole(0, 64, audience=PUBLIC)
    x: float = num(0, 100, step=0.1, audience=PUBLIC)
    secret: float = num(0, 100, step=0.1, audience=NOBODY)


@define
class World:
    dots: dict[int, Dot] = entities(Dot, audience=PUBLIC, owner="seat")


@define
class Inner:
    depth: int = 1


@define
class Options:
    size: int = 3
    speed: float = field(default=1.0, validator=validators.gt(0))
    mode: str = "calm"
    inner: Inner = field(factory=Inner)


class Sample(Game):
    World = World
    Options = Options
    inputs = (Move,)

    def setup(self, options, rng):
        return self.World()

    def join(self, world, seat, rng):
        world.dots[seat.number] = Dot(seat=seat.number)

    def leave(self, world, seat, reason):
        world.dots.pop(seat, None)

    def step(self, world, inputs, tick, rng):
        for seat, move in inputs:
            world.dots[seat].x += move.dx
        return ()


class Still(Policy):
    def act(self, view, tick, rng):
        return None


@define
class Hand:
    seat: int = whole(0, 64, audience=PUBLIC)
    team: int = whole(0, 8, audience=PUBLIC)
    cards: int = whole(0, 9, audience=SEAT)
    plan: int = whole(0, 9, audience=TEAM)
    odds: int = whole(0, 9, audience=SPECTATORS)


@define
class CardWorld:
    hands: dict[int, Hand] = entities(Hand, audience=PUBLIC, owner="seat", team="team")


class Cards(Sample):
    World = CardWorld


@define
class Page:
    words: str = text(60000, audience=PUBLIC)


@define
class LibraryWorld:
    pages: dict[int, Page] = entities(Page, audience=PUBLIC)


class Library(Sample):
    World = LibraryWorld


@define
class Needy:
    size: int


class Demanding(Sample):
    Options = Needy


@frozen
class Duel(Sample):
    seats: int = field(default=2, validator=validators.in_((2,)))
'''

WRONG = '''
"""Every way to miss the contract."""

from attrs import define

from game.contract import Game, Policy
from game.fields import SEAT, entities, whole
from outside_games.sample import Move, Sample, World


class Bare(Game):
    pass


class Sloppy(Sample):
    World = dict
    Options = 3
    inputs = [Move]
    events = (int,)
    version = 2
    join = None

    def leave(self, world):
        pass

    async def step(self, world, inputs, tick, rng):
        return ()


class Mute(Sample):
    inputs = ()


@define
class Orphan:
    ammo: int = whole(0, 9, audience=SEAT)


@define
class OrphanWorld:
    orphans: dict[int, Orphan] = entities(Orphan)


class Ownerless(Sample):
    World = OrphanWorld


class Empty(Sample):
    def setup(self, options, rng):
        return None


class Picky(Sample):
    def setup(self, options, rng):
        if options.mode == "calm":
            raise ValueError("calm needs two teams")
        return World()


class NoGame:
    pass


class Idle(Policy):
    pass


class Taught(Policy):
    def __init__(self, lessons):
        self.lessons = lessons

    def act(self, view, tick, rng):
        return None


number = 7
'''

MODULES = {
    "__init__": "",
    "sample": SAMPLE,
    "wrong": WRONG,
    "raises": "limit = 3\nraise RuntimeError(f'{limit} is not enough')\n",
    "syntax": "def broken(:\n    pass\n",
    "exits": "raise SystemExit('not today')\n",
    "needs": "import a_package_that_nobody_has\n",
}


def write_package(directory: Path) -> Path:
    """Writes the package `outside_games` below `directory` and returns that."""
    package = directory / "outside_games"
    package.mkdir()
    for name, text in MODULES.items():
        (package / f"{name}.py").write_text(text, encoding="utf-8")
    return directory


def forget_package() -> None:
    """Takes the package's modules out of this process again."""
    for name in [name for name in sys.modules if name.split(".")[0] == "outside_games"]:
        del sys.modules[name]
