"""Promises about frames and views: O3 to O7, O10, O12 to O17. Each is a function from an index to violations."""

import math
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from server.verify import trace as tr
from server.verify.index import LIVE, Index
from server.verify.simclient import is_full

FRAME_WITHIN_S = 3.0
LAG_S = 1.5
RESYNC_EVERY_S = 0.5
CADENCE = 0.5  # of a room's frames, of those that are cut in good time
CADENCE_FROM = 20
Found = Iterator[tuple[float, str]]


def one_total_order(index: Index) -> Found:
    """O3: every viewer sees a subsequence of the room's one order, with the same content."""
    content: dict[tuple[object, ...], tuple[str, str]] = {}
    for frame in _applied(index):
        commit = index.commit_of(frame)
        if commit is None:
            yield frame.t, f"{frame.client}: shows {_at(frame)}, which room {frame.incarnation} never cut"
        for section, digest in (frame.held or {}).items():
            key = frame.incarnation, index.stream_of(frame.socket), frame.at, section
            first, who = content.setdefault(key, (digest, frame.client))
            if first != digest:
                yield frame.t, f"{frame.client} and {who} hold different {section} at {_at(frame)}"


def monotonic(index: Index) -> Found:
    """O4: positions and ticks never go back within a connection."""
    for frames in index.frames.values():
        last: tr.FrameIn | None = None
        for frame in frames:
            if not frame.is_applied:
                continue
            if last is not None and (frame.at < last.at or (frame.at == last.at and frame.kind != "KEY")):
                yield frame.t, f"{frame.client}: {_at(frame)} after {_at(last)}"
            if last is not None and frame.at.epoch == last.at.epoch and frame.tick < last.tick:
                yield frame.t, f"{frame.client}: tick {frame.tick} after {last.tick}"
            last = frame


def gap_is_resync(index: Index) -> Found:
    """O5: a patch applies only onto what it was cut for; what does not fit changes nothing and asks for one resync."""
    for frames in index.frames.values():
        is_first = True
        for frame in frames:
            if not frame.is_applied:
                if frame.after != frame.before:
                    yield frame.t, f"{frame.client}: ignored {_at(frame)} and moved to {frame.after}"
                continue
            fits = frame.at.epoch == frame.before.epoch and frame.base <= frame.before.seq < frame.at.seq
            if frame.kind == "PATCH" and not fits:
                yield frame.t, f"{frame.client}: applied a patch {frame.base}→{_at(frame)} onto {frame.before}"
            if is_first and frame.kind != "KEY":
                yield frame.t, f"{frame.client}: the first frame of the connection is a {frame.kind}"
            is_first = False
    yield from _resyncs_patient(index)


def _resyncs_patient(index: Index) -> Found:
    asked: dict[int, float] = {}
    for event in index.trace.events:
        if isinstance(event, tr.FrameIn) and event.is_applied:
            asked.pop(event.socket, None)
        elif isinstance(event, tr.ResyncSent):
            before = asked.get(event.socket)
            if before is not None and event.t - before < RESYNC_EVERY_S - 1e-6:
                yield event.t, f"{event.client}: asked for a resync {event.t - before:.3f} s after the last one"
            asked[event.socket] = event.t


def converges(index: Index) -> Found:
    """O6: what a viewer holds is what the server had for it at that place, section by section; no id names two entities."""
    for commits in index.commits.values():
        for cut in commits:
            if cut.reused:
                yield cut.t, f"room {cut.incarnation}: wire ids used again: {', '.join(cut.reused)}"
    for frame in _applied(index):
        held, commit = frame.held or {}, index.commit_of(frame)
        if sorted(held) != sorted(frame.listed):
            yield frame.t, f"{frame.client}: holds {_names(held)} after a frame of {_names(frame.listed)}"
        if commit is None:
            continue
        due = commit.due.get(tuple(sorted(frame.listed)))
        if frame.shown and due not in (None, frame.shown):
            yield frame.t, f"{frame.client}: shows at {_at(frame)} something else than the world has for {_names(held)}"
        for section, digest in held.items():
            own = commit.views.get(section)
            if own is not None and own != digest:
                yield frame.t, f"{frame.client}: holds {digest} of {section} at {_at(frame)}; the room cut {own}"


def keyframes_at_ticks(index: Index) -> Found:
    """O7: one cut per place, at one tick; a frame tells that tick."""
    for key, commits in index.commits.items():
        if len(commits) > 1:
            yield commits[1].t, f"room {key[0]}: {key[2]}/{key[3]} was cut twice, at ticks {[c.tick for c in commits]}"
    for frame in _applied(index):
        commit = index.commit_of(frame)
        if commit is not None and commit.tick != frame.tick:
            yield (
                frame.t,
                f"{frame.client}: {frame.kind} {_at(frame)} tells tick {frame.tick}; it was cut at {commit.tick}",
            )


def welcome_then_key(index: Index) -> Found:
    """O10: welcome, then a KEY that includes everything before it, then patches."""
    welcomed: set[int] = set()
    for event in index.trace.events:
        if isinstance(event, tr.Welcomed):
            welcomed.add(event.socket)
        elif isinstance(event, tr.ChatIn) and event.socket not in welcomed:
            yield event.t, f"{event.client}: chat before the welcome"
    for socket, frames in index.frames.items():
        welcome = index.welcomes.get(socket)
        if welcome is None or (frames and frames[0].t < welcome.t):
            yield frames[0].t, f"{frames[0].client}: a frame before the welcome"
            continue
        first = next((frame for frame in frames if frame.is_applied), None)
        if first is None:
            continue
        if first.kind != "KEY":
            yield first.t, f"{first.client}: the first frame after the welcome is a {first.kind}"
        viewer = index.viewer_at(welcome.incarnation, welcome.conn, first.tick)
        missing = [seat for _, seat, _ in welcome.seats if first.roster is not None and seat not in first.roster]
        if missing and viewer is not None and index.stream_of(socket) == LIVE:
            yield first.t, f"{first.client}: the first KEY (tick {first.tick}) lacks its own seats {missing}"
        granted = index.came_in(welcome.incarnation, welcome.conn)
        if granted is not None and first.tick < granted and index.stream_of(socket) == LIVE:
            yield first.t, f"{first.client}: the first KEY is of tick {first.tick}, the seat was granted at {granted}"


def same_prefix(index: Index) -> Found:
    """O12: a reconnect continues where the client was: nothing that it holds is taken back."""
    held: dict[tuple[str, str, int], tr.FrameIn] = {}
    for frame in _applied(index):
        key = frame.client, frame.incarnation, index.stream_of(frame.socket)
        last = held.get(key)
        if last is not None and last.socket != frame.socket and frame.at < last.at:
            yield frame.t, f"{frame.client}: came back to {_at(frame)}, held {_at(last)} before"
        held[key] = frame
    yield from _same_seats(index)


def _same_seats(index: Index) -> Found:
    """A resume that is granted gives the same seats, in the next generation."""
    last: dict[str, tr.Welcomed] = {}
    for welcome in index.trace.of(tr.Welcomed):
        opened, before = index.opened[welcome.socket], last.get(welcome.client)
        if before is not None and opened.is_resume and before.incarnation == welcome.incarnation:
            had, has = ([(slot, seat) for slot, seat, _ in w.seats] for w in (before, welcome))
            if had != has:
                yield welcome.t, f"{welcome.client}: came back to seats {has}, had {had} before"
        last[welcome.client] = welcome


def only_own_sections(index: Index) -> Found:
    """O13 (one run): a frame carries exactly the sections that its viewer had when it was cut."""
    for frame in _applied(index):
        welcome = index.welcomes.get(frame.socket)
        if welcome is None:
            continue
        own = {seat for _, seat, _ in welcome.seats}
        for section in frame.listed:
            name = section.audience.value
            if (
                (name == "seat" and section.of not in own)
                or (name == "team" and not own)
                or (name == "spectators" and own)
            ):
                yield frame.t, f"{frame.client}: got section {section}, which is not its own"
        viewer = index.viewer_at(welcome.incarnation, welcome.conn, frame.tick)
        if viewer is not None and index.stream_of(frame.socket) == LIVE and sorted(viewer[2]) != sorted(frame.listed):
            yield frame.t, f"{frame.client}: tick {frame.tick} with {_names(frame.listed)}; it had {_names(viewer[2])}"


def delayed_enough(index: Index) -> Found:
    """O14: a delayed spectator holds nothing younger than the delay."""
    ticks: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for commits in index.commits.values():
        ticks[commits[0].incarnation].append((commits[0].tick, commits[0].t))
    for socket, welcome in index.welcomes.items():
        if not welcome.delay_s:
            continue
        for frame in index.frames.get(socket, []):
            commit = index.commit_of(frame)
            if commit is not None and frame.t < commit.t + welcome.delay_s - 1e-6:
                yield (
                    frame.t,
                    f"{frame.client}: {_at(frame)} is {frame.t - commit.t:.3f} s old; the delay is {welcome.delay_s} s",
                )
    for chat in index.trace.of(tr.ChatIn):
        found = index.welcomes.get(chat.socket)
        for _, who, role, _, tick in chat.lines:
            at = max((t for k, t in ticks[chat.incarnation] if k <= tick), default=-math.inf)
            if found is not None and found.delay_s and role != "spectator" and chat.t < at + found.delay_s - 1e-6:
                yield (
                    chat.t,
                    f"{chat.client}: {who}'s line of tick {tick} after {chat.t - at:.3f} s; the delay is {found.delay_s} s",
                )


def no_starvation(index: Index) -> Found:
    """O15: once nothing is broken, every open connection gets a frame every few seconds, and nobody lags behind."""
    finished = index.finished
    if finished is None or index.settled_at is None:
        return
    start = index.settled_at
    latest: dict[str, dict[str, int]] = defaultdict(dict)
    for client, socket, is_live, wants_in, _ in finished.clients:
        if not is_live:
            if wants_in and not _is_full(index, client):
                yield finished.t, f"{client}: wants in, and was not let in again in all the time that repairs may take"
            continue
        frames = index.frames.get(socket, [])
        opened = index.opened[socket].t
        times = [frame.t for frame in frames if frame.t >= start]
        marks = [max(start, opened + FRAME_WITHIN_S), *times, finished.t]
        worst = max((b - a for a, b in pairwise(marks)), default=0.0)
        if worst > FRAME_WITHIN_S:
            yield (
                finished.t,
                f"{client}: no frame for {worst:.1f} s, after everything was repaired",
            )
        yield from _often_enough(index, client, socket, max(start, opened + FRAME_WITHIN_S), finished.t)
        if frames and index.stream_of(socket) == LIVE:
            latest[frames[-1].incarnation][client] = frames[-1].tick
    yield from _nobody_lags(index, latest, finished.t)


def _often_enough(index: Index, client: str, socket: int, start: float, end: float) -> Found:
    """A client that keeps up is shown most of what the room cuts, not just the newest frame now and then."""
    welcome = index.welcomes.get(socket)
    if welcome is None:
        return
    start, end = start + welcome.delay_s, end - LAG_S
    room = welcome.incarnation, index.stream_of(socket)
    cut = sum(
        key[:2] == room and start <= commits[0].t + welcome.delay_s < end for key, commits in index.commits.items()
    )
    shown = sum(frame.is_applied and start <= frame.t for frame in index.frames.get(socket, ()))
    if cut >= CADENCE_FROM and shown < cut * CADENCE:
        yield (
            end,
            f"{client}: was shown {shown} of {cut} frames that the room cut in {end - start:.1f} s, after all was repaired",
        )


def _is_full(index: Index, client: str) -> bool:
    """Whether the room's own limits keep it out."""
    said = [event for event in index.trace.of(tr.GoodbyeIn) if event.client == client]
    return bool(said) and is_full(said[-1].code, said[-1].reason)


def _nobody_lags(index: Index, latest: dict[str, dict[str, int]], at: float) -> Found:
    for incarnation, ticks in latest.items():
        commits = [c[0] for key, c in index.commits.items() if key[0] == incarnation and key[1] == LIVE]
        recent = [c for c in commits if c.t <= at - LAG_S]
        newest = max((c.tick for c in recent), default=0)
        for client, tick in ticks.items():
            if tick < newest:
                yield at, f"{client}: is at tick {tick}; the room cut tick {newest} more than {LAG_S} s ago"


def bounded(index: Index) -> Found:
    """O16: no queue grows beyond its cap."""
    for event in index.trace.of(tr.Measured):
        if event.length > event.cap:
            yield event.t, f"{event.queue}: {event.length}, capped at {event.cap}"


def one_writer(index: Index) -> Found:
    """O17: epochs of a room never go back, each has one holder, and its seqs grow."""
    epochs: dict[str, int] = {}
    nodes: dict[tuple[str, int], str] = {}
    seqs: dict[tuple[str, int, int], int] = {}
    for event in index.trace.of(tr.Commit):
        if event.epoch < epochs.get(event.incarnation, 0):
            yield event.t, f"room {event.incarnation}: epoch {event.epoch} cut after {epochs[event.incarnation]}"
        epochs[event.incarnation] = event.epoch
        if nodes.setdefault((event.incarnation, event.epoch), event.node) != event.node:
            yield event.t, f"room {event.incarnation}: epoch {event.epoch} is cut by two processes"
        key = event.incarnation, event.stream, event.epoch
        if event.seq <= seqs.get(key, 0):
            yield event.t, f"room {event.incarnation}: seq {event.seq} after {seqs[key]}"
        seqs[key] = event.seq


def _applied(index: Index) -> Iterator[tr.FrameIn]:
    return (frame for frame in index.trace.of(tr.FrameIn) if frame.is_applied)


def _at(frame: tr.FrameIn) -> str:
    return f"{frame.at.epoch}/{frame.at.seq}"


def _names(sections: object) -> str:
    return ", ".join(sorted(map(str, sections))) or "nothing"  # type: ignore[call-overload]  # any collection of sections
