"""A match of the rules alone: no room, no sockets, no time. Joins, leaves and inputs in, the world's hash out.

It does to a game what a room does, in the same order, and says where the author's code raised. Needs `game` and nothing
else, so that a second interpreter can run it. The checks of `server.verify.rules` are made from it.
"""

import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from random import Random
from types import FrameType, ModuleType
from typing import Any, TypeVar

from attrs import define, field, frozen

from game.codec import body_of, encode_delta
from game.contract import Event, Game, Refusal, Seat
from game.fields import Kind
from game.quantize import Quantized, WireOverflow
from game.replay import Header, Recorder, header_of, state_hash
from game.rng import Rng
from game.schema import Message, RoomRow, Schema, SeatRow, schema_of
from game.tracker import PUBLIC_SECTION, Tracker
from server.rooms.author_calls import RulesOverdueError, author_calls

T = TypeVar("T")
NAMES = ("Ada", "Zoë", "", "x" * 40, "日本語", "a'b\"c")
REASONS = ("left", "kicked", "gone")
STEPS_AT_ONCE_MAX = 120


@frozen
class Join:
    """Somebody takes a seat; nothing where it is taken."""

    seat: int
    name: str = "Ada"
    is_bot: bool = False

    def __str__(self) -> str:
        return f"join seat {self.seat} as {self.name!r}{' (a bot)' if self.is_bot else ''}"


@frozen
class Leave:
    """A seat is given up; nothing where nobody has it."""

    seat: int
    reason: str = "left"

    def __str__(self) -> str:
        return f"leave seat {self.seat} ({self.reason})"


@frozen
class Link:
    """A seat's connection is lost or comes back."""

    seat: int
    is_connected: bool

    def __str__(self) -> str:
        return f"seat {self.seat} {'is back' if self.is_connected else 'loses its connection'}"


@frozen
class Step:
    """Steps of the rules: the first with these inputs, (seat, body) in order; those of empty seats are left out."""

    inputs: tuple[tuple[int, Any], ...] = ()
    count: int = 1

    def __str__(self) -> str:
        said = ", ".join(f"seat {seat}: {body}" for seat, body in self.inputs)
        return f"step{f' × {self.count}' if self.count > 1 else ''}{f' with {said}' if said else ''}"


Move = Join | Leave | Link | Step
Script = Sequence[Move]


class RulesRaised(Exception):
    """The author's code raised, did not return, or gave back what a room cannot use. ``where`` is file:line."""

    def __init__(self, called: str, text: str, where: str, tick: int, *, is_overdue: bool = False) -> None:
        super().__init__(f"{where}: {called}() in tick {tick}: {text}")
        self.called, self.text, self.where, self.tick, self.is_overdue = called, text, where, tick, is_overdue


@frozen
class Ruleset:
    """A game as a room type has it. ``header`` and ``quiet`` are enough to make it anew in another process.

    ``quiet``: the moves of its random script that are made without their inputs, for these would end the match.
    """

    game: Game
    options: Any
    seed: int
    quiet: tuple[int, ...] = ()

    @property
    def kind(self) -> type[Game]:
        """The game's class."""
        return type(self.game)

    @property
    def schema(self) -> Schema:
        """The game's schema."""
        return schema_of(self.kind)

    @property
    def header(self) -> Header:
        """As a record would begin."""
        return header_of(self.game, self.seed, self.options)


@define(eq=False)
class Drill:
    """One match. Calls that make no sense (a join to a taken seat, anything after the result) do nothing.

    ``applied`` and ``refused`` count the inputs by their class; ``last_refusal`` is the newest reason for each class.
    """

    ruleset: Ruleset
    keeps_record: bool = False
    tick: int = 0
    is_over: bool = False
    world: Any = field(init=False)
    rng: Rng = field(init=False)
    recorder: Recorder = field(init=False)
    tracker: Tracker = field(init=False)
    seated: dict[int, SeatRow] = field(factory=dict)
    applied: Counter[str] = field(factory=Counter)
    refused: Counter[str] = field(factory=Counter)
    last_refusal: dict[str, str] = field(factory=dict)
    checkpoint_every: int = 100
    on_tick: "OnTick | None" = None
    before_step: Callable[["Drill", Sequence[tuple[int, Any]]], None] | None = None

    def __attrs_post_init__(self) -> None:
        ruleset = self.ruleset
        self.rng = Rng.from_seed(ruleset.seed)
        self.world = self._call("setup", ruleset.game.setup, ruleset.options, self.rng)
        self.recorder = Recorder(ruleset.header, ruleset.game.inputs)
        self.tracker = Tracker(ruleset.schema)

    def run(self, script: Script) -> "Drill":
        """All of it. Raises RulesRaised."""
        for move in script:
            self.do(move)
        self._cut_whole()
        return self

    def do(self, move: Move) -> None:
        """One move."""
        if self.is_over:
            return
        match move:
            case Join():
                self._join(move)
            case Leave() if move.seat in self.seated:
                del self.seated[move.seat]
                self._call("leave", self.ruleset.game.leave, self.world, move.seat, move.reason)
                self.recorder.left(move.seat, move.reason)
            case Link() if move.seat in self.seated and self.seated[move.seat].is_connected != move.is_connected:
                self.seated[move.seat].is_connected = move.is_connected
                self._call("connected", self.ruleset.game.connected, self.world, move.seat, move.is_connected)
                self.recorder.linked(move.seat, move.is_connected)
            case Step():
                self._step(move.inputs)
                for _ in range(move.count - 1):
                    self._step(())
            case _:
                pass

    def _join(self, move: Join) -> None:
        game = self.ruleset.game
        if move.seat in self.seated or not 0 <= move.seat < game.seats:
            return
        team = self._smallest_team()
        seat = Seat(move.seat, move.name, team, move.is_bot)
        self._call("join", game.join, self.world, seat, self.rng)
        self.recorder.joined(seat)
        self.seated[move.seat] = SeatRow(move.seat, move.name, is_bot=move.is_bot)

    def _step(self, inputs: Sequence[tuple[int, Any]]) -> None:
        if self.is_over:
            return
        game = self.ruleset.game
        legal = [(seat, body) for seat, body in sorted(inputs, key=_seat_of) if self._is_legal(seat, body)]
        self.tick += 1
        if self.before_step is not None:
            self.before_step(self, legal)
        events = self._call("step", game.step, self.world, legal, self.tick, self.rng)
        if not isinstance(events, Sequence):
            raise self._wrong("step", f"returned {events!r}; expected a sequence of events, () for none")
        self.recorder.tick(self.tick, inputs=legal)
        if self.keeps_record and self.tick % self.checkpoint_every == 0:
            self.recorder.checkpoint(self.world, self.rng)
        self._show(events)
        if self.on_tick is not None:
            self.on_tick(self, events)
        self.is_over = self._call("result", game.result, self.world) is not None

    def _is_legal(self, seat: int, body: Any) -> bool:
        if seat not in self.seated:
            return False
        refusal = self._call("validate", self.ruleset.game.validate, self.world, seat, body)
        if refusal is not None and not isinstance(refusal, Refusal):
            raise self._wrong("validate", f"returned {refusal!r}; expected None or a Refusal")
        name = type(body).__name__
        if refusal is None:
            self.applied[name] += 1
        else:
            self.refused[name] += 1
            self.last_refusal[name] = refusal.reason
        return refusal is None

    def _show(self, events: Sequence[Event]) -> None:
        for seat in self.seated:
            self._team_of(seat)
        sources = self.sources()
        try:
            self.tracker.advance(sources, events, is_forced=True)
        except (WireOverflow, TypeError, ValueError, AttributeError) as error:
            raise self._wrong("step", f"left what cannot be sent: {error}") from error

    def sources(self) -> dict[str, Any]:
        """The tracker's sources, as a room has them."""
        sources: dict[str, Any] = {"_room": RoomRow("playing"), "_seats": self.seated, "world": self.world}
        for collection in self.ruleset.schema.collections:
            if collection.name not in sources:
                sources[collection.name] = getattr(self.world, collection.name)
        return sources

    def hash(self) -> str:
        """The whole state's hash."""
        try:
            return state_hash(self.world, self.rng)
        except (TypeError, ValueError, OverflowError) as error:
            raise self._wrong("step", f"left a world that no checkpoint can hold: {error}") from error

    def _cut_whole(self) -> None:
        if self.tracker.seq:
            encode_delta(self.tracker.key(PUBLIC_SECTION))

    def _smallest_team(self) -> int | None:
        teams = self.ruleset.game.teams
        if not teams:
            return None
        sizes = [0] * len(teams)
        for seat in self.seated:
            team = self._team_of(seat)
            if team is not None:
                sizes[team] += 1
        return sizes.index(min(sizes))

    def _team_of(self, seat: int) -> int | None:
        team = self._call("team_of", self.ruleset.game.team_of, self.world, seat)
        if team is not None and not 0 <= team < len(self.ruleset.game.teams):
            raise self._wrong("team_of", f"returned {team!r}; expected None or 0 to {len(self.ruleset.game.teams) - 1}")
        return team

    def _call(self, called: str, function: Callable[..., T], *arguments: Any) -> T:
        kind = self.ruleset.kind
        try:
            with author_calls:
                return function(*arguments)
        except RulesOverdueError as error:
            where = _raised_at(error.__cause__ or error, kind)
            raise RulesRaised(called, "did not return", where, self.tick, is_overdue=True) from error
        except Exception as error:
            text = traceback.format_exception_only(error)[-1].strip()[:300]
            raise RulesRaised(called, text, _raised_at(error, kind), self.tick) from error

    def _wrong(self, called: str, text: str) -> RulesRaised:
        code = getattr(self.ruleset.kind, called).__code__
        return RulesRaised(called, text, f"{code.co_filename}:{code.co_firstlineno}", self.tick)


OnTick = Callable[[Drill, Sequence[Event]], None]


def hashes(ruleset: Ruleset, script: Script) -> list[str]:
    """The state's hash at the start and after every tick."""
    found: list[str] = []
    drill = Drill(ruleset, on_tick=lambda now, _: found.append(now.hash()))
    found.append(drill.hash())
    drill.run(script)
    return found


def random_script(schema: Schema, seats: int, seed: int, steps: int) -> list[Move]:
    """Moves of a seed: people come, play all that the wire can carry, lose connections and leave. The same everywhere."""
    random = Random(seed)
    script: list[Move] = [Join(seat, NAMES[seat % len(NAMES)]) for seat in range(min(2, seats))]
    for _ in range(steps):
        if random.random() < 0.04:
            script.append(Join(random.randrange(seats), random.choice(NAMES), random.random() < 0.2))
        if random.random() < 0.015:
            script.append(Leave(random.randrange(seats), random.choice(REASONS)))
        if random.random() < 0.02:
            script.append(Link(random.randrange(seats), random.random() < 0.5))
        count = random.choice((0, 1, 2, seats))
        inputs = [(random.randrange(seats), _body(random.choice(schema.inputs), random)) for _ in range(count)]
        script.append(Step(tuple(inputs)))
    return script


def _body(message: Message, random: Random) -> Any:
    return body_of(
        message, [_quantized(wire.spec.kind, wire.spec.steps, wire.spec.max_bytes, random) for wire in message.fields]
    )


def _quantized(kind: Kind, steps: int, max_bytes: int, random: Random) -> Quantized:
    if kind is Kind.TEXT:
        return "".join(random.choices("ab é", k=random.randrange(1 + min(8, max_bytes // 2))))
    return random.choice((0, steps, steps // 2, random.randint(0, steps), random.randint(0, steps)))


def package_of(kind: type) -> str:
    """The package of the author's code: frames of its modules are the author's."""
    module = sys.modules[kind.__module__]
    return module.__package__ or module.__name__


def modules_of(kind: type) -> Iterator[ModuleType]:
    """The modules of the author's package that are loaded, by name."""
    root = package_of(kind)
    for name in sorted(sys.modules):
        if name in (kind.__module__, root) or name.startswith(f"{root}."):
            yield sys.modules[name]


def is_authors(frame: FrameType, kind: type) -> bool:
    """Whether a frame runs the author's code."""
    name, root = str(frame.f_globals.get("__name__", "")), package_of(kind)
    return name in (kind.__module__, root) or name.startswith(f"{root}.")


def _raised_at(error: BaseException, kind: type) -> str:
    """file:line of the deepest frame of the author's code, or of any where none is the author's."""
    places = [(frame, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    mine = [(frame, line) for frame, line in places if is_authors(frame, kind)] or places
    frame, line = mine[-1]
    return f"{frame.f_code.co_filename}:{line}"


def _seat_of(pair: tuple[int, Any]) -> int:
    return pair[0]
