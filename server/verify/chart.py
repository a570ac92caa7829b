"""A trace as a Mermaid sequence chart that a person can read: who sent what to whom, what broke, and what came of it.

Frames that came as expected are gathered into one line; of a long trace the part before the first violation is drawn.
"""

from collections.abc import Iterable, Iterator, Sequence

from attrs import frozen

from server.verify import trace as tr
from server.verify.promises import Violation

LINES_MAX = 120
TEXT_MAX = 90
ROOM, NET = "room", "world"


@frozen
class Line:
    """One arrow or note. Lines of one ``key`` may be gathered."""

    t: float
    source: str
    target: str
    text: str
    key: tuple[object, ...] = ()
    arrow: str = "->>"


def mermaid(trace: tr.Trace, found: Sequence[Violation] = ()) -> str:
    """The chart's text. With violations it ends a little after the first, which is marked."""
    until = min((violation.t for violation in found if violation.t), default=float("inf"))
    clients = _concerned(trace, found)
    lines = [line for event in trace.events if event.t <= until + 1e-9 for line in _lines_of(event, clients)]
    shown = _gathered(lines)
    left_out = max(0, len(shown) - LINES_MAX)
    return "\n".join(_written(shown[left_out:], left_out, found))


def _concerned(trace: tr.Trace, found: Sequence[Violation]) -> set[str]:
    """The clients that the violations speak of; all where they name none."""
    names = {event.client for event in trace.of(tr.Opened)}
    words = {word.strip(":,.;'s") for violation in found for word in violation.text.split()}
    return names & words or names


def _lines_of(event: tr.Event, clients: set[str]) -> Iterator[Line]:
    if not isinstance(event, tr.OfSocket):
        yield from _of_the_world(event)
    elif event.client in clients:
        yield from _from_client(event)
        yield from _to_client(event)


def _from_client(event: tr.OfSocket) -> Iterator[Line]:
    t, who = event.t, event.client
    match event:
        case tr.Opened(route=route, gateway=gateway, is_resume=is_resume):
            yield Line(t, who, gateway, f"opens {route}{', wants its seats back' if is_resume else ''}")
        case tr.InputSent(n=n, message=message, values=values):
            yield Line(t, who, ROOM, f"input {n}: {message} {list(values)}")
        case tr.AnswerIn(n=n, reason="lost"):
            yield Line(t, who, who, f"gives input {n} up as lost")
        case tr.ResyncSent():
            yield Line(t, who, ROOM, "resync")
        case tr.Said(text=text):
            yield Line(t, who, ROOM, f"says {text}")
        case tr.LeaveSent():
            yield Line(t, who, ROOM, "leaves")
        case tr.Closed(code=code, why=why):
            yield Line(t, who, who, f"closed {code} ({why})", (), "-x")
        case _:
            pass


def _to_client(event: tr.OfSocket) -> Iterator[Line]:
    t, who = event.t, event.client
    match event:
        case tr.Welcomed(seats=seats):
            yield Line(t, ROOM, who, f"welcome, seats {[seat for _, seat, _ in seats]}")
        case tr.FrameIn(kind="HEAD", at=at, before=before) if at <= before:
            pass  # a sign of life
        case tr.FrameIn():
            yield _frame(event)
        case tr.ChatIn(lines=lines):
            yield Line(t, ROOM, who, f"chat {[n for n, *_ in lines]}")
        case tr.NoticeIn(id=number):
            yield Line(t, ROOM, who, f"notice {number}")
        case tr.RefusedIn(what=what, reason=reason):
            yield Line(t, ROOM, who, f"refused {what}: {reason}")
        case tr.GoodbyeIn(code=code, reason=reason):
            yield Line(t, ROOM, who, f"goodbye {code} {reason}")
        case tr.BrokenIn(error=error):
            yield Line(t, ROOM, who, f"could not be read: {error}", (), "-x")
        case _:
            pass


def _frame(event: tr.FrameIn) -> Line:
    what = f"{event.kind} {event.at.epoch}/{event.at.seq} (tick {event.tick})"
    answers = "".join(f", answers {a.n}{f' refused: {a.reason}' if a.reason else ''}" for a in event.answers)
    if event.is_applied:
        key = () if answers else (event.client, event.kind)
        return Line(event.t, ROOM, event.client, what + answers, key)
    note = f", onto {event.before.epoch}/{event.before.seq}: not applied"
    return Line(event.t, ROOM, event.client, what + answers + note, (), "-x")


def _of_the_world(event: tr.Event) -> Iterator[Line]:
    t = event.t
    match event:
        case tr.Answered(seat=seat, n=n, tick=tick, reason=reason):
            yield Line(t, ROOM, ROOM, f"tick {tick}: input {n} of seat {seat} {reason or 'applied'}")
        case tr.Fault(name=name, target=target):
            yield Line(t, NET, NET, f"{name.replace('_', ' ')} {target}".strip(), (), "-x")
        case tr.Logged(event=name, detail=detail):
            yield Line(t, NET, NET, f"log {name} {detail}", ("log", name))
        case tr.Healed():
            yield Line(t, NET, NET, "everything is healed")
        case tr.Ended():
            yield Line(t, ROOM, ROOM, "the match has a result")
        case _:
            pass


def _gathered(lines: Iterable[Line]) -> list[tuple[Line, Line, int]]:
    """(first, last, how many): like lines of one client that follow one another, whatever others do meanwhile."""
    found: list[tuple[Line, Line, int]] = []
    newest: dict[tuple[object, ...], int] = {}
    for line in lines:
        at = newest.get(line.key) if line.key else None
        if at is not None:
            first, _, count = found[at]
            found[at] = first, line, count + 1
            continue
        for key in [key for key in newest if key[0] in (line.source, line.target)]:
            del newest[key]
        if line.key:
            newest[line.key] = len(found)
        found.append((line, line, 1))
    return found


def _written(shown: Sequence[tuple[Line, Line, int]], left_out: int, found: Sequence[Violation]) -> Iterator[str]:
    yield "sequenceDiagram"
    parties = dict.fromkeys(party for first, _, _ in shown for party in (first.source, first.target))
    for party in sorted(parties, key=lambda name: (name == NET, name == ROOM, name)):
        yield f"    participant {_id(party)} as {party}"
    everybody = ",".join(dict.fromkeys(_id(name) for name in (next(iter(parties), NET), list(parties or [NET])[-1])))
    if left_out:
        yield f"    Note over {everybody}: {left_out} earlier lines are left out"
    for first, last, count in shown:
        more = "" if count == 1 else f" … {_clean(last.text)}: {count} until {last.t:.3f} s"
        yield f"    {_id(first.source)}{first.arrow}{_id(first.target)}: {first.t:.3f} {_clean(first.text)}{more}"
    for violation in found[:6]:
        yield f"    Note over {everybody}: BROKEN {_clean(str(violation), TEXT_MAX * 3)}"


def _id(party: str) -> str:
    """A name as Mermaid takes it."""
    return "".join(letter if letter.isalnum() else "_" for letter in party)


def _clean(text: str, longest: int = TEXT_MAX) -> str:
    """A text without what Mermaid would read as its own."""
    text = " ".join(text.replace(";", ",").replace("#", "no. ").replace("<", "‹").replace(">", "›").split())
    return text if len(text) <= longest else text[: longest - 1] + "…"
