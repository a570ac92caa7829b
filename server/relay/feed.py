"""One room's stream as it arrives at one gateway: public and private parts joined by (epoch, seq), holes noticed. Sans I/O.

A frame is offered to viewers with private sections only when both parts are there, so that frames stay atomic. The hub
owns one feed per room and stream.
"""

from collections.abc import Iterable, Sequence

from attrs import define, field

from game.fields import Audience
from game.tracker import PUBLIC_SECTION, Section
from game.wire.messages import ChatLine
from game.wire.ring import Ring, RingFrame
from server.relay.envelope import DELAYED_STREAM, PrivateFrame, PublicFrame, WireLine

PENDING_MAX = 16
ASK_EVERY_S = 0.5
CHAT_LATE_S = 0.3


@define
class Feed:
    """``is_complete``: the newest frame's private part is here, or there is none. ``is_lacking``: only a KEY helps.

    All answers that the frames up to ``_whole_through`` carried are known.
    """

    node: str
    chat_kept: int
    ring: Ring = field(factory=Ring)
    is_complete: bool = True
    is_lacking: bool = False
    sections_number: int = 0
    chat: list[ChatLine] = field(factory=list)
    chat_through: int = 0
    holes: int = 0
    _whole_through: int = -1
    _is_at_key: bool = False
    _early: dict[tuple[int, int], PrivateFrame] = field(factory=dict)
    _private_sections: set[Section] = field(factory=set)
    _key_asked_at: float = -1e9
    _is_key_asked: bool = False
    _chat_asked_at: float = -1e9
    _chat_late_since: float | None = None

    def on_public(self, frame: PublicFrame) -> bool:
        """A public part arrived; True where viewers may have something to get."""
        ring = self.ring
        if frame.epoch < ring.epoch:
            return False
        if frame.epoch > ring.epoch:
            self._restart(frame.epoch)
        if frame.patch is None and frame.key is None:
            return self._on_head(frame)
        if ring.newest is not None and frame.seq <= ring.newest.seq:
            if not self._is_wanted_repeat(frame):
                return False
            self._restart(frame.epoch)
            self._is_key_asked = False
        self._note_hole(frame)
        self._add_public(frame)
        early = self._early.pop((frame.epoch, frame.seq), None)
        if early is not None:
            self._add_private(early)
        return True

    def on_private(self, frame: PrivateFrame) -> bool:
        """A private part arrived; True where it completes the newest frame."""
        newest = self.ring.newest
        is_newest = frame.epoch == self.ring.epoch and newest is not None and frame.seq == newest.seq
        # A repeat: its public part follows, and begins the ring anew.
        is_repeat = self._is_key_asked and frame.stream == DELAYED_STREAM and frame.epoch == self.ring.epoch
        if is_repeat or (frame.epoch, frame.seq) > (self.ring.epoch, newest.seq if newest else -1):
            self._early[frame.epoch, frame.seq] = frame
            while len(self._early) > PENDING_MAX:  # overflow: drop_oldest; the next patch covers it
                del self._early[next(iter(self._early))]
        if not is_newest or self.is_complete:
            return False
        self._add_private(frame)
        return True

    def start_chat(self, lines: Sequence[WireLine], through: int) -> None:
        """What a newcomer was given: the first one's lines are where this feed begins."""
        if not self.chat_through:
            self.chat_through = lines[0].n - 1 if lines else through
        self.add_lines(lines)

    def add_lines(self, lines: Iterable[WireLine], *, is_all: bool = False) -> None:
        """Chat lines arrived. What comes after a hole waits until the room has sent ``is_all`` that it still has."""
        for line in lines:
            if line.n <= self.chat_through:
                continue
            if line.n > self.chat_through + 1 and not is_all:
                self._chat_late_since = -1e9
                break
            self.chat_through = line.n
            self.chat.append(ChatLine(line.n, line.who, line.role, line.text, line.seat, line.tick))
        else:
            self._chat_late_since = None
        del self.chat[: -max(1, self.chat_kept)]

    def may_ask_key(self, now: float) -> bool:
        """At most one wish for a KEY at a time."""
        if now - self._key_asked_at < ASK_EVERY_S:
            return False
        self._key_asked_at, self._is_key_asked = now, True
        return True

    def may_ask_chat(self, chat_through: int, now: float) -> bool:
        """Whether lines up to that number are missing for so long that they must be lost; then at most one wish a time."""
        if chat_through <= self.chat_through:
            self._chat_late_since = None
            return False
        if self._chat_late_since is None:
            self._chat_late_since = now
        if now - self._chat_late_since < CHAT_LATE_S or now - self._chat_asked_at < ASK_EVERY_S:
            return False
        self._chat_asked_at = now
        return True

    def begin_anew(self) -> None:
        """Nothing that is kept counts any more, and only a KEY helps."""
        self._restart(self.ring.epoch)
        self._early.clear()
        self.is_lacking = True

    def _restart(self, epoch: int) -> None:
        self.ring.restart(epoch)
        self._private_sections.clear()
        self.is_complete, self._whole_through = True, -1

    def _on_head(self, frame: PublicFrame) -> bool:
        newest = self.ring.newest
        if newest is None or newest.seq < frame.seq or not self.is_complete:
            self.is_lacking = True
            return False
        return newest.seq == frame.seq

    def _is_wanted_repeat(self, frame: PublicFrame) -> bool:
        """The delayed stream cannot cut a KEY on demand: it repeats what was shown, from its last KEY on."""
        return self._is_key_asked and frame.stream == DELAYED_STREAM and frame.key is not None

    def _note_hole(self, frame: PublicFrame) -> None:
        newest = self.ring.newest
        self._is_at_key = frame.key is not None
        if self._is_at_key:
            self.is_lacking = False
        elif newest is None or frame.base > min(newest.seq, self._whole_through):
            self.is_lacking = True
            self.holes += newest is not None

    def _add_public(self, frame: PublicFrame) -> None:
        blobs = {PUBLIC_SECTION: (frame.patch is None, frame.key if frame.patch is None else frame.patch)}
        keys = {PUBLIC_SECTION: frame.key} if frame.patch is not None and frame.key is not None else {}
        self.is_complete = self.node not in frame.private_for
        if self.is_complete:
            self.sections_number = 0
            self._keep_sections(())
            self._note_whole(frame.seq)
        self.ring.add(
            RingFrame(frame.seq, frame.base, frame.tick, frame.at_ms),
            {section: (is_key, data) for section, (is_key, data) in blobs.items() if data is not None},
            keys,
        )

    def _add_private(self, frame: PrivateFrame) -> None:
        """The part lists every section that this gateway has; one without bytes did not change since the base."""
        blobs: dict[Section, tuple[bool, bytes]] = {}
        keys: dict[Section, bytes] = {}
        for audience, of, patch, key in frame.sections:
            section = Section(Audience(audience), of)
            blobs[section] = (False, patch or b"")
            if key is not None:
                keys[section] = key
        self._keep_sections(blobs)
        self.ring.add_private(frame.answers, blobs, keys)
        self.is_complete, self.sections_number = True, frame.sections_number
        self._note_whole(frame.seq)

    def _note_whole(self, seq: int) -> None:
        """The newest frame is complete. A KEY mends every hole; without one, what a hole swallowed stays unknown."""
        if self._is_at_key or not self.is_lacking:
            self._whole_through = seq

    def _keep_sections(self, listed: Iterable[Section]) -> None:
        """What the room no longer sends here is forgotten: nothing may be built on it later."""
        kept = set(listed)
        for section in self._private_sections - kept:
            self.ring.forget(section)
        self._private_sections = kept
