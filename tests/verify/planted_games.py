"""The sources of small games with one fault each, written into a package of their own: what an author may do wrong.

`TAG` is the clean one, that of docs/games/authoring.md in short. Each of `FAULTS` replaces one text of it, and says what a
message about it must name.
"""

from pathlib import Path

from attrs import frozen

TAG = '''"""A game of an author."""

from attrs import define

from game.contract import Event, Game, Refusal, Result
from game.fields import PUBLIC, SEAT, Audience, choice, entities, flag, num, text, whole


@define
class Runner:
    seat: int = whole(0, 63, audience=PUBLIC)
    name: str = text(48, audience=PUBLIC)
    x: float = num(0, 100, step=0.1, audience=PUBLIC, default=50.0)
    hint: int = whole(0, 5000, audience=PUBLIC)
    is_it: bool = flag(audience=PUBLIC)
    breath: int = whole(0, 1000, audience=SEAT, default=1000)
    word: str = text(20, audience=SEAT, default="plum")
    seed: int = 0


@define
class Card:
    seat: int = whole(0, 63, audience=PUBLIC)
    face: int = whole(0, 51, audience=PUBLIC)
    shown_to: Audience = SEAT


@define
class Field:
    seconds_left: int = whole(0, 6000, audience=PUBLIC, default=6000)
    winner: str = text(48, audience=PUBLIC)
    order: list[str] = []
    runners: dict[int, Runner] = entities(Runner, audience=PUBLIC, owner="seat")
    cards: dict[int, Card] = entities(Card, audience=SEAT, owner="seat", audience_of="shown_to")


@define
class Run:
    dx: int = whole(-1, 1)
    how: str = choice(("walk", "sprint", "jump"))


@define
class Tagged:
    by: str = text(48)
    how: int = whole(0, 5000)


class Tag(Game):
    World = Field
    inputs = (Run,)
    events = (Tagged,)

    def setup(self, options, rng):
        return Field(order=[])

    def join(self, world, seat, rng):
        world.runners[seat.number] = Runner(seat.number, seat.name, rng.uniform(0, 100), seed=rng.below(1000))
        world.cards[seat.number] = Card(seat.number, rng.below(52))

    def leave(self, world, seat, reason):
        world.runners.pop(seat, None)
        world.cards.pop(seat, None)

    def validate(self, world, seat, run):
        return Refusal("out of breath") if world.runners[seat].breath == 0 else None

    def step(self, world, inputs, tick, rng):
        if tick % self.tick_hz == 0:
            world.seconds_left -= 1
        for seat, run in inputs:
            runner = world.runners[seat]
            runner.x = min(100.0, max(0.0, runner.x + run.dx))
            runner.breath = max(0, runner.breath - 1)
        self.note(world, tick, rng)
        return [Event(Tagged(r.name, r.seat), PUBLIC) for r in world.runners.values() if tick % 7 == 0]

    def note(self, world, tick, rng):
        world.order = sorted({runner.name for runner in world.runners.values()})

    def result(self, world):
        return None if world.seconds_left else Result((), {}, "over")
'''

ROUTING = """roomwright: 1
rooms:
  tag:
    game: {package}:Tag
    tick_hz: 20
    send_hz: 20
    seats: 4
    spectators: {{limit: 5}}
    chat: {{}}
routes:
  tag.play:
    path: /ws/tag/{{room}}
    room: tag
    role: player
    groups: [public, seat]
    accepts: {{input: {{rate: 30/s, burst: 60}}, chat: {{}}, leave: {{}}}}
  tag.watch:
    path: /ws/tag/{{room}}/watch
    room: tag
    role: spectator
    groups: [public, spectators]
    accepts: {{chat: {{rate: 1/5s}}}}
"""

NOTE = "        world.order = sorted({runner.name for runner in world.runners.values()})\n"
SCORES = ("\n\nclass Tag(Game)", "\n\nSCORES = {}\n\n\nclass Tag(Game)")


@frozen
class Fault:
    """``old`` is replaced by ``new``; a finding of ``check`` names ``named``: a field, or the line that ``at`` stands in."""

    name: str
    check: str
    old: str
    new: str
    named: tuple[str, ...]
    at: str = ""
    also: tuple[tuple[str, str], ...] = ()


FAULTS = (
    Fault(
        "a derived public field", "hidden", NOTE,
        "        for runner in world.runners.values():\n            runner.hint = runner.breath\n",
        ("Runner.breath", "Runner.hint"),
    ),
    Fault(
        "a plain value in an event", "hidden", "Tagged(r.name, r.seat)", "Tagged(r.name, r.seed)",
        ("Runner.seed", "Tagged.how"),
    ),
    Fault(
        "a secret word in a public sentence", "hidden", NOTE,
        "        world.winner = ' '.join(f'{r.word}!' for r in world.runners.values())\n",
        ("Runner.word", "Field.winner"),
    ),
    Fault(
        "an audience_of mistake", "hidden", "shown_to: Audience = SEAT", "shown_to: Audience = PUBLIC",
        ("Card.shown_to", "public"),
    ),
    Fault(
        "the order of a set", "determinism", NOTE,
        "        world.order = list({runner.name for runner in world.runners.values()})\n",
        ("world.order", "PYTHONHASHSEED"),
    ),
    Fault(
        "global chance", "determinism", NOTE, "        import random\n        world.seconds_left -= random.randint(0, 1)\n",
        ("random.randint", "rng"), "random.randint",
    ),
    Fault(
        "chance under another name", "determinism", "from attrs import define\n",
        "from attrs import define\nfrom random import random as roll\n", ("random.random",), "x = roll()",
        ((NOTE, "        for runner in world.runners.values():\n            runner.x = roll()\n"),),
    ),
    Fault(
        "the wall clock", "determinism", NOTE,
        "        from datetime import datetime\n        world.seconds_left = datetime.now().second\n",
        ("datetime.now",), "datetime.now()",
    ),
    Fault(
        "state outside the world", "determinism", "    def setup(self, options, rng):\n",
        "    def setup(self, options, rng):\n        SCORES.clear()\n", ("world.seconds_left", "checkpoint"), "",
        (SCORES, (NOTE, "        SCORES[tick] = 1\n        world.seconds_left = max(1, 6000 - len(SCORES))\n")),
    ),
    Fault(
        "a step that raises", "input", "            runner.breath = max(0, runner.breath - 1)\n",
        "            runner.breath = max(0, runner.breath - 1)\n"
        "            tagged = 1 / (runner.breath - 997) if run.how == 'jump' else 0\n",
        ("ZeroDivisionError", "how='jump'"), "tagged = 1 /",
    ),
    Fault(
        "a leave that raises", "input", "        world.cards.pop(seat, None)\n", "        del world.cards[1 - seat]\n",
        ("KeyError", "leave seat"), "del world.cards",
    ),
    Fault(
        "a step without events", "input", "        return [Event(", "        _ = [Event(", ("returned None",), "def step",
    ),
    Fault(
        "a class attribute", "rooms", "    def note(self, world, tick, rng):\n",
        "    past = []\n\n    def note(self, world, tick, rng):\n        self.past.append(tick)\n"
        "        world.seconds_left = max(0, world.seconds_left - len(self.past) % 3)\n",
        ("Tag.past", "rooms share it"), "past = []",
    ),
    Fault(
        "a mutable default of a field", "rooms", "return Field(order=[])", "return Field()", ("Field.order",), "order: list",
        ((NOTE, "        world.order.append('x')\n"),),
    ),
    Fault(
        "a module variable", "rooms", NOTE, "        SCORES[tick] = 1\n        world.seconds_left -= len(SCORES) % 2\n",
        ("SCORES", "rooms share it"), "SCORES = {}", (SCORES,),
    ),
)  # fmt: skip


def written(folder: Path, package: str, fault: Fault | None = None) -> Path:
    """The game in a package of that name under a folder, and its routing file, which is returned."""
    text = TAG
    for old, new in () if fault is None else ((fault.old, fault.new), *fault.also):
        assert old in text, old
        text = text.replace(old, new)
    home = folder / package
    home.mkdir(parents=True)
    (home / "__init__.py").write_text(text, encoding="utf-8")
    routing = folder / f"{package}.yaml"
    routing.write_text(ROUTING.format(package=package), encoding="utf-8")
    return routing
