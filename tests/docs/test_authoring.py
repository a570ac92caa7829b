"""The authoring page keeps its word: its game, its routing file and its bot play as they stand there."""

import importlib
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from game.contract import Seat
from game.fields import SEAT
from game.rng import Rng
from game.schema import RoomRow, schema_of
from game.tracker import PUBLIC_SECTION, Section, Tracker
from game.view import View
from server.relay import envelope as e
from server.rooms.outgoing import FrameOut, MatchOver, ToOne
from server.rooms.room import Room
from server.rooms.viewers import RoomFacts
from server.routing.plan import Deployment, Plan, load_plan
from tests.support.processes import ROOT

PAGE = (ROOT / "docs" / "games" / "authoring.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    package = tmp_path / "tagroom"
    package.mkdir()
    rules, bot = blocks("python")
    (package / "__init__.py").write_text(rules)
    (package / "bots.py").write_text(bot)
    (spec,) = blocks("yaml")
    path = tmp_path / "tag.yaml"
    path.write_text(
        spec.replace("    chat: {}\n", "    start: {bots: {policy: tagroom.bots:Coward, fill_to: 4}}\n    chat: {}\n")
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.partition(".")[0] == "tagroom"]:
        monkeypatch.delitem(sys.modules, name)
    importlib.invalidate_caches()
    planned = load_plan(path, Deployment())
    assert isinstance(planned, Plan), str(planned)
    return planned


def test_the_game_of_the_page_plays_to_its_end_with_its_bots(plan: Plan) -> None:
    facts = RoomFacts(
        "inc0000000000", "TAG", 7, 1, datetime.now(UTC), "loop", lambda: "c", lambda v: "t", lambda t: None
    )
    room = Room(plan.rooms["tag"], facts, 0.0)
    room.receive("gateway", e.Join("inc0000000000", "c1", "g1", "Ann", "player", ("public", "seat"), 1, None))
    told: list[object] = []
    for tick in range(1, 70 * 20):
        room.tick(tick / 20)
        told += room.drain()
        if room.over_at is not None:
            break
    assert [out.item.seats[0].seat for out in told if isinstance(out, ToOne) and isinstance(out.item, e.Joined)] == [0]
    assert len(room.match.roster) == 4
    assert sum(isinstance(out, FrameOut) for out in told) > 500
    assert [out.result.summary for out in told if isinstance(out, MatchOver)] == ["3 got away"]


def test_the_page_s_secrets_stay_where_it_says(plan: Plan) -> None:
    game_class = plan.rooms["tag"].game_class
    game, rng = game_class(20, 8), Rng.from_seed(1)
    schema = schema_of(game_class)
    assert "secret_weakness" not in str(schema.as_json())
    world = game.setup(None, rng)
    game.join(world, Seat(0, "Ann"), rng)
    tracker = Tracker(schema)
    tracker.advance({"_room": RoomRow(), "_seats": {}, "world": world, "runners": world.runners})
    view = View(schema, 0)
    view.apply(PUBLIC_SECTION, tracker.key(PUBLIC_SECTION))
    assert "breath" not in vars(view.mine("runners")[0])
    own = Section(SEAT, 0)
    view.apply(own, tracker.key(own))
    assert view.mine("runners")[0].breath == 100
