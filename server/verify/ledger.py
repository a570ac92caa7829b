"""What a run has reached: rules, faults, refusals and the rare events that a run must have seen to mean anything."""

from collections import Counter, defaultdict

from attrs import define, field

from server.verify import evidence
from server.verify import trace as tr
from server.verify.index import Index
from server.verify.promises import Violation
from server.verify.simloop import STARTS_AT_S
from server.verify.world import World


@define
class Ledger:
    """Sums over all programs of a run. ``pairs`` counts (rule, fault) that met in one program, ``tried`` what each promise
    was held against, ``applied`` the inputs that the rules were given, by their class.

    ``hostile`` counts what hostile clients really did, and where they hung up: see `server.verify.strangers`.
    """

    programs: int = 0
    steps: int = 0
    frames: int = 0
    inputs: int = 0
    virtual_s: float = 0.0
    programs_with_faults: int = 0
    rules: Counter[str] = field(factory=Counter)
    faults: Counter[str] = field(factory=Counter)
    refusals: Counter[str] = field(factory=Counter)
    sometimes: Counter[str] = field(factory=Counter)
    hostile: Counter[str] = field(factory=Counter)
    pairs: Counter[tuple[str, str]] = field(factory=Counter)
    tried: Counter[str] = field(factory=Counter)
    applied: Counter[str] = field(factory=Counter)
    broken: dict[str, Violation] = field(factory=dict)

    def add(self, other: "Ledger") -> None:
        """What another process has reached."""
        for name in ("programs", "steps", "frames", "inputs", "virtual_s", "programs_with_faults"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("rules", "faults", "refusals", "sometimes", "hostile", "pairs", "tried", "applied"):
            getattr(self, name).update(getattr(other, name))
        self.broken = other.broken | self.broken

    @property
    def delivered(self) -> int:
        """Frames that arrived and inputs that were answered; no pings, acks or chat."""
        return self.frames + self.inputs

    def note_program(self, world: World, rules: Counter[str], index: Index, found: list[Violation]) -> None:
        """A program came to its end."""
        self.tried += evidence.tried(index)
        self.applied += evidence.applied(index)
        happened = Counter(world.faults)
        for broker in world.brokers.values():
            happened.update(broker.happened)
        self.programs += 1
        self.steps += rules.total()
        self.frames += world.frames_delivered
        self.inputs += world.inputs_answered
        self.virtual_s += world.now - STARTS_AT_S
        self.programs_with_faults += bool(happened)
        self.rules += rules
        self.faults += happened
        self.pairs.update((rule, fault) for rule in rules for fault in happened)
        self._note_trace(world.trace)
        for violation in found:
            self.broken.setdefault(violation.promise, violation)

    def _note_trace(self, trace: tr.Trace) -> None:
        for event in trace.events:
            match event:
                case tr.GoodbyeIn():
                    self.refusals[f"goodbye {event.code}"] += 1
                case tr.Answered(reason=reason) if reason:
                    self.refusals[f"input {reason}"[:40]] += 1
                case tr.RefusedIn():
                    self.refusals[f"{event.what} {event.reason}"] += 1
                case tr.ResyncSent():
                    self.sometimes["a client asked for a resync"] += 1
                case tr.FrameIn(is_applied=False, kind="PATCH"):
                    self.sometimes["a patch did not fit"] += 1
                case tr.Welcomed(is_resumed=True):
                    self.sometimes["a client came back"] += 1
                case tr.Kicked():
                    self.sometimes["somebody was kicked"] += 1
                case tr.Ended():
                    self.sometimes["a match ended"] += 1
                case tr.Logged(event=name):
                    self.sometimes[f"log: {name}"] += 1
                case _:
                    pass

    def hostile_rows(self) -> list[tuple[str, int, int]]:
        """What hostile clients did, by kind: how many different things, and how many in all."""
        kinds: dict[str, list[int]] = defaultdict(list)
        for name, times in self.hostile.items():
            kinds[name.partition(": ")[0]].append(times)
        return [(kind, len(times), sum(times)) for kind, times in sorted(kinds.items())]

    def missing(self, rules: set[str], faults: set[str], sometimes: set[str]) -> list[str]:
        """What should have been reached and was not."""
        lacking = {f"rule {name}" for name in rules - set(self.rules)}
        lacking |= {f"fault {name}" for name in faults - set(self.faults)}
        lacking |= {f"never: {name}" for name in sometimes - set(self.sometimes)}
        return sorted(lacking)
