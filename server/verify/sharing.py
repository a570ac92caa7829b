"""What the clients of one world would all work out alike, worked out once: decoded blobs, and the digests of what they hold.

Each client still applies every frame to a state of its own. Where the same bytes were applied onto a state with the same
digest, the digest afterwards is looked up; every few frames and at each KEY it is taken from the state itself, so that a
state that changed in any other way is noticed.
"""

import hashlib

from attrs import define, field

from game.codec import Delta, decode_delta, encode_delta
from game.schema import Schema
from game.tracker import Section
from game.view import View
from game.wire.frames import Frame, FrameKind

KEPT_MAX = 4096
TAKEN_EVERY = 8


def digest_of(data: bytes) -> str:
    """A short name for bytes, the same in every process."""
    return hashlib.blake2b(data, digest_size=8).hexdigest()


def has_moving(schema: Schema) -> bool:
    """Whether any field moves by another's rate."""
    return any(wire.spec.rate for table in schema.tables for wire in table.fields)


@define(eq=False)
class Sharing:
    """One per world. What is kept is bounded: it begins anew now and then."""

    _decoded: dict[tuple[bytes, int], Delta] = field(factory=dict)
    _after: dict[tuple[str, tuple[bytes, ...]], str] = field(factory=dict)

    def decode(self, schema: Schema, data: bytes, seq: int) -> Delta:
        """As `game.codec.decode_delta`; nobody changes what it returns."""
        found = self._decoded.get((data, seq))
        if found is None:
            if len(self._decoded) >= KEPT_MAX:
                self._decoded.clear()
            found = self._decoded[data, seq] = decode_delta(schema, data, seq)
        return found

    def held(self, view: View, frame: Frame, before: dict[Section, str]) -> dict[Section, str]:
        """The digest of each section after ``frame`` was applied to a view whose digests were ``before``."""
        # What moves by a rate does so from where it stood last, which a digest does not tell.
        is_taken = frame.kind is FrameKind.KEY or frame.seq % TAKEN_EVERY == 0 or has_moving(view.schema)
        blobs = {part.section: tuple(blob.data for blob in part.chain) for part in frame.parts}
        return {
            section: _taken(view, section)
            if is_taken or section not in before
            else self._later(view, section, before[section], blobs.get(section, ()))
            for section in sorted(view.sections)
        }

    def _later(self, view: View, section: Section, before: str, blobs: tuple[bytes, ...]) -> str:
        if not blobs:
            return before
        found = self._after.get((before, blobs))
        if found is None:
            if len(self._after) >= KEPT_MAX:
                self._after.clear()
            found = self._after[before, blobs] = _taken(view, section)
        return found


def _taken(view: View, section: Section) -> str:
    return digest_of(encode_delta(view.sections[section].as_key(view.schema)))
