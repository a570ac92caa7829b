"""A gateway process's end of the layer: feeds of the rooms that its connections are in, and links to the loops.

However many sockets a room has here, the process joins its group once, decodes each frame once, and offers it to the
sockets' sessions. Connections are known as :class:`Member`; the sockets above implement it.
"""

from collections.abc import Callable, Iterable
from typing import Protocol

import structlog
from attrs import define, field, frozen

from game.fields import PUBLIC, Audience
from game.tracker import Section
from game.wire import messages as m
from game.wire.closecodes import BY_CODE, Close
from game.wire.session import Session
from server.ops.metrics import count, gauge
from server.relay import envelope as e
from server.relay.feed import Feed
from server.relay.link import Batch, Link
from server.relay.port import Message, Port

log = structlog.get_logger()

LOOP_SILENT_S = 6.0
LOOP_KEPT_S = 60.0
PRESENCE_EVERY_S = 1.0
CHAT_KEPT = 500


class Member(Protocol):
    """One connection of this gateway."""

    conn: str
    identity: str
    session: Session

    def admit(self, joined: e.Joined, now: float) -> None:
        """The loop granted the seats."""

    def turn_away(self, refused: e.JoinRefused, now: float) -> None:
        """The loop did not."""

    def flush(self) -> None:
        """Write what the session has to send."""


@frozen
class LoopSeen:
    """A loop process as its announcements show it."""

    node: str
    channel: str
    rooms: int
    at: float


@define(eq=False)
class _Watched:
    """A stream with members here. ``sections_number``: how many changes of their sections are known."""

    feed: Feed
    loop: str
    members: dict[str, Member] = field(factory=dict)
    sections_number: int = 0

    def is_ready_for(self, member: Member) -> bool:
        """Whether the newest frame is whole for this member, and cut for the very sections that it is known to have."""
        is_current = self.feed.is_complete and self.feed.sections_number == self.sections_number
        return is_current or not _is_private(member)


@define(eq=False)
class Hub:
    """The gateway's relay. Every method runs on the event loop's thread and never awaits."""

    node: str
    frames: Port
    control: Port
    now: Callable[[], float]
    on_announcement: Callable[[e.Announcement, float], None]
    wake: Callable[[], None] = lambda: None
    loops: dict[str, LoopSeen] = field(factory=dict)
    listening_since: float = field(init=False)
    _links: dict[str, Link] = field(factory=dict)
    _links_made: int = 0
    _watched: dict[tuple[str, int], _Watched] = field(factory=dict)
    _joining: dict[str, tuple[str, Member]] = field(factory=dict)
    _where: dict[str, tuple[str, int]] = field(factory=dict)
    _users: dict[str, dict[str, Member]] = field(factory=dict)
    _presence_at: float = 0.0
    _counted: dict[str, tuple[int, int]] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.listening_since = self.now()

    # ---- for the sockets

    def link_to(self, node: str, channel: str) -> Link:
        """The link to a loop process."""
        link = self._links.get(node)
        if link is None:
            seen = self.loops.get(node)
            self._links_made += 1
            link = Link(node, seen.channel if seen else channel, self.now(), self._links_made)
            self._links[node] = link
        return link

    def push(self, node: str, item: e.ToLoop) -> None:
        """Queues an item for a loop."""
        if node in self._links:
            self._links[node].push(item)
            self.wake()

    def join(self, member: Member, loop: str, channel: str, item: e.Join, host: e.Host | None) -> None:
        """Asks a loop for seats; the member hears of it by `admit` or `turn_away`."""
        link = self.link_to(loop, channel)
        if host is not None:
            link.push(host)
        link.push(item)
        self._joining[member.conn] = (loop, member)
        self.wake()

    def part(self, member: Member, *, is_lost: bool) -> None:
        """A connection is gone."""
        joining = self._joining.pop(member.conn, None)
        place = self._where.pop(member.conn, None)
        if place is not None:
            watched = self._watched[place]
            watched.members.pop(member.conn, None)
            self.push(watched.loop, e.Part(place[0], member.conn, is_lost))
            self._drop_if_idle(place)
        elif joining is not None:
            self.push(joining[0], e.Part("", member.conn, is_lost))

    def know_user(self, member: Member) -> None:
        """From now on notices to this user reach this connection."""
        members = self._users.setdefault(member.identity, {})
        if not members:
            self.control.join(e.user_group(member.identity))
        members[member.conn] = member

    def forget_user(self, member: Member) -> None:
        """The connection is gone."""
        members = self._users.get(member.identity, {})
        members.pop(member.conn, None)
        if not members and member.identity in self._users:
            del self._users[member.identity]
            self.control.leave(e.user_group(member.identity))

    def loop_of(self, member: Member) -> tuple[str, str] | None:
        """(loop, incarnation) that a joined connection belongs to."""
        place = self._where.get(member.conn)
        return (self._watched[place].loop, place[0]) if place else None

    def want_key(self, member: Member) -> None:
        """The member's next frame cannot be cut from the ring."""
        place = self._where.get(member.conn)
        if place is not None:
            self._ask_key(place)

    def offer_now(self, member: Member) -> None:
        """The member may have become ready for the newest frame or older chat lines. The caller flushes it."""
        place = self._where.get(member.conn)
        if place is not None:
            watched = self._watched[place]
            if watched.is_ready_for(member):
                member.session.offer(watched.feed.ring, self.now())
            member.session.offer_chat(watched.feed.chat)

    def position(self, member: Member) -> tuple[int, int]:
        """(at_ms, tick) of the newest frame of the member's room."""
        place = self._where.get(member.conn)
        newest = self._watched[place].feed.ring.newest if place else None
        return (newest.at_ms, newest.tick) if newest else (0, 0)

    def chosen_loop(self) -> LoopSeen | None:
        """The live loop with the fewest rooms."""
        fresh = [loop for loop in self.loops.values() if self.now() - loop.at < LOOP_SILENT_S]
        return min(fresh, key=lambda loop: (loop.rooms, loop.node), default=None)

    def is_alive(self, node: str) -> bool:
        """Whether a loop announced itself lately."""
        seen = self.loops.get(node)
        return seen is not None and self.now() - seen.at < LOOP_SILENT_S

    @property
    def has_heard_all(self) -> bool:
        """Whether this gateway has listened for long enough to call a loop that it never heard dead."""
        return self.now() - self.listening_since > LOOP_SILENT_S

    def members(self) -> list[Member]:
        """Every connection that is in a room or on its way."""
        placed = [member for watched in self._watched.values() for member in watched.members.values()]
        return placed + [member for _, member in self._joining.values()]

    # ---- from the layer

    def on_frames(self, message: Message) -> None:
        """A message on the frames alias."""
        match message["type"]:
            case e.FRAME:
                self._on_public(e.public_decoder.decode(message["d"]))
            case e.PRIVATE:
                for frame in e.private_decoder.decode(message["d"]):
                    self._on_private(frame)
            case other:
                log.warning("relay.unknown_message", alias="frames", type=str(other)[:40])

    def on_control(self, message: Message) -> None:
        """A message on the control alias."""
        match message["type"]:
            case e.CONTROL if message.get("kind") == "link":
                self._on_batch(message)
            case e.CONTROL if message.get("kind") == "gone":
                self._on_gone(message)
            case e.CONTROL if message.get("kind") == "news":
                self._on_news(e.news_decoder.decode(message["d"]))
            case e.CONTROL if message.get("kind") == "loop":
                self._on_loop(e.announcement_decoder.decode(message["d"]))
            case e.NOTICE:
                self._on_notice(message)
            case other:
                log.warning("relay.unknown_message", alias="control", type=str(other)[:40])

    def on_frames_reset(self) -> None:
        """The frames layer was replaced: whatever was sent meanwhile is gone."""
        for place in self._watched:
            self._ask_key(place)

    # ---- time

    def tick(self, now: float) -> None:
        """Presence, silent loops, links that resend."""
        if now >= self._presence_at:
            self._presence_at = now + PRESENCE_EVERY_S
            self._send_presence()
            self._drop_silent_loops(now)
            self._measure()
        self._fill_empty_rings(now)
        self.flush(now)

    def flush(self, now: float) -> None:
        """Sends what the links have."""
        for link in self._links.values():
            for batch in link.batches(now):
                extra = {
                    "kind": "link", "from": self.node, "reply": self.control.channel, "frames": self.frames.channel,
                    "link": link.number, "first": batch.first, "ack": batch.ack, "settled": batch.settled,
                }  # fmt: skip
                self.control.send(link.channel, e.layer_message(e.INPUT, batch.items, **extra))

    # ---- inside

    def _measure(self) -> None:
        """Once a second, not once a frame: what the sessions have counted since the last time."""
        sessions = {member.conn: member.session for member in self.members()}
        for role in ("player", "bot", "spectator"):
            gauge("connections", sum(s.rules.role == role for s in sessions.values()), role=role)
        counted = {conn: (s.frames_sent, s.frames_skipped) for conn, s in sessions.items()}
        for n, name in enumerate(("frames_sent_total", "frames_skipped_total")):
            count(name, sum(c[n] - self._counted.get(conn, (0, 0))[n] for conn, c in counted.items()))
        self._counted = counted

    def _fill_empty_rings(self, now: float) -> None:
        """The first frame may have been sent before the group was joined, and an idle room sends no second one."""
        for place, watched in self._watched.items():
            if watched.feed.ring.newest is None and watched.feed.may_ask_key(now):
                self.push(watched.loop, e.WantKeyItem(*place))

    def _on_public(self, frame: e.PublicFrame) -> None:
        place = frame.incarnation, frame.stream
        watched = self._watched.get(place)
        if watched is None:
            return
        feed, now = watched.feed, self.now()
        if feed.on_public(frame):
            if frame.patch is None and frame.key is None:
                for member in watched.members.values():
                    member.session.offer_head(frame.epoch, frame.seq, frame.tick, frame.at_ms)
                    member.flush()
            else:
                self._offer_all(watched, now)
        if feed.is_lacking:
            self._ask_key(place)
        if feed.may_ask_chat(frame.chat_through, now):
            self.push(watched.loop, e.WantChat(*place))

    def _offer_all(self, watched: _Watched, now: float, *, is_private: bool = False) -> None:
        for member in list(watched.members.values()):
            if watched.is_ready_for(member) and (not is_private or _is_private(member)):
                member.session.offer(watched.feed.ring, now)
                member.flush()

    def _ask_key(self, place: tuple[str, int]) -> None:
        watched = self._watched[place]
        if watched.feed.may_ask_key(self.now()):
            count("resyncs_total", why="ring")
            self.push(watched.loop, e.WantKeyItem(*place))

    def _on_private(self, frame: e.PrivateFrame) -> None:
        watched = self._watched.get((frame.incarnation, frame.stream))
        if watched is not None and watched.feed.on_private(frame):
            self._offer_all(watched, self.now(), is_private=True)

    def _on_batch(self, message: Message) -> None:
        link = self._links.get(message["from"])
        if link is None or link.number != message["link"]:
            return  # of a link that was given up
        items = e.unpack_to_gateway(message["d"])
        batch = Batch(message["first"], list(items), message["ack"], message["settled"])
        for item in link.receive(batch, message["reply"], self.now()):
            try:
                self._on_item(link.peer, item)
            except Exception:  # one connection's fault must not cost the others the rest of the batch
                log.exception("relay.item_failed", item=type(item).__name__)
                count("faults_total", where="hub")
        self.wake()

    def _on_gone(self, message: Message) -> None:
        """The loop has given up the link: so do we, and everybody on it comes again."""
        link = self._links.get(message["from"])
        if link is not None and link.number == message["link"]:
            self._give_up(link)

    def _on_item(self, loop: str, item: e.ToGateway) -> None:
        now = self.now()
        match item:
            case e.Joined():
                self._on_joined(loop, item, now)
            case e.JoinRefused():
                joining = self._joining.pop(item.conn, None)
                if joining is not None:
                    joining[1].turn_away(item, now)
                    joining[1].flush()
            case e.Dismissed():
                self._dismiss(item.conn, BY_CODE.get(item.close, Close.INTERNAL), item.reason)
            case e.Sections():
                self._on_sections(item, now)
            case e.ChatSoFar():
                watched = self._watched.get((item.incarnation, item.stream))
                if watched is not None:
                    watched.feed.add_lines(item.lines, is_all=True)
                    self._offer_chat(watched)

    def _on_joined(self, loop: str, item: e.Joined, now: float) -> None:
        joining = self._joining.pop(item.conn, None)
        if joining is None:
            return  # it went away meanwhile, and its Part is on the way
        member = joining[1]
        place = (item.incarnation, item.stream)
        watched = self._watched.get(place) or self._watch(place, loop)
        watched.loop = loop
        watched.members[member.conn] = member
        self._where[member.conn] = place
        watched.sections_number = item.sections_number
        watched.feed.start_chat(item.chat, item.chat_through)
        member.admit(item, now)
        self.offer_now(member)
        member.flush()

    def _watch(self, place: tuple[str, int], loop: str) -> _Watched:
        watched = self._watched[place] = _Watched(Feed(self.node, CHAT_KEPT), loop)
        self.frames.join(e.room_group(*place))
        self.control.join(e.room_group(*place))
        self._ask_key(place)  # the frame that was cut for the newcomer went out before the group was joined
        return watched

    def _on_sections(self, item: e.Sections, now: float) -> None:
        member = self._member(item.conn)
        if member is not None:
            member.session.change_sections(sections_from(item.sections))
        watched = self._watched.get((item.incarnation, e.LIVE_STREAM))
        if watched is not None:
            watched.sections_number = item.number
            self._offer_all(watched, now, is_private=True)

    def _on_news(self, news: e.RoomNews) -> None:
        watched = self._watched.get((news.incarnation, news.stream))
        if watched is None:
            return
        watched.feed.add_lines(news.chat)
        if news.rebase_ms:
            for member in watched.members.values():
                member.session.send(m.Rebase(news.rebase_tick, news.rebase_ms))
        self._offer_chat(watched)

    def _offer_chat(self, watched: _Watched) -> None:
        for member in list(watched.members.values()):
            member.session.offer_chat(watched.feed.chat)
            member.flush()

    def _on_loop(self, announcement: e.Announcement) -> None:
        now = self.now()
        rooms = len(announcement.rooms)
        self.loops[announcement.loop] = LoopSeen(announcement.loop, announcement.channel, rooms, now)
        link = self._links.get(announcement.loop)
        if link is not None:
            link.channel = announcement.channel  # a loop whose layer was replaced has a new one
        self.on_announcement(announcement, now)

    def _on_notice(self, message: Message) -> None:
        notice = m.NoticeMessage(int(message["id"]), str(message["text"]))
        for member in self._notice_members(message):
            member.session.send(notice)
            member.flush()

    def _notice_members(self, message: Message) -> Iterable[Member]:
        kind, to = message["audience"], message["to"]
        if kind == "user":
            return list(self._users.get(to, {}).values())
        if kind == "room":
            found = [watched for (incarnation, _), watched in self._watched.items() if incarnation == to]
            return [member for watched in found for member in watched.members.values()]
        return [member for members in self._users.values() for member in members.values()]

    def _send_presence(self) -> None:
        here: dict[str, dict[str, list[str]]] = {}
        for (incarnation, _), watched in self._watched.items():
            rooms = here.setdefault(watched.loop, {})
            rooms.setdefault(incarnation, []).extend(watched.members)
        for node, link in self._links.items():
            link.push(e.Presence({inc: tuple(conns) for inc, conns in here.get(node, {}).items()}))

    def _drop_silent_loops(self, now: float) -> None:
        """Presence is acknowledged each second: a link without a word for so long is dead, whatever else is heard."""
        for link in list(self._links.values()):
            if link.is_broken or now - link.heard_at > LOOP_SILENT_S:
                self._give_up(link)
        for node in [n for n, seen in self.loops.items() if now - seen.at > LOOP_KEPT_S]:
            del self.loops[node]

    def _give_up(self, link: Link) -> None:
        log.warning("relay.link_lost", loop=link.peer, is_broken=link.is_broken)
        del self._links[link.peer]
        self._dismiss_all(link.peer)

    def _dismiss_all(self, node: str) -> None:
        conns = [conn for watched in self._watched.values() if watched.loop == node for conn in watched.members]
        for conn in conns:
            self._dismiss(conn, Close.MOVING, "the room's process does not answer")
        for conn, (loop, member) in list(self._joining.items()):
            if loop == node:
                del self._joining[conn]
                member.turn_away(
                    e.JoinRefused(conn, Close.MOVING.value.code, "the process does not answer"), self.now()
                )
                member.flush()

    def _dismiss(self, conn: str, close: Close, reason: str) -> None:
        member = self._member(conn)
        if member is not None:
            place = self._where.pop(conn)
            self._watched[place].members.pop(conn, None)
            self._drop_if_idle(place)
            member.session.finish(close, reason, 1.0 if close is Close.MOVING else None)
            member.flush()

    def _member(self, conn: str) -> Member | None:
        place = self._where.get(conn)
        return self._watched[place].members.get(conn) if place else None

    def _drop_if_idle(self, place: tuple[str, int]) -> None:
        watched = self._watched[place]
        if not watched.members:
            del self._watched[place]
            self.frames.leave(e.room_group(*place))
            self.control.leave(e.room_group(*place))


def sections_from(wire: Iterable[tuple[str, int]]) -> tuple[Section, ...]:
    """Sections as the envelope spells them."""
    return tuple(Section(Audience(audience), of) for audience, of in wire)


def _is_private(member: Member) -> bool:
    session = member.session
    return bool(session.seats) or any(section.audience is not PUBLIC for section in session.sections)
