"""WebSocket framing as the load generator needs it: masked frames out, unmasked frames in, with little CPU.

A subset of RFC 6455: no extensions, no fragments from the server (a peer that sends some is refused loudly). Pure.
"""

import base64
import hashlib
import random
import struct

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_HEAD16, _HEAD64 = struct.Struct(">BBH"), struct.Struct(">BBQ")


class BadFraming(Exception):
    """The server sent what this subset does not know."""


def client_frame(opcode: int, payload: bytes, mask: bytes) -> bytes:
    """One whole masked frame; ``mask`` is four bytes."""
    length = len(payload)
    if length < 126:
        head = bytes((0x80 | opcode, 0x80 | length))
    elif length < 65_536:
        head = _HEAD16.pack(0x80 | opcode, 0xFE, length)
    else:
        head = _HEAD64.pack(0x80 | opcode, 0xFF, length)
    return head + mask + masked(payload, mask)


def masked(payload: bytes, mask: bytes) -> bytes:
    """The payload XOR the repeated mask; its own inverse."""
    length = len(payload)
    key = (mask * (length // 4 + 1))[:length]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(key, "little")).to_bytes(length, "little")


def server_frame(data: bytes, at: int) -> tuple[int, int, int] | None:
    """Opcode, payload's start and end of the frame at ``at``; None while it is not whole. Raises BadFraming."""
    size = len(data)
    if size - at < 2:
        return None
    first, second = data[at], data[at + 1]
    if first & 0xF0 != 0x80 or second & 0x80:
        raise BadFraming(f"expected a whole, unmasked frame without extensions, got {data[at : at + 2].hex()}")
    start = at + 2
    length = second
    if length == 126:
        start += 2
        if size < start:
            return None
        length = (data[at + 2] << 8) | data[at + 3]
    elif length == 127:
        start += 8
        if size < start:
            return None
        length = int.from_bytes(data[at + 2 : start], "big")
    end = start + length
    return None if size < end else (first & 0x0F, start, end)


def masks(seed: int) -> random.Random:
    """Where the masks of one client come from: unpredictable to no one, which is a benchmark's right."""
    return random.Random(seed)


def new_mask(source: random.Random) -> bytes:
    """Four bytes, none of them zero: every byte of a payload really is changed."""
    return (source.getrandbits(32) | 0x0101_0101).to_bytes(4, "little")


def handshake(host: str, port: int, path: str, protocols: tuple[str, ...], key: bytes) -> bytes:
    """The upgrade request; ``key`` is 16 bytes."""
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {host}:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {base64.b64encode(key).decode()}",
        "Sec-WebSocket-Version: 13",
        *([f"Sec-WebSocket-Protocol: {', '.join(protocols)}"] if protocols else []),
        "",
        "",
    ]
    return "\r\n".join(lines).encode("ascii")


def check_upgrade(head: bytes, key: bytes) -> None:
    """The server's answer up to the empty line. Raises BadFraming where it does not upgrade."""
    status, _, rest = head.partition(b"\r\n")
    accept = base64.b64encode(hashlib.sha1(base64.b64encode(key) + MAGIC, usedforsecurity=False).digest())
    fields = {name.strip().lower(): value.strip() for name, _, value in map(_split, rest.split(b"\r\n"))}
    if not status.startswith(b"HTTP/1.1 101 ") or fields.get(b"sec-websocket-accept") != accept:
        raise BadFraming(f"expected a WebSocket upgrade, got {status[:80].decode('latin-1')}")


def _split(line: bytes) -> tuple[bytes, bytes, bytes]:
    return line.partition(b":")
