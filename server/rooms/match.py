"""The rules of one room at work: its world, who plays, their inputs and the answers. Sans I/O; the room calls it.

Whatever raises here is the author's fault, and the holder ends the room for it.
"""

import math
from collections.abc import Iterable
from typing import Any

from attrs import define, field

from game.contract import Event, Game, Result, Seat
from game.fields import SEAT, TEAM
from game.replay import Recorder
from game.rng import Rng
from game.schema import NO_TEAM, RoomRow, SeatRow
from game.tracker import PUBLIC_SECTION, Section
from server.ops.metrics import count
from server.rooms.author_calls import author_calls
from server.rooms.bots import BotCrew
from server.rooms.inputs import InputQueue, Pending
from server.rooms.seats import Hold, SeatTable
from server.routing.plan import RoomPlan

REASON_MAX = 100


@define(eq=False)
class Match:
    """``status`` stands in the `_room` table, the roster in `_seats`; both travel like the world.

    ``is_decided``: there is a result, and no further step; the phase says so once the result is written down.
    ``is_open``: the rules want newcomers, as of their last look. ``answered`` are the seats with an answer that waits for its first frame; whoever cuts that frame empties it. ``unsettled``
    are those that may have unacknowledged ones, ``_pending`` those that may have inputs which wait.
    """

    plan: RoomPlan
    seed: int
    tick: int = 0
    game: Game = field(init=False)
    world: Any = field(init=False)
    rng: Rng = field(init=False)
    recorder: Recorder = field(init=False)
    seats: SeatTable = field(init=False)
    crew: BotCrew | None = field(init=False)
    status: RoomRow = field(factory=RoomRow)
    roster: dict[int, SeatRow] = field(factory=dict)
    inputs: dict[int, InputQueue] = field(factory=dict)
    events: list[Event] = field(factory=list)
    team_changes: int = 0
    answered: set[int] = field(factory=set)
    unsettled: set[int] = field(factory=set)
    is_decided: bool = False
    is_open: bool = True
    _pending: set[int] = field(factory=set)

    def __attrs_post_init__(self) -> None:
        plan = self.plan
        self.rng = Rng.from_seed(self.seed)
        with author_calls:
            self.game = plan.game_class(plan.tick_hz, plan.seats, plan.teams)
            self.world = self.game.setup(plan.options, self.rng)
        self.recorder = Recorder.of(self.game, self.seed, plan.options)
        self.seats = SeatTable(plan.seats, plan.reconnect_grace_s)
        bots = plan.start.bots
        self.crew = BotCrew(bots.policy, plan.schema, self.seed, self.sections_of_seat) if bots else None

    # ---- who plays

    def enter(self, hold: Hold, *, is_bot: bool) -> None:
        """A reserved seat comes into the game; ``is_bot`` says what plays it, here or at the end of a socket."""
        self.inputs[hold.number] = InputQueue()
        with author_calls:
            team = self._smallest_team()
            seat = Seat(hold.number, hold.name, team, is_bot)
            self.game.join(self.world, seat, self.rng)
        self.recorder.joined(seat)
        shown = NO_TEAM if team is None else team
        self.roster[hold.number] = SeatRow(hold.number, hold.name, shown, is_bot, is_connected=True)

    def link(self, seat: int, *, is_connected: bool) -> None:
        """A seat's connection was lost or came back.

        To a new one nothing was told yet, and the answers that its gateway keeps name older generations only. Those that no
        frame repeats any more are told in the next one, not only with a KEY: a room at rest cuts none.
        """
        if is_connected:
            self.answered.add(seat)
        if self.roster[seat].is_connected != is_connected:
            self.roster[seat].is_connected = is_connected
            with author_calls:
                self.game.connected(self.world, seat, is_connected)
            self.recorder.linked(seat, is_connected)

    def vacate(self, hold: Hold, reason: str) -> None:
        """A seat is given up for good."""
        number = hold.number
        if self.crew and hold.is_bot:
            self.crew.dismiss(number)
        self.seats.release(hold)
        self.inputs.pop(number, None)
        self._pending.discard(number)
        self.unsettled.discard(number)
        self.answered.discard(number)
        self.roster.pop(number, None)
        with author_calls:
            self.game.leave(self.world, number, reason)
        self.recorder.left(number, reason)

    def update_teams(self) -> None:
        """The roster shows the teams as the rules have them now; ``team_changes`` counts how often one differed."""
        if self.plan.game_class.team_of is Game.team_of:
            return  # nobody ever has one
        for number, row in self.roster.items():
            with author_calls:
                team = self.game.team_of(self.world, number)
            shown = NO_TEAM if team is None else team
            if shown != row.team:
                row.team = shown
                self.team_changes += 1

    def _smallest_team(self) -> int | None:
        if not self.plan.teams:
            return None
        sizes = [0] * len(self.plan.teams)
        for number in self.roster:
            team = self.game.team_of(self.world, number)
            if team is not None:
                sizes[team] += 1
        return sizes.index(min(sizes))

    # ---- time

    @property
    def is_playing(self) -> bool:
        """Whether the rules take steps."""
        return self.status.phase == "playing" and not self.is_decided

    def step(self, tick_no: int) -> Result | None:
        """One fixed step with the inputs of this tick; the result where it ended the match."""
        with author_calls:
            applied = [*self._take_inputs(tick_no), *self._bot_inputs()]
            self.tick += 1
            self.events += self.game.step(self.world, applied, self.tick, self.rng)
            self.recorder.tick(self.tick, inputs=applied)
            return recordable(self.game.result(self.world))

    def look_for_newcomers(self) -> None:
        """Asks the rules anew whether newcomers are wanted."""
        with author_calls:
            self.is_open = not self.is_decided and self.game.accepts_newcomers(self.world)

    def receive(self, seat: int, pending: Pending) -> bool:
        """Takes an input for the next tick; False, and it is not taken, where the seat's queue is full."""
        queue = self.inputs[seat]
        self._pending.add(seat)
        return queue.receive(pending)

    def answer_unplayed(self, tick_no: int) -> None:
        """While nothing is played, inputs are answered all the same."""
        reason = "match ended" if self.is_decided else f"match {self.status.phase}"
        for seat, queue in self.inputs.items():
            for pending in queue.due(tick_no):
                self._answer(seat, pending, tick_no, pending.reason or reason)

    def _answer(self, seat: int, pending: Pending, tick_no: int, reason: str) -> None:
        self.answered.add(seat)
        self.unsettled.add(seat)
        self.inputs[seat].answer(pending, tick_no, reason)
        count("inputs_total", outcome="refused" if reason else "applied")

    def _take_inputs(self, tick_no: int) -> Iterable[tuple[int, Any]]:
        for seat in sorted(self._pending):
            queue = self.inputs[seat]
            for pending in queue.due(tick_no):
                reason = pending.reason or self._refusal(seat, pending.body)
                self._answer(seat, pending, tick_no, reason)
                if not reason:
                    yield seat, pending.body
            if not queue.waiting:
                self._pending.discard(seat)

    def _bot_inputs(self) -> Iterable[tuple[int, Any]]:
        if self.crew is None:
            return []
        return [(seat, body) for seat, body in self.crew.act(self.tick, self.seats) if not self._refusal(seat, body)]

    def _refusal(self, seat: int, body: Any) -> str:
        refusal = self.game.validate(self.world, seat, body)
        return (refusal.reason or "illegal")[:REASON_MAX] if refusal is not None else ""

    # ---- what there is to see

    def sources(self) -> dict[str, Any]:
        """The tracker's sources: the room's own tables and the world's collections."""
        sources: dict[str, Any] = {"_room": self.status, "_seats": self.roster, "world": self.world}
        for collection in self.plan.schema.collections:
            if collection.name not in sources:
                sources[collection.name] = getattr(self.world, collection.name)
        return sources

    def sections_of_seat(self, seat: int) -> tuple[Section, ...]:
        """What a seat may see now."""
        schema = self.plan.schema
        sections = [PUBLIC_SECTION]
        with author_calls:
            team = self.game.team_of(self.world, seat)
        if team is not None and schema.has_section(TEAM):
            sections.append(Section(TEAM, team))
        if schema.has_section(SEAT):
            sections.append(Section(SEAT, seat))
        return tuple(sections)


def recordable(result: Result | None) -> Result | None:
    """The rules' result as it is, where the database can keep it: one that it cannot would be tried again for ever.

    Raises:
        ValueError: a winner that is neither a seat nor a name, a score that is no finite number, or whose key is no seat.
    """
    if result is None:
        return None
    winners: Iterable[object] = result.winners  # whatever an author made of it
    scores: Iterable[tuple[object, object]] = result.scores.items()
    for winner in winners:
        if not isinstance(winner, int) and not (isinstance(winner, str) and winner.isprintable()):
            raise ValueError(f"result(): expected winners that are seats or names of teams, got {winner!r}")
    for seat, score in scores:
        if not isinstance(seat, int) or not isinstance(score, int | float) or not math.isfinite(score):
            raise ValueError(f"result(): expected a finite score by seat, got {score!r} for {seat!r}")
    return result
