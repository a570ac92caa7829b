"""Cuts a room's frames: the live stream and the delayed one, which gateway gets which private sections, the answers.

Sans I/O. The room calls `cut` at each send tick and `release` at each tick; nobody else makes frames.
"""

from collections import deque
from itertools import takewhile
from typing import Any

from attrs import define, field, frozen
from msgspec.structs import replace

from game.contract import Event
from game.fields import SPECTATORS
from game.tracker import PUBLIC_SECTION, SPECTATORS_SECTION, Section
from game.wire.frames import AnswerRows
from server.relay import envelope as e
from server.rooms.admission import Admission
from server.rooms.delay import DelayLine
from server.rooms.match import Match
from server.rooms.outgoing import FrameOut, Outgoing
from server.rooms.stream import Cut, CutFrame, Stream
from server.rooms.talk import Talk
from server.rooms.viewers import RoomFacts
from server.routing.plan import RoomPlan

HEAD_EVERY_S = 1.0
ANY_GATEWAY = ""
_NOTHING = Cut(None, None)

Wanted = dict[str, set[Section]]
Answers = dict[str, dict[int, AnswerRows]]


@frozen
class Audiences:
    """Which private sections each gateway's connections in the live stream have, as of some comings and goings and teams.

    ``players`` are the seats with a connection: its gateway, the seat's slot there, and the first and last
    generation of its holder.
    """

    as_of: tuple[int, int]
    wanted: Wanted
    on_show: set[Section]
    players: dict[int, tuple[str, int, tuple[int, int]]]


@define(eq=False)
class Framer:
    """``line`` holds the delayed stream back; None where nobody is delayed."""

    plan: RoomPlan
    facts: RoomFacts
    match: Match
    admission: Admission
    talk: Talk
    line: DelayLine | None
    out: list[Outgoing]
    started_at: float
    live: Stream = field(init=False)
    _delayed: Stream | None = field(init=False)
    _shown: Audiences = Audiences((-1, -1), {}, set(), {})
    _cut_at: float = -1e9
    _answered: deque[tuple[int, tuple[int, ...]]] = field(factory=deque)
    _released_at: float = -1e9

    def __attrs_post_init__(self) -> None:
        plan = self.plan
        stagger = self.facts.seed % plan.frames.keyframe_every
        self.live = Stream(plan.schema, plan.frames, stagger, plan.send_hz)
        self._delayed = Stream(plan.schema, plan.frames, stagger, plan.send_hz) if self.line else None

    def cut(self, tick_no: int, now: float) -> None:
        """The frames of this tick; a HEAD once a second where nothing changed."""
        match = self.match
        match.update_teams()
        sources, events = match.sources(), match.events
        match.events = []
        self._cut_live(sources, events, tick_no, now)
        if self._delayed is not None and self.line is not None:
            self._cut_delayed(self._delayed, self.line, sources, events, tick_no, now)

    def want_key(self, stream: int) -> None:
        """A gateway's ring has a hole. The delayed stream repeats what was shown: its next KEY is not for now."""
        if stream == e.DELAYED_STREAM and self.line is not None:
            for out in self.line.again():
                self.out.append(self._addressed(out))
        else:
            self.live.is_key_wanted = True

    def release(self, now: float) -> None:
        """What delayed spectators may see by now."""
        for out in self.line.due(now) if self.line else ():
            if isinstance(out, FrameOut):
                self._released_at = now
                self.out.append(self._addressed(out))
            elif out.news.chat:
                self.talk.show(out.news.chat[0], e.DELAYED_STREAM)
            else:
                self.out.append(out)
        last = self.line.last if self.line else None
        if last is not None and now - self._released_at >= HEAD_EVERY_S:
            self._released_at = now
            head = replace(last.public, patch=None, key=None, base=last.public.seq)
            self.out.append(self._addressed(FrameOut(head, {})))

    def _cut_live(self, sources: dict[str, Any], events: list[Event], tick_no: int, now: float) -> None:
        fresh, is_changed = self._look_around()
        wanted, on_show = self._shown.wanted, self._shown.on_show
        is_forced = bool(self.match.answered) or is_changed or self.admission.has_newcomers
        self.admission.has_newcomers = False
        cut = self.live.cut(sources, events, on_show, fresh, is_forced=is_forced)
        if cut is not None:
            self._cut_at = now
            self.out.append(self._frame(cut, e.LIVE_STREAM, wanted, self._answers(cut), tick_no, now))
            if self.match.crew:
                self.match.crew.see(self.live.key)
        elif now - self._cut_at >= HEAD_EVERY_S:
            self._cut_at = now
            head = CutFrame(self.live.seq, self.live.seq, _NOTHING, {})
            public = self._public(head, e.LIVE_STREAM, tick_no, now, tuple(sorted(wanted)), ())
            self.out.append(FrameOut(public, {}))

    def _cut_delayed(
        self, stream: Stream, line: DelayLine, sources: dict[str, Any], events: list[Event], tick_no: int, now: float
    ) -> None:
        sections = {SPECTATORS_SECTION} if self.plan.schema.has_section(SPECTATORS) else set()
        cut = stream.cut(sources, events, sections, (), is_forced=False)
        if cut is not None:
            line.put(self._frame(cut, e.DELAYED_STREAM, {ANY_GATEWAY: sections}, {}, tick_no, now), now)

    def _addressed(self, out: FrameOut) -> FrameOut:
        """A delayed frame for the gateways that have delayed spectators now, with the chat as it stands for them."""
        kept = out.private.get(ANY_GATEWAY)
        viewers = self.admission.viewers.values()
        to = tuple(sorted({v.gateway for v in viewers if v.stream == e.DELAYED_STREAM}))
        private = dict.fromkeys(to, kept) if kept is not None else {}
        through = self.talk.log(e.DELAYED_STREAM).through
        return FrameOut(replace(out.public, to=to, private_for=tuple(private), chat_through=through), private)

    def _frame(
        self, cut: CutFrame, stream: int, wanted: Wanted, answers: Answers, tick_no: int, now: float
    ) -> FrameOut:
        private = {
            gateway: self._private(gateway, cut, stream, wanted.get(gateway, set()), answers.get(gateway, {}))
            for gateway in sorted(wanted.keys() | answers.keys())
            if wanted.get(gateway) or answers.get(gateway) or self._number(gateway, stream)
        }
        public = self._public(cut, stream, tick_no, now, tuple(sorted(wanted)), tuple(private))
        return FrameOut(public, private)

    def _public(
        self, cut: CutFrame, stream: int, tick_no: int, now: float, to: tuple[str, ...], private_for: tuple[str, ...]
    ) -> e.PublicFrame:
        facts = self.facts
        return e.PublicFrame(
            facts.incarnation,
            stream,
            facts.epoch,
            cut.seq,
            cut.base,
            tick_no,
            round((now - self.started_at) * 1000),
            cut.public.patch,
            cut.public.key,
            to,
            private_for,
            facts.loop,
            facts.loop_channel(),
            self.talk.log(stream).through,
        )

    def _private(self, gateway: str, cut: CutFrame, stream: int, sections: set[Section], own: Any) -> e.PrivateFrame:
        """One gateway's part: every section that it has, so that what is missing is known to be gone."""
        cuts = tuple(
            (section.audience.value, section.of, cut.private[section].patch, cut.private[section].key)
            for section in sorted(sections)
        )
        number = self._number(gateway, stream)
        return e.PrivateFrame(self.facts.incarnation, stream, self.facts.epoch, cut.seq, cuts, own, number)

    def _number(self, gateway: str, stream: int) -> int:
        return self.admission.section_changes.get(gateway, 0) if stream == e.LIVE_STREAM else 0

    def _answers(self, cut: CutFrame) -> Answers:
        """The answers that who goes on from the frame's base may not have; all of them where somebody may begin here."""
        out: Answers = {}
        match = self.match
        self._answered.append((cut.seq, tuple(match.answered)))
        match.answered.clear()
        while self._answered[0][0] <= cut.seq - self.plan.frames.rung_span:
            self._answered.popleft()
        # From the newest on, for those behind the base are many and in no cache.
        recent = takewhile(lambda entry: entry[0] > cut.base, reversed(self._answered))
        seats = {seat for _, answered in recent for seat in answered}
        if cut.public.key is not None:
            seats |= match.unsettled
        for seat in sorted(seats & self._shown.players.keys()):
            queue = match.inputs[seat]
            if queue.has_answers:
                gateway, slot, generations = self._shown.players[seat]
                out.setdefault(gateway, {})[seat] = queue.rows(slot, generations, cut.seq)
            else:
                match.unsettled.discard(seat)
        return out

    def _look_around(self) -> tuple[set[Section], bool]:
        """The sections that come with a KEY because a gateway has not had them yet; whether any connection's changed."""
        as_of = self.admission.comings_and_goings, self.match.team_changes
        if as_of == self._shown.as_of:
            return set(), False
        before, changes = self._shown.wanted, sum(self.admission.section_changes.values())
        wanted = self._wanted()
        on_show = {section for sections in wanted.values() for section in sections}
        self._shown = Audiences(as_of, wanted, on_show, self._players())
        fresh = {s for gateway, sections in wanted.items() for s in sections - before.get(gateway, set())}
        return fresh, changes != sum(self.admission.section_changes.values())

    def _players(self) -> dict[int, tuple[str, int, tuple[int, int]]]:
        holds = self.match.seats.holds
        return {
            seat: (viewer.gateway, slot, (holds[seat].first_generation, holds[seat].generation))
            for viewer in self.admission.viewers.values()
            for slot, seat in enumerate(viewer.seats)
        }

    def _wanted(self) -> Wanted:
        """The private sections that each gateway's connections in the live stream have. Who lost or got one is told."""
        wanted: Wanted = {}
        for viewer in self.admission.viewers.values():
            if viewer.stream != e.LIVE_STREAM:
                continue
            sections = self.admission.sections_of(viewer)
            if sections != viewer.sections:
                self.admission.change_sections(viewer, sections)
            own = wanted.setdefault(viewer.gateway, set())
            own.update(section for section in sections if section != PUBLIC_SECTION)
        return wanted
