"""Whatever is lost, doubled or reordered: a client never shows a wrong state, and shows the newest once faults have ceased."""

from random import Random

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.game.strategies import SEATS, Story, stories
from tests.game.wire.pipes import FRAME_S, Faults, Pair, Room

rates = st.sampled_from((0.0, 0.05, 0.3, 0.7))


@settings(max_examples=60)
@given(
    stories(),
    st.builds(Faults, rates, rates, rates),
    st.sampled_from((0.0, 0.1, 0.5)),
    st.booleans(),
    st.sampled_from((None, *SEATS)),
    st.integers(0, 2**32),
)
def test_views_converge(story: Story, faults: Faults, holes: float, is_binary: bool, seat: int | None, seed: int):
    random = Random(seed)
    room = Room(story)
    room.cut()
    pair = Pair(room, seat, random, faults, is_binary)
    for _ in range(random.randint(5, 60)):
        story.change()
        room.cut(is_lost=random.random() < holes)
        pair.turn()
        if random.random() < 0.1:
            pair.idle_head()
    pair.up.faults = pair.down.faults = Faults()
    for _ in range(round(20 / FRAME_S)):
        if pair.has_caught_up() and pair.client.head.seq == story.tracker.seq:
            break
        if random.random() < 0.3:
            room.cut()
        pair.turn()
        pair.idle_head()
    assert pair.session.close is None
    assert pair.has_caught_up()
    assert pair.applied > 0


@settings(max_examples=25)
@given(stories(), st.integers(0, 2**32))
@example(Story(Random(3)), 1)
def test_in_health_every_frame_is_shown_and_nothing_is_asked_for(story: Story, seed: int):
    room = Room(story)
    room.cut()
    pairs = [Pair(room, seat, Random(seed), Faults()) for seat in (None, *SEATS)]
    for _ in range(40):
        for pair in pairs:
            pair.turn()
        story.change()
        room.cut()
    for pair in pairs:
        assert pair.applied == 40
        assert pair.client.gaps == pair.client.resyncs == 0
        assert pair.session.frames_skipped == 0
