"""WebSocket frames (RFC 6455, section 5.2), the plain cases only: whole messages out, small whole messages in.

Everything else of the protocol is autobahn's. Pure: bytes in, bytes out. Called by `protocol` and `direct`.
"""

import struct

from attrs import define, field

try:
    from websockets.speedups import apply_mask
except ImportError:  # no compiled part on this platform: the same in Python
    from websockets.utils import apply_mask

TEXT, BINARY = 0x81, 0x82  # FIN and the opcode
EARLY_MAX = 4096
_IS_MASKED = 0x80


def header(first: int, size: int) -> bytes:
    """The header of an unmasked frame of ``size`` payload bytes; ``first`` is TEXT or BINARY."""
    if size < 126:
        return bytes((first, size))
    if size < 65536:
        return struct.pack("!BBH", first, 126, size)
    return struct.pack("!BBQ", first, 127, size)


def framed(message: bytes | str) -> bytes:
    """One whole message as one frame from a server."""
    if isinstance(message, str):
        payload = message.encode()
        return header(TEXT, len(payload)) + payload
    return header(BINARY, len(message)) + message


@define(eq=False)
class FrameCache:
    """The frames of the last few messages, so that one message to many sockets is framed once.

    Found by identity: the message is kept as long as its frame, so no other object can have its id meanwhile.
    """

    size: int = 8
    _kept: dict[int, tuple[bytes | str, bytes]] = field(factory=dict)

    def framed(self, message: bytes | str) -> bytes:
        """The message's frame, made at its first sight."""
        kept = self._kept.get(id(message))
        if kept is not None:
            return kept[1]
        frame = framed(message)
        self._kept[id(message)] = (message, frame)
        if len(self._kept) > self.size:
            del self._kept[next(iter(self._kept))]
        return frame


def whole_message(data: bytes, start: int, size_max: int) -> tuple[bytes | str, int] | None:
    """The message that lies whole in one plain frame at ``start``, and where that frame ends.

    None for everything that needs autobahn's eye: a frame that is not all there, a fragment, a control frame, reserved
    bits, no mask, more than ``size_max`` bytes (at most 65 535), a length not in its shortest form, text that is not UTF-8.
    """
    left = len(data) - start
    if left < 6:
        return None
    first, size, body = data[start], data[start + 1] - _IS_MASKED, start + 6
    if size < 0 or (first != BINARY and first != TEXT):  # noqa: PLR1714 - a tuple would be built for each frame
        return None
    if size > 125:
        if size == 127 or left < 8:
            return None
        size, body = data[start + 2] << 8 | data[start + 3], start + 8
        if size < 126:
            return None
    end = body + size
    if size > size_max or end > len(data):
        return None
    payload = apply_mask(data[body:end], data[body - 4 : body])
    if first == BINARY:
        return payload, end
    try:
        return payload.decode(), end
    except UnicodeDecodeError:
        return None
