"""The inputs of one seat: taken once each and in order, answered once each, the answers kept until acknowledged."""

from collections import deque
from typing import Any

from attrs import define, field
from msgspec import Struct

from game.wire.frames import Answer, AnswerRows, Position, answer_rows
from game.wire.limits import EARLY_TICKS_MAX, INPUTS_KEPT, MARGIN_MAX

WAITING_MAX = INPUTS_KEPT  # all that a client may have unanswered: who comes back with them is never too much
UNACKED_ANSWERS_MAX = 512


class Pending(Struct, frozen=True):
    """An input that waits for its tick; ``body`` is None where it was refused on the way."""

    n: int
    for_tick: int
    body: Any
    reason: str
    arrived_tick: int


class Given(Struct, frozen=True):
    """An answer: applied at ``tick`` where ``reason`` is empty."""

    n: int
    tick: int
    reason: str
    margin: int


@define
class InputQueue:
    """One seat's inputs over all its generations; numbers grow and none is taken twice."""

    received_through: int = 0
    waiting: deque[Pending] = field(factory=deque)
    _answers: deque[tuple[Given, int | None]] = field(factory=deque)
    _rows: tuple[int, tuple[int, int], AnswerRows] | None = None

    def receive(self, pending: Pending) -> bool:
        """Takes an input unless it was taken before. False, and it is not taken, where the queue is full.

        Overflow: close. The room ends the connection; a resumed one sends again what was not taken.
        """
        if pending.n <= self.received_through:
            return True
        if len(self.waiting) >= WAITING_MAX:
            return False
        self.received_through = pending.n
        self.waiting.append(pending)
        return True

    def due(self, tick: int) -> list[Pending]:
        """The inputs of this tick: in order, and none overtakes one that is meant for later.

        None while too many answers are unacknowledged: an answer is kept until its receiver has it.
        """
        out: list[Pending] = []
        while self.waiting and len(self._answers) + len(out) < UNACKED_ANSWERS_MAX:
            head = self.waiting[0]
            if head.body is not None and tick < head.for_tick <= head.arrived_tick + EARLY_TICKS_MAX:
                break
            out.append(self.waiting.popleft())
        return out

    def answer(self, pending: Pending, tick: int, reason: str) -> None:
        """The one answer to an input."""
        margin = pending.for_tick - pending.arrived_tick - 1 if pending.for_tick else 0
        cut = max(-MARGIN_MAX, min(margin, MARGIN_MAX))  # a client whose clock is far off gets its answer all the same
        self._answers.append((Given(pending.n, tick, reason, cut), None))
        self._rows = None

    def rows(self, slot: int, generations: tuple[int, int], seq: int) -> AnswerRows:
        """What frame ``seq`` carries of them, for the connection that has this seat as its ``slot``, and for those
        that its holder had before: ``generations`` are the seat's first and last one with this holder.

        They repeat, so they are encoded anew only when one was added or acknowledged.
        """
        if self._rows is None or self._rows[:2] != (slot, generations):
            answers = [Answer(slot, g.n, g.tick, g.reason, g.margin) for g in self.to_send(seq)]
            self._rows = slot, generations, answer_rows(answers, generations)
        return self._rows[2]

    def to_send(self, seq: int) -> list[Given]:
        """All answers that no acknowledged frame has carried; those that are new are carried by frame ``seq``."""
        self._answers = deque((given, seq if first is None else first) for given, first in self._answers)
        return [given for given, _ in self._answers]

    @property
    def has_answers(self) -> bool:
        """Whether any answer is unacknowledged."""
        return bool(self._answers)

    def acknowledge(self, position: Position, epoch: int) -> None:
        """The client holds that frame: the answers that it carried need no repeating."""
        if position.epoch != epoch:
            return
        while self._answers and self._answers[0][1] is not None and self._answers[0][1] <= position.seq:
            self._answers.popleft()
            self._rows = None
