"""Control messages: one closed family per direction, JSON text in both subprotocols.

`decode_client` and `decode_server` accept exactly these shapes; anything else is a :class:`BadMessage` that says where
and what was expected. Frames, inputs and acks are in `game.wire.frames`; in the JSON subprotocol they are JSON objects
too.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from game.binary import NUMBER_LIMIT
from game.codec import WireNumber

PROTOCOL = 1
BIN, JSON = "roomwright.v1.bin", "roomwright.v1.json"
TOKEN_PREFIX = "roomwright.token."  # noqa: S105 - a prefix, not a secret
CHAT_MAX_BYTES = 2000
SLOTS_MAX = 4
NOTICES_ACKED_MAX = 100  # in one ack

ClockMs = Annotated[float, Meta(gt=-NUMBER_LIMIT, lt=NUMBER_LIMIT)]
SeenNotices = Annotated[tuple[WireNumber, ...], Meta(max_length=NOTICES_ACKED_MAX)]


class BadMessage(Exception):
    """A message that is none of the protocol's."""


class Hello(Struct, tag="hello", frozen=True, forbid_unknown_fields=True):
    """The first message. ``resume`` continues a seat; ``fingerprint`` is the schema the client was built for."""

    v: WireNumber = PROTOCOL
    token: str | None = None
    name: str | None = None
    resume: str | None = None
    slots: WireNumber = 1
    fingerprint: str | None = None
    schema: bool = False


class Input(Struct, tag="input", frozen=True, forbid_unknown_fields=True):
    """An input in the JSON subprotocol."""

    n: WireNumber
    body: dict[str, Any]
    slot: WireNumber = 0
    seen: tuple[WireNumber, WireNumber] = (0, 0)
    for_tick: WireNumber = 0


class Ack(Struct, tag="ack", frozen=True, forbid_unknown_fields=True):
    """Everything up to this position is held; ``notices`` have been shown."""

    epoch: WireNumber = 0
    seq: WireNumber = 0
    notices: SeenNotices = ()


class Resync(Struct, tag="resync", frozen=True, forbid_unknown_fields=True):
    """A gap: please send a KEY."""


class Say(Struct, tag="chat", frozen=True, forbid_unknown_fields=True):
    """A chat line to say (``text``), or else a wish for the lines after number ``since``."""

    text: str | None = None
    since: WireNumber | None = None


class Leave(Struct, tag="leave", frozen=True, forbid_unknown_fields=True):
    """Give up the seats for good."""


class Ping(Struct, tag="ping", frozen=True, forbid_unknown_fields=True):
    """The client's clock in ms, returned in the pong."""

    t: ClockMs


class WantSchema(Struct, tag="schema", frozen=True, forbid_unknown_fields=True):
    """Please send the schema."""


ClientMessage = Hello | Input | Ack | Resync | Say | Leave | Ping | WantSchema


class SeatGrant(Struct, frozen=True):
    """One slot's seat. Inputs up to ``answered_through`` have been answered in this or an earlier generation."""

    slot: int
    seat: int
    generation: int
    answered_through: int = 0


class ChatLine(Struct, frozen=True):
    """One line of the room's chat; ``n`` counts from 1 without holes."""

    n: int
    who: str
    role: str
    text: str
    seat: int | None = None
    tick: int = 0


class Welcome(Struct, tag="welcome", frozen=True):
    """The answer to a hello. Frames follow, the first of them a KEY."""

    room: str
    incarnation: str
    route: str
    role: str
    name: str
    epoch: int
    fingerprint: str
    tick_hz: int
    send_hz: int
    seats: tuple[SeatGrant, ...] = ()
    teams: tuple[str, ...] = ()
    resume: str | None = None
    grace_s: float = 0.0
    delay_s: float = 0.0
    durability: str = "none"
    chat_through: int = 0
    schema: dict[str, Any] | None = None


class Refused(Struct, tag="refused", frozen=True):
    """A message that was not taken: ``what`` is its type, ``reason`` a stable name, ``detail`` for people."""

    what: str
    reason: str
    detail: str = ""
    slot: int | None = None
    n: int | None = None


class Chat(Struct, tag="chat", frozen=True):
    """Chat lines in their one order. Nothing that the server still has lies between number ``after`` and the first."""

    lines: tuple[ChatLine, ...]
    after: int = 0


class NoticeMessage(Struct, tag="notice", frozen=True):
    """A notice from the operators; ``id`` is the same on all connections. Ack it."""

    id: int
    text: str


class Pong(Struct, tag="pong", frozen=True):
    """The ping's ``t``, and the room's time in ms when it was answered."""

    t: float
    at_ms: int
    tick: int


class SchemaMessage(Struct, tag="schema", frozen=True):
    """The schema as JSON."""

    fingerprint: str
    schema: dict[str, Any]


class Rebase(Struct, tag="rebase", frozen=True):
    """The loop skipped ``skipped_ms`` of time before ``tick``: clocks built on ticks start anew."""

    tick: int
    skipped_ms: int


class Goodbye(Struct, tag="goodbye", frozen=True):
    """The last message. ``name`` is the close code's name; ``retry_after_s`` counts for 45xx."""

    code: int
    name: str
    reason: str = ""
    retry_after_s: float | None = None


ServerMessage = Welcome | Refused | Chat | NoticeMessage | Pong | SchemaMessage | Rebase | Goodbye

_client = msgspec.json.Decoder(ClientMessage)
_server = msgspec.json.Decoder(ServerMessage)
_encoder = msgspec.json.Encoder()
_any = msgspec.json.Decoder()


def encode(message: ClientMessage | ServerMessage | dict[str, Any]) -> str:
    """A message's JSON text."""
    return _encoder.encode(message).decode()


def decode_client(data: str) -> ClientMessage:
    """The client's message. Raises BadMessage."""
    try:
        message: ClientMessage = _client.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadMessage(str(error)[:200]) from error
    return message


def decode_server(data: str) -> ServerMessage | dict[str, Any]:
    """The server's message; a frame of the JSON subprotocol is returned as a dict. Raises BadMessage."""
    try:
        message: ServerMessage = _server.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        frame = _frame_dict(data)
        if frame is None:
            raise BadMessage(str(error)[:200]) from error
        return frame
    return message


def _frame_dict(data: str) -> dict[str, Any] | None:
    try:
        found = _any.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return found if isinstance(found, dict) and found.get("type") in ("key", "patch", "head") else None
