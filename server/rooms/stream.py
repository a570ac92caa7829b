"""One stream of frames of a room: the tracker, the ladder of patches, and which private sections are on show. Sans I/O."""

from collections.abc import Collection, Iterable
from typing import Any

from attrs import define, field
from msgspec import Struct

from game.codec import Delta, encode_delta
from game.contract import Event
from game.schema import Schema
from game.tracker import PUBLIC_SECTION, Section, Tracker
from server.routing.plan import FramesSpec


class Cut(Struct, frozen=True):
    """One section's part of a frame: a patch since the frame's base, a KEY, or both. None: nothing to send."""

    patch: bytes | None
    key: bytes | None


class CutFrame(Struct, frozen=True):
    """A frame as the room cut it; ``private`` has every section on show, also those without a change."""

    seq: int
    base: int
    public: Cut
    private: dict[Section, Cut]


@define
class Stream:
    """``stagger`` spreads the rooms' KEYs over time."""

    schema: Schema
    frames: FramesSpec
    stagger: int = 0
    send_hz: float = 20.0
    is_key_wanted: bool = True
    tracker: Tracker = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.tracker = Tracker(self.schema, send_hz=self.send_hz)

    @property
    def seq(self) -> int:
        """The last frame's number."""
        return self.tracker.seq

    def cut(
        self,
        sources: dict[str, Any],
        events: Iterable[Event],
        sections: Collection[Section],
        fresh: Collection[Section],
        *,
        is_forced: bool,
    ) -> CutFrame | None:
        """The next frame, or None where no viewer could tell a difference. ``fresh`` sections come with a KEY."""
        if not self.tracker.advance(sources, events, is_forced=is_forced or self.is_key_wanted or bool(fresh)):
            return None
        seq = self.tracker.seq
        is_key = self.is_key_wanted or (seq + self.stagger) % self.frames.keyframe_every == 0
        self.is_key_wanted = False
        base = self._base(seq)
        private = {section: self._section(section, base, is_key or section in fresh) for section in sections}
        return CutFrame(seq, base, self._section(PUBLIC_SECTION, base, is_key), private)

    def key(self, section: Section) -> Delta:
        """The whole section as of the last frame."""
        return self.tracker.key(section)

    def _base(self, seq: int) -> int:
        is_rung = seq % self.frames.rung_every == 0
        return max(0, seq - (self.frames.rung_span if is_rung else self.frames.window))

    def _section(self, section: Section, base: int, is_key: bool) -> Cut:
        key = encode_delta(self.tracker.key(section)) if is_key else None
        delta = self.tracker.patch(section, base)
        is_empty = not delta.tables and not delta.events
        return Cut(None if is_empty and section != PUBLIC_SECTION else encode_delta(delta), key)
