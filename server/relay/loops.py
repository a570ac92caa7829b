"""The loop processes as a gateway sees them: which are alive, which has the fewest rooms, and the link to each. Sans I/O."""

from attrs import define, field, frozen

from server.relay import envelope as e
from server.relay.link import Link

LOOP_SILENT_S = 6.0
LOOP_KEPT_S = 60.0


@frozen
class LoopSeen:
    """A loop process as its announcements show it."""

    node: str
    channel: str
    rooms: int
    at: float
    takes: e.Takes = e.Takes.ROOMS


@define(eq=False)
class Loops:
    """``links`` by node. A link that is made anew has a higher number, so that the loop can tell it from the old one."""

    listening_since: float
    seen: dict[str, LoopSeen] = field(factory=dict)
    links: dict[str, Link] = field(factory=dict)
    _links_made: int = 0

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
        self.seen[node] = LoopSeen(node, channel, len(announcement.rooms), now, announcement.takes)
        if node in self.links:
            self.links[node].channel = channel  # a loop whose layer was replaced has a new one

    def chosen(self, now: float) -> LoopSeen | None:
        """The live loop with the fewest rooms, of those that take new ones."""
        fresh = [loop for loop in self.alive(now) if loop.takes is e.Takes.ROOMS]
        return min(fresh, key=lambda loop: (loop.rooms, loop.node), default=None)

    def alive(self, now: float) -> list[LoopSeen]:
        """The loops that announced themselves lately."""
        return [loop for loop in self.seen.values() if self.is_alive(loop.node, now)]

    def is_alive(self, node: str, now: float) -> bool:
        """Whether a loop announced itself lately."""
        seen = self.seen.get(node)
        return seen is not None and now - seen.at < LOOP_SILENT_S

    def has_heard_all(self, now: float) -> bool:
        """Whether this gateway has listened for long enough to call a loop that it never heard dead."""
        return now - self.listening_since > LOOP_SILENT_S

    def dead_links(self, now: float) -> list[Link]:
        """Presence is acknowledged each second: a link without a word for so long is dead, whatever else is heard."""
        return [link for link in self.links.values() if link.is_broken or now - link.heard_at > LOOP_SILENT_S]

    def forget_silent(self, now: float) -> None:
        """Loops that are long gone."""
        for node in [node for node, seen in self.seen.items() if now - seen.at > LOOP_KEPT_S]:
            del self.seen[node]
