"""One pass over a trace, so that each promise finds what it compares: commits, answers, who was in which room when."""

from bisect import bisect_left, bisect_right
from collections import defaultdict

from attrs import define, field

from game.tracker import Section
from server.verify import trace as tr

LIVE, DELAYED = 0, 1
CommitKey = tuple[str, int, int, int]
SeatKey = tuple[str, int, int]
Viewer = tuple[tuple[int, ...], str, tuple[Section, ...]]


@define(eq=False)
class Index:
    """Maps over a trace. ``over_at``: when a socket's goodbye or close came. ``answers``: (incarnation, seat, tenancy) → n → the room's answers to it."""

    trace: tr.Trace
    commits: dict[CommitKey, list[tr.Commit]] = field(factory=lambda: defaultdict(list))
    answers: dict[SeatKey, dict[int, list[tr.Answered]]] = field(factory=lambda: defaultdict(lambda: defaultdict(list)))
    welcomes: dict[int, tr.Welcomed] = field(factory=dict)
    frames: dict[int, list[tr.FrameIn]] = field(factory=lambda: defaultdict(list))
    opened: dict[int, tr.Opened] = field(factory=dict)
    tenancies: dict[tuple[str, int, int], int] = field(factory=dict)
    over_at: dict[int, float] = field(factory=dict)
    healed_at: float | None = None
    settled_at: float | None = None
    finished: tr.Finished | None = None
    _generations: dict[tuple[str, int], list[int]] | None = None
    _who: dict[str, list[tuple[int, dict[str, Viewer]]]] = field(factory=lambda: defaultdict(list))

    def __attrs_post_init__(self) -> None:
        for event in self.trace.events:
            self._note(event)

    def _note(self, event: tr.Event) -> None:
        match event:
            case tr.FrameIn():
                self.frames[event.socket].append(event)
            case tr.Answered():
                self.answers[event.incarnation, event.seat, event.tenancy][event.n].append(event)
            case tr.Commit():
                self.commits[event.incarnation, event.stream, event.epoch, event.seq].append(event)
            case tr.SeatsHeld():
                viewers = {conn: (seats, role, sections) for conn, seats, role, sections in event.viewers}
                self._who[event.incarnation].append((event.tick, viewers))
                for seat, generation, tenancy, _ in event.seats:
                    self.tenancies[event.incarnation, seat, generation] = tenancy
            case tr.Welcomed():
                self.welcomes[event.socket] = event
            case tr.Opened():
                self.opened[event.socket] = event
            case tr.GoodbyeIn() | tr.Closed():
                self.over_at.setdefault(event.socket, event.t)
            case tr.Healed():
                self.healed_at = event.t
            case tr.Settled():
                self.settled_at = event.t
            case tr.Finished():
                self.finished = event
            case _:
                pass

    def commit_of(self, frame: tr.FrameIn) -> tr.Commit | None:
        """The cut that a frame shows."""
        found = self.commits.get((frame.incarnation, self.stream_of(frame.socket), frame.at.epoch, frame.at.seq))
        return found[0] if found else None

    def stream_of(self, socket: int) -> int:
        """Live or delayed."""
        welcome = self.welcomes.get(socket)
        return DELAYED if welcome is not None and welcome.delay_s else LIVE

    def viewer_at(self, incarnation: str, conn: str, tick: int) -> Viewer | None:
        """The connection as the room had it after a tick, or None where it was not in."""
        rows = self._who.get(incarnation, [])
        at = bisect_right(rows, tick, key=lambda row: row[0])
        return rows[at - 1][1].get(conn) if at else None

    def came_in(self, incarnation: str, conn: str) -> int | None:
        """The tick after which the room first had the connection; None where it was gone within its first tick."""
        return next((tick for tick, viewers in self._who.get(incarnation, []) if conn in viewers), None)

    def seats_of(self, socket: int) -> list[tuple[int, int, int]]:
        """(slot, seat, tenancy) of a socket's welcome, as far as the room showed them."""
        welcome = self.welcomes.get(socket)
        if welcome is None:
            return []
        rows = ((slot, seat, self._tenancy(welcome.incarnation, seat, gen)) for slot, seat, gen in welcome.seats)
        return [(slot, seat, tenancy) for slot, seat, tenancy in rows if tenancy is not None]

    def _tenancy(self, incarnation: str, seat: int, generation: int) -> int | None:
        """The tenancy of a generation. One that another resume ended within its tick was never shown: its successor tells."""
        generations = self._generations
        if generations is None:
            generations = self._generations = defaultdict(list)
            for at_incarnation, at_seat, shown in sorted(self.tenancies):
                generations[at_incarnation, at_seat].append(shown)
        later = generations[incarnation, seat]
        at = bisect_left(later, generation)
        tenancy = self.tenancies[incarnation, seat, later[at]] if at < len(later) else None
        return tenancy if tenancy is not None and tenancy <= generation else None

    def sent(self) -> dict[tuple[SeatKey, int], list[tr.InputSent]]:
        """The inputs that clients sent, by (seat's key, n): several where one took the seat of another over.

        An input that is unanswered when its client is welcomed anew is sent again, under the tenancy of that welcome.
        """
        found: dict[tuple[SeatKey, int], list[tr.InputSent]] = defaultdict(list)
        last: dict[str, int] = {}
        pending: dict[str, dict[tuple[int, int], tr.InputSent]] = defaultdict(dict)
        for event in self.trace.events:
            if isinstance(event, tr.Welcomed):
                last[event.client] = event.socket
                for again in pending[event.client].values():
                    self._note_sent(found, again, event.socket)
            elif isinstance(event, tr.InputSent):
                pending[event.client][event.slot, event.n] = event
                self._note_sent(found, event, last.get(event.client, 0))
            elif isinstance(event, tr.AnswerIn):
                pending[event.client].pop((event.slot, event.n), None)
        return found

    def _note_sent(
        self, found: dict[tuple[SeatKey, int], list[tr.InputSent]], event: tr.InputSent, socket: int
    ) -> None:
        for slot, seat, tenancy in self.seats_of(socket):
            key = (self.welcomes[socket].incarnation, seat, tenancy), event.n
            if slot == event.slot and event not in found[key]:
                found[key].append(event)
