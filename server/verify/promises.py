"""O1 to O25: each promise of DESIGN §10 as a predicate over a trace, in one table. The comparisons of runs are in `two_runs` and `isolation`."""

from collections.abc import Callable, Iterator
from itertools import islice

from attrs import frozen

from server.verify import of_frames, of_inputs, of_people
from server.verify.index import Index
from server.verify.trace import Trace

Check = Callable[[Index], Iterator[tuple[float, str]]]
EACH_MAX = 20


@frozen
class Violation:
    """A promise that was broken: when, and how."""

    promise: str
    t: float
    text: str

    def __str__(self) -> str:
        return f"{self.promise} at {self.t:.3f} s: {self.text}"


@frozen
class Promise:
    """One promise. ``check`` is None where only the comparison of two runs tells."""

    id: str
    title: str
    check: Check | None


TABLE = (
    Promise("O1", "inputs of one seat apply in the order sent", of_inputs.in_order),
    Promise("O2", "each exactly once, each answered", of_inputs.exactly_once),
    Promise("O3", "one total order per room, with the same content", of_frames.one_total_order),
    Promise("O4", "ticks, positions and acks never go back", of_frames.monotonic),
    Promise("O5", "a gap is a resync, never a silent hole", of_frames.gap_is_resync),
    Promise("O6", "the viewer's state equals the server's view", of_frames.converges),
    Promise("O7", "keyframes are cut at tick boundaries only", of_frames.keyframes_at_ticks),
    Promise("O8", "no effect before its cause", of_inputs.causal),
    Promise("O9", "the frame that acks an input shows its effect", of_inputs.read_your_writes),
    Promise("O10", "welcome, then a KEY with everything before it", of_frames.welcome_then_key),
    Promise("O11", "nothing of the room after leave or kick", of_people.nothing_after_leave),
    Promise("O12", "reconnect continues the same prefix", of_frames.same_prefix),
    Promise("O13", "a viewer's bytes depend on its own views only", of_frames.only_own_sections),
    Promise("O14", "a delayed spectator holds nothing younger than the delay", of_frames.delayed_enough),
    Promise("O15", "nobody starves", of_frames.no_starvation),
    Promise("O16", "every queue is bounded", of_frames.bounded),
    Promise("O17", "one writer per room", of_frames.one_writer),
    Promise("O18", "replay is live, tick for tick", of_inputs.replays),
    Promise("O19", "one seat, one connection", of_people.one_seat_one_connection),
    Promise("O20", "frames reach members only; clients choose no names", of_people.isolated),
    Promise("O21", "a result is written once", of_inputs.one_result),
    Promise("O22", "wall-clock steps change nothing", None),
    Promise("O23", "no silent drop", of_inputs.no_silent_drop),
    Promise("O24", "chat has one order; a notice comes once", of_people.one_chat),
    Promise("O25", "what is refused of one connection changes nothing for another", None),
)


def faults_of(trace: Trace) -> list[Violation]:
    """O23's part that any run can show, whatever is compared: faults that were caught and logged, at most EACH_MAX."""
    return [Violation("O23", t, text) for t, text in islice(of_inputs.contained(trace), EACH_MAX)]


def violations(trace: Trace) -> list[Violation]:
    """Every promise that this trace breaks, with at most EACH_MAX places each."""
    return broken_in(Index(trace))


def broken_in(index: Index) -> list[Violation]:
    """The same, of a trace that was indexed already."""
    found: list[Violation] = []
    for promise in TABLE:
        for n, (t, text) in enumerate(promise.check(index) if promise.check else ()):
            if n >= EACH_MAX:
                break
            found.append(Violation(promise.id, t, text))
    return found
