"""Which users are connected to this gateway, so that a notice reaches all of a user's connections. Sans I/O; the hub owns it."""

from collections.abc import Callable, Iterable

from attrs import define, field

from game.wire import messages as m
from server.ops.faults import Faults
from server.relay import envelope as e
from server.relay.members import Member, Watched
from server.relay.port import Message, Port


@define(eq=False)
class Users:
    """``watched`` lists the streams with members here, for notices to a room. ``on_account(identity)``: that account has changed."""

    control: Port
    watched: Callable[[], Iterable[Watched]]
    on_account: Callable[[str], object] = lambda _: None
    faults: Faults = field(factory=Faults)
    _users: dict[str, dict[str, Member]] = field(factory=dict)

    def know(self, member: Member) -> None:
        """From now on notices to this user reach this connection."""
        members = self._users.setdefault(member.identity, {})
        if not members:
            self.control.join(e.user_group(member.identity))
        members[member.conn] = member

    def forget(self, member: Member) -> None:
        """The connection is gone."""
        members = self._users.get(member.identity, {})
        members.pop(member.conn, None)
        if not members and member.identity in self._users:
            del self._users[member.identity]
            self.control.leave(e.user_group(member.identity))

    def on_notice(self, message: Message) -> None:
        """A notice came through the layer."""
        notice = m.NoticeMessage(int(message["id"]), str(message["text"]))
        for member in self._addressed(message):
            try:
                member.session.send(notice)
                member.flush()
            except Exception as error:  # noqa: BLE001 - noted, with its stack
                self.faults.note(error, "relay.member_failed", "notices", conn=member.conn)
                member.fail()

    def _addressed(self, message: Message) -> Iterable[Member]:
        kind, to = message["audience"], message["to"]
        if kind == "user":
            return list(self._users.get(to, {}).values())
        if kind == "room":
            found = [watched for watched in self.watched() if watched.incarnation == to]
            return [member for watched in found for member in watched.members.values()]
        return [member for members in self._users.values() for member in members.values()]
