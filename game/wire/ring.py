"""The recent frames of one stream, from which any viewer's next frame is cut without asking the room.

A gateway keeps one ring per room and stream. It holds each section's last KEY and the patches since; `chain` finds the
few blobs that lead a viewer from where it is to the newest frame. Pure: bytes in, chains out.
"""

from collections import deque
from collections.abc import Mapping, Sequence

from attrs import define, field, frozen
from msgspec import Struct

from game.binary import uvarint
from game.tracker import Section
from game.wire.frames import (
    NO_ANSWERS,
    Answer,
    AnswerRows,
    Blob,
    Frame,
    FrameKind,
    Part,
    Position,
    answers_bytes,
    frame_prefix,
    part_bytes,
)

Sections = tuple[Section, ...]

NOWHERE = Position(-1, -1)
RING_FRAMES_MAX = 256
RING_BYTES_MAX = 2 * 1024 * 1024  # per section


class RingFrame(Struct, frozen=True):
    """One frame as it arrived: its place, and the answers by seat that its private part brought for this gateway."""

    seq: int
    base: int
    tick: int
    at_ms: int
    answers: dict[int, AnswerRows] = {}


@frozen
class _Hop:
    seq: int
    base: int
    blob: Blob


@define
class _Hops:
    """One section's recent patches, bounded in number and in bytes (overflow: drop_oldest, a KEY then helps)."""

    recent: deque[_Hop] = field(factory=deque)
    size: int = 0

    def append(self, hop: _Hop) -> None:
        self.recent.append(hop)
        self.size += len(hop.blob.data)
        while len(self.recent) > RING_FRAMES_MAX or (self.size > RING_BYTES_MAX and len(self.recent) > 1):
            self.size -= len(self.recent.popleft().blob.data)


@define
class Ring:
    """The frames of one epoch of one stream. ``position`` is the newest one's, ``before`` that of the one it came after.

    ``answers`` has each seat's newest ones: a viewer that was not shown the frame they came with gets them with a later one.
    """

    epoch: int = -1
    newest: RingFrame | None = None
    position: Position = NOWHERE
    before: Position = NOWHERE
    answers: dict[int, AnswerRows] = field(factory=dict)
    _keys: dict[Section, Blob] = field(factory=dict)
    _hops: dict[Section, "_Hops"] = field(factory=dict)
    _slices: dict[tuple[int | None, Sections, Sections], "Slice | None"] = field(factory=dict)
    _parts: dict[tuple[Section, int | None], "_Encoded"] = field(factory=dict)
    _prefixes: dict[int | None, bytes] = field(factory=dict)
    _moment: "Moment | None" = None

    def restart(self, epoch: int) -> None:
        """A new epoch: nothing older counts any more."""
        self.epoch = epoch
        self.newest = None
        self.position = self.before = NOWHERE
        self.answers.clear()
        self._keys.clear()
        self._hops.clear()
        self._forget_slices()

    def add(
        self,
        frame: RingFrame,
        blobs: Mapping[Section, tuple[bool, bytes]],
        keys: Mapping[Section, bytes] | None = None,
    ) -> None:
        """Adds the newest frame. ``blobs`` maps sections to (is_key, bytes); no bytes mean that nothing changed.

        ``keys`` holds KEYs that come beside patches: viewers go on by the patch, joiners start at the KEY.
        """
        self.newest = frame
        if frame.seq != self.position.seq or self.epoch != self.position.epoch:
            self.before, self.position = self.position, Position(self.epoch, frame.seq)
        self._forget_slices()
        self.answers.update(frame.answers)
        for section, (is_key, data) in blobs.items():
            if is_key:
                self._keys[section] = Blob(frame.seq, data)
            else:
                hops = self._hops.setdefault(section, _Hops())
                hops.append(_Hop(frame.seq, frame.base, Blob(frame.seq, data)))
        for section, data in (keys or {}).items():
            self._keys[section] = Blob(frame.seq, data)

    def add_private(
        self,
        answers: dict[int, AnswerRows],
        blobs: Mapping[Section, tuple[bool, bytes]],
        keys: Mapping[Section, bytes],
    ) -> None:
        """Adds what came beside the newest frame for this gateway's own seats."""
        newest = self.newest
        if newest is not None:
            self.add(RingFrame(newest.seq, newest.base, newest.tick, newest.at_ms, answers), blobs, keys)

    def moment(self, now: float) -> "Moment":
        """When the newest frame was shown; one object for all viewers that are shown it at once, as is its position."""
        found = self._moment
        if found is None or found.at != now or found.position is not self.position:
            newest = self.newest
            assert newest is not None  # noqa: S101 - there is a frame to be shown
            found = self._moment = Moment(self.position, now, newest.at_ms, newest.tick)
        return found

    def _forget_slices(self) -> None:
        self._slices.clear()
        self._parts.clear()
        self._prefixes.clear()

    def forget(self, section: Section) -> None:
        """Drops a section that no viewer here has any longer."""
        self._keys.pop(section, None)
        self._hops.pop(section, None)

    def chain(self, section: Section, start: int | None, end: int) -> tuple[Blob, ...] | None:
        """The fewest blobs from ``start`` (None: from the last KEY) to frame ``end``, or None where there is a hole."""
        chain: list[Blob] = []
        if start is None:
            key = self._keys.get(section)
            if key is None or key.seq > end:
                return None
            chain.append(key)
            start = key.seq
        at = start
        while at < end:
            hop = self._hop(section, at, end)
            if hop is None:
                return None
            chain.append(hop.blob)
            at = hop.seq
        return tuple(blob for blob in chain if blob.data)

    def _hop(self, section: Section, at: int, end: int) -> _Hop | None:
        """The patch that leads furthest from ``at`` without passing ``end``."""
        for hop in reversed(self._hops[section].recent if section in self._hops else ()):
            if hop.seq <= at:
                return None
            if hop.seq <= end and hop.base <= at:
                return hop
        return None

    def slice(self, sections: Sections, held: Sections, start: int | None) -> "Slice | None":
        """The newest frame for viewers of these sections at ``start`` (None: as a KEY), or None where the ring has a hole.

        A section that they do not hold yet comes as a KEY of its own. Made once for all viewers at the same place.
        """
        key = start, sections, held
        found = self._slices.get(key)
        if found is None:
            found = self._slices[key] = self._sliced(sections, held, start)
        return found

    def _sliced(self, sections: Sections, held: Sections, start: int | None) -> "Slice | None":
        newest = self.newest
        if newest is None:
            return None
        parts = [self._part(section, start if section in held else None) for section in sections]
        if not all(parts):
            return None
        kind = FrameKind.KEY if start is None else FrameKind.PATCH
        base = newest.seq if start is None else start
        prefix = self._prefixes.get(start)
        if prefix is None:
            prefix = frame_prefix(kind, self.epoch, newest.seq, base, newest.tick, newest.at_ms)
            self._prefixes[start] = prefix
        body = b"".join((prefix, uvarint(len(parts)), *(part.data for part in parts if part)))
        return Slice(newest, self.epoch, start, tuple(part.part for part in parts if part), body, body + NO_ANSWERS)

    def _part(self, section: Section, start: int | None) -> "_Encoded | None":
        key = section, start
        found = self._parts.get(key)
        if found is None:
            assert self.newest is not None  # noqa: S101 - _sliced() checked
            chain = self.chain(section, start, self.newest.seq)
            if chain is None:
                return None
            part = Part(section, chain)
            found = self._parts[key] = _Encoded(part, part_bytes(part, self.newest.seq))
        return found


class Moment(Struct, frozen=True, gc=False):
    """A frame was shown: its position, ``at`` when by the gateway's clock, the room's time in it and its tick."""

    position: Position
    at: float
    at_ms: int
    tick: int


@frozen
class _Encoded:
    """A section's part of the newest frame and its bytes."""

    part: Part
    data: bytes


@define(eq=False)
class Slice:
    """The newest frame as some viewers get it, but for their own answers. ``plain`` is the whole of it without any.

    ``text`` is that in the readable subprotocol, once somebody asked for it.
    """

    newest: RingFrame
    epoch: int
    start: int | None
    parts: tuple[Part, ...]
    body: bytes
    plain: bytes
    text: str | None = None

    def frame(self, answers: Sequence[Answer] = ()) -> Frame:
        """The frame itself, for the readable form."""
        newest, start = self.newest, self.start
        kind = FrameKind.KEY if start is None else FrameKind.PATCH
        base = newest.seq if start is None else start
        return Frame(kind, self.epoch, newest.seq, base, newest.tick, newest.at_ms, self.parts, answers)

    def bytes_with(self, rows: Sequence[AnswerRows]) -> bytes:
        """The frame's bytes for a viewer with these answers."""
        return self.body + answers_bytes(rows) if rows else self.plain
