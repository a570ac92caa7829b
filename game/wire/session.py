"""The server's side of one connection, without I/O: what came in and ``now`` go in, messages and commands come out.

A gateway's consumer, the simulated world and the tests drive it. It checks and limits what a client sends, decides
which frame the client gets next, and paces: a client that does not acknowledge gets the newest state when it catches
up.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Protocol

from attrs import define, field, frozen
from msgspec import Struct

from game.binary import BadBytes
from game.schema import Schema
from game.text import clean_line
from game.tracker import Section
from game.wire import messages as m
from game.wire.closecodes import Close
from game.wire.frames import (
    AckMessage,
    AnswerRows,
    BadInput,
    Frame,
    FrameKind,
    InputMessage,
    Position,
    decode_client_bytes,
    encode_frame,
    frame_json,
    input_from_json,
)
from game.wire.limits import Allowance, Limit, Overflow, TokenBucket
from game.wire.ring import Moment, Ring, Sections, Slice

HELLO_WITHIN_S = 10.0
SILENT_FOR_S = 30.0
PAUSE_AFTER_S = 1.5
PAUSE_SLACK_S = 0.9  # more than ACK_EVERY_S: what a link that keeps up leaves unacknowledged at times
LATE_S = 0.25
RELAPSE_S = 5.0
SLOW_FOR_MAX_S = 8.0
CLOSE_AFTER_S = 10.0
UNACKED_MAX = 64
ERRORS = Limit(1.0, 20)
FLOOD_SLACK = Limit(40.0, 200)  # acks, pings and the like, beside what the route accepts
SIZE_MAX = 4096
CONTROL = Limit(10.0, 30)
NEVER = Position(1 << 60, 0)
RESYNC = Limit(2.0, 6)  # a client asks every half second at most
WAITING_INPUTS_MAX = 8
DEFAULT_LIMITS = {"input": Limit(40.0, 80), "chat": Limit(1.0, 10), "leave": Limit(1.0, 5)}


class SessionState(Enum):
    """Where a connection stands: each state accepts only its own messages."""

    HELLO = "hello"
    JOINING = "joining"
    LIVE = "live"
    CLOSED = "closed"


@frozen
class SessionRules:
    """What a route allows. ``accepts`` maps input, chat and leave to their limits (None: DEFAULT_LIMITS).

    ``sizes`` holds the most bytes of a message of each kind; other kinds have `SIZE_MAX`.
    """

    route: str
    role: str
    schema: Schema
    accepts: Mapping[str, Limit | None]
    chat_length: int = 240
    is_paced: bool = True
    sizes: Mapping[str, int] = field(factory=dict)
    size_max: int = field(init=False)
    _brings: dict[int, Mapping[str, Limit]] = field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "size_max", max((SIZE_MAX, *self.sizes.values())))

    def limit(self, kind: str) -> Limit:
        """The limit of an accepted kind of message."""
        return self.accepts.get(kind) or DEFAULT_LIMITS[kind]

    @property
    def flood(self) -> Limit:
        """How many messages of all kinds a connection with one seat may send."""
        return self.brings(1)["flood"]

    def brings(self, seats: int) -> Mapping[str, Limit]:
        """What a connection with so many seats adds to its person's allowance: each seat may send all the inputs of one."""
        found = self._brings.get(seats)
        if found is None:
            found = {kind: self.limit(kind).times(seats if kind == "input" else 1) for kind in self.accepts}
            rate = FLOOD_SLACK.rate_per_s + 2.0 * sum(limit.rate_per_s for limit in found.values())
            burst = FLOOD_SLACK.burst + sum(limit.burst for limit in found.values())
            found |= {
                "flood": Limit(rate, burst, Overflow.CLOSE),
                "errors": ERRORS,
                "control": CONTROL,
                "resync": RESYNC,
            }
            self._brings[seats] = found
        return found


@frozen
class Attach:
    """The client said hello: find or make its seat."""

    hello: m.Hello


class Submit(Struct, frozen=True):
    """An input for the loop; ``reason`` is set where it was refused on the way, so that it is answered in order."""

    slot: int
    n: int
    seen: Position
    for_tick: int
    message: InputMessage | None
    reason: str = ""


class Acknowledge(Struct, frozen=True):
    """The client holds everything up to this position; said only where that tells the room something."""

    position: Position


@frozen
class WantKey:
    """The ring has a hole that only the room can fill."""


class SayLine(Struct, frozen=True):
    """A chat line for the room."""

    text: str


@frozen
class GiveUp:
    """The client left for good."""


@frozen
class NoticesSeen:
    """The client has shown these notices."""

    ids: tuple[int, ...]


Command = Attach | Submit | Acknowledge | WantKey | SayLine | GiveUp | NoticesSeen


class CohortView(Protocol):
    """What a session needs to know of the cohort that it stands in; see `game.wire.showing`."""

    number: int
    moments: list[Moment]

    def drop(self, place: int) -> None:
        """The one at that place leaves."""


@define
class Session:
    """One connection. ``sections`` are the audiences that it belongs to, set when its seat is granted.

    ``is_waiting``: the newest frame was held back, or a KEY is wanted: what the client says next may change that.
    ``is_held``: the socket has not taken all that was written; the shell sets it back.
    ``is_usual``: live, in bytes, paced, keeping up, with the sections it had, no KEY wanted: it may stand in a cohort, at ``place``,
    and is shown frames without hearing of it until it catches up.
    """

    rules: SessionRules
    is_binary: bool
    opened_at: float
    state: SessionState = SessionState.HELLO
    sections: Sections = ()
    seats: tuple[m.SeatGrant, ...] = ()
    seat_numbers: tuple[int, ...] = ()
    head: Position = Position(-1, -1)
    acked: Position = Position(-1, -1)
    close: Close | None = None
    frames_sent: int = 0
    frames_skipped: int = 0
    is_waiting: bool = False
    is_held: bool = False
    is_usual: bool = False
    cohort: CohortView | None = field(default=None, repr=False)
    place: int = 0
    owed_since: float | None = None
    shown: Moment | None = None
    patience_s: float = PAUSE_AFTER_S
    size_max: int = SIZE_MAX  # of a message in bytes; the route's largest after the welcome
    unacked: deque[Moment] = field(factory=lambda: deque(maxlen=UNACKED_MAX))
    _since_tick: int = 0
    _is_key_wanted: bool = True
    _held: Sections = ()
    _chat_sent: int = 0
    _heard_at: float = 0.0
    _received_through: dict[int, int] = field(factory=dict)
    _chat_log: Sequence[m.ChatLine] = ()
    _best_ack_s: float = PAUSE_AFTER_S
    _period_s: float = 0.05
    _is_slow: bool = False
    _slow_for_s: float = 0.0
    _slow_until: float = 0.0
    _recovered_at: float = -1e9
    _allowance: Allowance = field(factory=Allowance)
    _name: str = ""
    _buckets: dict[str, TokenBucket] = field(factory=dict)
    _waiting: list[Submit] = field(factory=list)  # at most WAITING_INPUTS_MAX; a deque weighs 700 bytes
    _look_at: float = 0.0
    _cohort_number: int = 0
    _answers_first: Position = NEVER
    _answers_last: Position = Position(-1, -1)
    _told: dict[int, int] = field(factory=dict)
    _flood: TokenBucket = field(init=False)
    _out: list[bytes | str] = field(factory=list)
    _commands: list[Command] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self._heard_at = self.opened_at
        self._allowance.enter(self._name, self.rules.brings(1), self.opened_at)
        self._flood = self._allowance.bucket("flood")

    # ---- from the client

    def receive(self, data: bytes | str, now: float) -> None:
        """One message from the client. Never raises: what is wrong is refused, counted, and in the end closes."""
        if self.state is SessionState.CLOSED:
            return
        self._heard_at = now
        self.catch_up()
        if not self._flood.take(now):
            self.finish(Close.RATE, "more messages than any route accepts")
            return
        if len(data) > self.size_max:
            self.finish(Close.TOO_BIG, f"got a message of {len(data)} bytes; this route takes none so long")
            return
        try:
            if isinstance(data, bytes):
                self._on_bytes(data, now)
            else:
                self._on_text(data, now)
        except BadInput as error:
            self._on_bad_input(error, now)
        except (m.BadMessage, BadBytes) as error:
            self._error(now, "message", "bad_message", str(error))

    def poll(self, now: float) -> None:
        """Time passes: deadlines, and inputs that waited for their rate."""
        if (now < self._look_at and not self._waiting) or self.state is SessionState.CLOSED:
            return
        self.catch_up()
        if self.cohort is not None and self.unacked and now - self.unacked[0].at > self.patience_s:
            self._be_unusual()
        self._look_at = self._earliest_deadline(now)
        if self.state is SessionState.HELLO and now - self.opened_at > HELLO_WITHIN_S:
            self.finish(Close.TIMEOUT, f"no hello within {HELLO_WITHIN_S:.0f} s")
        elif now - self._heard_at > SILENT_FOR_S:
            self.finish(Close.TIMEOUT, f"nothing heard for {SILENT_FOR_S:.0f} s")
        elif self.rules.is_paced and self.owed_since is not None and now - self.owed_since > CLOSE_AFTER_S:
            self.finish(Close.TOO_SLOW, f"no frame acknowledged for {CLOSE_AFTER_S:.0f} s")
        else:
            while self._waiting and (self._waiting[0].reason or self._bucket("input").take(now)):
                self._commands.append(self._waiting.pop(0))

    def _earliest_deadline(self, now: float) -> float:
        """No deadline can be missed before; whatever happens meanwhile only puts them off."""
        owed_since = now if self.owed_since is None else self.owed_since
        deadline = min(self._heard_at + SILENT_FOR_S, owed_since + CLOSE_AFTER_S)
        if self.cohort is not None:  # in which nobody asks for each frame whether this client is behind
            deadline = min(deadline, (self.unacked[0].at if self.unacked else now) + self.patience_s)
        return min(deadline, self.opened_at + HELLO_WITHIN_S) if self.state is SessionState.HELLO else deadline

    # ---- from the gateway

    def attached(
        self, welcome: m.Welcome, sections: Sequence[Section], since_tick: int, now: float, chat_after: int = 0
    ) -> None:
        """The seat is granted (or a spectator admitted) as of a tick: the first KEY includes that tick.

        Chat begins behind line ``chat_after``. A client that is gone by now gets nothing; its seat is the gateway's to
        give back.
        """
        if self.state is not SessionState.JOINING:
            return
        self.state = SessionState.LIVE
        self.size_max = self.rules.size_max
        self.seats = welcome.seats
        self.seat_numbers = tuple(grant.seat for grant in welcome.seats)
        self._allowance.enter(self._name, self.rules.brings(max(1, len(self.seats))), now)
        self.sections = tuple(sections)
        self._since_tick, self._chat_sent = since_tick, chat_after
        self._period_s = 1.0 / welcome.send_hz
        self._heard_at = max(self._heard_at, now)  # the wait was ours
        self._received_through = {grant.slot: grant.answered_through for grant in welcome.seats}
        self._out.append(m.encode(welcome))

    def share(self, allowance: Allowance, conn: str, now: float) -> None:
        """From now on it draws on this: what its person has left in the room. ``conn`` is its name among the person's connections.

        What it spent before counts. Whoever hands it over takes it back by `Allowance.leave`.
        """
        allowance.enter(conn, self.rules.brings(max(1, len(self.seats))), now)
        if allowance is not self._allowance:
            allowance.charge(self._allowance, now)
            self._allowance, self._name = allowance, conn
            self._buckets.clear()
            self._flood = allowance.bucket("flood")

    def change_sections(self, sections: Sequence[Section]) -> None:
        """The audiences changed: the next frame drops and adds sections."""
        self._be_unusual()
        self.sections = tuple(sections)

    def refuse(self, close: Close, reason: str, retry_after_s: float | None = None) -> None:
        """The hello was not accepted."""
        self.finish(close, reason, retry_after_s)

    def send(self, message: m.ServerMessage) -> None:
        """A control message for this client."""
        if self.state is not SessionState.CLOSED:
            self._out.append(m.encode(message))

    def send_text(self, text: str) -> None:
        """An already encoded control message, shared by many."""
        if self.state is not SessionState.CLOSED:
            self._out.append(text)

    def offer_chat(self, log: Sequence[m.ChatLine]) -> None:
        """The room's recent lines in order: what this client has not had yet is sent. ``log`` is kept, not copied."""
        self._chat_log = log
        if self.state is not SessionState.LIVE or not log or log[-1].n <= self._chat_sent:
            return
        lines = tuple(line for line in log if line.n > self._chat_sent)
        self._out.append(m.encode(m.Chat(lines, self._chat_sent)))
        self._chat_sent = lines[-1].n

    def finish(self, close: Close, reason: str = "", retry_after_s: float | None = None) -> None:
        """Says goodbye; the shell then closes the socket with the code."""
        if self.state is SessionState.CLOSED:
            return
        self._out.append(m.encode(m.Goodbye(close.value.code, close.value.name, reason, retry_after_s)))
        self.state = SessionState.CLOSED
        self.close = close
        self._be_unusual()

    def offer(self, ring: Ring, now: float) -> None:
        """As `take`, for a shell that asks for `data_to_send` afterwards anyway."""
        message = self.take(ring, now)
        if message is not None:
            self._out.append(message)

    def hold(self) -> None:
        """The socket did not take all that was written: no frame is put behind it until the shell sets ``is_held`` back."""
        self._be_unusual()
        self.is_held = True

    def join_cohort(self, cohort: CohortView, place: int) -> None:
        """From now on it is shown what the cohort is."""
        self.cohort, self.place, self._cohort_number = cohort, place, cohort.number
        self._look_at = 0.0

    def leave_cohort(self) -> None:
        """It is asked for each frame again."""
        cohort = self.cohort
        if cohort is not None:
            self.catch_up()
            self.cohort = None
            cohort.drop(self.place)

    def catch_up(self) -> None:
        """Takes note of what it was shown in its cohort since the last time."""
        cohort = self.cohort
        if cohort is None or cohort.number == self._cohort_number:
            return
        missed, self._cohort_number = cohort.number - self._cohort_number, cohort.number
        moments = cohort.moments[-missed:]
        if self.owed_since is None:
            self.owed_since = moments[0].at
        self.unacked.extend(moments)
        self.shown = moments[-1]
        self.head = self.shown.position
        self.frames_sent += missed

    def take(self, ring: Ring, now: float) -> bytes | str | None:
        """The frame that leads from where this client is to the newest; None where it gets none now.

        Call it at every new frame, and after a `receive` while ``is_waiting``: an ack ends a pause, a resync wants a KEY.
        It gives nothing where the client has the newest frame already, or is behind. Write it after what
        `data_to_send` has.
        """
        self.catch_up()
        newest, head = ring.newest, self.head
        if self.state is not SessionState.LIVE or newest is None or newest.tick < self._since_tick:
            return None
        is_same_epoch = head.epoch == ring.epoch
        if head.epoch > ring.epoch or (is_same_epoch and head.seq >= newest.seq + self._is_key_wanted):
            return None
        self.shown = ring.moment(now)
        if self.rules.is_paced and (self.is_held or self._is_behind(now)):
            self.frames_skipped += 1
            self.is_waiting = True
            if self.owed_since is None:  # what the socket does not take may be no frame at all
                self.owed_since = now
            self._be_unusual()
            return None
        found = None
        if is_same_epoch and not self._is_key_wanted:
            found = ring.slice(self.sections, self._held, head.seq)
        found = found or ring.slice(self.sections, (), None)
        self.is_waiting = found is None
        if found is None:
            self._commands.append(WantKey())
            return None
        self._note_sent(self.shown)
        rows = self.own_answers(ring.answers) if self.seats and ring.answers else ()
        return found.bytes_with(rows) if self.is_binary else self._text(found, rows)

    def own_answers(self, answers: Mapping[int, AnswerRows]) -> Sequence[AnswerRows]:
        """What of these answers this client was not told yet, to be written with the newest frame.

        The room repeats some, for the layer may lose them; what was written to a socket is not lost while the socket lives.
        """
        rows: list[AnswerRows] = []
        for grant in self.seats:
            own = answers.get(grant.seat)
            if own is None or not own.first_generation <= grant.generation <= own.generation:
                continue
            if own.last > self._told.get(grant.seat, 0):
                self._told[grant.seat] = own.last
                rows.append(own)
        if rows:
            self._answers_first, self._answers_last = min(self._answers_first, self.head), self.head
        return rows

    def offer_head(self, epoch: int, seq: int, tick: int, at_ms: int) -> None:
        """The room is idle; a client at another place sees the gap."""
        self.catch_up()
        if self.state is SessionState.LIVE and self.head.epoch == epoch:
            frame = Frame(FrameKind.HEAD, epoch, seq, seq, tick, at_ms)
            self._out.append(encode_frame(frame) if self.is_binary else m.encode(frame_json(self.rules.schema, frame)))

    # ---- to the shell

    def has_news(self) -> bool:
        """Whether there is something to write, to do, or to close."""
        return bool(self._out or self._commands) or self.close is not None

    def data_to_send(self) -> list[bytes | str]:
        """Messages to write, in order; each is returned once."""
        out, self._out = self._out, []
        return out

    def commands(self) -> list[Command]:
        """What the gateway has to do, in order; each is returned once."""
        commands, self._commands = self._commands, []
        return commands

    # ---- inside

    def _on_bytes(self, data: bytes, now: float) -> None:
        if not self.is_binary:
            raise BadBytes("expected JSON text in this subprotocol, got binary")
        if self.state is SessionState.HELLO:
            self.finish(Close.WRONG_STATE, "expected a hello first, got binary")
            return
        message = decode_client_bytes(self.rules.schema, data)
        if isinstance(message, AckMessage):
            if not self._is_too_big("ack", len(data)):
                self._on_ack_alone(message.position, now)
        elif not self._is_too_big("input", len(data)):
            self._on_input(Submit(message.slot, message.n, message.seen, message.for_tick, message), now)

    def _on_text(self, data: str, now: float) -> None:
        message = m.decode_client(data)
        kind = "input" if isinstance(message, m.Input) else "chat" if isinstance(message, m.Say) else "control"
        if not self._is_too_big(kind, len(data.encode("utf-8", "replace"))):
            self._on_message(message, now)

    def _is_too_big(self, kind: str, size: int) -> bool:
        size_max = self.rules.sizes.get(kind, SIZE_MAX)
        if size > size_max:
            self.finish(Close.TOO_BIG, f"expected {kind} messages of at most {size_max} bytes, got {size}")
        return size > size_max

    def _on_message(self, message: m.ClientMessage, now: float) -> None:
        if isinstance(message, m.Hello) != (self.state is SessionState.HELLO):
            self.finish(Close.WRONG_STATE, f"{type(message).__name__.lower()} is not for state {self.state.value}")
            return
        match message:
            case m.Hello():
                self._on_hello(message)
            case m.Input():
                self._on_json_input(message, now)
            case m.Ack():
                if message.notices:
                    self._commands.append(NoticesSeen(message.notices))
                if message.seq or message.epoch:
                    self._on_ack_alone(Position(message.epoch, message.seq), now)
            case m.Resync():
                if self._control(now, "resync"):
                    # It can acknowledge nothing of what it could not apply, so the pause ends here. What it owes since
                    # when stays: a client that only asks and never acknowledges is closed all the same.
                    self.unacked.clear()
                    self._is_key_wanted = self.is_waiting = True
                    self._be_unusual()
                    self._told.clear()
            case m.Say():
                self._on_chat(message, now)
            case m.Leave():
                self._on_leave(now)
            case m.Ping():
                if self._control(now, "ping"):
                    self._out.append(m.encode(m.Pong(message.t, *self._room_time(now))))
            case m.WantSchema():
                if self._control(now, "schema"):
                    schema = self.rules.schema
                    self._out.append(m.encode(m.SchemaMessage(schema.fingerprint, schema.as_json())))

    def _on_hello(self, hello: m.Hello) -> None:
        schema = self.rules.schema
        if hello.v != m.PROTOCOL:
            self.finish(Close.TOO_OLD, f"expected protocol {m.PROTOCOL}, got {hello.v}")
        elif hello.fingerprint not in (None, schema.fingerprint) and not hello.schema:
            self.finish(Close.TOO_OLD, f"expected schema {schema.fingerprint}, got {str(hello.fingerprint)[:32]}")
        elif not 1 <= hello.slots <= m.SLOTS_MAX:
            self.finish(Close.BAD_MESSAGE, f"expected 1 to {m.SLOTS_MAX} slots, got {hello.slots}")
        else:
            self.state = SessionState.JOINING
            self._commands.append(Attach(hello))

    def _on_json_input(self, message: m.Input, now: float) -> None:
        seen = Position(*message.seen)
        parsed = input_from_json(self.rules.schema, message.slot, message.n, seen, message.for_tick, message.body)
        self._on_input(Submit(message.slot, message.n, seen, message.for_tick, parsed), now)

    def _on_bad_input(self, bad: BadInput, now: float) -> None:
        """Its number is known, so it is answered in its turn like any other; the detail is for people."""
        if self._on_input(Submit(bad.slot, bad.n, bad.seen, 0, None, "malformed"), now):
            self._error(now, "input", "malformed", str(bad))

    def _on_input(self, submit: Submit, now: float) -> bool:
        """Whether it is one that this connection may send; what becomes of it is its answer's business."""
        slot, n = submit.slot, submit.n
        if "input" not in self.rules.accepts:
            self._error(now, "input", "not_accepted", f"route {self.rules.route} takes no inputs", slot, n)
            return False
        if not self._may_input(slot, n, submit.seen):
            self._error(now, "input", "wrong_state", "an unknown slot or position, or before the welcome", slot, n)
            return False
        # What was shown is held.
        is_news = self.acked < submit.seen <= self.head and self._on_ack(submit.seen, now)
        # What is sent again after a resume was received before: the first one's answer counts.
        is_first = n > self._received_through.get(slot, 0)
        if is_first and not self._waiting and (submit.reason or self._bucket("input").take(now)):
            self._commands.append(submit)  # the room hears of what was seen by this
            self._received_through[slot] = n
            return True
        if is_news:
            self._commands.append(Acknowledge(submit.seen))
        if is_first:
            self._received_through[slot] = n
            self._put_off(submit)
        return True

    def _put_off(self, submit: Submit) -> None:
        if submit.reason:
            self._wait(submit)
        else:
            self._over_rate(submit)

    def _over_rate(self, submit: Submit) -> None:
        limit = self.rules.limit("input")
        match limit.overflow:
            case Overflow.CLOSE:
                self.finish(Close.RATE, f"more than {limit.rate_per_s:g} inputs a second")
            case Overflow.REFUSE:
                self._commands.append(_refused(submit))  # under this policy nothing ever waits: the order is kept
            case Overflow.DROP_OLDEST:
                self._wait(submit)

    def _wait(self, submit: Submit) -> None:
        """Behind what waits already, so that inputs reach the loop by growing numbers."""
        self._waiting.append(submit)
        if len(self._waiting) > WAITING_INPUTS_MAX:
            self._commands.append(_refused(self._waiting.pop(0)))

    def _on_ack_alone(self, position: Position, now: float) -> None:
        if self.state is not SessionState.LIVE or position > self.head:
            self._error(now, "ack", "future", f"expected at most {self.head.epoch}/{self.head.seq}")
        elif self._on_ack(position, now):
            self._commands.append(Acknowledge(position))

    def _on_ack(self, position: Position, now: float) -> bool:
        """Whether the room is to hear of it: of the first one, which shows that the welcome has arrived, and of answers."""
        newest = self._settle(position)
        if newest is not None:  # it took the shortest of them, and they were acknowledged together
            self._note_ack(now - newest.at, now)
        if position > self.acked or position == self.head:
            self.owed_since = now if self.unacked else None
        if position <= self.acked:
            return False
        is_news = bool(self.seats) and (self.acked.epoch < 0 or self._answers_first <= position)
        if is_news:
            self._answers_first = NEVER if position >= self._answers_last else self._answers_last
        self.acked = position
        return is_news

    def _settle(self, position: Position) -> Moment | None:
        """What is held up to there waits no longer; the newest of it. A KEY may stand at a place that was acked before."""
        unacked, newest = self.unacked, None
        if unacked and position == self.head:
            newest = unacked[-1]
            unacked.clear()
        while unacked and unacked[0].position <= position:
            newest = unacked.popleft()
        return newest

    def _note_ack(self, took_s: float, now: float) -> None:
        """An ack may stand for a frame that was shown up to a period before; more is the link, or the client, falling behind."""
        if took_s < self._best_ack_s:
            self._best_ack_s = max(0.0, took_s)
            self.patience_s = min(PAUSE_AFTER_S, self._best_ack_s + PAUSE_SLACK_S + self._period_s)
            self._look_at = 0.0
        if took_s > self._best_ack_s + LATE_S + self._period_s:
            self._slow_down(now)
        elif self._is_slow and now >= self._slow_until:
            self._is_slow, self._recovered_at = False, now

    def _slow_down(self, now: float) -> None:
        """One frame at a time. A link that relapses soon after it kept up is too narrow for all: it stays slow for longer."""
        if not self._is_slow:
            is_relapse = now - self._recovered_at < RELAPSE_S
            self._slow_for_s = min(SLOW_FOR_MAX_S, max(1.0, 2.0 * self._slow_for_s)) if is_relapse else 0.0
            self._slow_until = now + self._slow_for_s
        self._is_slow = True
        self._be_unusual()

    def _on_chat(self, message: m.Say, now: float) -> None:
        if self.state is not SessionState.LIVE:
            self._error(now, "chat", "wrong_state", "before the welcome")
            return
        if message.since is not None and message.text is None:
            if self._control(now, "chat"):
                self._chat_sent = min(self._chat_sent, message.since)
                self.offer_chat(self._chat_log)
            return
        text = clean_line(message.text or "")
        if "chat" not in self.rules.accepts:
            self._error(now, "chat", "not_accepted", f"route {self.rules.route} takes no chat")
        elif not text or len(text) > self.rules.chat_length or len(text.encode()) > m.CHAT_MAX_BYTES:
            self._error(now, "chat", "length", f"expected 1 to {self.rules.chat_length} characters, got {len(text)}")
        elif not self._bucket("chat").take(now):
            self._out.append(m.encode(m.Refused("chat", "rate", "too many lines; wait a little")))
        else:
            self._commands.append(SayLine(text))

    def _may_input(self, slot: int, n: int, seen: Position) -> bool:
        is_seated = slot in self._received_through
        # Before the first frame, inputs are those that a resumed client sends again: seen on its earlier connection.
        is_seen = self.head.epoch < 0 or seen <= self.head
        return self.state is SessionState.LIVE and is_seated and n >= 1 and is_seen

    def _be_unusual(self) -> None:
        self.is_usual = False
        self.leave_cohort()

    def _note_sent(self, shown: Moment) -> None:
        self._is_key_wanted = False
        self.is_usual = self.is_binary and self.rules.is_paced and not self._is_slow
        self._held = self.sections
        self.head = shown.position
        self.frames_sent += 1
        if self.owed_since is None:
            self.owed_since = shown.at
        self.unacked.append(shown)

    def _text(self, found: Slice, rows: Sequence[AnswerRows]) -> str:
        if rows:
            answers = [answer for each in rows for answer in each.read()]
            return m.encode(frame_json(self.rules.schema, found.frame(answers)))
        if found.text is None:
            found.text = m.encode(frame_json(self.rules.schema, found.frame()))
        return found.text

    def _is_behind(self, now: float) -> bool:
        """Whether the oldest unacknowledged frame is older than this link explains.

        A link that has been quicker and has fallen behind gets one frame at a time, until an ack comes in time again: what
        leads it back may be several patches long, and must not queue behind more of them. What is never acknowledged may
        have vanished in the client: after a while one more frame goes out, which shows it its gap; the more wait, the later.
        """
        if not self.unacked:
            return False
        if not self._is_slow:
            if now - self.unacked[0].at <= self.patience_s and len(self.unacked) < UNACKED_MAX:
                return False
            if self.patience_s < PAUSE_AFTER_S:
                self._slow_down(now)
        return now - self.unacked[-1].at <= self.patience_s * len(self.unacked)

    def _on_leave(self, now: float) -> None:
        if self.seats and "leave" not in self.rules.accepts:
            self._error(now, "leave", "not_accepted", f"route {self.rules.route} takes no leave")
            return
        self._commands.append(GiveUp())
        self.finish(Close.NORMAL, "left")

    def _control(self, now: float, what: str) -> bool:
        if self._bucket(what if what == "resync" else "control").take(now):
            return True
        self._out.append(m.encode(m.Refused(what, "rate", "too many control messages")))
        return False

    def _error(
        self, now: float, what: str, reason: str, detail: str, slot: int | None = None, n: int | None = None
    ) -> None:
        self._out.append(m.encode(m.Refused(what, reason, detail[:200], slot, n)))
        if not self._bucket("errors").take(now):
            self.finish(Close.TOO_MANY_ERRORS, f"the last one: {what} {reason}")

    def _bucket(self, name: str) -> TokenBucket:
        found = self._buckets.get(name)
        if found is None:
            found = self._buckets[name] = self._allowance.bucket(name)
        return found

    def _room_time(self, now: float) -> tuple[int, int]:
        """The room's time in ms, carried on from the newest frame, and that frame's tick; 0, 0 before the first."""
        shown = self.shown
        return (0, 0) if shown is None else (shown.at_ms + round((now - shown.at) * 1000.0), shown.tick)


def _refused(submit: Submit) -> Submit:
    return Submit(submit.slot, submit.n, submit.seen, submit.for_tick, None, submit.reason or "rate")
