"""What people choose at quick play: read by the game's own Options, in the routing compiler's words."""

import enum
from typing import Any, Literal

import pytest
from attrs import define, evolve, field, validators

from server.routing.choices import Choice, choices_of, chosen_of, read_wish, with_wish
from server.routing.options import OptionFault
from server.routing.plan import RoomPlan
from server.routing.spec import MatchmakingSpec, Prefer
from tests.server.rooms.plans import plan_of


class Speed(enum.Enum):
    SLOW = "slow"
    FAST = "fast"


@define
class Options:
    mode: Literal["ffa", "teams"] = field(default="teams", validator=validators.in_(("ffa", "teams")))
    rounds: int = field(default=3, validator=validators.le(9))
    speed: Speed = Speed.SLOW
    is_ranked: bool = False
    secret: str = "s"


def room(*by: str, **options: Any) -> RoomPlan:
    return evolve(
        plan_of().rooms["parlour"], options=Options(**options), matchmaking=MatchmakingSpec(by, Prefer.FULLEST)
    )


def test_choices_have_the_room_types_own_values_as_defaults_and_list_what_can_be_listed():
    assert choices_of(room("mode", "rounds", "speed", "is_ranked", mode="ffa")) == (
        Choice("mode", "ffa", ("ffa", "teams")),
        Choice("rounds", 3, None),
        Choice("speed", "slow", ("slow", "fast")),
        Choice("is_ranked", False, (False, True)),
    )
    assert choices_of(room()) == ()
    assert chosen_of(room("rounds", rounds=5)) == {"rounds": 5}


def test_a_wish_fills_in_the_rest_and_opens_a_room_with_it():
    plan = room("mode", "rounds")
    assert read_wish(plan, {}) == {"mode": "teams", "rounds": 3}
    assert read_wish(plan, {"mode": "ffa"}) == {"mode": "ffa", "rounds": 3}
    made = with_wish(plan, {"mode": "ffa"})
    assert isinstance(made, RoomPlan)
    assert made.options == Options(mode="ffa")
    assert made.fingerprint == plan.fingerprint
    enumerated = with_wish(room("speed"), {"speed": "fast"})
    assert isinstance(enumerated, RoomPlan) and enumerated.options.speed is Speed.FAST


@pytest.mark.parametrize(
    ("wish", "path", "expected", "hint"),
    [
        ({"mod": "ffa"}, ("mod",), "one of mode, rounds", "did you mean mode?"),
        ({"secret": "x"}, ("secret",), "one of mode, rounds", ""),
        ({"rounds": "3"}, ("rounds",), "a whole number", ""),
        ({"rounds": True}, ("rounds",), "a whole number", ""),
        ({"rounds": 99}, ("rounds",), "a value that the game takes", None),
        ({"mode": "solo"}, ("mode",), None, None),
        ([], (), "an object with one of mode, rounds", ""),
        (None, (), "an object with one of mode, rounds", ""),
    ],
)
def test_every_mistake_is_named_as_in_the_routing_file(
    wish: object, path: tuple[str, ...], expected: str | None, hint: str | None
):
    found = read_wish(room("mode", "rounds"), wish)
    assert isinstance(found, list)
    fault = found[0]
    assert isinstance(fault, OptionFault)
    assert fault.path == path
    assert expected is None or fault.expected == expected
    assert hint is None or fault.hint == hint


def test_nothing_is_chosen_where_the_routing_file_names_nothing():
    found = read_wish(room(), {"mode": "ffa"})
    assert isinstance(found, list) and "nothing is chosen" in found[0].expected
