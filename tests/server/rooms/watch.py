"""The promises of DESIGN's table of orders, checked while a `RoomWorld` runs: what viewers get against what the room cut.

Each check names its promise. A failing assertion says who saw what, and when.
"""

import re
from typing import TYPE_CHECKING, Any

from attrs import define, field, frozen

from game.codec import encode_delta
from game.fields import SEAT, TEAM
from game.tracker import PUBLIC_SECTION, SPECTATORS_SECTION, Section
from game.wire.client import LOST
from game.wire.closecodes import Close
from game.wire.frames import Frame, FrameKind, Position, decode_frame
from server.relay import envelope as e
from server.rooms.room import Room

if TYPE_CHECKING:
    from tests.server.rooms.world import Person, Socket

SLACK_S = 1e-6
ARRIVED_S = 0.5


@frozen
class Truth:
    """A frame as the room cut it: every section's KEY, and which sections each connection had."""

    tick: int
    at: float
    keys: dict[Section, bytes]
    allowed: dict[str, frozenset[Section]]


@define
class Seen:
    """What one connection got so far."""

    joined: e.Joined | None = None
    head: Position = Position(-1, -1)
    tick: int = -1
    frames: int = 0
    has_left: bool = False


@define
class Watch:
    """``truths`` by stream and seq; ``counts`` says how often each check had something to check."""

    room: Room
    truths: dict[tuple[int, int], Truth] = field(factory=dict)
    counts: dict[str, int] = field(factory=dict)
    _seen: dict[str, Seen] = field(factory=dict)
    _lines: dict[tuple[int, int], tuple[str, str]] = field(factory=dict)
    _said_at: dict[str, float] = field(factory=dict)
    _replaced: dict[str, frozenset[Section]] = field(factory=dict)
    _now: float = 0.0

    # ---- the room's side

    def on_tick(self, now: float) -> None:
        """Notes the frames that this tick cut."""
        self._now = now
        self._check_kicked()
        framer = self.room.framer
        for stream_no, stream in ((e.LIVE_STREAM, framer.live), (e.DELAYED_STREAM, framer._delayed)):
            if stream is not None and stream.seq and (stream_no, stream.seq) not in self.truths:
                viewers = {v.conn: frozenset(v.sections) for v in self.room.viewers.values() if v.stream == stream_no}
                keys = {section: encode_delta(stream.key(section)) for section in self._sections()}
                self.truths[stream_no, stream.seq] = Truth(self.room.tick_no, now, keys, viewers)

    def _check_kicked(self) -> None:
        """O11: who was kicked has no connection and no seat in the room from then on."""
        out = self.room.admission.kept_out
        people = {v.identity for v in self.room.viewers.values()} | {h.identity for h in self.room.match.seats.humans()}
        assert people.isdisjoint(out), f"O11: in after its kick: {people & set(out)}"

    def on_item(self, gateway: str, item: Any) -> None:
        """What reaches the room."""
        if isinstance(item, e.SayItem):
            self._said_at.setdefault(item.text, self._now)
        if isinstance(item, e.Part) and item.is_new:
            self._count("lost before admitted")

    def on_told(self, item: e.ToGateway) -> None:
        """A connection that was replaced may be shown what it had, until it has heard of it: it is the same person's."""
        if isinstance(item, e.Dismissed) and item.close == Close.REPLACED.value.code:
            had = (truth.allowed[item.conn] for truth in reversed(self.truths.values()) if item.conn in truth.allowed)
            self._replaced[item.conn] = next(had, frozenset())
            self._count("replaced")

    def _sections(self) -> list[Section]:
        seats = [Section(SEAT, n) for n in range(self.room.plan.seats)]
        return [PUBLIC_SECTION, SPECTATORS_SECTION, Section(TEAM, 0), Section(TEAM, 1), *seats]

    # ---- the gateway's side

    def on_connect(self, socket: "Socket") -> None:
        """A new connection."""
        self._seen[socket.conn] = Seen()

    def on_admitted(self, socket: "Socket", joined: e.Joined) -> None:
        """The room let it in."""
        self._seen[socket.conn].joined = joined

    def on_written(self, socket: "Socket", data: bytes | str) -> None:
        """O10: the welcome comes first. O11: nothing after the goodbye. O13: canaries reach whom they are for."""
        seen = self._seen[socket.conn]
        assert not seen.has_left, f"O11: {socket.conn} got {data!r} after its goodbye"
        if isinstance(data, str):
            seen.has_left = '"type":"goodbye"' in data
            return
        assert seen.joined is not None, f"O10: {socket.conn} got a frame before its welcome"
        frame = decode_frame(data)
        if frame.kind is FrameKind.HEAD:
            return
        allowed = self._allowed(socket.conn, frame.seq)
        for part in frame.parts:
            assert part.section in allowed, f"O13: {socket.conn} got {part.section} at {frame.seq}, has {allowed}"
        for word, audience in ((rb"hand-of-(\d+)", SEAT), (rb"plan-of-(\d+)", TEAM)):
            for of in re.findall(word, data):
                is_all = SPECTATORS_SECTION in allowed and self.room.plan.schema.sees_everything
                assert is_all or Section(audience, int(of)) in allowed, f"O13: {socket.conn} got a canary of {of!r}"
        assert b"secret-of" not in data or self.room.plan.schema.sees_everything, "O13: a hidden field was sent"
        self._count("O13")

    def _allowed(self, conn: str, seq: int) -> frozenset[Section]:
        joined = self._seen[conn].joined
        assert joined is not None
        if joined.stream == e.DELAYED_STREAM:
            return frozenset(Section(s.audience, s.of) for s in self._delayed_sections())
        return self.truths[e.LIVE_STREAM, seq].allowed.get(conn, self._replaced.get(conn, frozenset()))

    def _delayed_sections(self) -> list[Section]:
        return [SPECTATORS_SECTION] if self.room.plan.schema.sees_everything else [PUBLIC_SECTION, SPECTATORS_SECTION]

    # ---- the client's side

    def on_applied(self, person: "Person", frame: Frame) -> None:
        """O4, O5, O6, O10, O12, O14 at every frame that a client takes in."""
        seen, client = self._seen[person.conn], person.client
        joined, position = seen.joined, frame.position
        assert joined is not None and client.view is not None
        assert frame.epoch == joined.epoch
        assert position > seen.head or frame.kind is FrameKind.KEY, f"O4: {position} after {seen.head}"
        assert frame.tick >= seen.tick, f"O4: tick {frame.tick} after {seen.tick}"
        truth = self.truths[joined.stream, frame.seq]
        if not seen.frames:
            assert frame.kind is FrameKind.KEY, "O5, O10: the first frame is a KEY"
            assert frame.tick >= joined.tick, "O10: the KEY includes the grant of the seats"
            numbers = {row.number for row in client.view.roster} if PUBLIC_SECTION in client.view.sections else set()
            assert {g.seat for g in joined.seats} <= numbers, "O10: the roster has the newcomer"
        seen.head, seen.tick, seen.frames = max(position, seen.head), frame.tick, seen.frames + 1
        for section, state in client.view.sections.items():
            bytes_ = encode_delta(state.as_key(client.view.schema))
            assert bytes_ == truth.keys[section], f"O6: {person.conn} diverged in {section} at {frame.seq}"
        if joined.stream == e.DELAYED_STREAM and self.room.plan.spectators is not None:
            delay_s = self.room.plan.spectators.delay_s
            assert self._now >= truth.at + delay_s - SLACK_S, f"O14: {self._now - truth.at} s old, expected {delay_s}"
            self._count("O14")
        assert client.divergences == 0, "O6: a client found its state inconsistent"
        self._count(f"applied.{frame.kind.name.lower()}")

    # ---- at the end

    def check_settled(self, people: list["Person"]) -> None:
        """O1, O2, O6, O24 once the faults have healed."""
        for person in people:
            assert person.is_in, f"O15: {person.conn} is {person.client.state}, {person.goodbyes}"
            seen = self._seen[person.conn]
            assert seen.joined is not None
            stream = seen.joined.stream
            newest = self._newest(stream)
            assert person.client.head.seq >= newest, f"O15: {person.conn} at {person.client.head}, room at {newest}"
            assert not person.client.unanswered, f"O2: {person.conn} has no answer to {list(person.client.unanswered)}"
            self._check_chat(person, stream)
        self._check_inputs()

    def check_nobody_is_left(self, there: set[str]) -> None:
        """O18 once the faults have healed: who is not there any more has no place in the room, and no seat but by its grace."""
        assert self.room.viewers.keys() <= there, f"{self.room.viewers.keys() - there} hung up and are still in"
        held = {hold.conn for hold in self.room.match.seats.humans() if hold.conn}
        assert held <= there, f"{held - there} hung up and still hold seats"
        assert not self.room._coming and not self.room._pending

    def _newest(self, stream: int) -> int:
        """The newest seq that has been on show for long enough to be everywhere, also where bots keep the room moving."""
        spec = self.room.plan.spectators
        delay_s = spec.delay_s if spec and stream == e.DELAYED_STREAM else 0.0
        shown = [
            seq for (of, seq), t in self.truths.items() if of == stream and t.at + delay_s <= self._now - ARRIVED_S
        ]
        return max(shown, default=-1)

    def _check_inputs(self) -> None:
        applied = [value for _, value in self.room.match.world.applied]
        own = [value for value in applied if value < 500_000]
        assert len(own) == len(set(own)), "O2: an input was applied twice"

    def check_person(self, person: "Person") -> None:
        """O1, O2: the answers of one person against the rules' own log."""
        applied = [value for _, value in self.room.match.world.applied]
        for slot in {slot for slot, _, _ in person.sent}:
            mine = [(n, value) for at, n, value in person.sent if at == slot]
            order = [value for value in applied if value in {value for _, value in mine}]
            assert order == sorted(order, key=[value for _, value in mine].index), "O1: applied out of order"
            for n, value in mine:
                answers = person.answers.get((slot, n), [])
                assert len(answers) <= 1, f"O2: {person.identity} got {answers} for {n}"
                if answers and answers[0][1] != LOST:
                    assert (not answers[0][1]) == (value in applied), (
                        f"O2: {answers[0]} but applied is {value in applied}"
                    )
                    self._count("O2.refused" if answers[0][1] else "O2.applied")

    def _check_chat(self, person: "Person", stream: int) -> None:
        numbers = [line.n for line in person.chat]
        assert numbers == sorted(set(numbers)), f"O24: {person.identity} got lines {numbers}"
        log = self.room.talk.log(stream)
        if numbers:
            assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), f"O24: holes in {numbers}"
            assert numbers[-1] == log.through, f"O24: {person.identity} ends at {numbers[-1]}, the log at {log.through}"
        for line in person.chat:
            key = (stream, line.n)
            assert self._lines.setdefault(key, (line.who, line.text)) == (line.who, line.text), "O24: two orders"
            self._count("O24")

    def _count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1
