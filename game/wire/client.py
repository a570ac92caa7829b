"""The client's side of the protocol, without I/O: messages and ``now`` in, messages and news out.

The Python SDK, the simulated world and the tests drive it; the browser's core.mjs is the same machine in JavaScript. It
applies frames by the one rule of docs/protocol.md, asks for a resync once per gap, acks, numbers inputs and keeps the
unanswered ones so that a resumed connection sends them again.
"""

from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Any

from attrs import define, field, frozen
from msgspec.structs import replace

from game.binary import BadBytes
from game.codec import Delta, EventRow, body_of, decode_delta, quantize_all
from game.quantize import Quantized
from game.schema import Message, Schema, SchemaError, schema_from_json
from game.tracker import Section
from game.view import View
from game.wire import messages as m
from game.wire.acks import AckPace
from game.wire.closecodes import Retry, retry_of
from game.wire.frames import (
    AckMessage,
    Answer,
    Frame,
    FrameKind,
    InputMessage,
    Position,
    decode_frame,
    encode_ack,
    encode_input,
    frame_from_json,
    input_json,
)
from game.wire.limits import INPUTS_KEPT, Limit, TokenBucket

RESYNC_AFTER_S = 0.5
RESYNC_AFTER_MAX_S = 8.0
PING_EVERY_S = 2.0
CHAT_KEPT = 500
NOTICES_KEPT = 1024
AGAIN = Limit(32.0, 64)  # what is sent again after a reconnect: with acks and pings beside it no route calls it a flood
LOST = "lost"  # the reason of an answer that the client gives itself: whether the input was applied is not to be known


class ClientState(Enum):
    """Where a connection stands."""

    CONNECTING = "connecting"
    JOINED = "joined"
    LIVE = "live"
    CLOSED = "closed"


@frozen
class Answered:
    """An input's one answer. ``is_lost``: the client's own, for nobody else will tell what became of the input."""

    answer: Answer
    is_lost: bool = field(default=False, eq=False)


@frozen
class GameEvent:
    """A cosmetic event of the game: its class's instance (or a dict) and its name."""

    name: str
    body: Any


@frozen
class Applied:
    """The view moved to a new frame."""

    frame: Frame


News = Applied | Answered | GameEvent | m.Welcome | m.Refused | m.Chat | m.NoticeMessage | m.Rebase | m.Goodbye


class ClientError(Exception):
    """A misuse of the client by its caller, such as an input class that the game does not have."""


@define
class Client:
    """One connection to one room. ``schema`` may come from the game's class or from the server.

    ``numbering`` counts how often inputs were numbered anew: the same ``n`` of another numbering is another input.

    ``decode`` reads a blob; where many clients share a process, it may remember what it has read for another.
    """

    hello: m.Hello
    is_binary: bool = True
    schema: Schema | None = None
    state: ClientState = ClientState.CONNECTING
    view: View | None = None
    head: Position = Position(-1, -1)
    welcome: m.Welcome | None = None
    goodbye: m.Goodbye | None = None
    rtt_ms: float | None = None
    tick: int = 0
    gaps: int = 0
    divergences: int = 0
    resyncs: int = 0
    numbering: int = 0
    chat: list[m.ChatLine] = field(factory=list)
    unanswered: dict[tuple[int, int], InputMessage] = field(factory=dict)
    decode: Callable[[Schema, bytes, int], Delta] = decode_delta
    _next_n: dict[int, int] = field(factory=dict)
    _out: list[bytes | str] = field(factory=list)
    _news: list[News] = field(factory=list)
    _notices: dict[int, None] = field(factory=dict)
    _seen: Position = Position(0, 0)  # by this connection: its server knows nothing of the one before
    _answered_through: dict[int, int] = field(factory=dict)
    _again: deque[tuple[int, int]] = field(factory=deque)
    _again_bucket: TokenBucket = field(factory=lambda: TokenBucket(AGAIN))
    _acks: AckPace = field(factory=AckPace)
    _resync_at: float | None = None
    _resync_wait_s: float = RESYNC_AFTER_S
    _is_key_wanted: bool = True
    _ping_at: float = 0.0
    _chat_asked_at: float = -1e9
    _is_leaving: bool = False

    def start(self, now: float) -> None:
        """The socket is open: says hello, continuing the last seat where there was one."""
        self.state = ClientState.CONNECTING
        self.goodbye = None
        self._is_leaving = False
        self._out.clear()
        self._again.clear()
        self._seen = Position(0, 0)
        self._acks.unacked = 0
        self._resync_wait_s = RESYNC_AFTER_S
        self._is_key_wanted, self._resync_at = True, None
        self._ping_at = now + PING_EVERY_S
        self._out.append(m.encode(self.hello))

    def receive(self, data: bytes | str, now: float) -> None:
        """One message from the server. Raises BadBytes or BadMessage where the server broke the protocol; nothing changes then."""
        if isinstance(data, bytes):
            self._on_frame(decode_frame(data), now)
            return
        message = m.decode_server(data)
        if isinstance(message, dict):
            if self.schema is None:
                raise BadBytes("expected a welcome before the first frame")
            self._on_frame(frame_from_json(self.schema, message), now)
            return
        self._on_message(message, now)

    def poll(self, now: float) -> None:
        """Time passes: acks, pings, overdue resyncs, and what waits to be sent again."""
        if self.state is not ClientState.LIVE and self.state is not ClientState.JOINED:
            return
        self._send_more(now)
        if self._acks.is_due(now):
            self._ack(now)
        if self._resync_at is not None and now >= self._resync_at:
            self._ask_resync(now)
        if now >= self._ping_at:
            self._ping_at = now + PING_EVERY_S
            self._out.append(m.encode(m.Ping(now * 1000.0)))

    def send_input(self, body: Any, slot: int = 0, for_tick: int = 0) -> int:
        """Numbers and sends an input; returns its number. While the connection is away it waits for the next welcome.

        Raises ClientError for a class the game does not have, and beyond INPUTS_KEPT unanswered ones.
        """
        if self.schema is None or self.view is None:
            raise ClientError("expected a welcome before the first input")
        message, values = self._quantized(body)
        if len(self.unanswered) >= INPUTS_KEPT:
            raise ClientError(f"{INPUTS_KEPT} inputs are unanswered; the connection is too far behind for more")
        n = self._next_n.get(slot, 1)
        self._next_n[slot] = n + 1
        sent = InputMessage(slot, n, self._seen, for_tick, message, values)
        self.unanswered[slot, n] = sent
        if self._again:
            self._again.append((slot, n))  # none may overtake those before it
        elif self.state in (ClientState.JOINED, ClientState.LIVE):
            self._send_input(sent)
            self._acks.on_input()
        return n

    def say(self, text: str) -> None:
        """Sends a chat line."""
        self._out.append(m.encode(m.Say(text=text)))

    def resync(self, now: float) -> None:
        """Asks for the whole state anew; patches count for nothing until it is there."""
        self._is_key_wanted = True
        self._gap(now)

    def leave(self) -> None:
        """Gives up the seats."""
        self._is_leaving = True
        self._out.append(m.encode(m.Leave()))

    def closed(self, code: int) -> Retry:
        """The socket is closed; says whether and how to come back: a close without a goodbye is a broken line."""
        is_told = self._is_leaving
        if self.goodbye is not None:
            code, is_told = self.goodbye.code, True
        self.state = ClientState.CLOSED
        retry = retry_of(code, is_told=is_told)
        if retry is Retry.FRESH:
            # Perhaps another seat: what the old one still wanted is not the new one's to send.
            self.hello = replace(self.hello, resume=None)
            self._give_up_inputs()
        return retry

    def give_up(self) -> None:
        """Nobody connects again: what is unanswered is told as lost."""
        self._give_up_inputs()

    def data_to_send(self) -> list[bytes | str]:
        """Messages to write, in order; each is returned once."""
        out, self._out = self._out, []
        return out

    def news(self) -> list[News]:
        """What happened since the last call, in order."""
        news, self._news = self._news, []
        return news

    def _on_message(self, message: m.ServerMessage, now: float) -> None:
        match message:
            case m.Welcome():
                self._on_welcome(message, now)
            case m.Refused():
                if message.n is not None:
                    self._answer(Answer(message.slot or 0, message.n, self.tick, message.reason or "refused"))
            case m.Chat():
                self._on_chat(message, now)
                return
            case m.NoticeMessage():
                self._out.append(m.encode(m.Ack(notices=(message.id,))))
                if message.id in self._notices:
                    return
                self._notices[message.id] = None
                if len(self._notices) > NOTICES_KEPT:
                    del self._notices[next(iter(self._notices))]
            case m.Pong():
                self.rtt_ms = now * 1000.0 - message.t
                return
            case m.SchemaMessage():
                self.schema = _schema(message.schema, message.fingerprint)
                return
            case m.Rebase():
                self.tick = message.tick
            case m.Goodbye():
                self.goodbye = message
        self._news.append(message)

    def _on_welcome(self, welcome: m.Welcome, now: float) -> None:
        if welcome.schema is not None:
            self.schema = _schema(welcome.schema, welcome.fingerprint)
        if self.schema is None or self.schema.fingerprint != welcome.fingerprint:
            raise BadBytes(f"expected schema {self.schema and self.schema.fingerprint}, got {welcome.fingerprint}")
        old, self.welcome = self.welcome, welcome
        is_same_room = old is not None and old.incarnation == welcome.incarnation
        self.state = ClientState.JOINED
        self._acks.begin(welcome.send_hz, now)
        if self.view is None or not is_same_room:
            self.view = View(self.schema, send_hz=welcome.send_hz)
            self.head = Position(-1, -1)
            self.chat.clear()
        if old is None or not is_same_room or self.hello.resume is None or _seats(old) != _seats(welcome):
            self._give_up_inputs()
        self.hello = replace(self.hello, resume=welcome.resume)
        self.view.seat = welcome.seats[0].seat if welcome.seats else None
        self._send_again(welcome, now)

    def _send_again(self, welcome: m.Welcome, now: float) -> None:
        """Inputs that the room never got are sent again, a few at once; answers to the others come with the next frames."""
        self._answered_through = {grant.slot: grant.answered_through for grant in welcome.seats}
        for slot, n in self._answered_through.items():
            self._next_n[slot] = max(self._next_n.get(slot, 1), n + 1)
        self._again = deque(key for key in sorted(self.unanswered) if key[1] > self._answered_through.get(key[0], 0))
        self._again_bucket = TokenBucket(AGAIN)
        self._send_more(now)

    def _send_more(self, now: float) -> None:
        while self._again:
            pending = self.unanswered.get(self._again[0])
            if pending is not None:
                if not self._again_bucket.take(now):
                    return
                self._send_input(replace(pending, seen=self._seen))
            self._again.popleft()

    def _answer(self, answer: Answer, *, is_lost: bool = False) -> None:
        if self.unanswered.pop((answer.slot, answer.n), None) is not None:
            self._news.append(Answered(answer, is_lost))

    def _give_up_inputs(self) -> None:
        """The seat is another one now: its inputs are numbered anew, and nobody will answer the old ones."""
        for slot, n in sorted(self.unanswered):
            self._answer(Answer(slot, n, self.tick, LOST), is_lost=True)
        self._next_n.clear()
        self.numbering += 1

    def _settle(self, frame: Frame) -> None:
        """The frame's answers. They come in order: one that an older connection got and lost is not to come any more."""
        for answer in frame.answers:
            self._answer(answer)
        newest = {answer.slot: answer.n for answer in frame.answers}
        for slot, n in sorted(self.unanswered):
            if n < min(newest.get(slot, 0), self._answered_through.get(slot, 0) + 1):
                self._answer(Answer(slot, n, frame.tick, LOST), is_lost=True)

    def _on_frame(self, frame: Frame, now: float) -> None:
        """The rule of docs/protocol.md, line by line."""
        if self.view is None:
            raise BadBytes("expected a welcome before the first frame")
        position = frame.position
        if frame.epoch < self.head.epoch:
            return
        if frame.kind is FrameKind.KEY:
            if position > self.head or (position == self.head and self._is_key_wanted):
                self._apply(frame, now)
            else:
                self._count_for_ack(now)
            return
        if frame.epoch > self.head.epoch or self._is_key_wanted:
            self._gap(now)
        elif frame.kind is FrameKind.HEAD:
            if position > self.head:
                self._gap(now)
            else:
                self.tick = max(self.tick, frame.tick)
        elif frame.seq <= self.head.seq:
            self._count_for_ack(now)
        elif self.head.seq < frame.base:
            self._gap(now)
        else:
            self._apply(frame, now)

    def _apply(self, frame: Frame, now: float) -> None:
        view = self.view
        assert view is not None and self.schema is not None  # noqa: S101 - _on_frame checked
        deltas = [
            (part.section, [(blob.seq, self.decode(self.schema, blob.data, blob.seq)) for blob in part.chain])
            for part in frame.parts
        ]
        if any(not _fits(view, section, chain, frame.kind) for section, chain in deltas):
            self._gap(now)
            return
        if not view.apply_all((section, [delta for _, delta in chain]) for section, chain in deltas):
            self.divergences += 1
            self._is_key_wanted = True
            self._gap(now)
            return
        if self.head.epoch == frame.epoch:
            for _, chain in deltas:
                for seq, delta in chain:
                    self._play(delta.events, seq)
        view.keep_only(part.section for part in frame.parts)
        view.move_on(frame.seq)
        self.head = self._seen = frame.position
        self.tick = frame.tick
        self._is_key_wanted, self._resync_at, self._resync_wait_s = False, None, RESYNC_AFTER_S
        self._news.append(Applied(frame))
        self._settle(frame)
        self.state = ClientState.LIVE
        self._count_for_ack(now)

    def _count_for_ack(self, now: float) -> None:
        """Frames that change nothing are acknowledged too: the server waits for it."""
        if self._acks.on_frame(now):
            self._ack(now)

    def _play(self, events: list[EventRow], seq: int) -> None:
        for event in events:
            if seq - event.age > self.head.seq:
                self._news.append(GameEvent(event.message.name, body_of(event.message, event.values)))

    def _gap(self, now: float) -> None:
        """The old state stays on show; one resync is asked for, then again with growing patience."""
        if self._resync_at is None:
            self.gaps += 1
            self._ask_resync(now)

    def _ask_resync(self, now: float) -> None:
        self.resyncs += 1
        self._resync_at = now + self._resync_wait_s
        self._resync_wait_s = min(self._resync_wait_s * 2, RESYNC_AFTER_MAX_S)
        self._out.append(m.encode(m.Resync()))

    def _ack(self, now: float) -> None:
        self._acks.on_ack(now)
        if self.is_binary:
            self._out.append(encode_ack(AckMessage(self.head)))
        else:
            self._out.append(m.encode(m.Ack(self.head.epoch, self.head.seq)))

    def _on_chat(self, message: m.Chat, now: float) -> None:
        last = self.chat[-1].n if self.chat else 0
        if self.chat and last < message.after:
            # Lines are missing that the server still has. Nothing is shown out of order: it will send these again.
            if now - self._chat_asked_at >= RESYNC_AFTER_S:
                self._chat_asked_at = now
                self._out.append(m.encode(m.Say(since=last)))
            return
        fresh = [line for line in message.lines if line.n > last]
        self.chat += fresh
        del self.chat[:-CHAT_KEPT]
        if fresh:
            self._news.append(m.Chat(tuple(fresh)))

    def _quantized(self, body: Any) -> tuple[Message, list[Quantized]]:
        assert self.schema is not None  # noqa: S101 - the caller checked
        for message in self.schema.inputs:
            if message.cls is type(body) or message.name == type(body).__name__:
                return message, quantize_all(message, body)
        known = [message.name for message in self.schema.inputs]
        raise ClientError(f"expected an input of {known}, got {type(body).__name__}")

    def _send_input(self, sent: InputMessage) -> None:
        self._out.append(encode_input(sent) if self.is_binary else m.encode(input_json(sent)))


def _fits(view: View, section: Section, chain: list[tuple[int, Any]], kind: FrameKind) -> bool:
    """Whether a chain can be applied: a KEY first where the section is new or the frame is a KEY."""
    if kind is FrameKind.KEY or section not in view.sections:
        return bool(chain) and chain[0][1].is_key
    return True


def _schema(data: dict[str, Any], fingerprint: str) -> Schema:
    try:
        schema = schema_from_json(data)
    except SchemaError as error:
        raise BadBytes(str(error)) from error
    if schema.fingerprint != fingerprint:
        raise BadBytes(f"expected a schema with fingerprint {fingerprint}, got {schema.fingerprint}")
    return schema


def _seats(welcome: m.Welcome) -> list[tuple[int, int]]:
    return [(grant.slot, grant.seat) for grant in welcome.seats]
