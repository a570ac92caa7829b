"""The link: exactly once and in order over a pipe that loses, repeats and reorders; it heals by itself or breaks by name."""

import random
from itertools import pairwise

from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from server.relay import link as link_module
from server.relay.link import BATCH_ITEMS_MAX, WINDOW_ITEMS_MAX, Batch, Link

STEP_S = 0.01


@define
class Pipe:
    """Two ends and the messages between them, in virtual time. Faults are drawn from one seed."""

    seed: int
    loss: float
    repeat: float
    delay_steps_max: int
    now: float = 0.0
    got: dict[str, list[int]] = field(factory=lambda: {"a": [], "b": []})
    ends: dict[str, Link] = field(init=False)
    _random: random.Random = field(init=False)
    _flying: list[tuple[float, int, str, Batch]] = field(factory=list)
    _sent: int = 0

    def __attrs_post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self.ends = {"a": Link("b", "b!", 0.0), "b": Link("a", "a!", 0.0)}

    def step(self) -> None:
        """10 ms: both ends send what they have, and what is due arrives."""
        self.now += STEP_S
        for name, other in (("a", "b"), ("b", "a")):
            for batch in self.ends[name].batches(self.now):
                self._send(other, batch)
        due = sorted(entry for entry in self._flying if entry[0] <= self.now)
        self._flying = [entry for entry in self._flying if entry[0] > self.now]
        for _, _, to, batch in due:
            self.got[to] += self.ends[to].receive(batch, "somewhere", self.now)

    def _send(self, to: str, batch: Batch) -> None:
        for _ in range(2 if self._random.random() < self.repeat else 1):
            if self._random.random() >= self.loss:
                self._sent += 1
                at = self.now + self._random.randint(0, self.delay_steps_max) * STEP_S
                self._flying.append((at, self._sent, to, batch))

    def heal(self) -> None:
        """No more faults."""
        self.loss = self.repeat = 0.0
        self.delay_steps_max = 0


@given(
    seed=st.integers(0, 2**32),
    loss=st.floats(0, 0.6),
    repeat=st.floats(0, 0.5),
    delay=st.integers(0, 20),
    bursts=st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 30), st.integers(0, 30)), max_size=20),
)
def test_every_item_arrives_once_and_in_order(seed, loss, repeat, delay, bursts):
    pipe = Pipe(seed, loss, repeat, delay)
    pushed: dict[str, list[int]] = {"a": [], "b": []}
    for name, size, steps in bursts:
        for _ in range(size):
            pushed[name].append(len(pushed[name]))
            pipe.ends[name].push(pushed[name][-1])
        for _ in range(steps):
            pipe.step()
    pipe.heal()
    for _ in range(500):
        pipe.step()
    assert pipe.got == {"a": pushed["b"], "b": pushed["a"]}
    assert not any(end.has_work or end.is_broken for end in pipe.ends.values())


def test_a_lost_batch_is_sent_again_though_new_items_keep_coming():
    a, b = Link("b", "b!", 0.0), Link("a", "a!", 0.0)
    a.push(0)
    a.batches(0.0)  # lost
    got: list[int] = []
    for step in range(1, 100):
        a.push(step)
        for batch in a.batches(step * STEP_S):
            got += b.receive(batch, "a!", step * STEP_S)
    assert got[:90] == list(range(90))


def test_an_ack_is_sent_even_where_there_is_nothing_else_to_say():
    a, b = Link("b", "b!", 0.0), Link("a", "a!", 0.0)
    a.push("x")
    (batch,) = a.batches(0.0)
    assert b.receive(batch, "a!", 0.0) == ["x"]
    assert b.batches(0.0) == [], "it waits for something to travel with, for a while"
    (ack,) = b.batches(link_module.ACK_AFTER_S)
    assert ack.items == [] and ack.ack == 1
    a.receive(ack, "b!", 0.0)
    assert a.batches(10.0) == [] and b.batches(10.0) == []


def test_patience_grows_while_the_other_side_is_silent_and_starts_anew_when_it_answers():
    a, b = Link("b", "b!", 0.0), Link("a", "a!", 0.0)
    a.push("x")
    times = [step * STEP_S for step in range(1, 2000) if a.batches(step * STEP_S)]
    gaps = [round(after - before, 2) for before, after in pairwise(times)]
    assert gaps[0] < gaps[1] < gaps[2] and max(gaps) <= link_module.RESEND_AFTER_MAX_S + STEP_S
    for batch in a.batches(100.0):
        b.receive(batch, "a!", 100.0)
    for batch in b.batches(100.15):
        a.receive(batch, "b!", 100.15)
    a.push("y")
    a.batches(100.2)
    assert a.batches(100.2 + link_module.RESEND_AFTER_S)


def test_a_full_window_breaks_the_link_for_good():
    link = Link("b", "b!", 0.0)
    for n in range(WINDOW_ITEMS_MAX):
        link.push(n)
    was_broken = link.is_broken
    link.push("one more")
    assert (was_broken, link.is_broken) == (False, True)
    link.push("later")
    assert link.batches(0.0) == [] and not link.has_work


def test_batches_are_bounded():
    link = Link("b", "b!", 0.0)
    for n in range(BATCH_ITEMS_MAX * 2 + 1):
        link.push(n)
    assert [(batch.first, len(batch.items)) for batch in link.batches(0.0)] == [
        (1, BATCH_ITEMS_MAX), (1 + BATCH_ITEMS_MAX, BATCH_ITEMS_MAX), (1 + 2 * BATCH_ITEMS_MAX, 1),
    ]  # fmt: skip


def test_a_batch_behind_a_hole_waits_for_the_one_before():
    a, b = Link("b", "b!", 0.0), Link("a", "a!", 0.0)
    a.push(1)
    (first,) = a.batches(0.0)
    a.push(2)
    (second,) = a.batches(0.0)
    assert b.receive(second, "a!", 0.0) == []
    assert b.receive(first, "a!", 0.0) == [1]
    assert b.receive(first, "a!", 0.0) == []
    assert b.receive(second, "a!", 0.0) == [2]


def test_what_is_heard_last_says_where_to_answer():
    link = Link("b", "old!", 0.0)
    link.receive(Batch(0, [], 0), "new!", 7.0)
    assert (link.channel, link.heard_at) == ("new!", 7.0)
