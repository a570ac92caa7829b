"""One room: the rules, who is in it, and what everybody is told. Sans I/O: items and ``now`` in, `Outgoing` out.

Everything that arrives waits for the next tick boundary, so that a frame shows whole ticks only. The holder calls `tick`
on the room's deadlines and sends what `drain` returns. An exception out of `tick` is the rules' fault and ends this room.
"""

from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
from attrs import define, field, frozen

from game.binary import BadBytes, Reader
from game.codec import body_of, read_values
from game.contract import Event, Game, Result, Seat
from game.fields import PUBLIC, SEAT, SPECTATORS, TEAM, Audience
from game.replay import Recorder, state_hash
from game.rng import Rng
from game.schema import NO_TEAM, RoomRow, SeatRow
from game.tracker import PUBLIC_SECTION, SPECTATORS_SECTION, Section
from game.wire.closecodes import Close
from game.wire.frames import Position
from server.relay import envelope as e
from server.rooms.bots import BotCrew
from server.rooms.chat import ChatLog
from server.rooms.delay import DelayLine
from server.rooms.inputs import InputQueue, Pending
from server.rooms.outgoing import FrameOut, MatchOver, NewsOut, Outgoing, ToOne
from server.rooms.seats import Hold, SeatTable
from server.rooms.stream import Cut, CutFrame, Stream
from server.routing.plan import RoomPlan

HEAD_EVERY_S = 1.0
LINGER_S = 12.0
PENDING_MAX = 20_000
ANY_GATEWAY = ""
_NOTHING = Cut(None, None)


@frozen
class RoomFacts:
    """What a room is, besides its plan. ``sign`` and ``unsign`` make and read resume tokens."""

    incarnation: str
    code: str
    seed: int
    epoch: int
    started: datetime
    loop: str
    loop_channel: Callable[[], str]
    sign: Callable[[Any], str]
    unsign: Callable[[str], Any]


@define
class Viewer:
    """One connection that is in the room."""

    conn: str
    gateway: str
    identity: str
    name: str
    role: str
    audiences: frozenset[Audience]
    stream: int = e.LIVE_STREAM
    seats: list[int] = field(factory=list)
    sections: tuple[Section, ...] = ()


@define(eq=False)
class Room:
    """``phase`` stands in the `_room` table, the roster in `_seats`; both travel like the world."""

    plan: RoomPlan
    facts: RoomFacts
    now: float
    tick_no: int = 0
    match_tick: int = 0
    is_over: bool = False
    over_at: float | None = None
    empty_since: float | None = None
    game: Game = field(init=False)
    world: Any = field(init=False)
    rng: Rng = field(init=False)
    seats: SeatTable = field(init=False)
    viewers: dict[str, Viewer] = field(factory=dict)
    status: RoomRow = field(factory=RoomRow)
    roster: dict[int, SeatRow] = field(factory=dict)
    inputs: dict[int, InputQueue] = field(factory=dict)
    chat: ChatLog = field(init=False)
    live: Stream = field(init=False)
    crew: BotCrew | None = field(init=False)
    recorder: Recorder = field(init=False)
    _delayed: Stream | None = field(init=False)
    _line: DelayLine | None = field(init=False)
    _delayed_chat: ChatLog = field(init=False)
    _pending: deque[tuple[str, e.ToLoop]] = field(factory=deque)
    _events: list[Event] = field(factory=list)
    _shown: dict[str, set[Section]] = field(factory=dict)
    _out: list[Outgoing] = field(factory=list)
    _frame_at: float = -1e9
    _started_at: float = field(init=False)

    def __attrs_post_init__(self) -> None:
        plan, facts = self.plan, self.facts
        self.game = plan.game_class(plan.tick_hz, plan.seats, plan.teams)
        self.rng = Rng.from_seed(facts.seed)
        self.world = self.game.setup(plan.options, self.rng)
        self.seats = SeatTable(plan.seats, plan.reconnect_grace_s)
        history = plan.chat.history if plan.chat else 0
        self.chat, self._delayed_chat = ChatLog(history), ChatLog(history)
        stagger = facts.seed % plan.frames.keyframe_every
        self.live = Stream(plan.schema, plan.frames, stagger)
        delay_s = plan.spectators.delay_s if plan.spectators else 0.0
        self._delayed = Stream(plan.schema, plan.frames, stagger) if delay_s else None
        self._line = DelayLine(delay_s) if delay_s else None
        bots = plan.start.bots
        self.crew = BotCrew(bots.policy, plan.schema, facts.seed, self._sections_of_seat) if bots else None
        self.recorder = Recorder.of(self.game, facts.seed, plan.options)
        self._started_at = self.empty_since = self.now

    # ---- in

    def receive(self, gateway: str, item: e.ToLoop) -> None:
        """An item of a gateway, for the next tick boundary. A full queue drops it: the sender's link window is smaller."""
        if len(self._pending) < PENDING_MAX:
            self._pending.append((gateway, item))

    def tick(self, now: float) -> None:
        """One fixed step: what arrived, then the rules, then, at send ticks, a frame."""
        self.now = now
        self.tick_no += 1
        while self._pending:
            self._on_item(*self._pending.popleft())
        self._expire()
        if self.status.phase == "playing":
            self._step()
        self._staff()
        if self.tick_no % (self.plan.tick_hz // self.plan.send_hz) == 0:
            self._cut_frame()
        self._release_delayed()
        self._end_if_due()

    def drop_gateway(self, gateway: str) -> None:
        """A gateway fell silent: its connections are lost."""
        for viewer in [v for v in self.viewers.values() if v.gateway == gateway]:
            self.receive(gateway, e.Part(self.facts.incarnation, viewer.conn, is_lost=True))

    def rebase(self, skipped_s: float) -> None:
        """Time was skipped: everybody is told."""
        ms = round(skipped_s * 1000)
        for stream in (e.LIVE_STREAM, *([e.DELAYED_STREAM] if self._line else [])):
            out = NewsOut(e.RoomNews(self.facts.incarnation, stream, (), self.tick_no, ms))
            self._emit(stream, out)

    def end(self, close: Close, reason: str) -> None:
        """Everybody out, with a named goodbye."""
        for viewer in list(self.viewers.values()):
            self._out.append(ToOne(viewer.gateway, e.Dismissed(viewer.conn, close.value.code, reason)))
        for gateway, item in self._pending:
            if isinstance(item, e.Join):
                self._out.append(ToOne(gateway, e.JoinRefused(item.conn, close.value.code, reason)))
        self._pending.clear()
        self.viewers.clear()
        self.is_over = True

    # ---- out

    def drain(self) -> list[Outgoing]:
        """What to send, in order; each is returned once."""
        out, self._out = self._out, []
        return out

    def info(self) -> e.RoomInfo:
        """This room's line in the lobby."""
        humans = sum(1 for _ in self.seats.humans())
        state = "ended" if self.is_over or self.status.phase == "ended" else "open"
        watching = sum(not viewer.seats for viewer in self.viewers.values())
        return e.RoomInfo(
            self.facts.incarnation,
            self.facts.code,
            self.plan.name,
            humans,
            len(self.seats.bots()),
            watching,
            self.plan.seats,
            state,
            self.tick_no,
        )

    # ---- arrivals

    def _on_item(self, gateway: str, item: e.ToLoop) -> None:
        match item:
            case e.Join():
                self._on_join(gateway, item)
            case e.Part():
                self._on_part(item)
            case e.InputItem():
                self._on_input(item)
            case e.AckItem():
                viewer = self.viewers.get(item.conn)
                for seat in viewer.seats if viewer else ():
                    self.inputs[seat].acknowledge(Position(item.epoch, item.seq), self.facts.epoch)
            case e.SayItem():
                self._on_say(item)
            case e.WantKeyItem():
                self._on_want_key(item.stream)
            case e.Presence() | e.Host():
                raise TypeError(f"{type(item).__name__} is for the holder, not for a room")

    def _on_join(self, gateway: str, item: e.Join) -> None:
        if self.status.phase == "ended":
            self._refuse(gateway, item, Close.ROOM_CLOSED, "the match is over")
            return
        audiences = frozenset(Audience(name) for name in item.audiences)
        viewer = Viewer(item.conn, gateway, item.identity, item.name, item.role, audiences)
        if item.role == "spectator":
            self._admit_spectator(gateway, item, viewer)
        elif item.resume is not None:
            self._resume(gateway, item, viewer)
        else:
            self._seat(gateway, item, viewer)

    def _admit_spectator(self, gateway: str, item: e.Join, viewer: Viewer) -> None:
        spec = self.plan.spectators
        watching = sum(not v.seats for v in self.viewers.values())
        if spec is None or watching >= spec.limit:
            limit = spec.limit if spec else 0
            self._refuse(gateway, item, Close.OVERLOADED, f"the room has its {limit} spectators")
            return
        viewer.stream = e.DELAYED_STREAM if self._line else e.LIVE_STREAM
        self._welcome(viewer, [])

    def _seat(self, gateway: str, item: e.Join, viewer: Viewer) -> None:
        holds: list[Hold] = []
        for slot in range(item.slots):
            self._make_room()
            name = item.name if slot == 0 else f"{item.name} {slot + 1}"
            hold = self.seats.reserve(item.identity, name, item.conn)
            if hold is None:
                for taken in holds:
                    self.seats.release(taken)
                self._refuse(gateway, item, Close.OVERLOADED, "no seat is free, or this identity has its four")
                return
            holds.append(hold)
        for hold in holds:
            self._enter(hold)
        self._welcome(viewer, holds)

    def _resume(self, gateway: str, item: e.Join, viewer: Viewer) -> None:
        holds: list[Hold] = []
        for number, generation in self._token(item.resume or ""):
            found = self.seats.resume(number, generation, item.identity, item.conn)
            if found is None:
                break
            hold, replaced = found
            holds.append(hold)
            self._replace(replaced)
        if not holds:
            self._refuse(gateway, item, Close.CANNOT_RESUME, "the seat is gone, or the token was used")
            return
        for hold in holds:
            self._link(hold.number, is_connected=True)
        self._welcome(viewer, holds)

    def _token(self, token: str) -> list[tuple[int, int]]:
        signed = self.facts.unsign(token)
        if not isinstance(signed, list) or signed[:1] != [self.facts.incarnation]:
            return []
        return [(int(number), int(generation)) for number, generation in signed[1]]

    def _replace(self, conn: str) -> None:
        old = self.viewers.pop(conn, None)
        if old is not None:
            gone = e.Dismissed(old.conn, Close.REPLACED.value.code, "a newer connection took this seat")
            self._out.append(ToOne(old.gateway, gone))

    def _welcome(self, viewer: Viewer, holds: list[Hold]) -> None:
        viewer.seats = [hold.number for hold in holds]
        viewer.sections = self._sections_of(viewer)
        self.viewers[viewer.conn] = viewer
        granted = tuple(
            e.Granted(slot, hold.number, hold.generation, self.inputs[hold.number].received_through)
            for slot, hold in enumerate(holds)
        )
        token = [self.facts.incarnation, [[hold.number, hold.generation] for hold in holds]]
        is_live = viewer.stream == e.LIVE_STREAM
        log = self.chat if is_live else self._delayed_chat
        joined = e.Joined(
            self.facts.incarnation,
            viewer.conn,
            granted,
            tuple((section.audience.value, section.of) for section in viewer.sections),
            viewer.stream,
            self.tick_no if is_live else 0,
            self.facts.epoch,
            self.facts.sign(token) if holds else None,
            viewer.name,
            tuple(log.lines),
        )
        self._out.append(ToOne(viewer.gateway, joined))

    def _refuse(self, gateway: str, item: e.Join, close: Close, reason: str) -> None:
        self._out.append(ToOne(gateway, e.JoinRefused(item.conn, close.value.code, reason)))

    def _on_part(self, item: e.Part) -> None:
        viewer = self.viewers.pop(item.conn, None)
        if viewer is None:
            return
        if item.is_lost:
            for hold in self.seats.lose(item.conn, self.now):
                self._link(hold.number, is_connected=False)
        else:
            for hold in self.seats.of_conn(item.conn):
                self._vacate(hold, "left")

    def _on_input(self, item: e.InputItem) -> None:
        viewer = self.viewers.get(item.conn)
        if viewer is None or not 0 <= item.slot < len(viewer.seats):
            return  # its connection is gone; a resumed one sends it again
        seat = viewer.seats[item.slot]
        body, reason = None, item.reason
        if not reason:
            try:
                message = self.plan.schema.inputs[item.kind]
                body = body_of(message, read_values(Reader(item.values), message.fields))
            except (BadBytes, IndexError):
                reason = "malformed"
        self.inputs[seat].receive(Pending(item.n, item.for_tick, body, reason, self.tick_no))

    def _on_say(self, item: e.SayItem) -> None:
        viewer = self.viewers.get(item.conn)
        if viewer is None or self.plan.chat is None:
            return
        seat = viewer.seats[0] if viewer.seats else None
        if viewer.stream == e.LIVE_STREAM:
            line = self.chat.add(viewer.name, viewer.role, item.text, seat, self.tick_no)
            self._emit(e.LIVE_STREAM, NewsOut(e.RoomNews(self.facts.incarnation, e.LIVE_STREAM, (line,))))
        if self._line is None:
            return
        own = e.WireLine(0, viewer.name, viewer.role, item.text, seat, self.tick_no)
        if viewer.stream == e.LIVE_STREAM:
            self._line.put(NewsOut(e.RoomNews(self.facts.incarnation, e.DELAYED_STREAM, (own,))), self.now)
        else:
            self._say_delayed(own)

    def _say_delayed(self, line: e.WireLine) -> None:
        """Numbered when it is shown, so that the delayed chat has one order without holes."""
        shown = self._delayed_chat.copy_of(line)
        self._out.append(NewsOut(e.RoomNews(self.facts.incarnation, e.DELAYED_STREAM, (shown,))))

    def _on_want_key(self, stream: int) -> None:
        if stream == e.DELAYED_STREAM and self._line is not None:
            for out in self._line.again():
                self._show_delayed(out)
        else:
            self.live.is_key_wanted = True

    # ---- seats

    def _enter(self, hold: Hold) -> None:
        team = self._smallest_team()
        hold.team = team
        seat = Seat(hold.number, hold.name, team, hold.is_bot)
        self.inputs[hold.number] = InputQueue()
        self.game.join(self.world, seat, self.rng)
        self.recorder.joined(seat)
        self.roster[hold.number] = SeatRow(
            hold.number, hold.name, NO_TEAM if team is None else team, hold.is_bot, is_connected=True
        )

    def _link(self, seat: int, *, is_connected: bool) -> None:
        self.roster[seat].is_connected = is_connected
        self.game.connected(self.world, seat, is_connected)
        self.recorder.linked(seat, is_connected)

    def _vacate(self, hold: Hold, reason: str) -> None:
        number = hold.number
        if self.crew and hold.is_bot:
            self.crew.dismiss(number)
        self.seats.release(hold)
        self.inputs.pop(number, None)
        self.roster.pop(number, None)
        self.game.leave(self.world, number, reason)
        self.recorder.left(number, reason)

    def _make_room(self) -> None:
        """A bot gives its seat to a person where bots fill the room."""
        bots = self.seats.bots()
        fill_to = self.plan.start.bots.fill_to if self.plan.start.bots else 0
        taken = sum(1 for _ in self.seats.humans()) + len(bots)
        if bots and (taken >= fill_to or taken >= self.plan.seats):
            self._vacate(min(bots, key=lambda hold: hold.number), "made room")

    def _expire(self) -> None:
        for hold in self.seats.expired(self.now):
            self._vacate(hold, "grace ran out")
        for hold in self.seats.holds:
            if hold.number in self.roster:
                hold.team = self.game.team_of(self.world, hold.number)
                self.roster[hold.number].team = NO_TEAM if hold.team is None else hold.team

    def _staff(self) -> None:
        """Bots fill up while somebody is here; with enough players the match begins."""
        humans = sum(1 for _ in self.seats.humans())
        if self.viewers or humans:
            self.empty_since = None
        elif self.empty_since is None:
            self.empty_since = self.now
        crew, bots = self.crew, self.plan.start.bots
        if crew and bots and humans and self.status.phase != "ended":
            while humans + len(self.seats.bots()) < min(bots.fill_to, self.plan.seats):
                hold = self.seats.fill(crew.next_name())
                if hold is None:
                    break
                self._enter(hold)
                crew.hire(hold)
        seated = humans + len(self.seats.bots())
        if self.status.phase == "waiting" and seated >= self.plan.start.min_players and humans:
            self.status.phase = "playing"

    def _smallest_team(self) -> int | None:
        if not self.plan.teams:
            return None
        sizes = [0] * len(self.plan.teams)
        for hold in self.seats.holds:
            if hold.number in self.roster and hold.team is not None:
                sizes[hold.team] += 1
        return sizes.index(min(sizes))

    # ---- the rules

    def _step(self) -> None:
        applied: list[tuple[int, Any]] = []
        for seat in sorted(self.inputs):
            queue = self.inputs[seat]
            for pending in queue.due(self.tick_no):
                reason = pending.reason or self._refusal(seat, pending.body)
                queue.answer(pending, self.tick_no, reason)
                if not reason:
                    applied.append((seat, pending.body))
        if self.crew:
            applied += [
                (seat, body)
                for seat, body in self.crew.act(self.match_tick, self.seats)
                if not self._refusal(seat, body)
            ]
        self.match_tick += 1
        self._events += self.game.step(self.world, applied, self.match_tick, self.rng)
        self.recorder.tick(self.match_tick, inputs=applied)
        result = self.game.result(self.world)
        if result is not None:
            self._finish(result)

    def _refusal(self, seat: int, body: Any) -> str:
        refusal = self.game.validate(self.world, seat, body)
        return (refusal.reason or "illegal")[:100] if refusal is not None else ""

    def _finish(self, result: Result) -> None:
        self.status.phase, self.status.summary = "ended", result.summary
        self.over_at = self.now
        final = state_hash(self.world, self.rng)
        self._out.append(MatchOver(result, final, self.facts.started, self.recorder.to_bytes()))

    def _answer_late(self) -> None:
        """While nothing is played, inputs are answered all the same."""
        for queue in self.inputs.values():
            for pending in queue.due(self.tick_no):
                queue.answer(pending, self.tick_no, pending.reason or f"match {self.status.phase}")

    def _end_if_due(self) -> None:
        if self.over_at is not None:
            is_shown = self._line is None or self._line.is_empty
            if self.now - self.over_at >= LINGER_S and is_shown:
                self.end(Close.ROOM_CLOSED, self.status.summary or "the match is over")
        elif self.empty_since is not None and self.now - self.empty_since >= self.plan.dispose_when_empty_s:
            self.end(Close.ROOM_CLOSED, "nobody was here")

    # ---- frames

    def _sources(self) -> dict[str, Any]:
        sources: dict[str, Any] = {"_room": self.status, "_seats": self.roster, "world": self.world}
        for collection in self.plan.schema.collections[3:]:
            sources[collection.name] = getattr(self.world, collection.name)
        return sources

    def _cut_frame(self) -> None:
        if self.status.phase != "playing":
            self._answer_late()
        sources, events = self._sources(), self._events
        self._events = []
        wanted = self._wanted(e.LIVE_STREAM)
        on_show = {section for sections in wanted.values() for section in sections}
        fresh = {s for gateway, sections in wanted.items() for s in sections - self._shown.get(gateway, set())}
        self._shown = wanted
        is_forced = any(queue.has_new_answers for queue in self.inputs.values())
        cut = self.live.cut(sources, events, on_show, fresh, is_forced=is_forced)
        if cut is not None:
            self._out.append(self._frame(cut, e.LIVE_STREAM, wanted))
            self._frame_at = self.now
            if self.crew:
                self.crew.see(self.live.key)
        elif self.now - self._frame_at >= HEAD_EVERY_S:
            self._frame_at = self.now
            head = CutFrame(self.live.seq, self.live.seq, _NOTHING, {})
            self._out.append(self._frame(head, e.LIVE_STREAM, {}))
        if self._delayed is not None and self._line is not None:
            self._cut_delayed(self._delayed, self._line, sources, events)

    def _cut_delayed(self, stream: Stream, line: DelayLine, sources: dict[str, Any], events: list[Event]) -> None:
        sections = {SPECTATORS_SECTION} if self.plan.schema.in_section(SPECTATORS) else set()
        cut = stream.cut(sources, events, sections, (), is_forced=False)
        if cut is not None:
            line.put(self._frame(cut, e.DELAYED_STREAM, {ANY_GATEWAY: sections}), self.now)

    def _addressed(self, out: FrameOut) -> FrameOut:
        """A delayed frame for the gateways that have delayed spectators now."""
        kept = out.private.get(ANY_GATEWAY)
        gateways = {v.gateway for v in self.viewers.values() if v.stream == e.DELAYED_STREAM} if kept else set()
        private = {gateway: kept for gateway in sorted(gateways) if kept is not None}
        return FrameOut(msgspec.structs.replace(out.public, private_for=tuple(private)), private)

    def _frame(self, cut: CutFrame, stream: int, wanted: dict[str, set[Section]]) -> FrameOut:
        facts = self.facts
        private: dict[str, e.PrivateFrame] = {}
        answers = self._answers(cut.seq) if stream == e.LIVE_STREAM and cut.public is not _NOTHING else {}
        for gateway, sections in wanted.items():
            cuts = tuple(
                (section.audience.value, section.of, cut.private[section].patch, cut.private[section].key)
                for section in sorted(sections)
                if section in cut.private
            )
            own = answers.get(gateway, {})
            if cuts or own:
                private[gateway] = e.PrivateFrame(facts.incarnation, stream, facts.epoch, cut.seq, cuts, own)
        public = e.PublicFrame(
            facts.incarnation,
            stream,
            facts.epoch,
            cut.seq,
            cut.base,
            self.tick_no,
            round((self.now - self._started_at) * 1000),
            cut.public.patch,
            cut.public.key,
            tuple(private),
            facts.loop,
            facts.loop_channel(),
            self.chat.through,
        )
        return FrameOut(public, private)

    def _answers(self, seq: int) -> dict[str, dict[int, tuple[tuple[int, int, str, int], ...]]]:
        out: dict[str, dict[int, tuple[tuple[int, int, str, int], ...]]] = {}
        for viewer in self.viewers.values():
            for seat in viewer.seats:
                queue = self.inputs[seat]
                if queue.has_answers:
                    rows = tuple((g.n, g.tick, g.reason, g.margin) for g in queue.to_send(seq))
                    out.setdefault(viewer.gateway, {})[seat] = rows
        return out

    def _wanted(self, stream: int) -> dict[str, set[Section]]:
        """The private sections that each gateway's connections have, and the viewers whose sections changed."""
        wanted: dict[str, set[Section]] = {}
        for viewer in self.viewers.values():
            if viewer.stream != stream:
                continue
            sections = self._sections_of(viewer)
            if sections != viewer.sections:
                viewer.sections = sections
                wire = tuple((section.audience.value, section.of) for section in sections)
                self._out.append(ToOne(viewer.gateway, e.Sections(viewer.conn, wire)))
            own = wanted.setdefault(viewer.gateway, set())
            own.update(section for section in sections if section != PUBLIC_SECTION)
        return wanted

    def _sections_of(self, viewer: Viewer) -> tuple[Section, ...]:
        if viewer.role == "spectator":
            if self.plan.schema.sees_everything:
                return (SPECTATORS_SECTION,)
            has_own = bool(self.plan.schema.in_section(SPECTATORS)) and SPECTATORS in viewer.audiences
            return (PUBLIC_SECTION, SPECTATORS_SECTION) if has_own else (PUBLIC_SECTION,)
        sections = {section for seat in viewer.seats for section in self._sections_of_seat(seat)}
        return tuple(sorted((s for s in sections if s.audience in viewer.audiences), key=_public_first))

    def _sections_of_seat(self, seat: int) -> tuple[Section, ...]:
        schema = self.plan.schema
        sections = [PUBLIC_SECTION]
        team = self.game.team_of(self.world, seat)
        if team is not None and schema.in_section(TEAM):
            sections.append(Section(TEAM, team))
        if schema.in_section(SEAT):
            sections.append(Section(SEAT, seat))
        return tuple(sections)

    def _release_delayed(self) -> None:
        for out in self._line.due(self.now) if self._line else ():
            self._show_delayed(out)

    def _show_delayed(self, out: FrameOut | NewsOut) -> None:
        if isinstance(out, FrameOut):
            self._out.append(self._addressed(out))
        elif out.news.chat:
            self._say_delayed(out.news.chat[0])
        else:
            self._out.append(out)

    def _emit(self, stream: int, out: NewsOut) -> None:
        if stream == e.DELAYED_STREAM and self._line is not None:
            self._line.put(out, self.now)
        else:
            self._out.append(out)


def _public_first(section: Section) -> tuple[bool, Section]:
    return section.audience is not PUBLIC, section
