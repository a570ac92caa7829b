"""Frames: one message of snapshot sections, in bytes and in readable JSON.

A frame names every section that its receiver has; each carries a *chain* of blobs, applied in order. Blobs are encoded
once per audience, so building a frame is joining bytes. Inputs and acks, the client's binary messages, stand here too.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import Annotated, Any, Literal

import msgspec
from attrs import field, frozen
from msgspec import Meta, Struct

from game.binary import NUMBER_LIMIT, BadBytes, Reader, put_text, put_uvarint, uvarint
from game.codec import (
    WireNumber,
    body_json,
    decode_delta,
    delta_from_json,
    delta_json,
    encode_delta,
    put_values,
    values_from_json,
)
from game.fields import PUBLIC, SPECTATORS, Audience
from game.quantize import Quantized, clip_text
from game.schema import SECTION_KINDS, Message, Schema
from game.tracker import Section

REASON_MAX_BYTES = 120
_SECTION_NUMBER = {audience: number for number, audience in enumerate(SECTION_KINDS)}


class FrameKind(IntEnum):
    """A frame's first byte."""

    KEY = 1
    PATCH = 2
    HEAD = 3


INPUT, ACK = 0x11, 0x12
NO_ANSWERS = b"\0"


class Position(Struct, frozen=True, order=True, gc=False):
    """A point in a room's one total order."""

    epoch: int
    seq: int


class Blob(Struct, frozen=True, gc=False):
    """An encoded delta that leads to ``seq``. A patch with nothing in it is no bytes at all."""

    seq: int
    data: bytes


class Part(Struct, frozen=True):
    """One section of a frame: the blobs to apply in order; none where nothing changed since the base."""

    section: Section
    chain: Sequence[Blob]


class BadInput(BadBytes):
    """An input whose number is readable and whose body is not: it can be answered."""

    def __init__(self, message: str, slot: int, n: int, seen: Position) -> None:
        super().__init__(message)
        self.slot, self.n, self.seen = slot, n, seen


def _clipped_reason(reason: str) -> str:
    return clip_text(reason, REASON_MAX_BYTES)


@frozen
class Answer:
    """The one answer to input ``n`` of a slot: applied at ``tick`` (reason is empty) or refused there.

    ``margin`` is the number of ticks that the input was early (positive) or late (negative) for its ``for_tick``.
    A longer reason than REASON_MAX_BYTES is cut.
    """

    slot: int
    n: int
    tick: int
    reason: str = field(default="", converter=_clipped_reason)
    margin: int = 0


@frozen
class Frame:
    """KEY, PATCH or HEAD. ``base`` counts for a PATCH; ``at_ms`` is the room's time when it was cut."""

    kind: FrameKind
    epoch: int
    seq: int
    base: int
    tick: int
    at_ms: int
    parts: Sequence[Part] = ()
    answers: Sequence[Answer] = ()

    @property
    def position(self) -> Position:
        """Where the frame leads."""
        return Position(self.epoch, self.seq)


class InputMessage(Struct, frozen=True):
    """One input: its number, the position last shown, the tick it is meant for (0: as soon as possible)."""

    slot: int
    n: int
    seen: Position
    for_tick: int
    message: Message
    values: Sequence[Quantized]


class AckMessage(Struct, frozen=True):
    """The client holds everything up to this position."""

    position: Position


def frame_prefix(kind: FrameKind, epoch: int, seq: int, base: int, tick: int, at_ms: int) -> bytes:
    """The bytes before the sections: the same for all receivers of a frame."""
    out = bytearray((kind,))
    for value in (epoch, seq, seq - base if kind is FrameKind.PATCH else 0, tick, at_ms):
        put_uvarint(out, value)
    return bytes(out)


def part_bytes(part: Part, frame_seq: int) -> bytes:
    """One section's bytes within a frame of that seq."""
    out = bytearray((_SECTION_NUMBER[part.section.audience],))
    put_uvarint(out, part.section.of)
    blobs = [blob for blob in part.chain if blob.data]
    put_uvarint(out, len(blobs))
    for blob in blobs:
        put_uvarint(out, frame_seq - blob.seq)
        put_uvarint(out, len(blob.data))
        out += blob.data
    return bytes(out)


class AnswerRows(Struct, frozen=True, array_like=True, gc=False):
    """Encoded answers of one seat, ``last`` being the newest one's ``n``: made once, in the room, and then only joined.

    They are for the connections of the seat's one holder, from ``first_generation`` to ``generation``, and nobody else's.
    """

    count: int
    data: bytes
    last: int
    first_generation: int = 1
    generation: int = 1

    def read(self) -> list[Answer]:
        """The answers. Raises BadBytes for rows that `answer_rows` did not write."""
        reader = Reader(self.data)
        answers = [_read_answer(reader) for _ in range(self.count)]
        reader.end()
        return answers


def answer_rows(answers: Sequence[Answer], generations: tuple[int, int] = (1, 1)) -> AnswerRows:
    """Answers as their rows in a frame, for the connections of a seat's first to last of these generations."""
    out = bytearray()
    for answer in answers:
        put_uvarint(out, answer.slot)
        put_uvarint(out, answer.n)
        put_uvarint(out, answer.tick)
        put_uvarint(out, answer.margin << 1 if answer.margin >= 0 else (-answer.margin << 1) - 1)
        if answer.reason:
            put_text(out, answer.reason)
        else:
            out.append(0)
    return AnswerRows(len(answers), bytes(out), answers[-1].n if answers else 0, *generations)


def answers_bytes(rows: Sequence[AnswerRows]) -> bytes:
    """The bytes after the sections."""
    if not rows:
        return NO_ANSWERS
    return b"".join((uvarint(sum(each.count for each in rows)), *(each.data for each in rows)))


def encode_frame(frame: Frame) -> bytes:
    """A whole frame."""
    out = bytearray(frame_prefix(frame.kind, frame.epoch, frame.seq, frame.base, frame.tick, frame.at_ms))
    put_uvarint(out, len(frame.parts))
    for part in frame.parts:
        out += part_bytes(part, frame.seq)
    return bytes(out + answers_bytes([answer_rows(frame.answers)] if frame.answers else []))


def decode_frame(data: bytes) -> Frame:
    """The frame of these bytes. Raises BadBytes for anything that `encode_frame` could not have written."""
    reader = Reader(data)
    number = reader.u8()
    if number not in FrameKind.__members__.values():
        raise BadBytes(f"expected a key, patch or head (1 to 3), got {number}")
    epoch, seq, behind, tick, at_ms = reader.uvarints(5)
    if behind > seq or (behind and number != FrameKind.PATCH):
        raise BadBytes(f"expected a base from 0 to {seq} in a patch only, got {behind} behind")
    parts = [_read_part(reader, seq) for _ in range(reader.uvarint())]
    answers = [_read_answer(reader) for _ in range(reader.uvarint())]
    reader.end()
    return _checked(Frame(FrameKind(number), epoch, seq, seq - behind, tick, at_ms, parts, answers))


def frame_json(schema: Schema, frame: Frame) -> dict[str, Any]:
    """The readable form of a frame."""
    sections = [
        {
            "section": part.section.audience.value,
            "of": part.section.of,
            "chain": [{"seq": b.seq} | delta_json(decode_delta(schema, b.data)) for b in part.chain if b.data],
        }
        for part in frame.parts
    ]
    answers = [
        {"slot": a.slot, "n": a.n, "tick": a.tick, "margin": a.margin}
        | ({"refused": a.reason} if a.reason else {"applied": True})
        for a in frame.answers
    ]
    return {
        "type": frame.kind.name.lower(),
        "epoch": frame.epoch,
        "seq": frame.seq,
        "base": frame.base,
        "tick": frame.tick,
        "at_ms": frame.at_ms,
        "sections": sections,
        "answers": answers,
    }


class _PartJson(Struct):
    section: Audience
    of: WireNumber
    chain: list[dict[str, Any]]


class _AnswerJson(Struct):
    slot: WireNumber
    n: WireNumber
    tick: WireNumber
    margin: Annotated[int, Meta(gt=-(NUMBER_LIMIT >> 1), lt=NUMBER_LIMIT >> 1)]
    refused: str = ""
    applied: bool = False


class _FrameJson(Struct):
    type: Literal["key", "patch", "head"]
    epoch: WireNumber
    seq: WireNumber
    base: WireNumber
    tick: WireNumber
    at_ms: WireNumber
    sections: list[_PartJson]
    answers: list[_AnswerJson]


def frame_from_json(schema: Schema, data: object) -> Frame:
    """The frame of its readable form. Raises BadBytes for anything else."""
    try:
        read = msgspec.convert(data, _FrameJson)
    except msgspec.ValidationError as error:
        raise BadBytes(f"expected a frame in JSON: {error}"[:200]) from error
    parts = [Part(Section(p.section, p.of), [_blob_from_json(schema, b) for b in p.chain]) for p in read.sections]
    if any(bool(a.refused) == a.applied for a in read.answers):
        raise BadBytes("expected answers that are either applied or refused")
    answers = [Answer(a.slot, a.n, a.tick, a.refused, a.margin) for a in read.answers]
    kind = FrameKind[read.type.upper()]
    return _checked(Frame(kind, read.epoch, read.seq, read.base, read.tick, read.at_ms, parts, answers))


def _blob_from_json(schema: Schema, data: dict[str, Any]) -> Blob:
    seq = data.get("seq")
    if type(seq) is not int or not 0 <= seq < NUMBER_LIMIT:
        raise BadBytes(f"expected the seq of a section's delta, got {str(seq)[:40]!r}")
    return Blob(seq, encode_delta(delta_from_json(schema, data)))


def _checked(frame: Frame) -> Frame:
    """What both forms of a frame must hold. Raises BadBytes."""
    if not (frame.base <= frame.seq if frame.kind is FrameKind.PATCH else frame.base == frame.seq):
        raise BadBytes(f"expected a base up to seq {frame.seq}, and below it in a patch only, got {frame.base}")
    if frame.kind is FrameKind.HEAD and (frame.parts or frame.answers):
        raise BadBytes("expected a head without sections and answers")
    sections = [part.section for part in frame.parts]
    if len(set(sections)) != len(sections):
        raise BadBytes(f"expected each section once, got {', '.join(map(str, sections))}"[:200])
    for part in frame.parts:
        if part.section.of and part.section.audience in (PUBLIC, SPECTATORS):
            raise BadBytes(f"expected section {part.section} of nobody in particular, got one of {part.section.of}")
        seqs = [blob.seq for blob in part.chain]
        if seqs != sorted(set(seqs)) or (seqs and seqs[-1] > frame.seq):
            raise BadBytes(f"expected deltas by growing seq up to {frame.seq}, got {seqs[:10]}")
    return frame


def encode_input(message: InputMessage) -> bytes:
    """An input's bytes."""
    out = bytearray((INPUT,))
    for value in (
        message.slot,
        message.n,
        message.seen.epoch,
        message.seen.seq,
        message.for_tick,
        message.message.index,
    ):
        put_uvarint(out, value)
    put_values(out, message.message, message.values)
    return bytes(out)


def encode_ack(ack: AckMessage) -> bytes:
    """An ack's bytes."""
    out = bytearray((ACK,))
    put_uvarint(out, ack.position.epoch)
    put_uvarint(out, ack.position.seq)
    return bytes(out)


def decode_client_bytes(schema: Schema, data: bytes) -> InputMessage | AckMessage:
    """A client's binary message. Raises BadBytes for anything else, BadInput where an input's number is readable."""
    reader = Reader(data)
    number = reader.u8()
    if number == ACK:
        epoch, seq = reader.uvarints(2)
        reader.end()
        return AckMessage(Position(epoch, seq))
    if number != INPUT:
        raise BadBytes(f"expected an input (17) or an ack (18), got {number}")
    slot, n, epoch, seq, for_tick = reader.uvarints(5)
    seen = Position(epoch, seq)
    try:
        index = reader.uvarint()
        if index >= len(schema.inputs):
            raise BadBytes(f"expected input type 0 to {len(schema.inputs) - 1}, got {index}")
        message = schema.inputs[index]
        values = message.code.read(reader)
        reader.end()
    except BadBytes as error:
        raise BadInput(str(error), slot, n, seen) from error
    return InputMessage(slot, n, seen, for_tick, message, values)


def input_json(message: InputMessage) -> dict[str, Any]:
    """The readable form of an input."""
    return {
        "type": "input",
        "slot": message.slot,
        "n": message.n,
        "seen": [message.seen.epoch, message.seen.seq],
        "for_tick": message.for_tick,
        "body": body_json(message.message, message.values),
    }


def input_from_json(schema: Schema, slot: int, n: int, seen: Position, for_tick: int, body: object) -> InputMessage:
    """The input of its readable form. Raises BadInput for a body that fits no input class."""
    try:
        message, values = values_from_json(schema.inputs, body)
    except BadBytes as error:
        raise BadInput(str(error), slot, n, seen) from error
    return InputMessage(slot, n, seen, for_tick, message, values)


def _read_part(reader: Reader, frame_seq: int) -> Part:
    number, of = reader.u8(), reader.uvarint()
    if number >= len(SECTION_KINDS):
        raise BadBytes(f"expected a section 0 to {len(SECTION_KINDS) - 1}, got {number}")
    chain = []
    for _ in range(reader.uvarint()):
        behind, length = reader.uvarint(), reader.uvarint()
        if behind > frame_seq:
            raise BadBytes(f"expected a blob at most {frame_seq} behind, got {behind}")
        if not length:
            raise BadBytes("expected a delta of at least one byte, got none")
        chain.append(Blob(frame_seq - behind, reader.raw(length)))
    return Part(Section(SECTION_KINDS[number], of), chain)


def _read_answer(reader: Reader) -> Answer:
    slot, n, tick, zigzag = reader.uvarints(4)
    margin = zigzag >> 1 if zigzag & 1 == 0 else -(zigzag + 1 >> 1)
    return Answer(slot, n, tick, reader.text(REASON_MAX_BYTES), margin)
