"""One room's stream as it arrives at one gateway: public and private parts joined by (epoch, seq), holes noticed. Sans I/O.

A frame is offered to viewers with private sections only when both parts are there, so that frames stay atomic. The hub
owns one feed per room and stream.
"""

from collections.abc import Iterable

from attrs import define, field

from game.fields import Audience
from game.tracker import PUBLIC_SECTION, Section
from game.wire.frames import Answer
from game.wire.messages import ChatLine
from game.wire.ring import Ring, RingFrame
from server.relay.envelope import PrivateFrame, PublicFrame, WireLine

PENDING_MAX = 16
WANT_KEY_EVERY_S = 0.5


@define
class Feed:
    """``is_complete`` says whether the newest frame's private part is here, or there is none."""

    node: str
    chat_kept: int
    ring: Ring = field(factory=Ring)
    is_complete: bool = True
    chat: list[ChatLine] = field(factory=list)
    holes: int = 0
    _early: dict[tuple[int, int], PrivateFrame] = field(factory=dict)
    _private_sections: set[Section] = field(factory=set)
    _asked_at: float = -1e9

    def on_public(self, frame: PublicFrame) -> bool:
        """A public part arrived; True where viewers may have something to get."""
        ring = self.ring
        if frame.epoch < ring.epoch:
            return False
        if frame.epoch > ring.epoch:
            ring.restart(frame.epoch)
            self._private_sections.clear()
        if frame.patch is None and frame.key is None:
            return ring.newest is not None and ring.newest.seq >= frame.seq
        if ring.newest is not None and frame.seq <= ring.newest.seq:
            return False
        if ring.newest is not None and frame.patch is not None and frame.base > ring.newest.seq:
            self.holes += 1
        blobs = {PUBLIC_SECTION: (frame.patch is None, frame.key if frame.patch is None else frame.patch)}
        keys = {PUBLIC_SECTION: frame.key} if frame.patch is not None and frame.key is not None else {}
        self.is_complete = self.node not in frame.private_for
        if self.is_complete and frame.patch is not None:
            blobs |= dict.fromkeys(self._private_sections, (False, b""))
        ring.add(
            RingFrame(frame.seq, frame.base, frame.tick, frame.at_ms),
            {section: (is_key, data) for section, (is_key, data) in blobs.items() if data is not None},
            keys,
        )
        early = self._early.pop((frame.epoch, frame.seq), None)
        if early is not None:
            self._add_private(early)
        return True

    def is_behind(self, frame: PublicFrame) -> bool:
        """Whether an idle room's HEAD tells of a frame that never came."""
        newest = self.ring.newest
        is_head = frame.patch is None and frame.key is None
        return is_head and frame.epoch == self.ring.epoch and (newest is None or newest.seq < frame.seq)

    def on_private(self, frame: PrivateFrame) -> bool:
        """A private part arrived; True where it completes the newest frame."""
        newest = self.ring.newest
        if frame.epoch == self.ring.epoch and newest is not None and frame.seq == newest.seq:
            if self.is_complete:
                return False
            self._add_private(frame)
            return True
        if (frame.epoch, frame.seq) > (self.ring.epoch, newest.seq if newest else -1):
            self._early[frame.epoch, frame.seq] = frame
            while len(self._early) > PENDING_MAX:  # overflow: drop_oldest; the next patch covers it
                del self._early[next(iter(self._early))]
        return False

    def add_lines(self, lines: Iterable[WireLine]) -> bool:
        """Chat lines arrived; False where a line before them is missing."""
        for line in lines:
            last = self.chat[-1].n if self.chat else 0
            if line.n <= last:
                continue
            if self.chat and line.n > last + 1:
                return False
            self.chat.append(ChatLine(line.n, line.who, line.role, line.text, line.seat, line.tick))
        del self.chat[: -max(1, self.chat_kept)]
        return True

    def may_ask_key(self, now: float) -> bool:
        """At most one wish for a KEY at a time."""
        if now - self._asked_at < WANT_KEY_EVERY_S:
            return False
        self._asked_at = now
        return True

    def keep_sections(self, wanted: Iterable[Section]) -> None:
        """Forgets private sections that no viewer here has."""
        for section in self._private_sections - set(wanted):
            self._private_sections.discard(section)
            self.ring.forget(section)

    def _add_private(self, frame: PrivateFrame) -> None:
        blobs: dict[Section, tuple[bool, bytes]] = dict.fromkeys(self._private_sections, (False, b""))
        keys: dict[Section, bytes] = {}
        for audience, of, patch, key in frame.sections:
            section = Section(Audience(audience), of)
            self._private_sections.add(section)
            blobs.pop(section, None)
            if patch is not None:
                blobs[section] = (False, patch)
            if key is not None:
                keys[section] = key
        answers = {
            seat: tuple(Answer(0, n, tick, reason, margin) for n, tick, reason, margin in rows)
            for seat, rows in frame.answers.items()
        }
        self.ring.add_private(answers, blobs, keys)
        self.is_complete = True
