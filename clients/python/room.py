"""A room as a bot author sees it: the view, inputs and their answers, chat, events, and a connection that comes back.

`connect` (in `clients.python.sdk`) makes a :class:`Room` and enters it. The protocol is `game.wire.client`; one socket is
`clients.python.link`; this keeps both going and hands out what happened.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from attrs import define, field, frozen

from clients.python import clock, inputs
from clients.python.backoff import Backoff
from clients.python.errors import (
    BadInputError,
    LostInputError,
    NotServedError,
    ProtocolBrokenError,
    RoomClosedError,
    RoomError,
    UnknownAnswerError,
    UnreachableError,
)
from clients.python.feed import Feed, Pulse
from clients.python.link import LATE_S, HandshakeRefusedError, Link
from clients.python.metrics import Metrics
from game.binary import BadBytes
from game.quantize import WireOverflow
from game.schema import SchemaError
from game.text import clean_line
from game.view import View
from game.wire import messages as m
from game.wire.client import Answered, Applied, Client, ClientError, ClientState, GameEvent, News
from game.wire.closecodes import Close, Retry
from game.wire.frames import Answer, Frame

EVENTS_KEPT = 256
NOTICES_KEPT = 100
REFUSALS_KEPT = 100
ANSWERS_KEPT = 1024
LEAVE_WITHIN_S = 2.0
QUIET_ENDS = (Close.NORMAL, Close.ROOM_CLOSED)


@frozen
class Target:
    """Where the socket goes, and how long to try again once it was there."""

    url: str
    subprotocol: str
    reconnect_for_s: float
    open_for_s: float


@define(eq=False)
class Sent:
    """An input that was sent, until it is answered. It belongs to one numbering: the next room's begins at 1 again."""

    at: float
    numbering: int
    news: Answered | None = None

    def is_of_another_room(self, numbering: int) -> bool:
        """Whether it was answered, and for a numbering that is over: who names it now means another input."""
        return self.news is not None and not self.news.is_lost and self.numbering != numbering


@define(eq=False)
class Room:
    """One seat (or spectator's place) in one room. Made and entered by `connect`."""

    target: Target
    client: Client
    backoff: Backoff
    metrics: Metrics = field(factory=Metrics)
    is_over: bool = False
    failure: RoomError | None = None
    _pulse: Pulse = field(factory=Pulse)
    _link: Link | None = None
    _task: asyncio.Task[None] | None = None
    _answered: dict[tuple[int, int], Sent] = field(factory=dict)
    _waiting: dict[tuple[int, int], Sent] = field(factory=dict)
    _is_leaving: bool = False
    _frames: Feed[Frame] = field(init=False)
    _events: Feed[GameEvent] = field(init=False)
    _lines: Feed[m.ChatLine] = field(init=False)
    _notices: Feed[m.NoticeMessage] = field(init=False)
    _refusals: Feed[m.Refused] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._frames = Feed(self._pulse, 1)
        self._events = Feed(self._pulse, EVENTS_KEPT)
        self._lines = Feed(self._pulse, EVENTS_KEPT)
        self._notices = Feed(self._pulse, NOTICES_KEPT)
        self._refusals = Feed(self._pulse, REFUSALS_KEPT)

    # ---- what is known

    @property
    def view(self) -> View:
        """Everything that this seat may see, as of the newest frame."""
        assert self.client.view is not None  # noqa: S101 - connect() returns after the first frame
        return self.client.view

    @property
    def welcome(self) -> m.Welcome:
        """What the server said on entering: room, role, seats, tick rates, teams."""
        assert self.client.welcome is not None  # noqa: S101 - connect() returns after the welcome
        return self.client.welcome

    @property
    def tick(self) -> int:
        """The tick of the newest frame."""
        return self.client.tick

    @property
    def seat(self) -> int | None:
        """The own seat's number; None for a spectator."""
        return self.view.seat

    @property
    def code(self) -> str:
        """The room's code, which people share."""
        return self.welcome.room

    @property
    def chat(self) -> list[m.ChatLine]:
        """The chat's lines so far, in their one order (the newest 500)."""
        return list(self.client.chat)

    @property
    def goodbye(self) -> m.Goodbye | None:
        """The server's last word about the last connection, if it said one."""
        return self.client.goodbye

    @property
    def rtt_ms(self) -> float | None:
        """The last measured round trip."""
        return self.client.rtt_ms

    @property
    def is_live(self) -> bool:
        """Whether frames come now; False while a lost connection is being restored, and after the end."""
        return self.client.state is ClientState.LIVE

    # ---- what happens, each an `async for`; they end with the room

    def frames(self) -> AsyncIterator[Frame]:
        """The newest frame, again and again; whoever is slower than the room skips frames (latest wins)."""
        return self._read(self._frames)

    async def ticks(self) -> AsyncIterator[int]:
        """The room's tick at every frame, and as often (estimated) while the room is idle and sends none.

        What drives a bot: in a game where nothing moves until somebody acts, `frames` alone would wait for ever.
        """
        told, told_at, frames = -1, 0.0, 0
        while not self.is_over:
            if self.is_live:
                if told != self.tick:
                    told, told_at = self.tick, clock.monotonic()
                frames = self._frames.published
                yield told + int((clock.monotonic() - told_at) * self.welcome.tick_hz)
            await self._frame_after(frames)
        self._raise_unless_quiet()

    def events(self) -> AsyncIterator[GameEvent]:
        """The game's events. The newest 256 are kept for a slow reader (drop_oldest)."""
        return self._read(self._events)

    def lines(self) -> AsyncIterator[m.ChatLine]:
        """Chat lines as they come, those of before the join first."""
        return self._read(self._lines)

    def notices(self) -> AsyncIterator[m.NoticeMessage]:
        """Notices from the operators, each once."""
        return self._read(self._notices)

    def refusals(self) -> AsyncIterator[m.Refused]:
        """Messages that the server did not take, with the reason."""
        return self._read(self._refusals)

    # ---- what one can do

    def input(self, name: str, **fields: Any) -> Any:
        """An input by its name, without the game's Python classes. Raises BadInputError."""
        return inputs.build(self.view.schema, name, fields)

    async def send(self, body: Any, *, slot: int = 0, for_tick: int = 0) -> int:
        """Sends an input: an instance of the game's class, `input(...)`, or a dict with a ``type``. Returns its number.

        While the connection is being restored it waits for it. Raises BadInputError, and RoomClosedError at the end.
        """
        if isinstance(body, dict):
            fields = dict(body)
            body = inputs.build(self.view.schema, str(fields.pop("type", "")), fields)
        await self._until_joined()
        try:
            n = self.client.send_input(body, slot, for_tick)
        except (ClientError, WireOverflow, TypeError, ValueError, AttributeError) as error:
            raise BadInputError(f"{type(body).__name__}: {error}") from error
        self._answered.pop((slot, n), None)  # of the room before
        self._waiting[slot, n] = Sent(clock.monotonic(), self.client.numbering)
        self.metrics.inputs_sent += 1
        self._flush()
        return n

    async def answer(self, n: int, *, slot: int = 0) -> Answer:
        """The one answer to input ``n``: applied at a tick, or refused with a reason.

        A number means the newest input of that number. Raises LostInputError where its room or seat is gone without having
        told, UnknownAnswerError where it was never sent to this room, RoomClosedError at the end.
        """
        sent = self._waiting.get((slot, n)) or self._answered.get((slot, n))
        if sent is None or sent.is_of_another_room(self.client.numbering):
            raise UnknownAnswerError(f"input {n} of slot {slot}: never sent, or its answer is not kept any longer")
        while sent.news is None:
            self._check_open()
            await self._pulse.wait()
        if sent.news.is_lost:
            raise LostInputError(
                f"input {n} of slot {slot} is lost: its room or seat is gone, or answered while the connection was away; "
                "whether it was applied is not to be known, and its answer is not kept"
            )
        return sent.news.answer

    async def say(self, text: str) -> None:
        """Says a line in the room's chat, cleaned as the server would (`game.text`). Raises RoomClosedError at the end."""
        await self._until_joined()
        self.client.say(clean_line(text))
        self._flush()

    async def resync(self) -> None:
        """Asks for the whole state anew, which the next frame then is."""
        await self._until_joined()
        self.client.resync(clock.monotonic())
        self._flush()

    async def leave(self) -> None:
        """Gives the seat up for good; `connect` does so on exit."""
        self._is_leaving = True
        if self._link is not None and self.client.state in (ClientState.JOINED, ClientState.LIVE):
            self.client.leave()
            self._flush()
        try:
            async with asyncio.timeout(LEAVE_WITHIN_S):
                while not self.is_over and self._link is not None:
                    await self._pulse.wait()
        except TimeoutError:
            pass  # a server that does not answer will find the seat empty by its own clock
        await self._stop()

    # ---- the connection, kept by one task

    async def enter(self) -> None:
        """Connects, and returns when the first frame is in the view. Called once, by `connect`. Raises RoomError."""
        self._task = asyncio.create_task(self._keep_connected(), name="room")
        try:
            async with asyncio.timeout(self.target.open_for_s):
                while not self.is_live and not self.is_over:
                    await self._pulse.wait()
        except TimeoutError:
            await self._stop()
            raise UnreachableError(
                f"{self.target.url}: no first frame within {self.target.open_for_s:g} s{self._last_word()}"
            ) from None
        except BaseException:
            await self._stop()
            raise
        if not self.is_live:
            await self._stop()
            raise self.failure or self._closed_error()

    async def _keep_connected(self) -> None:
        try:
            await self._connections()
        except RoomError as error:
            self.failure = error
        finally:
            self.is_over = True
            if not self._is_leaving:
                self.client.give_up()
                self._on_news(self.client.news(), clock.monotonic())
            self._pulse.give()

    async def _connections(self) -> None:
        lost_at = clock.monotonic()
        while True:
            retry = await self._one_connection()
            if retry is Retry.NEVER or self._is_leaving:
                return
            if self.backoff.failures == 0:
                lost_at = clock.monotonic()
            retry_after_s = self.goodbye.retry_after_s if self.goodbye else None
            next_at = clock.monotonic() + self.backoff.delay_s(retry, retry_after_s)
            if next_at - lost_at > self.target.reconnect_for_s:
                raise RoomClosedError(
                    f"{self.target.url}: not back within {self.target.reconnect_for_s:g} s{self._last_word()}",
                    self.goodbye,
                )
            self._pulse.give()
            await clock.sleep_until(next_at)
            late_s = clock.monotonic() - next_at
            lost_at += late_s if late_s > LATE_S else 0.0  # a laptop that slept did not try meanwhile
            self.metrics.reconnects += 1

    async def _one_connection(self) -> Retry:
        """One socket from handshake to close; what to do next."""
        link = Link(self.target.url, self.target.subprotocol, self.client, self._on_news, self.metrics)
        try:
            await link.open()
        except HandshakeRefusedError as error:
            raise NotServedError(str(error)) from error
        except OSError as error:
            if self.client.welcome is None:
                raise UnreachableError(
                    f"nobody answers at {self.target.url}: {str(error) or type(error).__name__}"
                ) from error
            return Retry.BACKOFF
        self._link = link
        try:
            code = await link.run()
        except (BadBytes, m.BadMessage, SchemaError) as error:
            raise ProtocolBrokenError(f"the server broke the protocol: {error}") from error
        finally:
            self._link = None
        self.metrics.disconnected(self.goodbye.code if self.goodbye else code)
        retry = self.client.closed(code)
        self._on_news(self.client.news(), clock.monotonic())
        self._pulse.give()
        return retry

    async def _stop(self) -> None:
        self._is_leaving = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    # ---- news

    def _on_news(self, news: list[News], now: float) -> None:
        for item in news:
            match item:
                case Applied():
                    self._on_frame(item.frame, now)
                case GameEvent():
                    self._events.publish(item)
                case m.Chat():
                    for line in item.lines:
                        self._lines.publish(line)
                case m.NoticeMessage():
                    self._notices.publish(item)
                case m.Refused():
                    self._refusals.publish(item)
                case Answered():
                    self._on_answered(item, now)
                case m.Welcome() | m.Rebase() | m.Goodbye():
                    pass  # the client holds it
        if news:
            self._pulse.give()

    def _on_frame(self, frame: Frame, now: float) -> None:
        self.backoff.succeeded()
        self.metrics.applied(now)
        self._frames.publish(frame)

    def _on_answered(self, news: Answered, now: float) -> None:
        """Counted once each, so that sent inputs are applied, refused or lost, or still wait."""
        answer, metrics = news.answer, self.metrics
        key = answer.slot, answer.n
        sent = self._waiting.get(key)
        if sent is None:
            return
        if news.is_lost:
            metrics.inputs_lost += 1
            if self.is_over:
                return  # who waits for it is told why the room is over
        else:
            metrics.answers_ms.append((now - sent.at) * 1000.0)
            metrics.inputs_applied += not answer.reason
            metrics.inputs_refused += bool(answer.reason)
        sent.news = news
        self._answered[key] = self._waiting.pop(key)
        if len(self._answered) > ANSWERS_KEPT:
            del self._answered[next(iter(self._answered))]

    # ---- inside

    async def _read(self, feed: Feed[Any]) -> AsyncIterator[Any]:
        async for item in feed.read(lambda: self.is_over):
            yield item
        self._raise_unless_quiet()

    def _raise_unless_quiet(self) -> None:
        if self.failure is not None:
            raise self.failure
        if not self._is_leaving and not self._is_quiet_end():
            raise self._closed_error()

    async def _frame_after(self, frames: int) -> None:
        try:
            async with asyncio.timeout(1.0 / self.welcome.send_hz):
                while self._frames.published <= frames and not self.is_over:
                    await self._pulse.wait()
        except TimeoutError:
            pass  # the room is idle

    async def _until_joined(self) -> None:
        while self.client.state not in (ClientState.JOINED, ClientState.LIVE) or self._link is None:
            self._check_open()
            await self._pulse.wait()

    def _check_open(self) -> None:
        if self.is_over or self._is_leaving:
            raise self.failure or self._closed_error()

    def _flush(self) -> None:
        if self._link is not None:
            self._link.flush()

    def _is_quiet_end(self) -> bool:
        return self.goodbye is not None and self.goodbye.code in [close.value.code for close in QUIET_ENDS]

    def _closed_error(self) -> RoomError:
        goodbye = self.goodbye
        if goodbye is not None and goodbye.code == Close.NO_SUCH_ROOM.value.code and self.client.welcome is None:
            return NotServedError(f"{self.target.url}: no such room{self._last_word()}")
        return RoomClosedError(f"{self.target.url}: the connection is over{self._last_word()}", goodbye)

    def _last_word(self) -> str:
        goodbye = self.goodbye
        if goodbye is None:
            return ""
        return f"; the server said: {goodbye.code} {goodbye.name}" + (f" ({goodbye.reason})" if goodbye.reason else "")
