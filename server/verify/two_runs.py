"""Promises that one run cannot show: the same schedule twice with one thing changed, and what must stay the same.

O13: sections that a viewer does not have are altered where they are cut, and so are the answers, notices and goodbyes of
others; the viewer's bytes stay the same, in content, number and time. O15: a reader that stops changes nobody else's frames. O22: wall-clock steps change nothing.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from functools import partial
from random import Random
from typing import cast

from attrs import define, field
from msgspec.structs import replace

from game.codec import Delta, EventRow, Group, TableDelta
from game.fields import PUBLIC, Kind
from game.quantize import Quantized
from game.schema import WireField
from game.tracker import PUBLIC_SECTION, Section, Tracker
from game.wire.frames import Answer, AnswerRows, answer_rows
from server.rooms.bots import BotCrew
from server.rooms.inputs import InputQueue
from server.rooms.room import Room
from server.verify import trace as tr
from server.verify.programs import Subject
from server.verify.promises import Violation, faults_of
from server.verify.simlayer import Kind as LayerKind
from server.verify.simloop import SimLivelock
from server.verify.world import World

PLAY_S = 6.0
NOTICE_AT, KICK_AT = 80, 100  # ticks of the schedule
STRANGER = 1 << 20  # the wire id of an entity that is not there
JITTER_S = 0.1  # the two runs draw other delays
CUT_OFF_S = 1.0  # the last ticks of a run have no later ones
Schedule = Callable[[World], None]
Bytes = dict[str, list[tuple[float, int, bytes]]]


@define(eq=False)
class AlteredTracker:
    """A tracker whose deltas of one section carry other values, and one hidden entity more. What is public stays."""

    tracker: Tracker
    target: Section
    altered: int = field(default=0)

    def __getattr__(self, name: str) -> object:
        return getattr(self.tracker, name)

    def key(self, section: Section) -> Delta:
        """The whole section, altered."""
        return self._alter(section, self.tracker.key(section))

    def patch(self, section: Section, base: int) -> Delta:
        """What changed, altered."""
        return self._alter(section, self.tracker.patch(section, base))

    def _alter(self, section: Section, delta: Delta) -> Delta:
        if section != self.target:
            return delta
        self.altered += 1
        return Delta(
            delta.is_key, [_other_table(part) for part in delta.tables], [_other_event(e) for e in delta.events]
        )


@define(eq=False)
class TrueCrew:
    """A room's bots, who see what is so: another move of theirs would be public."""

    crew: BotCrew
    tracker: Tracker

    def __getattr__(self, name: str) -> object:
        return getattr(self.crew, name)

    def see(self, _: object) -> None:
        """As `BotCrew.see`, of the tracker that is not altered."""
        self.crew.see(self.tracker.key)


@define(eq=False)
class OtherwiseAnswered:
    """A seat's inputs, whose answers tell of other ticks and reasons. What is done with the inputs stays."""

    queue: InputQueue
    counted: Counter[str]

    def __getattr__(self, name: str) -> object:
        return getattr(self.queue, name)

    def rows(self, slot: int, generations: tuple[int, int], seq: int) -> AnswerRows:
        """As `InputQueue.rows`; of each answer, all but its number is another."""
        answers = self.queue.rows(slot, generations, seq).read()
        self.counted["answers"] += len(answers)
        altered = [Answer(slot, a.n, a.tick + 1, "" if a.reason else "another reason", a.margin + 1) for a in answers]
        return answer_rows(altered, generations)


class OtherwiseAnsweredSeats(dict[int, InputQueue]):
    """A match's inputs by seat; those of ``targets`` are answered otherwise."""

    def __init__(self, targets: AbstractSet[int], counted: Counter[str]) -> None:
        super().__init__()
        self.targets, self.counted = targets, counted

    def __setitem__(self, seat: int, queue: InputQueue) -> None:
        if seat in self.targets:
            queue = cast(InputQueue, OtherwiseAnswered(queue, self.counted))
        super().__setitem__(seat, queue)


def _other_table(part: TableDelta) -> TableDelta:
    groups = [_other_group(part, group) for group in part.groups]
    if part.table.exists is PUBLIC:
        return replace(part, groups=groups)  # everybody knows who there is
    stranger = [_default(wire) for wire in part.table.fields]
    full = part.table.full_mask
    whole = next((group for group in groups if group.mask == full), Group(full, (), [[] for _ in stranger]))
    columns = [[*column, q] for column, q in zip(whole.columns, stranger, strict=True)]
    others = [group for group in groups if group.mask != full]
    return replace(part, groups=[*others, Group(full, [*whole.ids, STRANGER], columns)])


def _default(wire: WireField) -> Quantized:
    return "" if wire.spec.kind is Kind.TEXT else 0


def _other_group(part: TableDelta, group: Group) -> Group:
    fields = [wire for i, wire in enumerate(part.table.fields) if group.mask >> i & 1]
    columns = [[_other(wire, q) for q in column] for wire, column in zip(fields, group.columns, strict=True)]
    return replace(group, columns=columns)


def _other_event(event: EventRow) -> EventRow:
    fields = event.message.fields
    return replace(event, values=[_other(wire, q) for wire, q in zip(fields, event.values, strict=True)])


def _other(wire: WireField, q: Quantized) -> Quantized:
    """Another value of the field's range; a text of another length, so that lengths would tell too."""
    if wire.spec.kind is Kind.TEXT:
        return "" if q else "?"
    return (int(q) + 1) % (wire.spec.steps + 1)


def play(world: World, seed: int, words: tuple[str, str] = ("please note", "enough")) -> None:
    """A schedule without faults: four people and a spectator, who play, talk and reconnect.

    The third gets a notice beside the first, at the same gateway; the fourth is kicked: ``words`` are what they are told.
    """
    random = Random(seed)
    bodies = [message for message in world.plan.rooms[world.room].schema.inputs if message.cls is not None]
    player, watcher = world.route_of("player"), world.route_of("spectator")
    world.advance(1.3)
    people = [world.client(player, gateway=f"gw{1 + n % 2}") for n in range(4)] if player else []
    world.advance(1.0)
    if watcher is not None:
        people.append(world.client(watcher, gateway="gw1"))
    for tick in range(int(PLAY_S / 0.05)):
        for n, client in enumerate(people[:4]):
            message = random.choice(bodies)
            assert message.cls is not None  # noqa: S101 - filtered above
            body = message.cls(**{wire.name: _any_value(wire, random) for wire in message.fields})
            if (tick + n) % 3 == 0:
                world.do(partial(client.send, body))
        if tick == 60 and people and people[1].socket is not None:
            world.do(lambda: people[1].socket.cut("network"))  # type: ignore[union-attr]  # looked at just now
        if tick == NOTICE_AT and people:
            world.notify(people[2], words[0])
        if tick == KICK_AT and people:
            world.kick(people[3], reason=words[1])
        world.advance(0.05)
    world.advance(2.0)
    world.finish_trace()


def any_body(world: World, random: Random) -> object:
    """An input of the room's game."""
    messages = [message for message in world.plan.rooms[world.room].schema.inputs if message.cls is not None]
    message = random.choice(messages)
    assert message.cls is not None  # noqa: S101 - filtered above
    return message.cls(**{wire.name: _any_value(wire, random) for wire in message.fields})


def _any_value(wire: WireField, random: Random) -> object:
    spec = wire.spec
    match spec.kind:
        case Kind.NUM:
            return spec.min + random.randrange(spec.steps + 1) * spec.step
        case Kind.WHOLE:
            return int(spec.min) + random.randrange(spec.steps + 1)
        case Kind.FLAG:
            return random.random() < 0.5
        case Kind.CHOICE:
            return random.choice(spec.choices)
        case Kind.TEXT:
            return "x" * random.randrange(min(8, spec.max_bytes))


def run(
    subject: Subject,
    seed: int,
    kind: LayerKind,
    on_room: Callable[[Room], None] | None = None,
    words: tuple[str, str] = ("please note", "enough"),
) -> World:
    """One run of the schedule, with every socket's bytes kept. The world is closed."""
    world = World(subject.plan, subject.room, seed, kind, keeps_bytes=True, on_room=on_room)
    try:
        play(world, seed, words)
    finally:
        world.close()
    return world


def _unsound(world: World) -> list[Violation]:
    """Why a run cannot be compared with another: something in it failed, or it shows nobody anything."""
    found = faults_of(world.trace)
    if not found and world.frames_delivered == 0 and world.route_of("player") is not None:
        found.append(
            Violation("O15", world.now, "four people came to play, nothing was broken, and nobody got a frame")
        )
    return found


def bytes_of(trace: tr.Trace) -> Bytes:
    """What each client's sockets carried, and when."""
    found: Bytes = defaultdict(list)
    for event in trace.of(tr.Wrote):
        found[event.client].append((event.t, event.socket, event.data))
    return found


def non_interference(subject: Subject, seed: int, kind: LayerKind = "memory") -> list[Violation]:
    """O13: alters one viewer's sections and messages after another's, and compares what everybody else gets."""
    return [violation for found in each_non_interference(subject, seed, kind) for violation in found]


def each_non_interference(subject: Subject, seed: int, kind: LayerKind = "memory") -> Iterator[list[Violation]]:
    """The same, section by section, and then the messages."""
    before = run(subject, seed, kind)
    if unsound := _unsound(before):
        yield unsound
        return
    for section in _sections(before.trace):
        altered: list[AlteredTracker] = []

        def alter(room: Room, section: Section = section, altered: list[AlteredTracker] = altered) -> None:
            if room.match.crew is not None:
                room.match.crew = TrueCrew(room.match.crew, room.framer.live.tracker)  # type: ignore[assignment]  # the same methods
            for stream in (room.framer.live, room.framer._delayed):
                if stream is not None:
                    altered.append(AlteredTracker(stream.tracker, section))
                    stream.tracker = altered[-1]  # type: ignore[assignment]  # the same methods, other values

        after = run(subject, seed, kind, alter)
        if any(tracker.altered for tracker in altered):
            holders = _holders(before.trace, section)
            text = f"may not see {section}; with other values in it"
            yield _differences(bytes_of(before.trace), bytes_of(after.trace), holders, text)
    yield from _each_other_message(subject, seed, kind, before)


def _each_other_message(subject: Subject, seed: int, kind: LayerKind, before: World) -> Iterator[list[Violation]]:
    """What others are told is altered: for the first player that of all others, for all others that of the first player."""
    seats: dict[str, set[int]] = defaultdict(set)
    for welcome in before.trace.of(tr.Welcomed):
        seats[welcome.client] |= {seat for _, seat, _ in welcome.seats}
    first = {"c1"}
    for told in (seats.keys() - first, first) if seats["c1"] else ():
        counted: Counter[str] = Counter()
        targets = frozenset(seat for client in told for seat in seats[client])

        def alter(room: Room, targets: AbstractSet[int] = targets, counted: Counter[str] = counted) -> None:
            room.match.inputs = OtherwiseAnsweredSeats(targets, counted)

        words = ("please note another thing", "no more") if told != first else ("please note", "enough")
        after = run(subject, seed, kind, alter, words)
        if counted["answers"]:
            text = "is to be told the same; where others have other answers, notices and goodbyes"
            holders = {client for client in told if seats[client]}
            yield _differences(bytes_of(before.trace), bytes_of(after.trace), holders, text)


def _sections(trace: tr.Trace) -> list[Section]:
    return sorted({s for frame in trace.of(tr.FrameIn) for s in frame.listed if s != PUBLIC_SECTION})


def _holders(trace: tr.Trace, section: Section) -> set[str]:
    """Who may see it, as the room has it."""
    conns = {conn for held in trace.of(tr.SeatsHeld) for conn, _, _, sections in held.viewers if section in sections}
    return {welcome.client for welcome in trace.of(tr.Welcomed) if welcome.conn in conns}


def _differences(before: Bytes, after: Bytes, holders: set[str], where: str) -> list[Violation]:
    found = []
    for client in sorted(before.keys() | after.keys()):
        if client in holders or before[client] == after[client]:
            continue
        pairs = zip(before[client], after[client], strict=False)
        n, t = next(((n, a[0]) for n, (a, b) in enumerate(pairs) if a != b), (len(before[client]), 0.0))
        found.append(Violation("O13", t, f"{client} {where}, its message {n} is another"))
    return found


def clock_independence(subject: Subject, seed: int, kind: LayerKind = "pubsub") -> list[Violation]:
    """O22: the same schedule with the wall clock stepping back and forth by an hour: the same bytes."""
    before = run(subject, seed, kind)
    if unsound := _unsound(before):
        return unsound

    def step(_: Room) -> None:
        # The room opens while people join: from then on the wall clock is somewhere else.
        world.loop.wall_offset_s = -3600.0

    world = World(subject.plan, subject.room, seed, kind, keeps_bytes=True, on_room=step)
    try:
        play(world, seed)
    except SimLivelock as error:
        return [Violation("O22", world.now, f"after a step of the wall clock: {error}")]
    finally:
        world.close()
    if bytes_of(before.trace) == bytes_of(world.trace):
        return []
    return [Violation("O22", 0.0, "a step of the wall clock changed what clients are sent")]


def stalled_neighbour(subject: Subject, seed: int, kind: LayerKind = "memory") -> list[Violation]:
    """O15: one reader stops; the others are shown every tick as soon as before."""
    runs = [_run_beside(subject, seed, kind, is_stalled=flag) for flag in (False, True)]
    if unsound := _unsound(runs[0]):
        return unsound
    calm, stalled = (_shown(world.trace) for world in runs)
    # An input that comes a little later may be shown one frame later.
    late_s_max = JITTER_S + 1.0 / subject.plan.rooms[subject.room].send_hz
    found = []
    for client in sorted(calm.keys() - {"c1"}):
        end = calm[client][-1][1] - CUT_OFF_S
        late_s = max((_first(stalled[client], tick) - t for tick, t in calm[client] if t < end), default=0.0)
        if late_s > late_s_max:
            found.append(Violation("O15", 0.0, f"{client}: a tick came {late_s:.2f} s later because c1 reads nothing"))
    return found


def _run_beside(subject: Subject, seed: int, kind: LayerKind, *, is_stalled: bool) -> World:
    """Three players of one gateway; the first only watches, and perhaps stops reading."""
    world = World(subject.plan, subject.room, seed, kind)
    random = Random(seed)
    bodies = [message for message in world.plan.rooms[world.room].schema.inputs if message.cls is not None]
    try:
        route = world.route_of("player")
        world.advance(1.3)
        people = [world.client(route, gateway="gw1") for _ in range(3)] if route else []
        world.advance(1.0)
        if is_stalled and people and people[0].socket is not None:
            people[0].socket.read_rate = 0.0
        for _ in range(int(PLAY_S / 0.05)):
            message = random.choice(bodies)
            assert message.cls is not None  # noqa: S101 - filtered above
            body = message.cls(**{wire.name: _any_value(wire, random) for wire in message.fields})
            for client in people[1:]:
                world.do(partial(client.send, body))
            world.advance(0.05)
    finally:
        world.close()
    return world


def _shown(trace: tr.Trace) -> dict[str, list[tuple[int, float]]]:
    """When each client was shown which tick."""
    found: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for frame in trace.of(tr.FrameIn):
        if frame.is_applied:
            found[frame.client].append((frame.tick, frame.t))
    return found


def _first(shown: list[tuple[int, float]], tick: int) -> float:
    """When that tick or a later one was shown; never is far away."""
    return next((t for k, t in shown if k >= tick), math.inf)
