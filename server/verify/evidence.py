"""What a trace shows of each promise: a promise of which it shows nothing was not tried by it. Floors for a whole run.

`tried` counts, promise by promise, the events that its predicate is about. Promises that take two runs are counted by the campaign.
"""

from collections import Counter

from attrs import frozen

from game.contract import Game
from server.routing.plan import Plan
from server.verify import trace as tr
from server.verify.index import DELAYED, Index

PROGRAMS_MIN = 10
INPUTS_APPLIED_MIN = 100
PROGRAMS_WITH_FAULTS_MIN = 3

_OF_FRAMES = ("O3", "O4", "O6", "O15", "O16", "O20")


def tried(index: Index) -> Counter[str]:
    """How many events of a trace each promise was held against."""
    found: Counter[str] = Counter()
    for event in index.trace.events:
        match event:
            case tr.FrameIn(is_applied=True):
                found.update(_OF_FRAMES)
                found["O5"] += event.kind == "PATCH"
                found["O7"] += event.kind == "KEY"
                found["O14"] += index.stream_of(event.socket) == DELAYED
            case tr.Answered():
                found.update(("O2", "O8"))
                found.update(("O1", "O9") if not event.reason else ())
            case tr.Welcomed():
                found["O10"] += 1
                found.update(("O12", "O19") if event.is_resumed else ())
            case tr.LeaveSent() | tr.Kicked():
                found["O11"] += 1
            case tr.Commit():
                found["O17"] += 1
            case tr.Replayed():
                found["O18"] += 1
            case tr.Ended():
                found["O21"] += 1
            case tr.InputSent() | tr.Said() | tr.Closed():
                found["O23"] += 1
            case tr.ChatIn() | tr.NoticeIn():
                found["O24"] += 1
            case _:
                pass
    return found


def applied(index: Index) -> Counter[str]:
    """How many inputs of each class the rules were given."""
    return Counter(name for event in index.trace.of(tr.Stepped) for _, name, _ in event.inputs)


def does_not_apply(plan: Plan, room: str) -> dict[str, str]:
    """Promises about what this room type does not have, with the reason."""
    found = {}
    spectators = plan.rooms[room].spectators
    if spectators is None or not spectators.delay_s:
        found["O14"] = "no delayed spectators"
    if plan.rooms[room].game_class.result is Game.result:
        found["O21"] = "the rules end no match"
    return found


@frozen
class Floor:
    """The least work that a run must have done to mean anything."""

    name: str
    found: int
    least: int

    def __str__(self) -> str:
        return f"{self.name}: {self.found}, expected at least {self.least}"


def missed_floors(plan: Plan, room: str, programs: int, with_faults: int, inputs: Counter[str]) -> list[Floor]:
    """The floors that the programs of a room type stayed below."""
    takes_inputs = any(route.room.name == room and "input" in route.accepts for route in plan.routes)
    floors = [
        Floor("programs", programs, PROGRAMS_MIN),
        Floor("programs with faults", with_faults, PROGRAMS_WITH_FAULTS_MIN),
        *([Floor("inputs applied", inputs.total(), INPUTS_APPLIED_MIN)] if takes_inputs else []),
    ]
    return [floor for floor in floors if floor.found < floor.least]
