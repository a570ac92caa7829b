"""A small real server for the client's tests: one process, one loop, the protocol's own session, ring and tracker.

It speaks HTTP and WebSocket on one port as the product does, holds its rooms in memory, and can be told to misbehave:
drop sockets, say goodbye with any code, lose frames, break the protocol. The product's server is tested elsewhere.
"""

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from attrs import define, field
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from clients.python import clock
from game.codec import body_of, encode_delta
from game.contract import Game, Seat
from game.fields import SEAT
from game.rng import Rng
from game.schema import RoomRow, Schema, SeatRow, schema_of
from game.tracker import PUBLIC_SECTION, Section, Tracker
from game.wire import messages as m
from game.wire.closecodes import Close
from game.wire.frames import Answer, answer_rows
from game.wire.limits import Limit
from game.wire.ring import Ring, RingFrame
from game.wire.session import (
    Acknowledge,
    Attach,
    GiveUp,
    SayLine,
    Session,
    SessionRules,
    Submit,
    WantKey,
)

SEND_HZ = 20
SEATS = 16
ACCEPTS: dict[str, dict[str, Limit | None]] = {
    "player": {"input": Limit(40.0, 80), "chat": None, "leave": None},
    "bot": {"input": Limit(40.0, 80), "chat": None, "leave": None},
    "spectator": {"chat": None},
}


@define(eq=False)
class Connected:
    """One socket and its session."""

    socket: ServerConnection
    session: Session
    role: str
    seat: int | None = None
    resume: str | None = None

    async def flush(self, lose: Callable[[], bool]) -> None:
        for data in self.session.data_to_send():
            if not (isinstance(data, bytes) and lose()):
                await self.socket.send(data)
        if self.session.close is not None:
            await self.socket.close(self.session.close.value.code)


@define(eq=False)
class LoopbackRoom:
    """One room: rules, world and everybody connected."""

    code: str
    game: Game
    incarnation: str
    schema: Schema = field(init=False)
    tracker: Tracker = field(init=False)
    world: Any = field(init=False)
    ring: Ring = field(factory=Ring)
    rng: Rng = field(factory=lambda: Rng.from_seed(7))
    tick: int = 0
    seats: dict[int, SeatRow] = field(factory=dict)
    generations: dict[int, int] = field(factory=dict)
    answered: dict[int, int] = field(factory=dict)
    tokens: dict[str, int] = field(factory=dict)
    connected: list[Connected] = field(factory=list)
    inputs: list[tuple[int, Any]] = field(factory=list)
    applied: list[tuple[int, int]] = field(factory=list)
    chat: list[m.ChatLine] = field(factory=list)
    is_paused: bool = False
    answers: dict[int, list[tuple[int, Answer]]] = field(factory=dict)
    _known: set[Section] = field(factory=set)

    def __attrs_post_init__(self) -> None:
        self.schema = schema_of(type(self.game))
        self.tracker = Tracker(self.schema)
        self.world = self.game.setup(self.game.Options(), self.rng)
        self.ring.restart(1)

    def welcome(self, connection: Connected, hello: m.Hello) -> m.Welcome | None:
        """Seats the newcomer (or gives it its seat back); None where the resume token is worth nothing."""
        grants: tuple[m.SeatGrant, ...] = ()
        if connection.role != "spectator":
            if hello.resume is not None and hello.resume not in self.tokens:
                return None
            number = self.tokens.pop(hello.resume) if hello.resume else self._new_seat(hello.name, connection.role)
            connection.seat = number
            self.generations[number] = self.generations.get(number, 0) + 1
            connection.resume = f"{self.incarnation}-{number}-{self.generations[number]}"
            self.tokens[connection.resume] = number
            grants = (m.SeatGrant(0, number, self.generations[number], self.answered.get(number, 0)),)
        return m.Welcome(
            self.code,
            self.incarnation,
            f"dots.{connection.role}",
            connection.role,
            hello.name or "guest",
            1,
            self.schema.fingerprint,
            SEND_HZ,
            SEND_HZ,
            grants,
            resume=connection.resume,
            schema=self.schema.as_json() if hello.schema else None,
        )

    def submit(self, seat: int, submit: Submit) -> None:
        """Takes an input for the next tick; a number that was answered before counts for nothing."""
        if submit.n <= self.answered.get(seat, 0):
            return
        self.answered[seat] = submit.n
        reason = submit.reason
        if submit.message is not None and not reason:
            body = body_of(submit.message.message, submit.message.values)
            refusal = self.game.validate(self.world, seat, body)
            reason = refusal.reason if refusal else ""
            if not reason:
                self.inputs.append((seat, body))
                self.applied.append((seat, submit.n))
        answer = Answer(submit.slot, submit.n, self.tick + 1, reason)
        self.answers.setdefault(seat, []).append((self.tracker.seq + 1, answer))

    def acknowledge(self, seat: int, seq: int) -> None:
        """Answers up to here have arrived."""
        self.answers[seat] = [pair for pair in self.answers.get(seat, []) if pair[0] > seq]

    def leave(self, seat: int) -> None:
        """Frees a seat for good."""
        if self.seats.pop(seat, None) is not None:
            self.game.leave(self.world, seat, "left")
            self.tokens = {token: number for token, number in self.tokens.items() if number != seat}

    def step(self) -> None:
        """One tick and its frame."""
        self.tick += 1
        taken, self.inputs = [i for i in self.inputs if i[0] in self.seats], []
        self._cut(self.game.step(self.world, taken, self.tick, self.rng))

    def _cut(self, events: Any) -> None:
        sources: dict[str, Any] = {"_room": RoomRow("playing"), "_seats": self.seats, "world": self.world}
        for collection in self.schema.collections:
            if collection.name not in sources:
                sources[collection.name] = getattr(self.world, collection.name)
        self.tracker.advance(sources, events, is_forced=True)
        seq = self.tracker.seq
        sections = {PUBLIC_SECTION, *(Section(SEAT, number) for number in self.seats)}
        blobs: dict[Section, tuple[bool, bytes]] = {}
        for section in sections:
            is_key = section not in self._known or seq % 40 == 0
            delta = self.tracker.key(section) if is_key else self.tracker.patch(section, seq - 1)
            blobs[section] = (is_key, encode_delta(delta) if is_key or delta.tables or delta.events else b"")
        self._known = sections
        answers = {
            seat: answer_rows([a for _, a in pairs], (1, self.generations[seat]))
            for seat, pairs in self.answers.items()
        }
        at_ms = self.tick * 1000 // SEND_HZ
        self.ring.add(RingFrame(seq, seq - 1, self.tick, at_ms, answers=answers), blobs)

    def want_key(self) -> None:
        """The next frame is a KEY for everybody."""
        self._known = set()

    def _new_seat(self, name: str | None, role: str) -> int:
        number = next(n for n in itertools.count() if n not in self.seats)
        self.seats[number] = SeatRow(number=number, name=name or "guest", is_bot=role == "bot")
        self.answered.pop(number, None)
        self.game.join(self.world, Seat(number, name or "guest"), self.rng)
        return number


@define(eq=False)
class Loopback:
    """The server. ``url`` is its http address; ``port`` serves HTTP and WebSocket alike."""

    game: Game
    name: str = "dots"
    port: int = 0
    rooms: dict[str, LoopbackRoom] = field(factory=dict)
    lose: Callable[[], bool] = lambda: False
    on_hello: Callable[[m.Hello], Close | None] = lambda _hello: None
    hellos: list[m.Hello] = field(factory=list)
    retry_after_s: float | None = None
    is_refusing: bool = False
    guests: int = 0
    _socket_port: int = 0
    _pipes: set[asyncio.Task[None]] = field(factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def room(self, code: str = "K7") -> LoopbackRoom:
        return self.rooms.setdefault(code, LoopbackRoom(code, self.game, f"inc-{code}-{len(self.rooms)}"))

    @property
    def connected(self) -> list[Connected]:
        return [connection for room in self.rooms.values() for connection in room.connected]

    def drop_all(self) -> None:
        """Every socket is reset, without a word."""
        for connection in self.connected:
            connection.socket.transport.abort()

    async def goodbye_all(self, close: Close, reason: str = "") -> None:
        """Says goodbye to everybody."""
        for connection in self.connected:
            connection.session.finish(close, reason, self.retry_after_s)
            await connection.flush(lambda: False)

    async def crash(self, code: str = "K7") -> LoopbackRoom:
        """The room is ended by its own rules: whoever comes back to its code finds another one, which this returns."""
        dead = self.rooms.pop(code)
        new = self.rooms[code] = LoopbackRoom(code, self.game, f"inc-{code}-again-{dead.incarnation}")
        for connection in list(dead.connected):
            connection.session.finish(Close.INTERNAL, "a fault on the server", self.retry_after_s)
            await connection.flush(lambda: False)
        return new

    async def run(self) -> None:
        """Ticks all rooms until cancelled."""
        while True:
            began = clock.monotonic()
            for room in list(self.rooms.values()):
                if not room.is_paused:
                    room.step()
                for connection in list(room.connected):
                    connection.session.poll(began)
                    connection.session.offer(room.ring, began)
                    with contextlib.suppress(ConnectionClosed):
                        await connection.flush(self.lose)
            await clock.sleep_until(began + 1.0 / SEND_HZ)

    async def on_socket(self, socket: ServerConnection) -> None:
        """One WebSocket connection from hello to close."""
        assert socket.request is not None
        _, _, _, code, role = [*socket.request.path.split("/"), "play"][:5]
        role = {"play": "player", "bot": "bot", "watch": "spectator"}[role]
        room = self.room(code)
        rules = SessionRules(f"dots.{role}", role, room.schema, ACCEPTS[role])
        session = Session(rules, socket.subprotocol == m.BIN, clock.monotonic())
        connection = Connected(socket, session, role)
        try:
            async for data in socket:
                session.receive(data, clock.monotonic())
                self._obey(room, connection)
                await connection.flush(lambda: False)
        except ConnectionClosed:
            pass
        finally:
            if connection in room.connected:
                room.connected.remove(connection)

    def _obey(self, room: LoopbackRoom, connection: Connected) -> None:
        session = connection.session
        for command in session.commands():
            match command:
                case Attach():
                    self._attach(room, connection, command.hello)
                case Submit() if connection.seat is not None:
                    room.submit(connection.seat, command)
                case Acknowledge() if connection.seat is not None:
                    room.acknowledge(connection.seat, command.position.seq)
                case WantKey():
                    room.want_key()
                case GiveUp() if connection.seat is not None:
                    room.leave(connection.seat)
                case SayLine():
                    line = m.ChatLine(len(room.chat) + 1, f"seat {connection.seat}", connection.role, command.text)
                    room.chat.append(line)
                    for other in room.connected:
                        other.session.offer_chat(room.chat)

    def _attach(self, room: LoopbackRoom, connection: Connected, hello: m.Hello) -> None:
        self.hellos.append(hello)
        close = self.on_hello(hello)
        if close is not None:
            connection.session.refuse(close, "told to", self.retry_after_s)
            return
        welcome = room.welcome(connection, hello)
        if welcome is None:
            connection.session.refuse(Close.CANNOT_RESUME, "the token is worth nothing")
            return
        own = () if connection.seat is None else (Section(SEAT, connection.seat),)
        connection.session.attached(welcome, (PUBLIC_SECTION, *own), room.tick + 1, clock.monotonic())
        room.connected.append(connection)
        connection.session.offer_chat(room.chat)

    # ---- HTTP and WebSocket on one port: POST is answered here, the rest goes to the websockets library

    async def on_stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._pipes.add(task)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            if b"upgrade: websocket" in head.lower():
                await self._pipe(head, reader, writer)
            else:
                await self._answer(head, reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._pipes.discard(task)
            writer.close()

    async def _answer(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = head.decode("latin-1").split("\r\n")
        method, path, _ = lines[0].split(" ")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        status, answer = self._http(method, path, json.loads(body or b"{}"))
        payload = json.dumps(answer).encode()
        writer.write(
            f"HTTP/1.1 {status}\r\nContent-Length: {len(payload)}\r\nConnection: close\r\n\r\n".encode() + payload
        )
        await writer.drain()

    def _http(self, method: str, path: str, body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        templates = {
            "play_path": f"/ws/{self.name}/{{room}}",
            "bot_path": f"/ws/{self.name}/{{room}}/bot",
            "watch_path": f"/ws/{self.name}/{{room}}/watch",
        }

        def row(code: str) -> dict[str, Any]:
            return {"code": code, "room_type": self.name} | {k: v.replace("{room}", code) for k, v in templates.items()}

        match method, path:
            case "POST", "/api/guest":
                self.guests += 1
                return "200 OK", {
                    "id": f"g{self.guests}",
                    "name": body.get("name", ""),
                    "token": f"token-{self.guests}",
                }
            case "GET", "/api/rooms":
                types = [{"type": self.name, "seats": SEATS, **templates}]
                return "200 OK", {"types": types, "rooms": [row(code) for code in self.rooms]}
            case "POST", "/api/rooms/quick" if body.get("type") == self.name:
                free = [room for room in self.rooms.values() if len(room.seats) < SEATS]
                return "200 OK", row((free[0] if free else self.room(f"R{len(self.rooms)}")).code)
        return "404 Not Found", {
            "error": "unknown room type",
            "expected": f"type: one of {self.name}",
            "got": str(body.get("type")),
        }

    async def _pipe(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._socket_port)
        far_writer.write(head)

        async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            try:
                while data := await source.read(65536):
                    sink.write(data)
                    await sink.drain()
            except OSError:
                pass
            sink.transport.abort() if source.at_eof() is False else sink.close()

        await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))

    def _admit(self, _socket: ServerConnection, request: Request) -> Response | None:
        if self.is_refusing or not request.path.startswith(f"/ws/{self.name}/"):
            return Response(403, "Forbidden", Headers())
        return None


@asynccontextmanager
async def loopback(game: Game, name: str = "dots", port: int = 0) -> AsyncIterator[Loopback]:
    """The server, running, on a port of its own."""
    server = Loopback(game, name)
    kinds = [Subprotocol(m.BIN), Subprotocol(m.JSON)]
    async with serve(
        server.on_socket, "127.0.0.1", 0, subprotocols=kinds, process_request=server._admit, compression=None
    ) as sockets:
        server._socket_port = next(iter(sockets.sockets)).getsockname()[1]
        front = await asyncio.start_server(server.on_stream, "127.0.0.1", port)
        server.port = front.sockets[0].getsockname()[1]
        loop = asyncio.create_task(server.run())
        try:
            yield server
        finally:
            loop.cancel()
            front.close()
            for connection in server.connected:
                connection.socket.transport.abort()
            await asyncio.gather(loop, return_exceptions=True)
            for pipe in list(server._pipes):
                pipe.cancel()
            await asyncio.gather(*server._pipes, return_exceptions=True)
