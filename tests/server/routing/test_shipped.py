"""The shipped routing.yaml: a plan without warnings, a play, bot and watch route for every room."""

from pathlib import Path

from server.routing.plan import Deployment, Plan, load_plan
from server.routing.spec import Role

SHIPPED = Path(__file__).parents[3] / "routing.yaml"


def shipped(layer: str = "memory://") -> Plan:
    plan = load_plan(SHIPPED, Deployment(layer))
    assert isinstance(plan, Plan), str(plan)
    return plan


def test_it_has_no_problems_and_no_warnings() -> None:
    assert shipped().warnings == ()


def test_every_layer_carries_it() -> None:
    for layer in ("redis://localhost:6379/0", "redis+core://localhost:6379/0", "somebody.layers.Own {}"):
        shipped(layer)


def test_each_room_is_played_by_people_and_bots_and_watched() -> None:
    plan = shipped()
    for room in plan.rooms.values():
        assert {route.role for route in plan.routes if route.room is room} == set(Role)


def test_the_editor_finds_the_schema_that_the_first_line_names() -> None:
    first = SHIPPED.read_text(encoding="utf-8").split("\n", 1)[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert (SHIPPED.parent / first.partition("$schema=")[2]).is_file()
