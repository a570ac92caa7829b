"""Plans that the verification runs on: a room with every audience, one with a delay and bots."""

import tempfile
from functools import cache
from pathlib import Path

from server.routing.plan import Deployment, Plan, load_plan
from server.verify.programs import Subject
from tests.server.rooms.plans import TEXT


@cache
def calm(*, delay: str = "0s", sees: str = "public", bots: int = 0) -> Subject:
    """A calm room of 20 Hz."""
    crew = f", bots: {{policy: 'tests.verify.calm:Usher', fill_to: {bots}}}" if bots else ""
    filled = TEXT.format(
        seats=12, teams="[red, blue]", delay=delay, sees=sees, grace="2s", history=20, min_players=1, bots=crew,
        tick_hz=20, send_hz=20,
    ).replace("tests.server.rooms.parlour:Parlour", "tests.verify.calm:Calm")  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "routing.yaml"
        path.write_text(filled, encoding="utf-8")
        plan = load_plan(path, Deployment())
    assert isinstance(plan, Plan), plan
    return Subject(plan, "parlour")
