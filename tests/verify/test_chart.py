"""A trace is drawn so that a person can read it, and so that Mermaid can."""

import re

from server.verify import trace as tr
from server.verify.chart import LINES_MAX, mermaid
from server.verify.promises import Violation
from tests.verify.calm import Act
from tests.verify.stories import begun, newcomer

ARROW = re.compile(r"    \w+(->>|-x)\w+: \d+\.\d{3} \S.*")
OTHER = re.compile(r"    (participant \w+ as .+|Note over \w+(,\w+)?: .+)")


def played() -> tr.Trace:
    """Two people; one of them is cut off and comes back."""
    with begun(3) as world:
        first, _ = newcomer(world), newcomer(world)
        world.advance(1.0)
        for n in range(12):
            world.do(lambda n=n: first.send(Act("score", n)))  # type: ignore[misc]  # bound now
            world.advance(0.1)
        world.do(lambda: first.say("hello; <there> #1"))
        world.note_fault("socket_cut", first.name)
        socket = first.socket
        assert socket is not None
        world.do(lambda: socket.cut("network"))
        world.advance(3.0)
    return world.trace


def test_a_chart_tells_the_story_in_lines_that_mermaid_takes():
    text = mermaid(played())
    head, *lines = text.splitlines()
    assert head == "sequenceDiagram"
    assert [line for line in lines if not ARROW.fullmatch(line) and not OTHER.fullmatch(line)] == []
    for said in ("opens", "welcome, seats", "KEY 1/", "hello, ‹there› no. 1", "socket cut c1", "wants its seats back"):
        assert said in text, said
    assert len(lines) <= LINES_MAX + 8
    assert re.search(r"PATCH .* … PATCH .*: \d+ until", text), "frames as expected are gathered"


def test_a_chart_ends_at_the_violation_and_shows_whom_it_concerns():
    trace = played()
    opened = [event for event in trace.of(tr.Opened) if event.client == "c2"]
    t = opened[0].t + 0.5
    text = mermaid(trace, [Violation("O4", t, "c2: 1/3 after 1/5")])
    assert "BROKEN O4" in text.splitlines()[-1]
    assert "participant c2" in text and "participant c1" not in text
    assert all(float(match) <= t for match in re.findall(r": (\d+\.\d{3}) ", text.replace("BROKEN O4 at", "")))
