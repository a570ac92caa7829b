"""A gateway process's end of the layer: feeds of the rooms that its connections are in, and links to the loops.

However many sockets a room has here, the process joins its group once, decodes each frame once, and offers it to the
sockets' sessions. Connections are known as :class:`Member`; the sockets above implement it.
"""

from collections.abc import Callable, Sequence
from typing import Any

import structlog
from attrs import define, field, frozen

from game.wire import messages as m
from game.wire.closecodes import BY_CODE, Close
from server.ops.faults import Faults
from server.ops.metrics import count, gauge
from server.relay import envelope as e
from server.relay.feed import Feed
from server.relay.link import Batch, Link
from server.relay.loops import Loops
from server.relay.members import Member, Watched, sections_from
from server.relay.notices import Users
from server.relay.port import Message, Port

log = structlog.get_logger()

PRESENCE_EVERY_S = 1.0
CHAT_KEPT = 500
STREAM_FAULTS_MAX = 5  # of one stream here; with one more, those who are in it are closed

AnyFrame = e.PrivateFrame | e.PublicFrame


@frozen
class _Joining:
    """A connection that waits for its seats, and where it asked for them."""

    loop: str
    incarnation: str
    member: Member


@define(eq=False)
class Hub:
    """The gateway's relay. Every method runs on the event loop's thread and never awaits."""

    node: str
    frames: Port
    control: Port
    now: Callable[[], float]
    on_announcement: Callable[[e.Announcement, float], None]
    wake: Callable[[], None] = lambda: None
    on_kicked: Callable[[e.Kicked], None] = lambda _: None
    is_foreign: Callable[[Message], bool] = lambda _: False
    faults: Faults = field(factory=Faults)
    loops: Loops = field(init=False)
    users: Users = field(init=False)
    _watched: dict[tuple[str, int], Watched] = field(factory=dict)
    _joining: dict[str, _Joining] = field(factory=dict)
    _where: dict[str, Watched] = field(factory=dict)
    _presence_at: float = 0.0
    _counted: dict[str, tuple[int, int]] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.loops = Loops(self.now(), salt=self.node)
        self.users = Users(self.control, self._watched.values, faults=self.faults)

    # ---- for the sockets

    def push(self, node: str, item: e.ToLoop) -> None:
        """Queues an item for a loop."""
        link = self.loops.links.get(node)
        if link is not None:
            link.push(item)
            self.wake()

    def join(self, member: Member, loop: str, channel: str, item: e.Join, host: e.Host | None) -> None:
        """Asks a loop for seats; the member hears of it by `admit` or `turn_away`."""
        link = self.loops.link_to(loop, channel, self.now())
        if host is not None:
            link.push(host)
        link.push(item)
        self._joining[member.conn] = _Joining(loop, item.incarnation, member)
        self.wake()

    def part(self, member: Member, *, is_lost: bool) -> None:
        """A connection is gone."""
        joining = self._joining.pop(member.conn, None)
        watched = self._where.pop(member.conn, None)
        if watched is not None:
            self.push(watched.loop, e.Part(watched.incarnation, member.conn, is_lost))
            watched.remove(member.conn)
            self._drop_if_idle(watched)
        elif joining is not None:
            self.push(joining.loop, e.Part(joining.incarnation, member.conn, is_lost, is_new=True))

    def loop_of(self, member: Member) -> tuple[str, str] | None:
        """(loop, incarnation) that a joined connection belongs to."""
        watched = self._where.get(member.conn)
        return (watched.loop, watched.incarnation) if watched else None

    def want_key(self, member: Member) -> None:
        """The member's next frame cannot be cut from the ring."""
        watched = self._where.get(member.conn)
        if watched is not None:
            self._ask_key(watched)

    def offer_now(self, member: Member) -> None:
        """The member may have become ready for the newest frame. The caller flushes it."""
        watched = self._where.get(member.conn)
        if watched is not None:
            watched.offer(member, self.now())

    def say_goodbye(self, close: Close, reason: str, retry_after_s: float) -> None:
        """To everybody."""
        for member in self.members():
            try:
                member.session.finish(close, reason, retry_after_s)
                member.flush()
            except Exception as error:  # noqa: BLE001 - noted, with its stack
                self.faults.note(error, "relay.member_failed", "drain", conn=member.conn)
                member.fail()

    def members(self) -> list[Member]:
        """Every connection that is in a room or on its way."""
        placed = [member for watched in self._watched.values() for member in watched.members.values()]
        return placed + [joining.member for joining in self._joining.values()]

    # ---- from the layer

    def on_frames(self, message: Message) -> None:
        """A message on the frames alias."""
        match message["type"]:
            case e.FRAME:
                self._hand_out((e.public_decoder.decode(message["d"]),), self._on_public)
            case e.PRIVATE:
                parcel = e.parcel_decoder.decode(message["d"])
                self._hand_out(parcel.private, self._on_private)
                self._hand_out(parcel.public, self._on_public)
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
            case e.CONTROL if message.get("kind") == "loop" and self.is_foreign(message):
                pass  # another deployment's rooms are none of ours
            case e.CONTROL if message.get("kind") == "loop":
                self._on_loop(e.announcement_decoder.decode(message["d"]))
            case e.NOTICE:
                self.users.on_notice(message)
            case e.ACCOUNT:
                self.users.on_account(str(message["id"]))
            case other:
                log.warning("relay.unknown_message", alias="control", type=str(other)[:40])

    def on_frames_reset(self) -> None:
        """The frames layer was replaced: whatever was sent meanwhile is gone."""
        self.faults.each(list(self._watched.values()), self._ask_key, "hub.reset_failed", "hub")

    # ---- time

    def tick(self, now: float) -> None:
        """Presence, silent loops, links that resend."""
        if now >= self._presence_at:
            self._presence_at = now + PRESENCE_EVERY_S
            self.faults.each(self._once_a_second, lambda step: step(now), "hub.tick_failed", "hub")
        self._fill_empty_rings(now)
        self.flush(now)

    def flush(self, now: float) -> None:
        """Sends what the links have."""
        for link in self.loops.links.values():
            try:
                self._send_batches(link, now)
            except Exception as error:  # noqa: BLE001 - noted there
                self._mend(link, error)

    # ---- inside

    @property
    def _once_a_second(self) -> tuple[Callable[[float], None], ...]:
        return self._send_presence, self._give_up_dead, self.loops.forget_silent, self._measure

    def _send_batches(self, link: Link, now: float) -> None:
        for batch in link.batches(now):
            extra = {
                "kind": "link", "from": self.node, "reply": self.control.channel, "frames": self.frames.channel,
                "link": link.number, "first": batch.first, "ack": batch.ack, "settled": batch.settled,
            }  # fmt: skip
            self.control.send(link.channel, e.layer_message(e.INPUT, batch.items, **extra))

    def _mend(self, link: Link, error: Exception) -> None:
        """What cannot be packed is taken out of the batch, with who said it; where all can, the link is at fault."""
        bad = link.replace(e.is_unpackable, e.Presence({}))
        link.is_broken |= not bad
        self.faults.note(error, "relay.link_failed", "link", loop=link.peer)
        for item in bad:
            self._fail(getattr(item, "conn", ""), error, item)

    def _fail(self, conn: str, error: Exception, item: object) -> None:
        """A fault in an item from or for one connection: it is closed, and the room hears that it is gone."""
        self.faults.note(error, "relay.item_failed", "hub", conn=conn, item=type(item).__name__)
        joining = self._joining.get(conn)
        member = joining.member if joining else self._member(conn)
        if member is not None:
            member.fail()

    def _measure(self, _now: float) -> None:
        """Once a second, not once a frame: what the sessions have counted since the last time."""
        members = self.members()
        sessions = {member.conn: member.session for member in members}
        for role in ("player", "bot", "spectator"):
            gauge("connections", sum(s.rules.role == role for s in sessions.values()), role=role)
        alive = self.loops.alive(self.now())
        for takes in e.Takes:
            gauge("loops", sum(loop.takes is takes for loop in alive), takes=takes.name.lower())
        self.faults.each(members, lambda member: member.session.catch_up(), "relay.member_failed", "member")
        counted = {conn: (s.frames_sent, s.frames_skipped) for conn, s in sessions.items()}
        for n, name in enumerate(("frames_sent_total", "frames_skipped_total")):
            count(name, sum(c[n] - self._counted.get(conn, (0, 0))[n] for conn, c in counted.items()))
        self._counted = counted

    def _fill_empty_rings(self, now: float) -> None:
        """The first frame may have been sent before the group was joined, and an idle room sends no second one."""
        for watched in self._watched.values():
            if watched.feed.ring.newest is None and watched.feed.may_ask_key(now):
                self.push(watched.loop, e.WantKeyItem(watched.incarnation, watched.stream))

    def _hand_out(self, frames: Sequence[AnyFrame], take: Callable[[Any], None]) -> None:
        """To each frame's stream; a fault in one stream costs the others nothing."""
        for frame in frames:
            try:
                take(frame)
            except Exception as error:  # noqa: BLE001 - noted there
                self._on_stream_fault(frame, error)

    def _on_stream_fault(self, frame: AnyFrame, error: Exception) -> None:
        """The stream begins anew with a KEY; where that does not help, those who are in it come anew."""
        self.faults.note(error, "relay.stream_failed", "feed", room=frame.incarnation, stream=frame.stream)
        watched = self._watched.get((frame.incarnation, frame.stream))
        if watched is None:
            return
        watched.faults_of_stream += 1
        if watched.faults_of_stream <= STREAM_FAULTS_MAX:
            watched.feed.begin_anew()
            self._ask_key(watched)
            return
        for member in list(watched.members.values()):
            member.fail()

    def _on_public(self, frame: e.PublicFrame) -> None:
        watched = self._watched.get((frame.incarnation, frame.stream))
        if watched is None or self.node not in frame.to:
            return  # nobody here is in the room as the room knows it: who was given up must see nothing more
        feed, now = watched.feed, self.now()
        if feed.on_public(frame):
            if frame.patch is None and frame.key is None:
                watched.offer_head(frame)
            else:
                watched.offer_frame(now)
        if feed.is_lacking:
            self._ask_key(watched)
        if feed.may_ask_chat(frame.chat_through, now):
            self.push(watched.loop, e.WantChat(watched.incarnation, watched.stream))

    def _ask_key(self, watched: Watched) -> None:
        if watched.feed.may_ask_key(self.now()):
            count("resyncs_total", why="ring")
            self.push(watched.loop, e.WantKeyItem(watched.incarnation, watched.stream))

    def _on_private(self, frame: e.PrivateFrame) -> None:
        watched = self._watched.get((frame.incarnation, frame.stream))
        if watched is not None and watched.feed.on_private(frame):
            watched.offer_private(self.now())

    def _on_batch(self, message: Message) -> None:
        link = self.loops.links.get(message["from"])
        if link is None or link.number != message["link"]:
            return  # of a link that was given up
        items = e.unpack_to_gateway(message["d"])
        batch = Batch(message["first"], list(items), message["ack"], message["settled"])
        for item in link.receive(batch, message["reply"], self.now()):
            try:
                self._on_item(link.peer, item)
            except Exception as error:  # noqa: BLE001 - one connection's fault must not cost the others the rest of the batch
                self._fail(getattr(item, "conn", ""), error, item)
        self.wake()

    def _on_gone(self, message: Message) -> None:
        """The loop has given up the link: so do we, and everybody on it comes again."""
        link = self.loops.links.get(message["from"])
        if link is not None and link.number == message["link"]:
            self._give_up(link)

    def _on_item(self, loop: str, item: e.ToGateway) -> None:
        now = self.now()
        match item:
            case e.Joined():
                self._on_joined(loop, item, now)
            case e.JoinRefused():
                joining = self._joining.get(item.conn)
                if joining is not None:
                    self._turn_away(joining.member, item, now)
            case e.Dismissed():
                self._dismiss(item.conn, BY_CODE.get(item.close, Close.INTERNAL), item.reason)
            case e.Sections():
                self._on_sections(item, now)
            case e.Kicked():
                self.on_kicked(item)
            case e.Unsaid():
                member = self._member(item.conn)
                if member is not None:
                    member.session.send(m.Refused("chat", "rate", "too many lines; wait a little"))
                    member.flush()
            case e.ChatSoFar():
                watched = self._watched.get((item.incarnation, item.stream))
                if watched is not None:
                    watched.feed.add_lines(item.lines, is_all=True)
                    watched.offer_chat()

    def _on_joined(self, loop: str, item: e.Joined, now: float) -> None:
        joining = self._joining.get(item.conn)
        if joining is None:
            return  # it went away meanwhile, and its Part is on the way
        member = joining.member
        watched = self._watched.get((item.incarnation, item.stream)) or self._watch(item, loop)
        watched.loop = loop
        watched.add(member)
        self._where[member.conn] = watched
        del self._joining[member.conn]
        watched.sections_number = item.sections_number
        chat_before = watched.feed.chat_through
        watched.feed.start_chat(item.chat, item.chat_through)
        member.admit(item, now)
        watched.offer(member, now)
        if watched.feed.chat_through > chat_before:
            watched.offer_chat()  # these lines' news may have gone out before the group was joined
        else:
            member.session.offer_chat(watched.feed.chat)
        member.flush()

    def _watch(self, item: e.Joined, loop: str) -> Watched:
        place = item.incarnation, item.stream
        watched = self._watched[place] = Watched(*place, Feed(self.node, CHAT_KEPT), loop, faults=self.faults)
        self.frames.join(e.room_group(*place))
        self.control.join(e.room_group(*place))
        self._ask_key(watched)  # the frame that was cut for the newcomer went out before the group was joined
        return watched

    def _on_sections(self, item: e.Sections, now: float) -> None:
        member = self._member(item.conn)
        if member is not None:
            try:
                member.session.change_sections(sections_from(item.sections))
            except Exception as error:  # noqa: BLE001 - noted there; the others wait for this number
                self._fail(item.conn, error, item)
        watched = self._watched.get((item.incarnation, e.LIVE_STREAM))
        if watched is not None:
            watched.sections_number = item.number
            watched.offer_private(now)

    def _on_news(self, news: e.RoomNews) -> None:
        watched = self._watched.get((news.incarnation, news.stream))
        if watched is None:
            return
        watched.feed.add_lines(news.chat)
        if news.rebase_ms:
            watched.rebase(news.rebase_tick, news.rebase_ms)
        watched.offer_chat()

    def _on_loop(self, announcement: e.Announcement) -> None:
        now = self.now()
        self.loops.on_announcement(announcement, now)
        self.on_announcement(announcement, now)

    def _send_presence(self, _now: float) -> None:
        here: dict[str, dict[str, list[str]]] = {}
        for (incarnation, _), watched in self._watched.items():
            rooms = here.setdefault(watched.loop, {})
            rooms.setdefault(incarnation, []).extend(watched.members)
        for node, link in self.loops.links.items():
            link.push(e.Presence({inc: tuple(conns) for inc, conns in here.get(node, {}).items()}))

    def _give_up_dead(self, now: float) -> None:
        self.faults.each(self.loops.dead_links(now), self._give_up, "hub.tick_failed", "hub")

    def _give_up(self, link: Link) -> None:
        log.warning("relay.link_lost", loop=link.peer, is_broken=link.is_broken)
        del self.loops.links[link.peer]
        self._dismiss_all(link.peer)

    def _dismiss_all(self, node: str) -> None:
        conns = [conn for watched in self._watched.values() if watched.loop == node for conn in watched.members]
        for conn in conns:
            self._dismiss(conn, Close.MOVING, "the room's process does not answer")
        for conn, joining in list(self._joining.items()):
            if joining.loop == node:
                refused = e.JoinRefused(conn, Close.MOVING.value.code, "the process does not answer")
                self._turn_away(joining.member, refused, self.now())

    def _turn_away(self, member: Member, refused: e.JoinRefused, now: float) -> None:
        del self._joining[member.conn]
        try:
            member.turn_away(refused, now)
            member.flush()
        except Exception as error:  # noqa: BLE001 - noted, with its stack
            self.faults.note(error, "relay.member_failed", "member", conn=member.conn)
            member.fail()

    def _dismiss(self, conn: str, close: Close, reason: str) -> None:
        watched, member = self._where.get(conn), self._member(conn)
        if watched is None or member is None:
            return
        del self._where[conn]
        try:
            watched.remove(conn)
            member.session.finish(close, reason, 1.0 if close is Close.MOVING else None)
            member.flush()
        except Exception as error:  # noqa: BLE001 - noted there
            watched.blame(member, error)
        self._drop_if_idle(watched)

    def _member(self, conn: str) -> Member | None:
        watched = self._where.get(conn)
        return watched.members.get(conn) if watched else None

    def _drop_if_idle(self, watched: Watched) -> None:
        if not watched.members:
            place = watched.incarnation, watched.stream
            del self._watched[place]
            self.frames.leave(e.room_group(*place))
            self.control.leave(e.room_group(*place))
