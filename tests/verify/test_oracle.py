"""O6's second opinion: it agrees with what a client shows, and tells apart every value that this client may see, and no other."""

import pytest

from server.verify import oracle
from tests.verify.stories import begun, newcomer


@pytest.mark.parametrize(
    ("whose", "field", "value", "is_seen"),
    [
        ("own", "score", 7, True),
        ("own", "hand", "an ace", True),
        ("own", "secret", "hush", False),
        ("other", "score", 7, True),
        ("other", "hand", "an ace", False),
    ],
)
def test_the_digest_tells_apart_what_the_viewer_may_see(whose: str, field: str, value: object, is_seen: bool):
    with begun(3) as world:
        ann, bob = newcomer(world), newcomer(world)
        world.advance(1.0)
        (held,) = world.loops[0].holder.rooms.values()
        match, schema = held.room.match, held.room.plan.schema
        assert ann.machine.view is not None and bob.machine.welcome is not None
        own, other = ann.machine.view.seat, bob.machine.welcome.seats[0].seat
        assert own is not None
        sections = tuple(sorted(ann.machine.view.sections))
        before = oracle.due_to(schema, match.sources(), sections)
        assert before == oracle.shown_in(ann.machine.view)
        setattr(match.world.guests[own if whose == "own" else other], field, value)
        assert (oracle.due_to(schema, match.sources(), sections) != before) is is_seen
