"""Records a match and plays it again: the same rules, seed and inputs give the same bytes, tick for tick.

The loop writes a :class:`Recorder`; `play` and `replay` read a :class:`Record` in any process. Checkpoints hold the whole
unquantized state. Where records are kept, and for how long, is not known here.

A record is ``RWREPLAY``, one byte of format version, and a msgpack array ``[header, ticks, checkpoints, last_tick,
is_cut]``. A tick is ``[tick, changes, inputs]``; ticks in which nothing came from outside are left out, but stepped all
the same. A change is ``["join", number, name, team, is_bot]``, ``["leave", seat, reason]`` or ``["link", seat,
is_connected]``; an input is ``[seat, input class's index, values in field order]``. Changes come before the tick's step,
in the order recorded. A checkpoint is ``[tick, state]``: after that tick's step, see `encode_state`.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import attrs
import msgspec
from attrs import define, field, frozen
from msgspec import Raw, Struct

from game.contract import Event, Game, Seat
from game.rng import Rng

MAGIC = b"RWREPLAY\x01"
RECORD_BYTES_MAX = 32 << 20
TICKS_MAX = 1 << 24  # three days at 60 Hz
CHANGES_MAX = 100_000  # who came and went before one tick; while nothing is played there is none


class ReplayError(Exception):
    """A record that cannot be read or does not fit the game; the message says why."""


class Header(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a match started from. ``game`` names its class; ``options`` are `encode_options`' bytes."""

    game: str
    version: str
    seed: int
    options: bytes
    tick_hz: int
    seats: int
    teams: tuple[str, ...] = ()


class _Tick(Struct, frozen=True, array_like=True):
    tick: int
    changes: list[list[Any]]
    inputs: list[tuple[int, int, list[Any]]]


class _State(Struct, frozen=True, array_like=True):
    rng: tuple[int, int]
    world: Raw


class _Whole(Struct, frozen=True, array_like=True):
    header: Header
    ticks: list[_Tick]
    checkpoints: list[tuple[int, bytes]]
    last_tick: int
    is_cut: bool


class _Pieces(Struct, frozen=True, array_like=True):
    header: Header
    ticks: list[Raw]
    checkpoints: list[tuple[int, bytes]]
    last_tick: int
    is_cut: bool


@frozen
class Played:
    """The state after one tick of a replay. The world is the live object and changes with the next tick."""

    tick: int
    world: Any
    rng: Rng
    events: Sequence[Event]


def header_of(game: Game, seed: int, options: Any) -> Header:
    """The header for a match that starts now."""
    kind = type(game)
    name = f"{kind.__module__}:{kind.__qualname__}"
    return Header(name, kind.version, seed, encode_options(options), game.tick_hz, game.seats, tuple(game.teams))


def encode_options(options: Any) -> bytes:
    """An options instance as msgpack."""
    return msgspec.msgpack.encode(options)


def encode_state(world: Any, rng: Rng) -> bytes:
    """The whole state in canonical bytes: msgpack of the rng's two numbers and of the world's attributes in order.

    Dicts keep their order, for rules may depend on it. Sets have none to keep, so they have no place in a world.
    """
    return msgspec.msgpack.encode(_State((rng.state, rng.increment), Raw(msgspec.msgpack.encode(world))))


def decode_state(world_class: type, data: bytes) -> tuple[Any, Rng]:
    """The world and rng of a checkpoint. Raises ReplayError for bytes of another shape."""
    try:
        state = msgspec.msgpack.decode(data, type=_State)
        return msgspec.msgpack.decode(state.world, type=world_class), Rng(*state.rng)
    except (msgspec.DecodeError, TypeError) as error:
        raise ReplayError(f"expected a checkpoint of {world_class.__name__}: {error}") from error


def state_hash(world: Any, rng: Rng) -> str:
    """BLAKE2b-128 of the state's canonical bytes, in hex. For servers and tests: clients see hashes of views only."""
    return hashlib.blake2b(encode_state(world, rng), digest_size=16).hexdigest()


@define
class Recorder:
    """Writes one match. Beyond ``bytes_max``, and beyond CHANGES_MAX before one tick, it stops (``is_cut``): what was recorded until then still replays.

    ``inputs`` are the game's input classes.
    """

    header: Header
    inputs: tuple[type, ...]
    bytes_max: int = RECORD_BYTES_MAX
    last_tick: int = 0
    is_cut: bool = False
    _changes: list[list[Any]] = field(factory=list)
    _ticks: list[Raw] = field(factory=list)
    _checkpoints: list[tuple[int, bytes]] = field(factory=list)
    _size: int = 0

    @classmethod
    def of(cls, game: Game, seed: int, options: Any) -> "Recorder":
        """The recorder of a match that starts now: `play` will begin with ``Rng.from_seed(seed)``."""
        return cls(header_of(game, seed, options), game.inputs)

    def joined(self, seat: Seat) -> None:
        """`Game.join` was called, before the next recorded tick."""
        self._change(["join", seat.number, seat.name, seat.team, seat.is_bot])

    def left(self, seat: int, reason: str) -> None:
        """`Game.leave` was called."""
        self._change(["leave", seat, reason])

    def linked(self, seat: int, is_connected: bool) -> None:
        """`Game.connected` was called."""
        self._change(["link", seat, is_connected])

    def tick(
        self,
        tick: int,
        joins: Iterable[Seat] = (),
        leaves: Iterable[tuple[int, str]] = (),
        inputs: Iterable[tuple[int, Any]] = (),
    ) -> None:
        """One call of `Game.step`, with the (seat, input) pairs that it got.

        ``leaves`` count as called before ``joins``, both after what `joined`, `left` and `linked` told. Raises
        ValueError unless ticks grow by one, from 1, and for an input of a foreign class.
        """
        if self.is_cut:
            return
        if tick != self.last_tick + 1:
            raise ValueError(f"tick() expected {self.last_tick + 1}, got {tick}: every step is recorded, in order")
        for seat, reason in leaves:
            self.left(seat, reason)
        for joining in joins:
            self.joined(joining)
        self._step(tick, inputs)

    def _step(self, tick: int, inputs: Iterable[tuple[int, Any]]) -> None:
        if self.is_cut:  # by a change too many
            return
        rows = [self._row(seat, body) for seat, body in inputs]
        if self._changes or rows:
            data = msgspec.msgpack.encode([tick, self._changes, rows])
            if not self._has_room_for(len(data)):
                return
            self._ticks.append(Raw(data))
            self._changes = []
        if tick >= TICKS_MAX:
            self.is_cut = True
        else:
            self.last_tick = tick

    def checkpoint(self, world: Any, rng: Rng) -> None:
        """Keeps the whole state as it is after the last recorded tick, so that a replay can begin there."""
        data = encode_state(world, rng)
        if self._has_room_for(len(data)):
            self._checkpoints.append((self.last_tick, data))

    def to_bytes(self) -> bytes:
        """The record until now."""
        pieces = _Pieces(self.header, self._ticks, self._checkpoints, self.last_tick, self.is_cut)
        return MAGIC + msgspec.msgpack.encode(pieces)

    def _change(self, change: list[Any]) -> None:
        self.is_cut = self.is_cut or len(self._changes) >= CHANGES_MAX
        if not self.is_cut:
            self._changes.append(change)

    def _row(self, seat: int, body: Any) -> tuple[int, int, list[Any]]:
        cls = type(body)
        if cls not in self.inputs:
            raise ValueError(f"expected an input of {[c.__name__ for c in self.inputs]}, got {cls.__name__}")
        return seat, self.inputs.index(cls), [getattr(body, a.name) for a in attrs.fields(cls)]

    def _has_room_for(self, size: int) -> bool:
        self._size += size
        self.is_cut = self.is_cut or self._size > self.bytes_max
        return not self.is_cut


@frozen
class Record:
    """A recorded match, read back."""

    header: Header
    ticks: dict[int, _Tick]
    checkpoints: dict[int, bytes]
    last_tick: int
    is_cut: bool

    @classmethod
    def from_bytes(cls, data: bytes) -> "Record":
        """Raises ReplayError for anything that `Recorder.to_bytes` could not have written."""
        if not data.startswith(MAGIC):
            raise ReplayError(f"expected a record of format {MAGIC!r}, got one that starts with {data[:9]!r}")
        try:
            whole = msgspec.msgpack.decode(memoryview(data)[len(MAGIC) :], type=_Whole)
        except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
            raise ReplayError(f"expected a record, got bytes that fail: {error}") from error
        ticks = [entry.tick for entry in whole.ticks]
        if not 0 <= whole.last_tick <= TICKS_MAX or ticks != sorted(set(ticks)):
            raise ReplayError("expected ticks in order, up to the last one")
        if ticks and not 1 <= ticks[0] <= ticks[-1] <= whole.last_tick:
            raise ReplayError(f"expected ticks from 1 to {whole.last_tick}, got {ticks[0]} to {ticks[-1]}")
        by_tick = {entry.tick: entry for entry in whole.ticks}
        return cls(whole.header, by_tick, dict(whole.checkpoints), whole.last_tick, whole.is_cut)


def play(record: Record, game: Game, from_tick: int = 0) -> Iterator[Played]:
    """Plays a record: yields the state after setup (tick 0) and after every tick.

    ``from_tick`` begins at that tick's checkpoint instead. Raises ReplayError where the game or its version is another
    than the record's, or where there is no such checkpoint.
    """
    _check_fits(record.header, game)
    if from_tick:
        if from_tick not in record.checkpoints:
            raise ReplayError(f"expected a checkpoint's tick among {sorted(record.checkpoints)}, got {from_tick}")
        world, rng = decode_state(type(game).World, record.checkpoints[from_tick])
    else:
        rng = Rng.from_seed(record.header.seed)
        world = game.setup(_options(record.header, game), rng)
    yield Played(from_tick, world, rng, ())
    for tick in range(from_tick + 1, record.last_tick + 1):
        entry = record.ticks.get(tick)
        inputs: list[tuple[int, Any]] = []
        if entry is not None:
            for change in entry.changes:
                _apply_change(game, world, rng, change)
            inputs = [(seat, _body(game, index, values)) for seat, index, values in entry.inputs]
        yield Played(tick, world, rng, game.step(world, inputs, tick, rng))


def replay(record: Record, game: Game, from_tick: int = 0) -> list[str]:
    """The state's hash at the start and after every tick: equal to the live match's, in any process."""
    return [state_hash(played.world, played.rng) for played in play(record, game, from_tick)]


def _check_fits(header: Header, game: Game) -> None:
    kind = type(game)
    mine = f"{kind.__module__}:{kind.__qualname__}", kind.version, game.tick_hz, game.seats, tuple(game.teams)
    theirs = header.game, header.version, header.tick_hz, header.seats, header.teams
    if mine != theirs:
        raise ReplayError(f"expected a game like the record's {theirs}, got {mine}")


def _options(header: Header, game: Game) -> Any:
    try:
        return msgspec.msgpack.decode(header.options, type=type(game).Options)
    except msgspec.DecodeError as error:
        raise ReplayError(f"expected options of {type(game).Options.__name__}: {error}") from error


def _apply_change(game: Game, world: Any, rng: Rng, change: Sequence[Any]) -> None:
    match change:
        case ["join", int(number), str(name), int() | None as team, bool(is_bot)]:
            game.join(world, Seat(number, name, team, is_bot), rng)
        case ["leave", int(seat), str(reason)]:
            game.leave(world, seat, reason)
        case ["link", int(seat), bool(is_connected)]:
            game.connected(world, seat, is_connected)
        case _:
            raise ReplayError(f"expected a join, leave or link, got {change!r}"[:200])


def _body(game: Game, index: int, values: Sequence[Any]) -> Any:
    if not 0 <= index < len(game.inputs):
        raise ReplayError(f"expected input class 0 to {len(game.inputs) - 1}, got {index}")
    cls = game.inputs[index]
    names = [a.alias for a in attrs.fields(cls)]
    if len(names) != len(values):
        raise ReplayError(f"expected {len(names)} values of {cls.__name__}, got {len(values)}")
    return cls(**dict(zip(names, values, strict=True)))
