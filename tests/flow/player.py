"""A client for tests: a real WebSocket around the protocol's client machine, with everything that arrived kept.

It asks the server for the schema, so it plays any game. `until` waits for the thing itself and fails where the server
broke the protocol meanwhile.
"""

import asyncio
import contextlib
import itertools
import json
import socket
import time
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import websockets.exceptions
from attrs import define, field
from websockets.asyncio.client import ClientConnection, connect

from game.tracker import PUBLIC_SECTION
from game.view import View
from game.wire import messages as m
from game.wire.client import Answered, Applied, Client, GameEvent, News
from game.wire.closecodes import Retry
from game.wire.frames import Answer
from tests.support.waiting import until

POLL_S = 0.02


@define(frozen=True)
class Guest:
    """Somebody with a token."""

    id: str
    name: str
    token: str


async def guest(http_url: str, name: str = "") -> Guest:
    """A new guest of the server at `http_url`."""

    def post() -> dict[str, str]:
        body = json.dumps({"name": name}).encode()
        request = urllib.request.Request(f"{http_url}/api/guest", body, {"Content-Type": "application/json"})  # noqa: S310  our own server
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=20.0) as answer:
            found: dict[str, str] = json.load(answer)
            return found

    return Guest(**await asyncio.to_thread(post))


@define(eq=False)
class Player:
    """One seat or one spectator. `open` connects; after a loss `open` again resumes, at another `url` if it was changed."""

    url: str
    token: str | None
    is_binary: bool = True
    name: str | None = None
    receive_buffer_bytes: int | None = None
    client: Client = field(init=False)
    raw: list[bytes | str] = field(factory=list)
    messages: list[Any] = field(factory=list)
    digests: dict[tuple[int, int], str] = field(factory=dict)
    frames_at: list[float] = field(factory=list)
    answers: list[Answer] = field(factory=list)
    events: list[GameEvent] = field(factory=list)
    close_code: int | None = None
    retry: Retry | None = None
    faults: list[BaseException] = field(factory=list)
    _socket: ClientConnection | None = None
    _tasks: list[asyncio.Task[None]] = field(factory=list)
    _is_acking: bool = True

    def __attrs_post_init__(self) -> None:
        self.client = Client(m.Hello(token=self.token, name=self.name, schema=True), is_binary=self.is_binary)

    # ---- the connection

    async def open(self) -> "Player":
        """Connects and says hello; what comes is read from now on."""
        self.close_code = None
        protocol = m.BIN if self.is_binary else m.JSON
        self._socket = await connect(
            self.url,
            sock=self._plain_socket(),
            subprotocols=[protocol],  # type: ignore[list-item]  # a NewType of str
            max_size=None,
            ping_interval=None,
            compression=None,
            proxy=None,
            close_timeout=5.0,
        )
        self.client.start(time.monotonic())
        self._tasks = [asyncio.create_task(self._read(self._socket)), asyncio.create_task(self._poll(self._socket))]
        await self._flush(self._socket)
        return self

    async def joined(self, timeout_s: float = 30.0) -> "Player":
        """Opens the connection and waits for the first frame."""
        await self.open()
        before = len(self.frames_at)
        await self.until("the first frame", lambda: len(self.frames_at) > before, timeout_s)
        return self

    def drop(self) -> None:
        """Cuts the TCP connection: no close frame, as when a laptop is shut."""
        if self._socket is not None:
            self._socket.transport.abort()

    async def close(self) -> None:
        """Ends for good."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._socket is not None:
            self._socket.transport.abort()
            with contextlib.suppress(Exception):
                await self._socket.wait_closed()

    async def is_closed(self, code: int | None = None, timeout_s: float = 30.0) -> int:
        """Waits for the server to close; its code, which must be `code` if that is given."""
        await until(f"{self.url} to be closed with {code}", lambda: self.close_code is not None, timeout_s)
        assert self.close_code is not None
        assert code in (None, self.close_code), f"expected {code}, got {self.close_code}: {self.goodbye}"
        return self.close_code

    def stop_reading(self) -> None:
        """The TCP window closes; nothing is acknowledged any more."""
        assert self._socket is not None
        self._is_acking = False
        self._socket.transport.pause_reading()

    def read_on(self) -> None:
        """Reads again what the network held back."""
        assert self._socket is not None
        self._is_acking = True
        self._socket.transport.resume_reading()

    # ---- what it does

    async def poke(self, body: Any, slot: int = 0) -> int:
        """Sends an input of the game; its number."""
        n = self.client.send_input(body, slot)
        await self.flush()
        return n

    async def say(self, text: str) -> None:
        self.client.say(text)
        await self.flush()

    async def leave(self) -> None:
        self.client.leave()
        await self.flush()

    async def send_raw(self, data: bytes | str) -> None:
        """Any bytes or text, past the client machine."""
        assert self._socket is not None
        with contextlib.suppress(websockets.exceptions.ConnectionClosed):
            await self._socket.send(data)

    async def flush(self) -> None:
        if self._socket is not None:
            await self._flush(self._socket)

    # ---- what it has seen

    @property
    def view(self) -> View:
        assert self.client.view is not None, "no welcome yet"
        return self.client.view

    @property
    def welcome(self) -> m.Welcome:
        assert self.client.welcome is not None, "no welcome yet"
        return self.client.welcome

    @property
    def goodbye(self) -> m.Goodbye | None:
        return self.client.goodbye

    @property
    def seat(self) -> int:
        return self.welcome.seats[0].seat

    def mine(self) -> Any:
        """The one entity that belongs to the own seat."""
        return self.view.mine("pieces")[0]

    def of_type(self, kind: type) -> list[Any]:
        """The control messages of one type, in order."""
        return [message for message in self.messages if isinstance(message, kind)]

    def raw_text(self) -> bytes:
        """All that ever arrived, in one piece."""
        return b"\n".join(data if isinstance(data, bytes) else data.encode() for data in self.raw)

    def gap_s_max(self, since: float = 0.0) -> float:
        """The longest time between two frames after `since`."""
        times = [at for at in self.frames_at if at >= since]
        return max((b - a for a, b in itertools.pairwise(times)), default=0.0)

    async def until(self, what: str, condition: Callable[[], Any], timeout_s: float = 30.0) -> Any:
        """The first true value of the condition."""

        def look() -> Any:
            if self.faults:
                raise self.faults[0]
            return condition()

        try:
            return await until(what, look, timeout_s)
        except AssertionError as error:
            state = f"{self.client.state.value}, head {self.client.head}, closed {self.close_code}, {self.goodbye}"
            raise AssertionError(f"{error} ({self.url}: {state})") from error

    async def answered(self, count: int, timeout_s: float = 30.0) -> None:
        """Waits until so many inputs have been answered in all."""
        await self.until(f"{count} answers", lambda: len(self.answers) == count, timeout_s)

    async def shows_pokes(self, last: dict[int, int], timeout_s: float = 30.0) -> None:
        """Waits until the view has exactly these seats, each with its last poke."""
        await self.until(
            f"the pokes {last}",
            lambda: {piece.seat: piece.last for piece in self.view.all("pieces")} == last,
            timeout_s,
        )

    async def shows_phase(self, phase: str, timeout_s: float = 30.0) -> None:
        """Waits for the room's phase."""
        await self.until(f"the phase {phase}", lambda: self.view.room.phase == phase, timeout_s)

    async def shows_chat(self, lines: int, timeout_s: float = 30.0) -> None:
        """Waits until so many chat lines are there."""
        await self.until(f"{lines} chat lines", lambda: len(self.client.chat) == lines, timeout_s)

    async def frames(self, more: int, timeout_s: float = 30.0) -> None:
        """Waits for so many more frames."""
        target = len(self.frames_at) + more
        await self.until(f"{more} more frames", lambda: len(self.frames_at) >= target, timeout_s)

    # ---- inside

    def _plain_socket(self) -> socket.socket:
        where = urlsplit(self.url)
        assert where.hostname is not None
        assert where.port is not None
        made = socket.socket()
        if self.receive_buffer_bytes is not None:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive_buffer_bytes)
        made.connect((where.hostname, where.port))
        made.setblocking(False)
        return made

    async def _read(self, connection: ClientConnection) -> None:
        with contextlib.suppress(websockets.exceptions.ConnectionClosed):
            async for data in connection:
                self._on_data(data)
                if self._is_acking:
                    await self._flush(connection)
        await connection.wait_closed()
        if connection is self._socket:
            self.close_code = connection.close_code or 1006
            self.retry = self.client.closed(self.close_code)

    def _on_data(self, data: bytes | str) -> None:
        now = time.monotonic()
        self.raw.append(data)
        try:
            self.client.receive(data, now)
        except Exception as error:  # noqa: BLE001 - the server broke the protocol: `until` raises it
            self.faults.append(error)
        for news in self.client.news():
            self._on_news(news, now)

    def _on_news(self, news: News, now: float) -> None:
        match news:
            case Applied(frame=frame):
                self.frames_at.append(now)
                public = View(self.view.schema, None, {PUBLIC_SECTION: self.view.sections[PUBLIC_SECTION]})
                self.digests[frame.epoch, frame.seq] = public.digest()
            case Answered(answer=answer):
                self.answers.append(answer)
            case GameEvent():
                self.events.append(news)
            case _:
                self.messages.append(news)

    async def _poll(self, connection: ClientConnection) -> None:
        while self.close_code is None:
            await asyncio.sleep(POLL_S)
            if self._is_acking:
                self.client.poll(time.monotonic())
                await self._flush(connection)

    async def _flush(self, connection: ClientConnection) -> None:
        for data in self.client.data_to_send():
            with contextlib.suppress(websockets.exceptions.ConnectionClosed):
                await connection.send(data)
