"""The taps in a loop process: what its rooms took in, stepped, answered and cut, tick by tick, into the trace.

`WatchedHolder` is the real holder with a look at each room after each tick; `WatchedGame` notes what the rules were given.
The product's code knows of neither.
"""

from collections.abc import Iterable, Sequence
from typing import Any, cast

from attrs import define, field

from game.codec import Delta, encode_delta, quantize_all
from game.contract import Event, Game
from game.fields import SPECTATORS
from game.replay import encode_state
from game.schema import Schema
from game.tracker import PUBLIC_SECTION, SPECTATORS_SECTION, Section
from game.wire.closecodes import Close
from server.clock import stopwatch
from server.relay import envelope as e
from server.rooms.holder import Holder, _Held
from server.rooms.inputs import Given
from server.rooms.outgoing import ToOne
from server.rooms.room import Room
from server.rooms.stream import Stream
from server.verify import oracle
from server.verify import trace as tr
from server.verify.again import Kept, difference, replayed_state
from server.verify.sharing import digest_of


class WatchedGame:
    """A game's rules with a note of each step's inputs. Everything else is the game's own."""

    def __init__(self, game: Game, schema: Schema) -> None:
        self._game = game
        self._messages = {message.cls: message for message in schema.inputs}
        self.given: list[tuple[int, str, tuple[object, ...]]] = []

    def __getattr__(self, name: str) -> Any:
        value = self.__dict__[name] = getattr(self._game, name)  # rules are frozen: looked up once
        return value

    @property
    def rules(self) -> Game:
        """The game itself."""
        return self._game

    def step(self, world: Any, inputs: Sequence[tuple[int, Any]], tick: int, rng: Any) -> Sequence[Event]:
        """The rules' step."""
        inputs = list(inputs)
        for seat, body in inputs:
            message = self._messages[type(body)]
            self.given.append((seat, message.name, tuple(quantize_all(message, body))))
        return self._game.step(world, inputs, tick, rng)


@define(eq=False)
class _Book:
    """What is known of a room so far."""

    game: WatchedGame
    live_seq: int = 0
    delayed_seq: int = 0
    seated: object = None
    is_decided: bool = False
    is_over: bool = False
    kicked: set[str] = field(factory=set)
    ids: dict[tuple[int, Section, int], tuple[set[int], set[int]]] = field(factory=dict)
    named: dict[tuple[int, Section], tuple[Delta, str]] = field(factory=dict)
    answers: dict[int, list[Given]] = field(factory=dict)


@define(eq=False)
class WatchedHolder(Holder):
    """``on_room`` is called once per room, before its first tick. ``handled`` counts the items that it and its rooms took."""

    trace: tr.Trace = field(kw_only=True)
    on_room: Any = field(kw_only=True, default=None)
    handled: int = field(default=0, init=False)
    _books: dict[str, _Book] = field(factory=dict, init=False)

    def _on_item(self, gateway: str, item: e.ToLoop) -> None:
        self.handled += 1
        super()._on_item(gateway, item)

    def _tick(self, held: _Held) -> None:
        room = held.room
        self.handled += len(room._pending)
        book = self._books.get(room.facts.incarnation)
        if book is None:
            book = self._books[room.facts.incarnation] = self._watch(room)
        at = stopwatch()  # a tick is as of its beginning: in real time it takes a while
        before = _people(room) if any(isinstance(item, e.Kick) for _, item in room._pending) else None
        super()._tick(held)
        if before is not None:
            self._note_kicks(room, book, at, before)
        self._note(room, book, at)

    def _watch(self, room: Room) -> _Book:
        game = WatchedGame(room.match.game, room.plan.schema)
        room.match.game = cast(Game, game)
        if self.on_room is not None:
            self.on_room(room)
        return _Book(game)

    def _note(self, room: Room, book: _Book, at: float) -> None:
        of = (at, room.facts.incarnation, self.node, room.facts.epoch)
        self._note_seats(room, book, of)
        if room.match.is_decided and not book.is_decided:
            book.is_decided = True
            self.trace.add(tr.Decided(*of, room.tick_no))
        if room.over_at is not None and not book.is_over:
            book.is_over = True
            self.trace.add(tr.Over(*of, room.tick_no))
        bots = {hold.number for hold in room.match.seats.bots()}
        stepped = tuple(row for row in book.game.given if row[0] not in bots)
        book.game.given.clear()
        if stepped:
            self.trace.add(tr.Stepped(*of, room.tick_no, stepped))
        holds = room.match.seats.holds
        for seat in sorted(room.match.inputs):
            given = [answer for answer, _ in room.match.inputs[seat]._answers]
            known = set(map(id, book.answers.get(seat, ())))
            book.answers[seat] = given
            for answer in given:
                if id(answer) not in known:
                    tenancy = holds[seat].first_generation
                    self.trace.add(tr.Answered(*of, seat, tenancy, answer.n, answer.tick, answer.reason))
        self._note_frames(room, book, of)

    def _note_kicks(self, room: Room, book: _Book, at: float, before: "_People") -> None:
        viewers, seats = before
        told = [out.item for out in room._out if isinstance(out, ToOne) and isinstance(out.item, e.Dismissed)]
        others = {item.conn for item in told if item.close != Close.NOT_ALLOWED.value.code}  # replaced before it, say
        for identity, reason in room.admission.kept_out.items():
            if identity in book.kicked:
                continue
            book.kicked.add(identity)
            conns = tuple(
                (conn, is_private) for of, conn, is_private in viewers if of == identity and conn not in others
            )
            own = tuple((seat, tenancy) for of, seat, tenancy in seats if of == identity)
            of_room = (at, room.facts.incarnation, self.node, room.facts.epoch)
            self.trace.add(tr.Kicked(*of_room, room.tick_no, identity, reason, conns, own))

    def _note_seats(self, room: Room, book: _Book, of: tuple[float, str, str, int]) -> None:
        seats = tuple(
            (hold.number, hold.generation, hold.first_generation, hold.conn) for hold in room.match.seats.humans()
        )
        viewers = tuple((v.conn, tuple(v.seats), v.role, v.sections) for v in room.viewers.values())
        if (seats, viewers) != book.seated:
            book.seated = (seats, viewers)
            self.trace.add(tr.SeatsHeld(*of, room.tick_no, seats, viewers))

    def _note_frames(self, room: Room, book: _Book, of: tuple[float, str, str, int]) -> None:
        framer = room.framer
        if framer.live.seq != book.live_seq:
            book.live_seq = framer.live.seq
            shown = {s for v in room.viewers.values() if v.stream == e.LIVE_STREAM for s in v.sections}
            views = _views(framer.live, 0, shown | {PUBLIC_SECTION}, book)
            self.trace.add(
                tr.Commit(
                    *of,
                    e.LIVE_STREAM,
                    framer.live.seq,
                    room.tick_no,
                    views,
                    _reused(framer.live, 0, book),
                    _due(room, framer.live, [v.sections for v in room.viewers.values() if v.stream == e.LIVE_STREAM]),
                )
            )
        delayed = framer._delayed
        if delayed is not None and delayed.seq != book.delayed_seq:
            book.delayed_seq = delayed.seq
            own = {SPECTATORS_SECTION} if room.plan.schema.has_section(SPECTATORS) else set()
            views = _views(delayed, 1, own | {PUBLIC_SECTION}, book)
            self.trace.add(
                tr.Commit(
                    *of,
                    e.DELAYED_STREAM,
                    delayed.seq,
                    room.tick_no,
                    views,
                    _reused(delayed, 1, book),
                    _due(room, delayed, oracle.of_spectators(room.plan.schema)),
                )
            )

    def replay_all(self) -> list[Kept]:
        """Plays the record of every room that is still held, notes whether it comes to the same state, and returns it."""
        kept = []
        for held in self.rooms.values():
            room = held.room
            if room.match.tick:
                self.trace.add(_replayed(room, self._books[room.facts.incarnation].game.rules, self.node))
                if not room.match.recorder._changes:
                    kept.append(Kept(room.match.recorder.to_bytes(), encode_state(room.match.world, room.match.rng)))
        return kept


_People = tuple[list[tuple[str, str, bool]], list[tuple[str, int, int]]]


def _people(room: Room) -> _People:
    """Whose connections and whose seats there are: (identity, connection, has it sections of its own), (identity, seat, tenancy)."""
    viewers = [(v.identity, v.conn, v.sections != (PUBLIC_SECTION,)) for v in room.viewers.values()]
    return viewers, [(h.identity, h.number, h.first_generation) for h in room.match.seats.humans()]


def _reused(stream: Stream, number: int, book: _Book) -> tuple[str, ...]:
    """Wire ids that are in use again after they were not. Where they are given out only: elsewhere, rows come back."""
    found = []
    for section, table, ids in stream.tracker.standing():
        if table.exists is not section.audience:
            continue
        alive, dead = book.ids.setdefault((number, section, table.index), (set(), set()))
        now = set(ids)
        if now == alive:
            continue
        found += [f"{table.collection} {wire_id}" for wire_id in sorted(now & dead)]
        dead |= alive - now
        alive.clear()
        alive |= now
    return tuple(found)


def _due(room: Room, stream: Stream, viewers: Iterable[oracle.Sections]) -> dict[oracle.Sections, str]:
    """What the world has for each set of sections, where this frame is one to be compared."""
    if not oracle.is_compared(stream.seq):
        return {}
    sources = room.match.sources()
    return {s: oracle.due_to(room.plan.schema, sources, s) for s in sorted({tuple(sorted(v)) for v in viewers})}


def _views(stream: Stream, number: int, sections: set[Section], book: _Book) -> tr.Held:
    """The digest of each section. Most stand as they stood a frame ago, and comparing is quicker than encoding."""
    views = {}
    for section in sorted(sections):
        key = stream.key(section)
        named = book.named.get((number, section))
        if named is None or named[0] != key:
            named = book.named[number, section] = key, digest_of(encode_delta(key))
        views[section] = named[1]
    return views


def _replayed(room: Room, rules: Game, node: str) -> tr.Replayed:
    match = room.match
    live = again = encode_state(match.world, match.rng)
    detail = ""
    if not match.recorder._changes:  # else who joined after the last step is in the world and not in a tick
        try:
            again, detail = replayed_state(match.recorder.to_bytes(), rules), ""
        except Exception as error:  # noqa: BLE001 - an author's rules may raise anything when they are played again
            again, detail = b"", f"; replaying failed: {error!r}"
    detail = detail or difference(live, again)
    return tr.Replayed(
        stopwatch(),
        room.facts.incarnation,
        node,
        room.facts.epoch,
        match.tick,
        digest_of(live),
        digest_of(again),
        detail,
    )
