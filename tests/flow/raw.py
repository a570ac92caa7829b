"""A WebSocket client made of bytes: it sends whatever a test likes, and reads strictly what a server may answer."""

import asyncio
import base64
import hashlib
import json
import os
import socket
import struct
import time
from typing import Any

from attrs import define, field, frozen

from game.wire import messages as m
from game.wire.client import Applied, Client
from tests.flow.servers import Served

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
PATIENCE_S = 30.0
DROPPED = 1006


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    is_masked: bool = True,
    size: int | None = None,
    mask: bytes = b"",
) -> bytes:
    """One frame of a client; the keywords are ways to get it wrong. ``size``: claim another size than the payload's.

    ``mask``: four bytes, fresh ones by default.
    """
    claimed = len(payload) if size is None else size
    first = bytes([fin << 7 | rsv << 4 | opcode])
    mask_bit = is_masked << 7
    if claimed < 126:
        head = first + bytes([mask_bit | claimed])
    elif claimed < 65536:
        head = first + struct.pack("!BH", mask_bit | 126, claimed)
    else:
        head = first + struct.pack("!BQ", mask_bit | 127, claimed)
    if not is_masked:
        return head + payload
    mask = mask or os.urandom(4)
    return head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


@frozen
class Received:
    """One frame of the server."""

    opcode: int
    payload: bytes


@define(eq=False)
class Raw:
    """One connection. ``answer`` is the head of the handshake's answer."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    answer: str
    is_key_right: bool
    client: Client | None = None
    frames_seen: int = 0
    close_code: int | None = None
    close_reason: str = ""
    texts: list[str] = field(factory=list)
    pongs: list[bytes] = field(factory=list)
    is_held: bool = False  # the client machine says nothing: a frame of the test's is half sent

    # ---- as a client of the protocol

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    def say(self, message: m.ClientMessage) -> None:
        self.send(frame(TEXT, m.encode(message).encode()))

    async def next_frame(self) -> Received:
        """The next frame, which must be whole, unmasked, plain, and as short as it can be."""
        async with asyncio.timeout(PATIENCE_S):
            first, second = await self.reader.readexactly(2)
            size = second & 0x7F
            assert first & 0xF0 == 0x80, f"expected FIN and no reserved bits, got {first:#x}"
            assert not second & 0x80, "a server does not mask"
            if size == 126:
                size = int.from_bytes(await self.reader.readexactly(2))
                assert size > 125
            elif size == 127:
                size = int.from_bytes(await self.reader.readexactly(8))
                assert size > 65535
            return Received(first & 0x0F, await self.reader.readexactly(size))

    async def until(self, opcode: int, text: str = "") -> Received:
        """Reads on to a frame of this kind (that contains the text); the protocol's client machine sees all on the way."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                received = await self.next_frame()
                self._note(received)
                if received.opcode == opcode and text in received.payload.decode("utf8", "replace"):
                    return received
                assert received.opcode != CLOSE, f"closed with {self.close_code} before {opcode} {text}"

    async def closed(self) -> int:
        """Reads to the end; the server's close code, or DROPPED where the connection ended without a close frame."""
        try:
            while True:
                received = await self.next_frame()
                self._note(received)
                if received.opcode == CLOSE:
                    self.send(frame(CLOSE, received.payload))
        except (asyncio.IncompleteReadError, ConnectionError):
            return DROPPED if self.close_code is None else self.close_code

    async def played(self, frames: int = 1) -> "Raw":
        """Reads on until so many frames of the game have been applied."""
        target = self.frames_seen + frames
        while self.frames_seen < target:
            self._note(await self.next_frame())
            assert self.close_code is None, f"closed with {self.close_code}: {self.texts[-3:]}"
        return self

    async def echo(self, number: int) -> None:
        """Reads on to the answer of `ping(number)`."""
        await self.until(TEXT, f'"t":{number}')

    @property
    def goodbye(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(next(text for text in reversed(self.texts) if '"goodbye"' in text))
        return said

    def half_close(self) -> None:
        self.writer.write_eof()

    def drop(self) -> None:
        self.writer.transport.abort()

    def _note(self, received: Received) -> None:
        if received.opcode == CLOSE:
            assert self.close_code is None, "a second close frame"
            self.close_code = int.from_bytes(received.payload[:2]) if received.payload else 1005
            self.close_reason = received.payload[2:].decode()
        elif received.opcode == PONG:
            self.pongs.append(received.payload)
        elif received.opcode in (TEXT, BINARY):
            assert self.close_code is None, "a message after the close"
            self._on_message(received)

    def _on_message(self, received: Received) -> None:
        data = received.payload.decode() if received.opcode == TEXT else received.payload
        if isinstance(data, str):
            self.texts.append(data)
        if self.client is not None:
            self.client.receive(data, time.monotonic())
            self.frames_seen += sum(isinstance(news, Applied) for news in self.client.news())
            self.flush()

    def flush(self) -> None:
        """Sends what the client machine has to say."""
        assert self.client is not None
        for data in () if self.is_held else self.client.data_to_send():
            self.send(frame(TEXT, data.encode()) if isinstance(data, str) else frame(BINARY, data))


def ping(number: int, size: int = 0) -> bytes:
    """A message that is answered with its number, padded to at least ``size`` bytes."""
    return f'{{"type":"ping","t":{number}}}'.encode().ljust(size)


@define(eq=False)
class Dialer:
    """Connects to one server."""

    served: Served
    opened: list[Raw] = field(factory=list)

    def close(self) -> None:
        """Cuts all connections."""
        for raw in self.opened:
            raw.drop()

    async def connect(self, path: str, *subprotocols: str, receive_buffer_bytes: int = 0, tail: bytes = b"") -> Raw:
        """The handshake. ``tail`` is sent in the same segment."""
        plain = socket.socket()
        if receive_buffer_bytes:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        plain.setblocking(False)
        await asyncio.get_running_loop().sock_connect(plain, ("127.0.0.1", self.served.port))
        host = "127.0.0.1" if self.served.tls else None
        reader, writer = await asyncio.open_connection(
            sock=plain, ssl=self.served.tls, server_hostname=host, limit=4096
        )
        key = base64.b64encode(os.urandom(16))
        lines = [
            f"GET {path} HTTP/1.1",
            f"Host: 127.0.0.1:{self.served.port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key.decode()}",
            "Sec-WebSocket-Version: 13",
            *([f"Sec-WebSocket-Protocol: {', '.join(subprotocols)}"] if subprotocols else []),
        ]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + tail)
        async with asyncio.timeout(PATIENCE_S):
            answer = (await reader.readuntil(b"\r\n\r\n")).decode("latin1")
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest()).decode()  # noqa: S324 - what the RFC says
        raw = Raw(reader, writer, answer, accept in answer)
        self.opened.append(raw)
        return raw

    async def join(self, path: str, *, is_binary: bool = True, receive_buffer_bytes: int = 0) -> Raw:
        """A connection that has its seat and its first frame."""
        protocol = m.BIN if is_binary else m.JSON
        raw = await self.connect(path, protocol, receive_buffer_bytes=receive_buffer_bytes)
        raw.client = Client(m.Hello(token=await token(self.served), schema=True), is_binary=is_binary)
        raw.client.start(time.monotonic())
        raw.flush()
        return await raw.played()


async def token(served: Served) -> str:
    """A new guest's token."""
    body = json.dumps({"name": "Raw"})
    answer = await http(
        served, f"POST /api/guest HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}", body
    )
    found: str = json.loads(answer.partition("\r\n\r\n")[2])["token"]
    return found


async def metrics(served: Served) -> str:
    return await http(served, "GET /metrics HTTP/1.1")


async def http(served: Served, head: str, body: str = "") -> str:
    """One request, and all of its answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port, ssl=served.tls)
    writer.write(f"{head}\r\nHost: 127.0.0.1:{served.port}\r\nConnection: close\r\n\r\n{body}".encode())
    async with asyncio.timeout(PATIENCE_S):
        answer = (await reader.read()).decode()
    writer.close()
    return answer
