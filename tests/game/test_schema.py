"""A game's classes as tables: who gets which field, and what an author is told about a mistake."""

import contextlib
from typing import Any, ClassVar

import msgspec
import pytest
from attrs import define
from hypothesis import given
from hypothesis import strategies as st

from game.contract import Game
from game.fields import NOBODY, PUBLIC, SEAT, SPECTATORS, TEAM, Audience, entities, flag, num
from game.schema import SchemaError, placed_in, schema_from_json, schema_of
from tests.game.strategies import Story, stories
from tests.vectors.sample import Sample


@pytest.mark.parametrize(
    ("field", "exists", "section"),
    [
        (PUBLIC, PUBLIC, PUBLIC),
        (PUBLIC, TEAM, TEAM),
        (PUBLIC, SEAT, SEAT),
        (TEAM, PUBLIC, TEAM),
        (SEAT, PUBLIC, SEAT),
        (SPECTATORS, PUBLIC, SPECTATORS),
        (SEAT, TEAM, SEAT),
        (TEAM, SEAT, SEAT),
        (TEAM, SPECTATORS, NOBODY),
        (SPECTATORS, SEAT, NOBODY),
        (NOBODY, PUBLIC, NOBODY),
        (PUBLIC, NOBODY, NOBODY),
    ],
)
def test_a_field_goes_to_the_narrower_of_two_audiences(field: Audience, exists: Audience, section: Audience):
    assert placed_in(field, exists) is section


@given(stories())
def test_no_field_stands_in_a_section_wider_than_its_audience(story: Story):
    for table in story.schema.tables:
        for wire in table.fields:
            assert wire.spec.audience is not NOBODY
            if table.section is PUBLIC:
                assert wire.spec.audience is PUBLIC
            if table.section is TEAM:
                assert wire.spec.audience in (PUBLIC, TEAM)
            if table.section is SPECTATORS and not story.sees_everything:
                assert wire.spec.audience in (PUBLIC, SPECTATORS)


@given(stories())
def test_a_schema_survives_the_wire(story: Story):
    data = msgspec.json.decode(msgspec.json.encode(story.schema.as_json()))
    again = schema_from_json(data)
    assert again.fingerprint == story.schema.fingerprint
    assert again.as_json() == story.schema.as_json()


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=8,
)


@given(json_values, st.lists(st.integers(0, 10), min_size=1, max_size=5))
def test_a_schema_with_anything_in_it_is_read_or_refused(value: Any, path: list[int]):
    data = msgspec.json.decode(msgspec.json.encode(schema_of(Sample).as_json()))
    at: Any = data
    for step in path[:-1]:
        inner = list(at.values())[step % len(at)] if isinstance(at, dict) else at[step % len(at)]
        if not isinstance(inner, dict | list) or not inner:
            break
        at = inner
    key = list(at)[path[-1] % len(at)] if isinstance(at, dict) else path[-1] % len(at)
    at[key] = value
    with contextlib.suppress(SchemaError):
        assert schema_from_json(data).tables is not None


def _game(world: type, inputs: tuple[type, ...] = ()) -> type[Game]:
    class Made(Game):
        World: ClassVar[type] = world

    Made.inputs = inputs
    return Made


class Plain:
    pass


@define
class HasKey:
    key: float = num(0, 1, step=0.1, audience=PUBLIC)


@define
class HasUnderscore:
    _x: bool = flag(audience=PUBLIC)


@define
class TeamScalar:
    x: bool = flag(audience=TEAM)


@define
class Secret:
    x: bool = flag(audience=SEAT)


@define
class NoOwner:
    things: dict[int, Secret] = entities(Secret, audience=PUBLIC)


@define
class WrongOwner:
    things: dict[int, Secret] = entities(Secret, audience=PUBLIC, owner="seat")


@define
class HiddenInput:
    x: bool = flag()
    y: int = 0


@define
class Empty:
    pass


@pytest.mark.parametrize(
    ("world", "inputs", "why"),
    [
        (Plain, (), "not an attrs class"),
        (HasKey, (), "HasKey.key: a wire field may not"),
        (HasUnderscore, (), "HasUnderscore._x: a wire field may not"),
        (TeamScalar, (), "the world has no owner"),
        (NoOwner, (), "needs owner="),
        (WrongOwner, (), "owner='seat' is no attribute of Secret"),
        (Empty, (HiddenInput,), "input HiddenInput.y is no wire field"),
        (Empty, (Plain,), "input Plain is not an attrs class"),
    ],
)
def test_a_mistake_is_named(world: type, inputs: tuple[type, ...], why: str):
    with pytest.raises(SchemaError, match=why):
        schema_of(_game(world, inputs))
