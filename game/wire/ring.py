"""The recent frames of one stream, from which any viewer's next frame is cut without asking the room.

A gateway keeps one ring per room and stream. It holds each section's last KEY and the patches since; `chain` finds the
few blobs that lead a viewer from where it is to the newest frame. Pure: bytes in, chains out.
"""

from collections import deque
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from functools import partial
from typing import TypeVar, cast

from attrs import define, evolve, field, frozen

from game.tracker import Section
from game.wire.frames import Answer, Blob, Frame, FrameKind, Part, answers_bytes, frame_prefix, part_bytes

T = TypeVar("T")

RING_FRAMES_MAX = 256
RING_BYTES_MAX = 2 * 1024 * 1024  # per section


@frozen
class RingFrame:
    """One frame as it arrived: its place, and what the private message brought for this gateway's seats."""

    seq: int
    base: int
    tick: int
    at_ms: int
    has_private: bool = False
    answers: dict[int, tuple[Answer, ...]] = field(factory=dict)


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
    """The frames of one epoch of one stream."""

    epoch: int = -1
    newest: RingFrame | None = None
    _keys: dict[Section, Blob] = field(factory=dict)
    _hops: dict[Section, "_Hops"] = field(factory=dict)
    _cut: dict[Hashable, object] = field(factory=dict)

    def restart(self, epoch: int) -> None:
        """A new epoch: nothing older counts any more."""
        self.epoch = epoch
        self.newest = None
        self._keys.clear()
        self._hops.clear()
        self._cut.clear()

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
        self._cut.clear()
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
        answers: dict[int, tuple[Answer, ...]],
        blobs: Mapping[Section, tuple[bool, bytes]],
        keys: Mapping[Section, bytes],
    ) -> None:
        """Adds what came beside the newest frame for this gateway's own seats."""
        if self.newest is not None:
            self.add(evolve(self.newest, answers=answers, has_private=True), blobs, keys)

    def has_key(self, section: Section) -> bool:
        """Whether a viewer could start here."""
        return section in self._keys

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

    def frame(
        self, sections: Sequence[Section], held: Collection[Section], start: int | None, answers: Sequence[Answer]
    ) -> Frame | None:
        """The newest frame for a viewer at ``start`` (None: as a KEY), or None where the ring has a hole.

        A section that the viewer does not hold yet comes as a KEY of its own.
        """
        newest = self.newest
        if newest is None:
            return None
        parts = []
        for section in sections:
            chain = self._cached_chain(section, start if section in held else None)
            if chain is None:
                return None
            parts.append(Part(section, chain))
        kind = FrameKind.KEY if start is None else FrameKind.PATCH
        base = newest.seq if start is None else start
        return Frame(kind, self.epoch, newest.seq, base, newest.tick, newest.at_ms, parts, answers)

    def frame_bytes(self, frame: Frame) -> bytes:
        """The bytes of a frame that `frame` cut; what viewers share is encoded once per newest frame."""
        shared = frame.kind, frame.base
        prefix = self._cached(("prefix", *shared), partial(_prefix, frame))
        parts = [self._part(part, frame.seq) for part in frame.parts]
        if not frame.answers:
            whole = partial(b"".join, (prefix, bytes((len(parts),)), *parts, b"\0"))
            return self._cached(("whole", *shared, *map(id, parts)), whole)
        return b"".join((prefix, bytes((len(parts),)), *parts, answers_bytes(frame.answers)))

    def _part(self, part: Part, seq: int) -> bytes:
        # A chain is cached, so its identity stands for its content.
        return self._cached(("part", part.section, id(part.chain)), partial(part_bytes, part, seq))

    def _cached_chain(self, section: Section, start: int | None) -> tuple[Blob, ...] | None:
        assert self.newest is not None  # noqa: S101 - frame() checked
        return self._cached(("chain", section, start), partial(self.chain, section, start, self.newest.seq))

    def shared(self, key: Hashable, make: Callable[[], T]) -> T:
        """A value made once per newest frame, for all viewers that share its key."""
        return self._cached(("shared", key), make)

    def _cached(self, key: Hashable, make: Callable[[], T]) -> T:
        if key not in self._cut:
            self._cut[key] = make()
        return cast(T, self._cut[key])


def _prefix(frame: Frame) -> bytes:
    return frame_prefix(frame.kind, frame.epoch, frame.seq, frame.base, frame.tick, frame.at_ms)
