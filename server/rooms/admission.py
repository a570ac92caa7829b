"""Who comes in, comes back and goes: joins, resumes, lost connections, bots that make way or fill up. Sans I/O."""

from attrs import define, field

from game.fields import SPECTATORS, Audience
from game.tracker import PUBLIC_SECTION, SPECTATORS_SECTION, Section
from game.wire.closecodes import Close
from server.ops.metrics import count
from server.relay import envelope as e
from server.relay.terms import terms_of
from server.rooms.match import Match
from server.rooms.outgoing import Outgoing, ToOne
from server.rooms.seats import Hold
from server.rooms.talk import Talk
from server.rooms.viewers import RoomFacts, Viewer
from server.routing.plan import RoomPlan
from server.routing.spec import SamePlayer

SPECTATORS_PER_IDENTITY = 8  # of one room


@define(eq=False)
class Admission:
    """``viewers`` by connection. ``has_newcomers`` asks for a frame, which the newest welcome's KEY will stand on.

    ``section_changes`` counts, by gateway, how often a connection's sections changed; ``comings_and_goings`` how often
    ``viewers`` did. ``kept_out`` has those who were kicked, and why.
    """

    plan: RoomPlan
    facts: RoomFacts
    match: Match
    talk: Talk
    out: list[Outgoing]
    viewers: dict[str, Viewer] = field(factory=dict)
    has_newcomers: bool = False
    section_changes: dict[str, int] = field(factory=dict)
    comings_and_goings: int = 0
    kept_out: dict[str, str] = field(factory=dict)
    terms: e.Terms = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.terms = terms_of(self.plan)

    # ---- in

    def join(self, gateway: str, item: e.Join, tick_no: int, now: float) -> None:
        """A connection wants in: it is welcomed or refused."""
        if self.match.is_decided:
            self.refuse(gateway, item, Close.ROOM_CLOSED, "the match is over")
            return
        if item.identity in self.kept_out:
            self.refuse(gateway, item, Close.NOT_ALLOWED, self.kept_out[item.identity])
            return
        audiences = frozenset(Audience(name) for name in item.audiences)
        viewer = Viewer(item.conn, gateway, item.identity, item.name, item.role, audiences)
        if item.role == "spectator":
            self._admit_spectator(gateway, item, viewer, tick_no)
        elif item.resume is not None:
            self._resume(gateway, item, viewer, tick_no, now)
        else:
            self._seat(gateway, item, viewer, tick_no, now)

    def _admit_spectator(self, gateway: str, item: e.Join, viewer: Viewer, tick_no: int) -> None:
        spec = self.plan.spectators
        if spec is None:
            self.refuse(gateway, item, Close.NOT_ALLOWED, "this room has no spectators")
            return
        watching = sum(not v.seats for v in self.viewers.values())
        if watching >= spec.limit:
            self.refuse(gateway, item, Close.OVERLOADED, f"the room has its {spec.limit} spectators")
            return
        own = sum(not v.seats and v.identity == item.identity for v in self.viewers.values())
        if own >= SPECTATORS_PER_IDENTITY:
            count("limit_refusals_total", limit="spectators_per_identity")
            reason = f"spectators_per_identity: one identity may watch a room {SPECTATORS_PER_IDENTITY} times at once"
            self.refuse(gateway, item, Close.NOT_ALLOWED, f"{reason}; leave others first")
            return
        viewer.stream = e.DELAYED_STREAM if spec.delay_s else e.LIVE_STREAM
        self._welcome(viewer, [], tick_no)

    def _seat(self, gateway: str, item: e.Join, viewer: Viewer, tick_no: int, now: float) -> None:
        """Without a token: the player's own seats where the room type says so, or where no new ones are to be had; else new ones."""
        seats, same = self.match.seats, self.plan.same_player
        own = seats.of_identity(item.identity)
        if own and same is SamePlayer.REFUSE:
            reason = f"this player is in the room already, on seat {own[0].number}; only its resume token leads back"
            self.refuse(gateway, item, Close.NOT_ALLOWED, reason)
            return
        again = own[: item.slots] if same is SamePlayer.TAKE_OVER else []
        if not again and seats.why_not(item.identity, item.slots, now):
            again = seats.lost_by(item.identity, item.slots)
        missing = item.slots - len(again)
        why = seats.why_not(item.identity, missing, now) if missing else None
        if why is not None:
            self.refuse(gateway, item, why.close, why.reason, why.retry_after_s)
            return
        holds = self._regain(item.conn, [hold.number for hold in again], now)
        for slot in range(len(again), item.slots):
            self._make_way(item.identity, now)
            name = item.name if slot == 0 else f"{item.name} {slot + 1}"
            hold = seats.reserve(item.identity, name, item.conn, now)
            assert hold is not None  # noqa: S101 - why_not() found the seats, and somebody made way where none was free
            self.match.enter(hold, is_bot=item.role == "bot")
            holds.append(hold)
        self._welcome(viewer, holds, tick_no)

    def _resume(self, gateway: str, item: e.Join, viewer: Viewer, tick_no: int, now: float) -> None:
        """All the seats of the token or none: they were one connection's, and are one's again."""
        seats, wanted = self.match.seats, self._token(item.resume or "")
        if not wanted or not all(seats.may_resume(number, generation, item.identity) for number, generation in wanted):
            self.refuse(gateway, item, Close.CANNOT_RESUME, "the seat is gone, or the token was used")
            return
        self._welcome(viewer, self._regain(item.conn, [number for number, _ in wanted], now), tick_no)

    def _regain(self, conn: str, numbers: list[int], now: float) -> list[Hold]:
        """A player's own seats for its newer connection; the ones that had them are told."""
        holds, replaced = [], set()
        for number in numbers:
            hold, older = self.match.seats.resume(number, conn, now)
            holds.append(hold)
            replaced.add(older)
        for older in sorted(replaced - {""}):
            self.dismiss(older, Close.REPLACED, "a newer connection took this seat", now)
        for hold in holds:
            self.match.link(hold.number, is_connected=True)
        return holds

    def _token(self, token: str) -> list[tuple[int, int]]:
        signed = self.facts.unsign(token)
        match signed:
            case [self.facts.incarnation, [*places]]:
                pairs = [place for place in places if isinstance(place, list | tuple) and len(place) == 2]
                return [(int(number), int(generation)) for number, generation in pairs]
        return []

    def _welcome(self, viewer: Viewer, holds: list[Hold], tick_no: int) -> None:
        viewer.seats = [hold.number for hold in holds]
        viewer.sections = self.sections_of(viewer)
        self.viewers[viewer.conn] = viewer
        self.comings_and_goings += 1
        token = [self.facts.incarnation, [[hold.number, hold.generation] for hold in holds]]
        is_live = viewer.stream == e.LIVE_STREAM
        self.has_newcomers |= is_live
        log = self.talk.log(viewer.stream)
        joined = e.Joined(
            self.facts.incarnation,
            viewer.conn,
            tuple(self._granted(slot, hold) for slot, hold in enumerate(holds)),
            tuple((section.audience.value, section.of) for section in viewer.sections),
            viewer.stream,
            tick_no if is_live else 0,
            self.facts.epoch,
            self.facts.sign(token) if holds else None,
            viewer.name,
            log.for_newcomers(),
            log.through,
            self.section_changes.get(viewer.gateway, 0) if is_live else 0,
            self.terms,
        )
        self.out.append(ToOne(viewer.gateway, joined))

    def _granted(self, slot: int, hold: Hold) -> e.Granted:
        return e.Granted(slot, hold.number, hold.generation, self.match.inputs[hold.number].received_through)

    def refuse(self, gateway: str, item: e.Join, close: Close, reason: str, retry_after_s: float | None = None) -> None:
        """The connection may not come in: 44xx where the same hello would be refused again, 45xx where it may not be."""
        self.out.append(ToOne(gateway, e.JoinRefused(item.conn, close.value.code, reason, retry_after_s)))

    # ---- out

    def part(self, item: e.Part, now: float) -> None:
        """A connection is gone. One that never heard of its new seats has no token to come back with."""
        if self.viewers.pop(item.conn, None) is None:
            return
        self.comings_and_goings += 1
        for hold in self.match.seats.of_conn(item.conn):
            if not item.is_lost or (item.is_new and hold.is_new):
                self.match.vacate(hold, "left")
        for hold in self.match.seats.lose(item.conn, now):
            self.match.link(hold.number, is_connected=False)

    def dismiss(self, conn: str, close: Close, reason: str, now: float) -> None:
        """Out with a named goodbye; its seats wait out their grace."""
        viewer = self.viewers.pop(conn, None)
        if viewer is not None:
            self.comings_and_goings += 1
            self.out.append(ToOne(viewer.gateway, e.Dismissed(conn, close.value.code, reason)))
            for hold in self.match.seats.lose(conn, now):
                self.match.link(hold.number, is_connected=False)

    def expire(self, now: float) -> None:
        """Seats whose grace ran out are free again."""
        for hold in self.match.seats.expired(now):
            self.match.vacate(hold, "grace ran out")

    # ---- bots

    def _make_way(self, identity: str, now: float) -> None:
        """A bot gives its seat to a person: in a full room, and where people and bots are as many as bots fill up to.

        In a room that is full of people, a seat that nobody is at gives way, where its player was hardly ever there.
        """
        seats = self.match.seats
        bots = seats.bots()
        fill_to = self.plan.start.bots.fill_to if self.plan.start.bots else 0
        if bots and seats.taken >= min(fill_to, self.plan.seats):
            self.match.vacate(min(bots, key=lambda hold: hold.number), "made room")
        elif seats.taken >= seats.size:
            count("seats_yielded_total", room_type=self.plan.name)
            self.match.vacate(seats.yielding(identity, now)[0], "made room")

    def staff(self) -> None:
        """Bots fill up while somebody is here; with enough players the match begins."""
        match, seats = self.match, self.match.seats
        humans = seats.people
        if not humans or match.is_decided:
            return
        bots = self.plan.start.bots
        if match.crew and bots:
            while seats.taken < min(bots.fill_to, self.plan.seats):
                hold = seats.fill(match.crew.next_name())
                assert hold is not None  # noqa: S101 - fewer are taken than there are seats
                match.enter(hold, is_bot=True)
                match.crew.hire(hold)
        if match.status.phase == "waiting" and seats.taken >= self.plan.start.min_players:
            match.status.phase = "playing"

    # ---- what a viewer may see

    def change_sections(self, viewer: Viewer, sections: tuple[Section, ...]) -> None:
        """The viewer's audiences changed. The change is numbered, so that no frame is shown with the wrong ones."""
        viewer.sections = sections
        number = self.section_changes[viewer.gateway] = self.section_changes.get(viewer.gateway, 0) + 1
        wire = tuple((section.audience.value, section.of) for section in sections)
        self.out.append(ToOne(viewer.gateway, e.Sections(self.facts.incarnation, viewer.conn, wire, number)))

    def sections_of(self, viewer: Viewer) -> tuple[Section, ...]:
        """The viewer's sections now, public first."""
        schema = self.plan.schema
        if viewer.role == "spectator":
            if schema.sees_everything:
                return (SPECTATORS_SECTION,)
            has_own = schema.has_section(SPECTATORS) and SPECTATORS in viewer.audiences
            return (PUBLIC_SECTION, SPECTATORS_SECTION) if has_own else (PUBLIC_SECTION,)
        sections = {section for seat in viewer.seats for section in self.match.sections_of_seat(seat)}
        return tuple(sorted((s for s in sections if s.audience in viewer.audiences), key=_public_first))


def _public_first(section: Section) -> tuple[bool, Section]:
    return section != PUBLIC_SECTION, section
