"""Inputs from the schema alone: blanks, checks, and random ones that always fit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.python.errors import BadInputError
from clients.python.inputs import build, random_input
from game.codec import quantize_all
from game.rng import Rng
from game.schema import schema_from_json, schema_of
from tests.clients.python.dots import DotsGame, Move

OWN = schema_of(DotsGame)
SENT = schema_from_json(OWN.as_json())


@pytest.mark.parametrize("schema", [OWN, SENT], ids=["classes", "schema only"])
def test_fields_that_are_not_given_are_blank(schema):
    made = build(schema, "Move", {"x": 3})
    assert type(made).__name__ == "Move"
    assert (made.x, made.y, made.is_fast, made.colour, made.label) == (3, 0, False, "red", "")


def test_with_the_games_classes_it_is_their_instance():
    assert build(OWN, "Move", {"x": 3.5, "colour": "green"}) == Move(3.5, 0, colour="green")


@pytest.mark.parametrize(
    ("name", "fields", "told"),
    [
        ("Jump", {}, "expected an input of Move, got 'Jump'"),
        ("Move", {"z": 1}, r"unknown fields \['z'\]"),
        ("Move", {"x": "far"}, "x: expected a number, got str"),
        ("Move", {"x": 101}, "expected -100.0 … 100.0, got 101"),
        ("Move", {"x": float("nan")}, "got nan"),
        ("Move", {"is_fast": 1}, "expected true or false"),
        ("Move", {"colour": "blue"}, "expected one of"),
    ],
)
def test_what_does_not_fit_is_told(name, fields, told):
    with pytest.raises(BadInputError, match=told):
        build(SENT, name, fields)


@given(st.integers(0, 2**32))
def test_random_inputs_fit_their_schema(seed):
    made = random_input(SENT, Rng.from_seed(seed))
    values = quantize_all(SENT.inputs[0], made)
    numbers = [v for v in values if isinstance(v, int)]
    assert all(v <= wire.spec.steps for wire, v in zip(SENT.inputs[0].fields, numbers, strict=False))
