"""Promises about inputs and their answers: O1, O2, O8, O9, O18, O21, O23. Each is a function from an index to violations."""

import math
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator

from game.wire.closecodes import BY_CODE
from server.verify import trace as tr
from server.verify.index import LIVE, Index

LOST = "lost"
ANSWER_WITHIN_S = 5.0
WRITTEN_WITHIN_S = 2.0  # beyond what faults take, which end when all is healed
CLOSED_WITHIN_S = 3.0
PARTED_WITHIN_S = 3.0
Found = Iterator[tuple[float, str]]


def in_order(index: Index) -> Found:
    """O1: the inputs of one seat apply in the order sent; holes in what is applied are exactly the refused.

    A number that nobody sent is no hole of the server's: a hostile client counts as it likes.
    """
    last: dict[tuple[str, int, int], int] = defaultdict(int)
    numbers: dict[tuple[str, int, int], list[int]] = defaultdict(list)
    for key, n in sorted(index.sent()):
        numbers[key].append(n)
    for event in index.trace.of(tr.Answered):
        key = event.incarnation, event.seat, event.tenancy
        left = bisect_right(numbers[key], last[key])
        if left < bisect_left(numbers[key], event.n):
            yield event.t, f"seat {event.seat}: input {event.n} was taken after {last[key]}, those between never"
        elif event.n < last[key]:
            yield event.t, f"seat {event.seat}: input {event.n} was taken after {last[key]}"
        last[key] = max(last[key], event.n)
    yield from _bodies_in_order(index)


def _bodies_in_order(index: Index) -> Found:
    """What the rules were given is what was sent, in the order of its numbers."""
    sent = index.sent()
    applied: dict[tuple[str, int, int], list[tr.Answered]] = defaultdict(list)
    for event in index.trace.of(tr.Answered):
        if not event.reason:
            applied[event.incarnation, event.tick, event.seat].append(event)
    for step in index.trace.of(tr.Stepped):
        given: dict[int, list[tuple[str, tuple[object, ...]]]] = defaultdict(list)
        for seat, message, values in step.inputs:
            given[seat].append((message, values))
        for seat, bodies in given.items():
            answers = applied.get((step.incarnation, step.tick, seat), [])
            for answer, body in zip(answers, bodies, strict=False):
                sources = sent.get(((step.incarnation, seat, answer.tenancy), answer.n), [])
                if sources and all((source.message, source.values) != body for source in sources):
                    yield step.t, f"seat {seat}: the rules got {body} as input {answer.n}; sent was {sources[0].values}"


def exactly_once(index: Index) -> Found:
    """O2: each input applies at most once, is answered once, and what was answered is what happened."""
    for (_, seat, _), by_n in index.answers.items():
        for n, answers in by_n.items():
            if len(answers) > 1:
                yield answers[1].t, f"seat {seat}: input {n} was answered {len(answers)} times by the room"
    applied = Counter((a.incarnation, a.tick, a.seat) for a in index.trace.of(tr.Answered) if not a.reason)
    stepped: Counter[tuple[str, int, int]] = Counter()
    for step in index.trace.of(tr.Stepped):
        stepped.update((step.incarnation, step.tick, seat) for seat, _, _ in step.inputs)
    for key in sorted(applied.keys() | stepped.keys()):
        if applied[key] != stepped[key]:
            room, tick, seat = key
            text = f"room {room} seat {seat} tick {tick}: {applied[key]} inputs answered as applied, {stepped[key]} given to the rules"
            yield 0.0, text
    yield from _answers_at_clients(index)


def _answers_at_clients(index: Index) -> Found:
    seen: set[tuple[object, ...]] = set()
    last: dict[str, int] = {}
    for event in index.trace.events:
        if isinstance(event, tr.Welcomed):
            last[event.client] = event.socket
        if not isinstance(event, tr.AnswerIn) or event.reason == LOST:
            continue
        for slot, seat, tenancy in index.seats_of(last.get(event.client, 0)):
            if slot != event.slot:
                continue
            key = event.client, event.incarnation, seat, tenancy, event.n
            if key in seen:
                yield event.t, f"{event.client}: input {event.n} was answered twice"
            seen.add(key)
            answers = index.answers.get((event.incarnation, seat, tenancy), {}).get(event.n, [])
            if not event.reason and not answers:
                yield event.t, f"{event.client}: input {event.n} was answered as applied, and the room never did"
            elif answers and (answers[0].tick, answers[0].reason) != (event.tick, event.reason):
                room = f"tick {answers[0].tick} {answers[0].reason or 'applied'}"
                yield (
                    event.t,
                    f"{event.client}: input {event.n} answered {event.tick} {event.reason!r}; the room: {room}",
                )


def causal(index: Index) -> Found:
    """O8: an input applies after the frame that its sender had seen; a chat line stands after those its author had read."""
    ticks = {key: commits[0].tick for key, commits in index.commits.items()}
    for (seat_key, n), sources in index.sent().items():
        seen = [ticks.get((seat_key[0], LIVE, sent.seen.epoch, sent.seen.seq)) for sent in sources]
        earliest = min((tick for tick in seen if tick is not None), default=None)
        for answer in index.answers.get(seat_key, {}).get(n, []):
            if earliest is not None and not answer.reason and answer.tick <= earliest:
                text = (
                    f"{sources[0].client}: input {n} applied at tick {answer.tick}, sent after seeing tick {earliest}"
                )
                yield answer.t, text
    said = {event.text: event for event in index.trace.of(tr.Said)}
    for chat in index.trace.of(tr.ChatIn):
        for n, _, _, text, _ in chat.lines:
            source = said.get(text)
            if source is not None and source.client == chat.client and n <= source.seen:
                yield (
                    chat.t,
                    f"{chat.client}: its line {text!r} has number {n}, said after reading number {source.seen}",
                )


def read_your_writes(index: Index) -> Found:
    """O9: a frame that answers an input shows the tick in which it was applied, and leaves none before it unanswered."""
    for socket, frames in index.frames.items():
        seats = index.seats_of(socket)
        for frame in frames:
            late = [answer for answer in frame.answers if answer.tick > frame.tick]
            if late:
                yield (
                    frame.t,
                    f"{frame.client}: frame of tick {frame.tick} answers input {late[0].n} of tick {late[0].tick}",
                )
            if not frame.is_applied or not frame.unanswered or _is_parting(index, frame):
                continue
            for slot, seat, tenancy in seats:
                known = index.answers.get((frame.incarnation, seat, tenancy), {})
                for at, n in frame.unanswered:
                    if at == slot and any(answer.tick <= frame.tick for answer in known.get(n, [])):
                        yield (
                            frame.t,
                            f"{frame.client}: holds tick {frame.tick}, and input {n} of tick {known[n][0].tick} unanswered",
                        )


def _is_parting(index: Index, frame: tr.FrameIn) -> bool:
    """Whether the room had dismissed the connection by this tick, and the word of it is just behind the frame."""
    welcome = index.welcomes.get(frame.socket)
    if welcome is None or index.viewer_at(frame.incarnation, welcome.conn, frame.tick) is not None:
        return False
    return index.over_at.get(frame.socket, math.inf) < frame.t + PARTED_WITHIN_S


def replays(index: Index) -> Found:
    """O18: the record of a room comes to the same state."""
    for event in index.trace.of(tr.Replayed):
        if event.live != event.replayed:
            yield event.t, f"room {event.incarnation}: played again, tick {event.tick} is another{event.difference}"


def one_result(index: Index) -> Found:
    """O21: one result per match; it is written down before anybody is shown that the match has ended, and then shown."""
    written: dict[str, float] = {}
    for event in index.trace.of(tr.Ended):
        if event.is_again:
            yield event.t, f"room {event.incarnation}: a second result"
        written.setdefault(event.incarnation, event.t)
    for over in index.trace.of(tr.Over):
        if written.get(over.incarnation, math.inf) > over.t:
            yield over.t, f"room {over.incarnation}: announces the end, and its result is not in the database"
    for shown in index.trace.of(tr.EndShown):
        if written.get(shown.incarnation, math.inf) > shown.t:
            yield shown.t, f"{shown.client}: shown the end of {shown.incarnation}, whose result is not in the database"
    yield from _shown_at_last(index)


def _shown_at_last(index: Index) -> Found:
    """A result that was reached is written, and a written one announced, unless its process died first."""
    killed = {event.target for event in index.trace.of(tr.Fault) if event.name == "loop_killed"}
    written = {event.incarnation for event in index.trace.of(tr.Ended)}
    announced = {event.incarnation for event in index.trace.of(tr.Over)}
    end = (index.finished.t if index.finished else 0.0) if index.healed_at is None else index.healed_at
    for event in [*index.trace.of(tr.Decided), *index.trace.of(tr.Ended)]:
        if event.node in killed or event.t >= end - WRITTEN_WITHIN_S:
            continue
        if event.incarnation not in written:
            yield event.t, f"room {event.incarnation}: has a result, which was never written"
        elif event.incarnation not in announced:
            yield event.t, f"room {event.incarnation}: its result is written, and nobody was told"


def no_silent_drop(index: Index) -> Found:
    """O23: what was accepted is answered, every close has a code and a goodbye, and no fault is contained in silence."""
    finished = index.finished
    if finished is not None:
        for error in finished.errors:
            yield finished.t, f"nobody caught: {error}"
        if index.healed_at is not None:
            yield from _answered_at_last(index, finished)
    yield from contained(index.trace)
    for broken in index.trace.of(tr.BrokenIn):
        yield broken.t, f"{broken.client}: a message that no client can read: {broken.error}"
    goodbyes = {event.socket: event.code for event in index.trace.of(tr.GoodbyeIn)}
    for closed in index.trace.of(tr.Closed):
        if closed.why == "server" and (closed.code not in BY_CODE or goodbyes.get(closed.socket) != closed.code):
            said = goodbyes.get(closed.socket)
            yield closed.t, f"{closed.client}: closed with {closed.code} after goodbye {said}"
    yield from _closed_after_goodbye(index)


def contained(trace: tr.Trace) -> Found:
    """Faults that were caught and logged. No fault of a schedule explains one: what breaks outside is only warned of."""
    for logged in trace.of(tr.Logged):
        if logged.level in ("error", "exception", "critical"):
            yield logged.t, f"{logged.event} {logged.detail}"


def _closed_after_goodbye(index: Index) -> Found:
    """A goodbye is the last word: the close follows."""
    closed = {event.socket for event in index.trace.of(tr.Closed)}
    end = index.finished.t if index.finished else 0.0
    for event in index.trace.of(tr.GoodbyeIn):
        if event.socket not in closed and event.t < end - CLOSED_WITHIN_S:
            yield event.t, f"{event.client}: told goodbye {event.code}, and the socket {event.socket} stayed open"


def _answered_at_last(index: Index, finished: tr.Finished) -> Found:
    sent_at = {(event.client, event.slot, event.n): event.t for event in index.trace.of(tr.InputSent)}
    said: dict[int, list[tr.Said]] = defaultdict(list)
    for event in index.trace.of(tr.Said):
        said[event.socket].append(event)
    shown = {text for chat in index.trace.of(tr.ChatIn) for _, _, _, text, _ in chat.lines}
    refused = Counter(event.socket for event in index.trace.of(tr.RefusedIn) if event.what == "chat")
    for client, socket, is_live, _, unanswered in finished.clients:
        old = [(s, n) for s, n in unanswered if sent_at.get((client, s, n), 0.0) < finished.t - ANSWER_WITHIN_S]
        if is_live and old:
            yield finished.t, f"{client}: inputs {old[:5]} were never answered"
        missing = [
            event.text for event in said[socket] if event.text not in shown and event.t < finished.t - ANSWER_WITHIN_S
        ]
        if is_live and len(missing) > refused[socket]:
            yield finished.t, f"{client}: said {missing[:3]}, which nobody saw and nobody refused"
