"""Cuts a room's frames: the live stream and the delayed one, which gateway gets which private sections, the answers.

Sans I/O. The room calls `cut` at each send tick and `release` at each tick; nobody else makes frames.
"""

from typing import Any

from attrs import define, field
from msgspec.structs import replace

from game.contract import Event
from game.fields import SPECTATORS
from game.tracker import PUBLIC_SECTION, SPECTATORS_SECTION, Section
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
Answers = dict[str, dict[int, tuple[tuple[int, int, str, int], ...]]]


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
    _shown: Wanted = field(factory=dict)
    _cut_at: float = -1e9
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
        wanted, is_changed = self._wanted(e.LIVE_STREAM)
        on_show = {section for sections in wanted.values() for section in sections}
        fresh = {s for gateway, sections in wanted.items() for s in sections - self._shown.get(gateway, set())}
        self._shown = wanted
        has_answers = any(queue.has_new_answers for queue in self.match.inputs.values())
        is_forced = has_answers or is_changed or self.admission.has_newcomers
        self.admission.has_newcomers = False
        cut = self.live.cut(sources, events, on_show, fresh, is_forced=is_forced)
        if cut is not None:
            self._cut_at = now
            self.out.append(self._frame(cut, e.LIVE_STREAM, wanted, self._answers(cut.seq), tick_no, now))
            if self.match.crew:
                self.match.crew.see(self.live.key)
        elif now - self._cut_at >= HEAD_EVERY_S:
            self._cut_at = now
            head = CutFrame(self.live.seq, self.live.seq, _NOTHING, {})
            self.out.append(self._frame(head, e.LIVE_STREAM, {}, {}, tick_no, now))

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
        gateways = {v.gateway for v in viewers if v.stream == e.DELAYED_STREAM} if kept else set()
        private = {gateway: kept for gateway in sorted(gateways) if kept is not None}
        through = self.talk.log(e.DELAYED_STREAM).through
        return FrameOut(replace(out.public, private_for=tuple(private), chat_through=through), private)

    def _frame(
        self, cut: CutFrame, stream: int, wanted: Wanted, answers: Answers, tick_no: int, now: float
    ) -> FrameOut:
        facts = self.facts
        private = {
            gateway: self._private(gateway, cut, stream, wanted.get(gateway, set()), answers.get(gateway, {}))
            for gateway in sorted(wanted.keys() | answers.keys())
            if wanted.get(gateway) or answers.get(gateway) or self._number(gateway, stream)
        }
        public = e.PublicFrame(
            facts.incarnation,
            stream,
            facts.epoch,
            cut.seq,
            cut.base,
            tick_no,
            round((now - self.started_at) * 1000),
            cut.public.patch,
            cut.public.key,
            tuple(private),
            facts.loop,
            facts.loop_channel(),
            self.talk.log(stream).through,
        )
        return FrameOut(public, private)

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

    def _answers(self, seq: int) -> Answers:
        out: Answers = {}
        for viewer in self.admission.viewers.values():
            for seat in viewer.seats:
                queue = self.match.inputs[seat]
                if queue.has_answers:
                    rows = tuple((g.n, g.tick, g.reason, g.margin) for g in queue.to_send(seq))
                    out.setdefault(viewer.gateway, {})[seat] = rows
        return out

    def _wanted(self, stream: int) -> tuple[Wanted, bool]:
        """The private sections that each gateway's connections have, and whether any connection's have changed."""
        wanted: Wanted = {}
        is_changed = False
        for viewer in self.admission.viewers.values():
            if viewer.stream != stream:
                continue
            sections = self.admission.sections_of(viewer)
            if sections != viewer.sections:
                self.admission.change_sections(viewer, sections)
                is_changed = True
            own = wanted.setdefault(viewer.gateway, set())
            own.update(section for section in sections if section != PUBLIC_SECTION)
        return wanted, is_changed
