"""What gateways and loops say to each other: closed families of small messages, packed as bytes inside layer messages.

Layer messages are dicts with a ``type`` of DESIGN's list, a version, and bytes; none is ever built from a client's dict.
"""

from enum import IntEnum
from typing import Any

import msgspec
from msgspec import Struct

from game.wire.frames import AnswerRows

VERSION = 1
FRAME, PRIVATE, INPUT, CONTROL, PROBE = "room.frame", "room.private", "room.input", "room.control", "layer.probe"
NOTICE, ACCOUNT = "user.notice", "user.account"
LIVE_STREAM, DELAYED_STREAM = 0, 1

WireSection = tuple[str, int]


def room_group(incarnation: str, stream: int = LIVE_STREAM) -> str:
    """The group that carries a room's public frames."""
    return f"room.{incarnation}.delayed" if stream == DELAYED_STREAM else f"room.{incarnation}"


def user_group(identity: str) -> str:
    """The group that carries one user's notices."""
    return f"user.{identity}"


LOBBY_GROUP = "lobby"


class Terms(Struct, array_like=True, frozen=True):
    """What a gateway and a loop must have in common to serve one room type: fingerprints of its schema and plan, the protocol.

    Each says its own; an older process says nothing, which is `UNTOLD`. `server.relay.terms` compares them.
    """

    schema: str = ""
    plan: str = ""
    protocol: int = 0


UNTOLD = Terms()


# ---- gateway → loop, in order and exactly once


class Host(Struct, tag="host", array_like=True, frozen=True):
    """Please hold this room. ``chosen``: what was chosen at quick play of the options that rooms are matched by."""

    incarnation: str
    code: str
    room_type: str
    seed: int
    terms: Terms = UNTOLD
    chosen: dict[str, Any] = {}


class Join(Struct, tag="join", array_like=True, frozen=True):
    """A connection wants in. ``audiences`` are those of its route; ``resume`` continues earlier seats."""

    incarnation: str
    conn: str
    identity: str
    name: str
    role: str
    audiences: tuple[str, ...]
    slots: int
    resume: str | None
    terms: Terms = UNTOLD


class Part(Struct, tag="part", array_like=True, frozen=True):
    """A connection is gone from the room that its Join went to: lost (its seats wait out their grace) or left for good.

    ``is_new``: it was gone before it heard of its seats, so it has no token to come back with.
    """

    incarnation: str
    conn: str
    is_lost: bool
    is_new: bool = False


class InputItem(Struct, tag="input", array_like=True, frozen=True):
    """One input; ``kind`` -1 carries a refusal made on the way (``reason``), to be answered in order."""

    incarnation: str
    conn: str
    slot: int
    n: int
    seen_epoch: int
    seen_seq: int
    for_tick: int
    kind: int
    values: bytes
    reason: str


class AckItem(Struct, tag="ack", array_like=True, frozen=True):
    """The connection's client holds everything up to this position."""

    incarnation: str
    conn: str
    epoch: int
    seq: int


class SayItem(Struct, tag="say", array_like=True, frozen=True):
    """A chat line."""

    incarnation: str
    conn: str
    text: str


class WantKeyItem(Struct, tag="key", array_like=True, frozen=True):
    """The gateway's ring of that stream has a hole."""

    incarnation: str
    stream: int


class WantChat(Struct, tag="lines", array_like=True, frozen=True):
    """Chat lines of that stream were lost on the way; please send all that are kept."""

    incarnation: str
    stream: int


class Kick(Struct, tag="kick", array_like=True, frozen=True):
    """The staff remove from the room whoever holds ``seat``, or ``identity``. ``request`` is the asker's, for the answer."""

    incarnation: str
    request: str
    seat: int | None
    identity: str
    reason: str


class Presence(Struct, tag="here", array_like=True, frozen=True):
    """Every connection that this gateway has in the loop's rooms, once a second; its absence means they are gone."""

    conns: dict[str, tuple[str, ...]]


ToLoop = Host | Join | Part | InputItem | AckItem | SayItem | WantKeyItem | WantChat | Kick | Presence


# ---- loop → gateway, in order and exactly once


class Granted(Struct, array_like=True, frozen=True):
    """One slot's seat."""

    slot: int
    seat: int
    generation: int
    answered_through: int


class Joined(Struct, tag="joined", array_like=True, frozen=True):
    """The connection is in, as of ``tick``: its seats, sections and stream, and the chat so far."""

    incarnation: str
    conn: str
    seats: tuple[Granted, ...]
    sections: tuple[WireSection, ...]
    stream: int
    tick: int
    epoch: int
    resume: str | None
    name: str
    chat: tuple["WireLine", ...]
    chat_through: int = 0
    sections_number: int = 0
    terms: Terms = UNTOLD


class JoinRefused(Struct, tag="refused", array_like=True, frozen=True):
    """The connection may not come in; ``close`` is a close code's number."""

    conn: str
    close: int
    reason: str
    retry_after_s: float | None = None


class Dismissed(Struct, tag="dismissed", array_like=True, frozen=True):
    """The connection is out: replaced, kicked, or its room ended."""

    conn: str
    close: int
    reason: str


class Sections(Struct, tag="sections", array_like=True, frozen=True):
    """The connection's audiences changed, for the ``number``-th time that a connection's of this gateway did."""

    incarnation: str
    conn: str
    sections: tuple[WireSection, ...]
    number: int


class Kicked(Struct, tag="kicked", array_like=True, frozen=True):
    """What came of a kick. Where nobody was removed, ``problem`` has its name and ``expected`` says what would do."""

    request: str
    problem: str = ""
    expected: str = ""
    identity: str = ""
    name: str = ""
    seats: tuple[int, ...] = ()
    connections: int = 0


class Unsaid(Struct, tag="unsaid", array_like=True, frozen=True):
    """A chat line of this connection was one too many: its person has said enough, at all gateways together."""

    conn: str


class ChatSoFar(Struct, tag="chat", array_like=True, frozen=True):
    """Every chat line of a stream that the room still has."""

    incarnation: str
    stream: int
    lines: tuple["WireLine", ...]


class WireLine(Struct, array_like=True, frozen=True):
    """One chat line."""

    n: int
    who: str
    role: str
    text: str
    seat: int | None
    tick: int


ToGateway = Joined | JoinRefused | Dismissed | Sections | Kicked | ChatSoFar | Unsaid

_to_loop = msgspec.msgpack.Decoder(list[ToLoop])
_to_gateway = msgspec.msgpack.Decoder(list[ToGateway])
_encoder = msgspec.msgpack.Encoder()


def pack(items: list[Any]) -> bytes:
    """A batch of messages of one family as bytes."""
    return _encoder.encode(items)


def is_unpackable(payload: Any) -> bool:
    """Whether it cannot be packed: a number or a text in it is none that msgpack has."""
    try:
        _encoder.encode(payload)
    except Exception:  # noqa: BLE001 - whatever msgspec finds wrong with it
        return True
    return False


def unpack_to_loop(data: bytes) -> list[ToLoop]:
    """The batch of a gateway. Raises msgspec.DecodeError for another version's bytes."""
    items: list[ToLoop] = _to_loop.decode(data)
    return items


def unpack_to_gateway(data: bytes) -> list[ToGateway]:
    """The batch of a loop. Raises msgspec.DecodeError for another version's bytes."""
    items: list[ToGateway] = _to_gateway.decode(data)
    return items


# ---- loop → the room's members, at most once


class PublicFrame(Struct, array_like=True, frozen=True):
    """The public part of frame ``seq``: a patch since ``base``, a KEY beside it or alone, and chat lines since.

    ``to`` names the gateways that have connections in the stream as of this frame: no other one shows it.
    ``private_for`` names those of them that get a private part. A frame without patch and key is a HEAD.
    """

    incarnation: str
    stream: int
    epoch: int
    seq: int
    base: int
    tick: int
    at_ms: int
    patch: bytes | None
    key: bytes | None
    to: tuple[str, ...]
    private_for: tuple[str, ...]
    loop: str
    loop_channel: str
    chat_through: int = 0


class PrivateFrame(Struct, array_like=True, frozen=True):
    """One gateway's own sections of a frame, and answers by seat, as they stand in a frame.

    Every section that the gateway's connections have is listed, as (audience, of, patch, key); no patch: unchanged.
    It fits viewers only once the gateway knows of exactly ``sections_number`` changes of their sections.
    """

    incarnation: str
    stream: int
    epoch: int
    seq: int
    sections: tuple[tuple[str, int, bytes | None, bytes | None], ...]
    answers: dict[int, AnswerRows]
    sections_number: int = 0


class Parcel(Struct, array_like=True, frozen=True):
    """Frames of one moment in one message: those of any rooms that only its receiver has connections in, whole; and the
    private parts of the others, whose public parts come by their groups.
    """

    private: list[PrivateFrame]
    public: list[PublicFrame]


class RoomNews(Struct, array_like=True, frozen=True):
    """What all of a room's gateways are told beside frames: chat lines, skipped time."""

    incarnation: str
    stream: int
    chat: tuple[WireLine, ...] = ()
    rebase_tick: int = 0
    rebase_ms: int = 0


public_decoder = msgspec.msgpack.Decoder(PublicFrame)
parcel_decoder = msgspec.msgpack.Decoder(Parcel)
news_decoder = msgspec.msgpack.Decoder(RoomNews)


class Takes(IntEnum):
    """What a loop takes of new ones; each includes those before it. Who comes back to a seat is always let in."""

    NOTHING = 0
    JOINS = 1
    ROOMS = 2


class Announcement(Struct, array_like=True, frozen=True):
    """A loop's word to the lobby, once a second and when one of these changes: itself, its rooms, and what it takes of new ones.

    ``carries``: by room type, on which terms it holds rooms. ``load`` is the share of its time that it spends in ticks. A loop
    that ``is_draining`` takes nobody any more, and its rooms end.
    """

    loop: str
    channel: str
    rooms: tuple["RoomInfo", ...]
    takes: Takes = Takes.ROOMS
    carries: dict[str, Terms] = {}
    load: float = 0.0
    is_draining: bool = False


class RoomInfo(Struct, array_like=True, frozen=True):
    """One room in the lobby's table. ``chosen`` has the options that it is matched by, ``is_open`` whether newcomers are wanted."""

    incarnation: str
    code: str
    room_type: str
    players: int
    bots: int
    spectators: int
    seats: int
    state: str
    tick: int
    chosen: dict[str, Any] = {}
    is_open: bool = True


announcement_decoder = msgspec.msgpack.Decoder(Announcement)


def layer_message(message_type: str, payload: Any, **extra: Any) -> dict[str, Any]:
    """A layer message of that type around a packed payload."""
    return {"type": message_type, "v": VERSION, "d": _encoder.encode(payload), **extra}
