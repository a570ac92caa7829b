"""One room: what arrives, the rules, and what everybody is told, tick by tick. Sans I/O: items and ``now`` in, `Outgoing` out.

Everything that arrives waits for the next tick boundary, so that a frame shows whole ticks only. The holder calls `tick`
on the room's deadlines and sends what `drain` returns. An exception out of `tick` is the rules' fault and ends this room.
"""

from collections import deque
from typing import Any

from attrs import define, field

from game.binary import BadBytes, Reader
from game.codec import body_of, read_values
from game.contract import Result
from game.replay import state_hash
from game.schema import NO_TEAM
from game.wire.closecodes import Close
from game.wire.frames import Position
from server.ops.faults import Faults
from server.ops.metrics import count
from server.relay import envelope as e
from server.rooms import kicks
from server.rooms.admission import Admission
from server.rooms.delay import DelayLine
from server.rooms.framing import Framer
from server.rooms.inputs import Pending
from server.rooms.match import Match
from server.rooms.outgoing import MatchOver, NewsOut, Outgoing, SeatAtEnd, ToOne
from server.rooms.talk import Talk
from server.rooms.viewers import RoomFacts, Viewer
from server.rooms.voices import Voices
from server.routing.choices import chosen_of
from server.routing.plan import RoomPlan

LINGER_S = 12.0
PENDING_MAX = 20_000
RETRY_JOIN_S = 0.5  # what came in one tick is taken in with the next


@define(eq=False)
class Room:
    """``over_at``: when everybody was shown the result. ``is_over``: the room is done with and may be dropped.

    ``_coming`` are the connections whose join waits for the tick, with their gateways.
    """

    plan: RoomPlan
    facts: RoomFacts
    now: float
    tick_no: int = 0
    is_over: bool = False
    over_at: float | None = None
    empty_since: float | None = None
    faults: Faults = field(factory=Faults)
    match: Match = field(init=False)
    admission: Admission = field(init=False)
    talk: Talk = field(init=False)
    voices: Voices = field(init=False)
    framer: Framer = field(init=False)
    _line: DelayLine | None = field(init=False)
    _pending: deque[tuple[str, e.ToLoop]] = field(factory=deque)
    _coming: dict[str, str] = field(factory=dict)
    _overrun: set[str] = field(factory=set)
    _written: Result | None = None
    _chosen: dict[str, Any] = field(init=False)
    _out: list[Outgoing] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        plan, facts, out = self.plan, self.facts, self._out
        delay_s = plan.spectators.delay_s if plan.spectators else 0.0
        self._line = DelayLine(delay_s) if delay_s else None
        self.match = Match(plan, facts.seed)
        self.talk = Talk(facts.incarnation, plan.chat.history if plan.chat else 0, self._line, out)
        self.voices = Voices(plan.chat_limit)
        self.admission = Admission(plan, facts, self.match, self.talk, out)
        self.framer = Framer(plan, facts, self.match, self.admission, self.talk, self._line, out, self.now)
        self.empty_since = self.now
        self._chosen = dict(chosen_of(plan))

    # ---- in

    def receive(self, gateway: str, item: e.ToLoop) -> None:
        """An item of a gateway, for the next tick boundary; `_overflow` says what happens to one too many."""
        if isinstance(item, e.Part):
            # One whose join still waits was never here. So these are at most as many as the connections that are.
            if self._coming.pop(item.conn, None) is None and item.conn in self.viewers:
                self._pending.append((gateway, item))
        elif len(self._pending) >= PENDING_MAX:
            self._overflow(gateway, item)
        else:
            self._pending.append((gateway, item))
            if isinstance(item, e.Join):
                self._coming[item.conn] = gateway

    def tick(self, now: float) -> None:
        """One fixed step: what arrived, then the rules, then, at send ticks, a frame."""
        self.now = now
        self.tick_no += 1
        self._take_in()
        self.admission.expire(now)
        self._announce_result()
        if self.match.is_playing:
            result = self.match.step(self.tick_no)
            if result is not None:
                self._finish(result)
            if self.tick_no % self.plan.tick_hz == 0:
                self.match.look_for_newcomers()
        self.admission.staff()
        if not self.match.is_playing:
            self.match.answer_unplayed(self.tick_no)
        if self.tick_no % (self.plan.tick_hz // self.plan.send_hz) == 0:
            self.framer.cut(self.tick_no, now)
        self.framer.release(now)
        self._end_if_due()

    def drop_gateway(self, gateway: str) -> None:
        """A gateway fell silent: its connections are lost."""
        self._coming = {conn: of for conn, of in self._coming.items() if of != gateway}
        for viewer in [v for v in self.viewers.values() if v.gateway == gateway]:
            self.receive(gateway, e.Part(self.facts.incarnation, viewer.conn, is_lost=True))

    def rebase(self, skipped_s: float) -> None:
        """Time was skipped: everybody is told."""
        news = e.RoomNews(self.facts.incarnation, e.LIVE_STREAM, (), self.tick_no, round(skipped_s * 1000))
        self._out.append(NewsOut(news))
        if self._line is not None:
            delayed = e.RoomNews(news.incarnation, e.DELAYED_STREAM, (), news.rebase_tick, news.rebase_ms)
            self._line.put(NewsOut(delayed), self.now)

    def result_is_written(self, result: Result) -> None:
        """The result that `drain` gave is in the database: from the next tick on everybody is shown that the match has ended."""
        self._written = result

    def end(self, close: Close, reason: str) -> None:
        """Everybody out, with a named goodbye."""
        for viewer in self.viewers.values():
            self._out.append(ToOne(viewer.gateway, e.Dismissed(viewer.conn, close.value.code, reason)))
        for gateway, item in self._pending:
            if isinstance(item, e.Join):
                self.admission.refuse(gateway, item, close, reason)
            elif isinstance(item, e.Kick):
                self._out.append(ToOne(gateway, e.Kicked(item.request, "no_such_room", "a room that is open")))
        self._pending.clear()
        self._coming.clear()
        self.viewers.clear()
        self.is_over = True

    # ---- out

    @property
    def viewers(self) -> dict[str, Viewer]:
        """The connections that are in, by their id."""
        return self.admission.viewers

    def drain(self) -> list[Outgoing]:
        """What to send, in order; each is returned once."""
        out = list(self._out)
        self._out.clear()
        return out

    def info(self) -> e.RoomInfo:
        """This room's line in the lobby."""
        seats = self.match.seats
        return e.RoomInfo(
            self.facts.incarnation,
            self.facts.code,
            self.plan.name,
            seats.people,
            len(seats.bots()),
            sum(not viewer.seats for viewer in self.viewers.values()),
            self.plan.seats,
            "ended" if self.is_over or self.match.is_decided else "open",
            self.tick_no,
            self._chosen,
            self.match.is_open and not self.match.is_decided,
        )

    # ---- arrivals

    def _take_in(self) -> None:
        while self._pending:
            gateway, item = self._pending.popleft()
            try:
                self._on_item(gateway, item)
            except Exception as error:
                if isinstance(item, e.Join | e.Part | e.Kick):
                    raise  # the rules were told half of it: nobody could say what they hold now
                self._fail(item, error)
        for conn in sorted(self._overrun):
            self.admission.dismiss(conn, Close.OVERLOADED, "the room takes no more this tick", self.now)
        self._overrun.clear()

    def _fail(self, item: e.ToLoop, error: Exception) -> None:
        """A fault in what one connection said costs that one its place, not the others their room."""
        conn = getattr(item, "conn", "")
        about = {"room": self.facts.incarnation, "conn": conn, "item": type(item).__name__}
        self.faults.note(error, "room.item_failed", "item", **about)
        if conn:
            self.admission.dismiss(conn, Close.INTERNAL, "a fault on the server", self.now)

    def _overflow(self, gateway: str, item: e.ToLoop) -> None:
        """A newcomer is refused; who has something to say is closed, and sends it again when resumed; the rest repeats."""
        match item:
            case e.Join():
                count("queue_overflows_total", queue="room", policy="refuse")
                self.admission.refuse(gateway, item, Close.OVERLOADED, "the room takes no more this tick", RETRY_JOIN_S)
            case e.Kick():
                count("queue_overflows_total", queue="room", policy="refuse")
                self._out.append(ToOne(gateway, e.Kicked(item.request, "busy", "another try in a moment")))
            case e.InputItem() | e.SayItem():
                count("queue_overflows_total", queue="room", policy="close")
                self._overrun.add(item.conn)
            case _:
                count("queue_overflows_total", queue="room", policy="drop_newest")

    def _on_item(self, gateway: str, item: e.ToLoop) -> None:
        match item:
            case e.Join():
                if self._coming.pop(item.conn, None) is not None:
                    self.admission.join(gateway, item, self.tick_no, self.now)
            case e.Part():
                self.admission.part(item, self.now)
            case e.InputItem():
                self._on_input(item)
            case e.AckItem():
                self._on_ack(item)
            case e.SayItem():
                self._on_say(gateway, item)
            case e.Kick():
                kicks.kick(self.admission, gateway, item, self.now)
            case e.WantKeyItem():
                self.framer.want_key(item.stream)
            case e.WantChat():
                self.talk.send_again(gateway, item.stream)
            case e.Presence() | e.Host():
                raise TypeError(f"{type(item).__name__} is for the holder, not for a room")

    def _on_say(self, gateway: str, item: e.SayItem) -> None:
        viewer = self.viewers.get(item.conn)
        if viewer is None or self.plan.chat is None:
            return
        if self.voices.may_speak(viewer.identity, self.now):
            self.talk.say(viewer, item.text, self.tick_no, self.now)
        else:
            self._out.append(ToOne(gateway, e.Unsaid(item.conn)))

    def _on_ack(self, item: e.AckItem) -> None:
        viewer = self.viewers.get(item.conn)
        if viewer is not None:
            self._acknowledge(viewer, Position(item.epoch, item.seq))

    def _acknowledge(self, viewer: Viewer, position: Position) -> None:
        self.match.seats.confirm(viewer.conn)
        for seat in viewer.seats:
            self.match.inputs[seat].acknowledge(position, self.facts.epoch)

    def _on_input(self, item: e.InputItem) -> None:
        viewer = self.viewers.get(item.conn)
        if viewer is None or not 0 <= item.slot < len(viewer.seats):
            return  # its connection is gone; a resumed one sends it again
        self._acknowledge(viewer, Position(item.seen_epoch, item.seen_seq))
        body, reason = None, item.reason
        if not reason:
            try:
                message = self.plan.schema.inputs[item.kind]
                body = body_of(message, read_values(Reader(item.values), message))
            except (BadBytes, IndexError):
                reason = "malformed"
            except Exception as error:  # noqa: BLE001 - the author's class does not take these values
                self.faults.note(error, "room.input_refused", "input", room=self.facts.incarnation, conn=item.conn)
                reason = "malformed"
        pending = Pending(item.n, item.for_tick, body, reason, self.tick_no)
        if not self.match.receive(viewer.seats[item.slot], pending):
            count("queue_overflows_total", queue="inputs", policy="close")
            self.admission.dismiss(item.conn, Close.OVERLOADED, "too many inputs wait for their tick", self.now)

    # ---- the end

    def _finish(self, result: Result) -> None:
        match = self.match
        match.is_decided = True
        final = state_hash(match.world, match.rng)
        over = MatchOver(result, final, self.facts.started, match.recorder.to_bytes(), self._seats_at_end())
        self._out.append(over)

    def _announce_result(self) -> None:
        if self._written is not None and self.over_at is None:
            self.match.status.phase, self.match.status.summary = "ended", self._written.summary
            self.over_at = self.now

    def _seats_at_end(self) -> tuple[SeatAtEnd, ...]:
        match = self.match
        match.update_teams()
        rows = ((match.seats.holds[number], row) for number, row in sorted(match.roster.items()))
        return tuple(
            SeatAtEnd(hold.number, hold.identity, hold.name, None if row.team == NO_TEAM else row.team, row.is_bot)
            for hold, row in rows
        )

    def _end_if_due(self) -> None:
        if self.over_at is not None:
            self._end_after_match(self.now - self.over_at)
            return
        if self.viewers or self.match.seats.people:
            self.empty_since = None
        elif self.empty_since is None:
            self.empty_since = self.now
        elif self.now - self.empty_since >= self.plan.dispose_when_empty_s:
            self.end(Close.ROOM_CLOSED, "nobody was here")

    def _end_after_match(self, since_s: float) -> None:
        """The live ones go first; the room stays until the delayed have seen the end, and had as long to look at it."""
        if since_s < LINGER_S:
            return
        reason = self.match.status.summary or "the match is over"
        delay_s = self._line.delay_s if self._line is not None else 0.0
        for viewer in [v for v in self.viewers.values() if v.stream == e.LIVE_STREAM]:
            self.admission.dismiss(viewer.conn, Close.ROOM_CLOSED, reason, self.now)
        if not self.viewers or since_s >= LINGER_S + delay_s:
            self.end(Close.ROOM_CLOSED, reason)
