"""The loop processes as a gateway sees them: which are alive, where a new room goes, and the link to each. Sans I/O."""

import hashlib
from collections import Counter
from collections.abc import Mapping

from attrs import define, field, frozen

from server.relay import envelope as e
from server.relay.link import Link
from server.relay.terms import difference

LOOP_SILENT_S = 6.0
LOOP_KEPT_S = 60.0
LOST_FOR_S = (
    30.0  # how long a room whose loop is gone counts as on its way: as long as its players' seats would have waited
)
PLACED_FOR_S = 5.0  # how long a room that was given to a loop is counted there without being announced
PLACED_MAX = 2_000
LOAD_STEP = 0.1
ROOMS_PER_LOAD_STEP = 10


@frozen
class LoopSeen:
    """A loop process as its announcements show it. ``codes`` has the incarnation and type of each of its open rooms."""

    node: str
    channel: str
    rooms: int
    at: float
    takes: e.Takes = e.Takes.ROOMS
    carries: Mapping[str, e.Terms] = field(factory=dict)
    load: float = 0.0
    is_draining: bool = False
    codes: Mapping[str, tuple[str, str]] = field(factory=dict)


@frozen
class _Placed:
    node: str
    until: float


@define(eq=False)
class Loops:
    """``links`` by node. A link that is made anew has a higher number, so that the loop can tell it from the old one.

    ``salt``: who chooses, so that of loops that are equally good not all gateways choose the same.
    """

    listening_since: float
    salt: str = ""
    seen: dict[str, LoopSeen] = field(factory=dict)
    links: dict[str, Link] = field(factory=dict)
    _links_made: int = 0
    _placed: dict[str, _Placed] = field(factory=dict)
    _refused: dict[tuple[str, str], float] = field(factory=dict)
    _places_made: int = 0

    def link_to(self, node: str, channel: str, now: float) -> Link:
        """The link to a loop process; ``channel`` counts where it has not announced itself yet."""
        link = self.links.get(node)
        if link is None:
            seen = self.seen.get(node)
            self._links_made += 1
            link = self.links[node] = Link(node, seen.channel if seen else channel, now, self._links_made)
        return link

    def on_announcement(self, announcement: e.Announcement, now: float) -> None:
        """A loop's word, once a second."""
        node, channel = announcement.loop, announcement.channel
        before = self.seen.get(node)
        codes = {room.code: (room.incarnation, room.room_type) for room in announcement.rooms if room.state == "open"}
        if announcement.is_draining and before is not None:
            codes = {**before.codes, **codes}  # they end one by one, and are known as lost for a while
        self.seen[node] = LoopSeen(
            node,
            channel,
            rooms=len(announcement.rooms),
            at=now,
            takes=announcement.takes,
            carries=announcement.carries,
            load=announcement.load,
            is_draining=announcement.is_draining,
            codes=codes,
        )
        for room in announcement.rooms:
            self._placed.pop(room.incarnation, None)
        if node in self.links:
            self.links[node].channel = channel  # a loop whose layer was replaced has a new one

    # ---- where a new room goes

    def has_any(self, now: float, room_type: str = "", terms: e.Terms | None = None) -> bool:
        """Whether some loop would take a room; with ``terms``, a room of that type on those terms."""
        return any(self._takes(loop, now, room_type, terms) for loop in self.seen.values())

    def chosen(
        self, now: float, incarnation: str = "", room_type: str = "", terms: e.Terms | None = None
    ) -> LoopSeen | None:
        """The loop that a new room is best placed on; None where none takes it. The same one for the same room, for a while.

        It has the fewest rooms, those counted in that were placed on it and that it has not announced yet, and a loop that is
        busy counts as if it had more. Of equal ones chance decides, by names: each room and each gateway has other luck.
        """
        placed = self._placed.get(incarnation)
        if placed is not None and placed.until > now and self._takes(self.seen.get(placed.node), now, room_type, terms):
            return self.seen[placed.node]
        fit = [loop for loop in self.seen.values() if self._takes(loop, now, room_type, terms)]
        willing = [loop for loop in fit if self._refused.get((incarnation, loop.node), now) <= now]
        self._places_made += 1
        key = incarnation or f"{self._places_made}"
        waiting = Counter(each.node for each in self._placed.values() if each.until > now)
        weights = {loop.node: _weight(loop) + waiting[loop.node] for loop in fit}
        best = min(willing or fit, key=lambda loop: (weights[loop.node], self._chance(key, loop.node)), default=None)
        if best is not None:
            self._place(key, best.node, now)
        return best

    def refused(self, incarnation: str, node: str, now: float) -> None:
        """The loop did not take the room: the next choice is another one, if there is another."""
        self._placed.pop(incarnation, None)
        self._refused[incarnation, node] = now + PLACED_FOR_S
        if len(self._refused) > PLACED_MAX:  # overflow: drop_oldest
            del self._refused[next(iter(self._refused))]

    def differs(self, node: str, room_type: str, terms: e.Terms) -> str:
        """Which terms of a loop's rooms of that type differ; "" for none, and for a loop that was never heard."""
        seen = self.seen.get(node)
        return difference(terms, seen.carries.get(room_type, e.UNTOLD)) if seen is not None else ""

    def terms(self, node: str, room_type: str) -> e.Terms:
        """On which terms a loop holds rooms of that type, as far as it told."""
        seen = self.seen.get(node)
        return seen.carries.get(room_type, e.UNTOLD) if seen is not None else e.UNTOLD

    # ---- where rooms are

    def alive(self, now: float) -> list[LoopSeen]:
        """The loops that announced themselves lately."""
        return [loop for loop in self.seen.values() if self.is_alive(loop.node, now)]

    def is_alive(self, node: str, now: float) -> bool:
        """Whether a loop announced itself lately."""
        seen = self.seen.get(node)
        return seen is not None and now - seen.at < LOOP_SILENT_S

    def is_draining(self, node: str) -> bool:
        """Whether a loop said that it ends."""
        seen = self.seen.get(node)
        return seen is not None and seen.is_draining

    def place_of(self, code: str, now: float) -> tuple[LoopSeen, str, str] | None:
        """(loop, incarnation, room type) of an open room, as its loop announced it a moment ago."""
        for seen in self.seen.values():
            if code in seen.codes and not seen.is_draining and self.is_alive(seen.node, now):
                return seen, *seen.codes[code]
        return None

    def is_lost(self, code: str, now: float) -> bool:
        """Whether a loop that fell silent or drains had an open room of this code, a moment ago."""
        return any(
            code in seen.codes
            and now - seen.at < LOST_FOR_S
            and (seen.is_draining or not self.is_alive(seen.node, now))
            for seen in self.seen.values()
        )

    def is_any_known(self, now: float) -> bool:
        """Whether it is known if a loop lives: one was heard, or long enough none was."""
        return self.has_heard_all(now) or any(self.is_alive(node, now) for node in self.seen)

    def has_heard_all(self, now: float) -> bool:
        """Whether this gateway has listened for long enough to call a loop that it never heard dead."""
        return now - self.listening_since > LOOP_SILENT_S

    def dead_links(self, now: float) -> list[Link]:
        """Presence is acknowledged each second: a link without a word for so long is dead, whatever else is heard."""
        return [link for link in self.links.values() if link.is_broken or now - link.heard_at > LOOP_SILENT_S]

    def forget_silent(self, now: float) -> None:
        """Loops that are long gone, and what was placed long ago."""
        for node in [node for node, seen in self.seen.items() if now - seen.at > LOOP_KEPT_S]:
            del self.seen[node]
        self._placed = {key: placed for key, placed in self._placed.items() if placed.until > now}
        self._refused = {key: until for key, until in self._refused.items() if until > now}

    # ---- inside

    def _takes(self, loop: LoopSeen | None, now: float, room_type: str, terms: e.Terms | None) -> bool:
        if loop is None or loop.is_draining or loop.takes is not e.Takes.ROOMS or not self.is_alive(loop.node, now):
            return False
        return terms is None or not self.differs(loop.node, room_type, terms)

    def _place(self, key: str, node: str, now: float) -> None:
        self._placed.pop(key, None)
        self._placed[key] = _Placed(node, now + PLACED_FOR_S)
        if len(self._placed) > PLACED_MAX:  # overflow: drop_oldest
            del self._placed[next(iter(self._placed))]

    def _chance(self, key: str, node: str) -> bytes:
        return hashlib.blake2b(f"{self.salt} {key} {node}".encode(), digest_size=8).digest()


def _weight(loop: LoopSeen) -> int:
    """Rooms, and what the load stands for in rooms; in steps, for it is never quite the same."""
    return loop.rooms + ROOMS_PER_LOAD_STEP * int(max(0.0, loop.load) / LOAD_STEP)
