"""Promises about connections, seats and talk: O11, O19, O20, O24. Each is a function from an index to violations."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator

from game.wire.closecodes import Close
from server.relay import envelope as e
from server.verify import trace as tr
from server.verify.index import LIVE, Index

TOLD_WITHIN_S = 3.0
CHAT_WITHIN_S = 5.0
GROUPS = re.compile(r"group (lobby|probe|room\.inc\d+(\.delayed)?|user\.id-[ch]\d+)")
TYPES = {f"type {name}" for name in (e.FRAME, e.PRIVATE, e.INPUT, e.CONTROL, e.PROBE, e.NOTICE, e.ACCOUNT)}
Found = Iterator[tuple[float, str]]


def nothing_after_leave(index: Index) -> Found:
    """O11: after the goodbye nothing comes, and after the close nothing at all."""
    over: dict[int, str] = {}
    for event in index.trace.events:
        if not isinstance(event, tr.OfSocket):
            continue
        is_heard = isinstance(event, tr.FrameIn | tr.ChatIn | tr.NoticeIn | tr.Welcomed | tr.GoodbyeIn)
        if is_heard and event.socket in over:
            yield event.t, f"{event.client}: {type(event).__name__} on socket {event.socket} after {over[event.socket]}"
        if isinstance(event, tr.GoodbyeIn):
            over[event.socket] = "its goodbye"
        elif isinstance(event, tr.Closed):
            over[event.socket] = "its close"
    yield from _nothing_after_kick(index)
    yield from _revoked_are_told(index)


def _revoked_are_told(index: Index) -> Found:
    """Who may not be here any longer is told so on every socket, soon where the layer is well, and is not welcomed again."""
    for revoked in index.trace.of(tr.Revoked):
        theirs = [
            (socket, welcome)
            for socket, welcome in index.welcomes.items()
            if (opened := index.opened.get(socket)) is not None and opened.identity == revoked.identity
        ]
        for socket, welcome in theirs:
            if index.opened[socket].t > revoked.t:
                yield welcome.t, f"{welcome.client} was welcomed though {revoked.identity} was revoked before it came"
        yield from _are_told(
            index, [(revoked.t, welcome.conn) for _, welcome in theirs], Close.UNAUTHENTICATED, "revoked"
        )
    fallen = {revoked.identity for revoked in index.trace.of(tr.Revoked)}
    for goodbye in index.trace.of(tr.GoodbyeIn):
        if goodbye.code == Close.UNAUTHENTICATED.value.code and index.opened[goodbye.socket].identity not in fallen:
            yield goodbye.t, f"{goodbye.client} was told that it may not be here, and nobody revoked it"


def _nothing_after_kick(index: Index) -> Found:
    """Who was kicked is told so, has no seat and no connection from that tick on, and is shown nothing of it.

    Frames with nothing but public sections may be under way when the kick is made: until the goodbye, soon, comes.
    """
    told: list[tuple[float, str]] = []
    for kicked in index.trace.of(tr.Kicked):
        sockets = _sockets_of(index, kicked)
        conns = {index.welcomes[socket].conn for socket in sockets} | {conn for conn, _ in kicked.conns}
        for held in index.trace.of(tr.SeatsHeld):
            if held.incarnation != kicked.incarnation or held.tick < kicked.tick:
                continue
            kept = [conn for conn, *_ in held.viewers if conn in conns]
            seats = [seat for seat, _, tenancy, _ in held.seats if (seat, tenancy) in kicked.seats]
            if kept or seats:
                yield held.t, f"{kicked.identity} was kicked, and has connections {kept} and seats {seats} in the room"
        private = {conn for conn, is_private in kicked.conns if is_private}
        for socket in sockets:
            yield from _frames_after_kick(index, kicked, socket, is_private=index.welcomes[socket].conn in private)
        told += [(kicked.t, conn) for conn, _ in kicked.conns]
    yield from _are_told(index, told, Close.NOT_ALLOWED, "kicked")


def _sockets_of(index: Index, kicked: tr.Kicked) -> list[int]:
    """The sockets on which the kicked were welcomed into that room."""
    rows = (
        (socket, index.opened.get(socket))
        for socket, w in index.welcomes.items()
        if w.incarnation == kicked.incarnation
    )
    return [socket for socket, opened in rows if opened is not None and opened.identity == kicked.identity]


def _frames_after_kick(index: Index, kicked: tr.Kicked, socket: int, *, is_private: bool) -> Found:
    for frame in index.frames.get(socket, []):
        if frame.kind == "HEAD":
            continue
        is_of_later = is_private and index.stream_of(socket) == LIVE and frame.tick >= kicked.tick
        if is_of_later or (index.settled_at is not None and frame.t > max(index.settled_at, kicked.t + TOLD_WITHIN_S)):
            yield frame.t, f"{frame.client}: a frame of tick {frame.tick}; kicked before tick {kicked.tick}"


def one_seat_one_connection(index: Index) -> Found:
    """O19: a seat has one connection; the one that it replaced is told so."""
    holder: dict[tuple[str, int], tuple[int, str]] = {}
    replaced: list[tuple[float, str]] = []
    for event in index.trace.of(tr.SeatsHeld):
        users: dict[int, str] = {}
        for conn, seats, _, _ in event.viewers:
            for seat in seats:
                if seat in users:
                    yield event.t, f"seat {seat} of room {event.incarnation}: both {users[seat]} and {conn} are on it"
                users[seat] = conn
        for seat, _, tenancy, conn in event.seats:
            if conn and users.get(seat) not in (None, conn):
                yield event.t, f"seat {seat} is {conn}'s, and {users[seat]} is on it"
            before = holder.get((event.incarnation, seat))
            if before is not None and conn and before[1] and before[0] == tenancy and before[1] != conn:
                replaced.append((event.t, before[1]))
            holder[event.incarnation, seat] = tenancy, conn
    yield from _are_told(index, replaced, Close.REPLACED, "replaced")


def _are_told(index: Index, ended: list[tuple[float, str]], close: Close, what: str) -> Found:
    """Where nothing else went wrong meanwhile, a connection that the room ended hears its close code soon."""
    sockets = {welcome.conn: socket for socket, welcome in index.welcomes.items()}
    over = {event.socket: event.t for event in index.trace.of(tr.Closed)}
    goodbyes = {event.socket: event.code for event in index.trace.of(tr.GoodbyeIn)}
    faults = [event.t for event in index.trace.of(tr.Fault)]
    left = {event.socket for event in index.trace.of(tr.LeaveSent)}
    end = index.finished.t if index.finished else 0.0
    for t, conn in ended:
        socket = sockets.get(conn)
        is_quiet = not any(fault < t + TOLD_WITHIN_S for fault in faults) and t + TOLD_WITHIN_S < end
        if socket is None or not is_quiet or over.get(socket, end) < t:
            continue
        if socket in left and goodbyes.get(socket) == Close.NORMAL.value.code:
            continue  # its own leave and the other's coming were under way together
        if goodbyes.get(socket) != close.value.code or over.get(socket, end) > t + TOLD_WITHIN_S:
            yield t, f"connection {conn} was {what} and got goodbye {goodbyes.get(socket)}"


def isolated(index: Index) -> Found:
    """O20: names that reach the layer are ours, never a client's; nobody gets a room's frames without a welcome into it."""
    for event in index.trace.of(tr.Named):
        if event.name.startswith("group ") and not GROUPS.fullmatch(event.name):
            yield event.t, f"a group that nobody planned: {event.name!r}"
        elif event.name.startswith("type ") and event.name not in TYPES:
            yield event.t, f"a message type that nobody planned: {event.name!r}"
    for socket, frames in index.frames.items():
        welcome = index.welcomes.get(socket)
        foreign = [f for f in frames if welcome is None or f.incarnation != welcome.incarnation]
        if foreign:
            yield (
                foreign[0].t,
                f"{foreign[0].client}: a frame of room {foreign[0].incarnation!r} without a welcome into it",
            )


def one_chat(index: Index) -> Found:
    """O24: chat has one order for all, each line once, without holes; a notice is shown once."""
    content: dict[tuple[str, int, int], tuple[object, ...]] = {}
    last: dict[tuple[str, str, int], int] = {}
    for event in index.trace.events:
        if isinstance(event, tr.NoticeIn):
            yield from _notice_once(event, last)
        if not isinstance(event, tr.ChatIn):
            continue
        stream = index.stream_of(event.socket)
        for n, who, _, text, _ in event.lines:
            first = content.setdefault((event.incarnation, stream, n), (who, text))
            if first != (who, text):
                yield event.t, f"{event.client}: line {n} is {text!r}; somebody else has {first[1]!r}"
            key = event.client, event.incarnation, stream
            if key in last and n != last[key] + 1:
                yield event.t, f"{event.client}: line {n} after line {last[key]}"
            last[key] = n
    yield from _each_line_once(index, content)
    yield from _same_end(index, content, last)


def _each_line_once(index: Index, content: dict[tuple[str, int, int], tuple[object, ...]]) -> Found:
    said = Counter(event.text for event in index.trace.of(tr.Said))
    numbers: dict[tuple[str, int, str], list[int]] = defaultdict(list)
    for (incarnation, stream, n), (_, text) in content.items():
        numbers[incarnation, stream, str(text)].append(n)
    for (incarnation, _, text), found in numbers.items():
        if len(found) > said[text]:
            yield 0.0, f"room {incarnation}: {text!r} was said {said[text]} times and stands under {sorted(found)}"


def _notice_once(event: tr.NoticeIn, seen: dict[tuple[str, str, int], int]) -> Found:
    key = event.client, "notice", event.id
    if key in seen:
        yield event.t, f"{event.client}: notice {event.id} is shown again"
    seen[key] = 1


def _same_end(
    index: Index, content: dict[tuple[str, int, int], tuple[object, ...]], last: dict[tuple[str, str, int], int]
) -> Found:
    finished = index.finished
    if finished is None or index.healed_at is None:
        return
    newest: dict[tuple[str, int], int] = defaultdict(int)
    for incarnation, stream, n in content:
        newest[incarnation, stream] = max(newest[incarnation, stream], n)
    said = max((event.t for event in index.trace.of(tr.Said)), default=0.0)
    if said > finished.t - CHAT_WITHIN_S:
        return
    for client, socket, is_live, _, _ in finished.clients:
        welcome = index.welcomes.get(socket)
        if not is_live or welcome is None:
            continue
        stream = index.stream_of(socket)
        have = last.get((client, welcome.incarnation, stream))
        if have is not None and have < newest[welcome.incarnation, stream]:
            yield finished.t, f"{client}: has chat up to {have}; others up to {newest[welcome.incarnation, stream]}"
