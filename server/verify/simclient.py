"""A client of the simulated world: the real client machine on a virtual socket, with a habit of coming back.

It does what an SDK does and nothing more: feeds the machine, writes what it has to say, reconnects as its close codes tell.
Everything that it sends, receives and holds goes into the trace.
"""

import re
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

from attrs import define, field

from game.binary import BadBytes
from game.tracker import PUBLIC_SECTION, SPECTATORS_SECTION, Section
from game.view import View
from game.wire import client as c
from game.wire import messages as m
from game.wire.closecodes import Close, Retry
from game.wire.frames import Frame, FrameKind, Position, decode_frame, frame_from_json
from game.wire.limits import INPUTS_KEPT
from server.clock import stopwatch
from server.routing.plan import RoutePlan
from server.sockets.consumer import RoomConsumer
from server.verify import oracle
from server.verify import trace as tr
from server.verify.simloop import arrive_at
from server.verify.simsockets import Data, SimSocket

if TYPE_CHECKING:
    from server.verify.world import World

POLL_EVERY_S = 0.1
LIMITS = re.compile(
    r"free seats|one identity may hold|at most \d+ slots|in the room already|the room has its|too many new rooms"
)
FULL = {Close.OVERLOADED.value.code, Close.NOT_ALLOWED.value.code}
RETRY_S = (0.3, 0.9)
RETRY_GROWS_MAX = 4.0
RESYNC = m.encode(m.Resync())


def is_full(code: int, reason: str) -> bool:
    """Whether a goodbye says that the room's own limits keep somebody out."""
    return code in FULL and LIMITS.search(reason) is not None


def _is_patch(data: Data) -> bool:
    if isinstance(data, bytes):
        return decode_frame(data).kind is FrameKind.PATCH
    return data.startswith('{"type":"patch"')


@define(eq=False)
class SimClient:
    """``wants_in``: it reconnects when it may, with growing patience. ``sticks_to``: the gateway where; None: anywhere.

    ``swallows``: how many of the next patches never arrive. ``turned_away``: how often in a row it was closed without a welcome between.
    """

    name: str
    world: "World"
    route: RoutePlan
    room_code: str
    random: Random
    is_binary: bool = True
    slots: int = 1
    wants_in: bool = True
    sticks_to: str | None = None
    machine: c.Client = field(init=False)
    socket: SimSocket | None = None
    said: int = 0
    closes: int = 0
    turned_away: int = 0
    swallows: int = 0
    _held: dict[Section, str] = field(factory=dict)
    _is_polling: bool = False
    _end_shown_on: int = 0

    def __attrs_post_init__(self) -> None:
        hello = m.Hello(token=self.name, name=self.name, slots=self.slots)
        self.machine = c.Client(hello, self.is_binary, self.route.room.schema, decode=self.world.sharing.decode)

    # ---- what the schedule has it do

    @property
    def identity(self) -> str:
        """Who it is: a second tab is who the first one is."""
        return f"id-{self.machine.hello.token}"

    @property
    def delay_s(self) -> tuple[float, float]:
        """Of its socket, as the world's sockets have it."""
        return self.world.socket_delay_s

    @property
    def offers(self) -> list[str]:
        """The subprotocol that it speaks."""
        return [m.BIN if self.is_binary else m.JSON]

    def served_by(self, consumer: type[RoomConsumer], _: object) -> type[RoomConsumer]:
        """As everybody is."""
        return consumer

    @property
    def is_live(self) -> bool:
        """Whether it is in the room and sees it."""
        return self.socket is not None and not self.socket.is_closed and self.machine.state is c.ClientState.LIVE

    @property
    def is_in(self) -> bool:
        """Whether it was welcomed on its present socket."""
        return self.socket is not None and self.machine.state in (c.ClientState.JOINED, c.ClientState.LIVE)

    @property
    def is_kept_out(self) -> bool:
        """Whether the room had no place for it when it last asked."""
        goodbye = self.machine.goodbye
        return not self.is_in and goodbye is not None and is_full(goodbye.code, goodbye.reason)

    def connect(self) -> None:
        """Opens a socket to some gateway."""
        if self.socket is not None and not self.socket.is_closed:
            return
        gateway = self.world.choose_gateway(self.sticks_to)
        if gateway is None:
            self._retry(0.5)
            return
        self.socket = gateway.open_socket(self)
        is_resume = self.machine.hello.resume is not None
        self._trace(tr.Opened, self.route.name, self.route.role.value, gateway.name, is_resume, self.identity)
        self.machine.start(stopwatch())
        self.socket.open()
        self._write()
        if not self._is_polling:
            self._is_polling = True
            self._poll()

    def send(self, body: Any, slot: int = 0) -> None:
        """An input."""
        machine = self.machine
        if self.socket is None or machine.welcome is None or len(machine.unanswered) > INPUTS_KEPT - 8:
            return
        n = machine.send_input(body, slot)
        sent = machine.unanswered[slot, n]
        self._trace(tr.InputSent, slot, n, sent.seen, sent.message.name, tuple(sent.values))
        self._write()

    def say(self, text: str) -> None:
        """A chat line."""
        if self.is_live:
            self.said += 1
            seen = self.machine.chat[-1].n if self.machine.chat else 0
            self._trace(tr.Said, text, seen)
            self.machine.say(text)
            self._write()

    def leave(self) -> None:
        """Gives its seats up, and does not come back by itself."""
        self.wants_in = False
        if self.socket is None or self.socket.is_closed:
            return
        if self.is_in and (self.route.role.value == "spectator" or "leave" in self.route.accepts):
            self._trace(tr.LeaveSent)
            self.machine.leave()
            self._write()
        else:
            self.socket.close()

    def come_back(self) -> None:
        """Wants in again."""
        self.wants_in = True
        self.connect()

    # ---- the socket's events

    def on_data(self, data: Data) -> None:
        """A message of the server."""
        if self.swallows and _is_patch(data):
            self.swallows -= 1
            return
        now, before = stopwatch(), self.machine.head
        try:
            self.machine.receive(data, now)
        except (BadBytes, m.BadMessage) as error:
            self._trace(tr.BrokenIn, repr(error)[:300])
            return
        news = self.machine.news()
        applied = next((item.frame for item in news if isinstance(item, c.Applied)), None)
        frame = applied or self._frame(data)
        if frame is not None:
            self._note_frame(frame, before, is_applied=applied is not None)
        for item in news:
            self._note(item)
        self._write()

    def on_close(self, code: int, why: str) -> None:
        """The socket is closed."""
        self.closes += 1
        self._trace(tr.Closed, code, why)
        after_s = self.machine.goodbye.retry_after_s if self.machine.goodbye else None
        retry = self.machine.closed(code)
        for item in self.machine.news():
            self._note(item)
        if why == "client" or retry is Retry.NEVER:
            self.wants_in = False
        if self.wants_in:
            self.turned_away += 1
            patience = min(RETRY_GROWS_MAX, 1.5 ** (self.turned_away - 1))
            self._retry(max(after_s or 0.0, self.random.uniform(*RETRY_S) * patience))

    def _retry(self, after_s: float) -> None:
        arrive_at(stopwatch() + after_s, self._connect_if_wanted)

    def _connect_if_wanted(self) -> None:
        if self.wants_in and self.world.trace.is_open:
            self.connect()

    def _poll(self) -> None:
        if not self.world.trace.is_open:
            return
        if self.socket is not None and not self.socket.is_closed:
            self.machine.poll(stopwatch())
            self._write()
        arrive_at(stopwatch() + POLL_EVERY_S, self._poll)

    def _write(self) -> None:
        assert self.socket is not None  # noqa: S101 - only a connected client has something to say
        for data in self.machine.data_to_send():
            if data == RESYNC:
                self._trace(tr.ResyncSent)
            self.socket.send(data)

    # ---- into the trace

    def _trace(self, kind: Callable[..., tr.Event], *values: Any) -> None:
        number = self.socket.number if self.socket is not None else 0
        self.world.trace.add(kind(stopwatch(), self.name, number, *values))

    def _frame(self, data: Data) -> Frame | None:
        if isinstance(data, bytes):
            return decode_frame(data)
        message = m.decode_server(data)
        return frame_from_json(self.route.room.schema, message) if isinstance(message, dict) else None

    def _note_frame(self, frame: Frame, before: Position, *, is_applied: bool) -> None:
        machine = self.machine
        held = roster = None
        shown = ""
        if is_applied and machine.view is not None:
            held = self._held = self.world.sharing.held(machine.view, frame, self._held)
            if oracle.is_compared(frame.seq):
                shown = oracle.shown_in(machine.view)
            roster = tuple(row.number for row in machine.view.roster) if frame.kind.name == "KEY" else None
            self._note_end(machine.view)
        self.world.frames_delivered += 1
        self._trace(
            tr.FrameIn,
            machine.welcome.incarnation if machine.welcome else "",
            frame.kind.name,
            frame.position,
            frame.base,
            frame.tick,
            before,
            machine.head,
            is_applied,
            tuple(frame.answers),
            tuple(part.section for part in frame.parts),
            held,
            tuple(sorted(machine.unanswered)),
            roster,
            shown,
        )

    def _note_end(self, view: View) -> None:
        assert self.socket is not None  # noqa: S101 - a frame came over it
        if PUBLIC_SECTION not in view.sections and SPECTATORS_SECTION not in view.sections:
            return
        if view.room.phase == "ended" and self._end_shown_on != self.socket.number:
            self._end_shown_on = self.socket.number
            self._trace(tr.EndShown, self.machine.welcome.incarnation if self.machine.welcome else "")

    def _note(self, item: c.News) -> None:
        incarnation = self.machine.welcome.incarnation if self.machine.welcome else ""
        match item:
            case m.Welcome():
                assert self.socket is not None  # noqa: S101 - a welcome came over it
                self.turned_away = 0
                seats = tuple((grant.slot, grant.seat, grant.generation) for grant in item.seats)
                conn = self.world.conn_of(self.socket.number)
                is_resumed = self.machine.head != Position(-1, -1)
                self._trace(tr.Welcomed, conn, item.incarnation, seats, is_resumed, item.delay_s)
            case c.Answered(answer=answer):
                self.world.inputs_answered += 1
                self._trace(tr.AnswerIn, incarnation, answer.slot, answer.n, answer.tick, answer.reason)
            case m.Chat():
                lines = tuple((line.n, line.who, line.role, line.text, line.tick) for line in item.lines)
                self._trace(tr.ChatIn, incarnation, lines)
            case m.NoticeMessage():
                self._trace(tr.NoticeIn, item.id)
            case m.Refused():
                self._trace(tr.RefusedIn, item.what, item.reason)
            case m.Goodbye():
                self._trace(tr.GoodbyeIn, item.code, item.reason)
            case _:
                pass
