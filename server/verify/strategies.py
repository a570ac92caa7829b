"""Hypothesis strategies from a game's own classes: inputs from their wire fields, edges of their ranges included."""

from typing import Any

from hypothesis import strategies as st

from game.fields import FieldSpec, Kind
from game.schema import Message, Schema

BEYOND = 2.0


def values_of(spec: FieldSpec) -> st.SearchStrategy[Any]:
    """What a client may give for a field, beyond its range too: the client's machine clamps as the game declares."""
    match spec.kind:
        case Kind.NUM:
            high = spec.min + spec.steps * spec.step
            span = (high - spec.min) * BEYOND
            inside = st.floats(spec.min, high, allow_nan=False, allow_subnormal=False)
            return st.one_of(inside, st.sampled_from((spec.min, high, high + span, spec.min - span)))
        case Kind.WHOLE:
            low = int(spec.min)
            return st.one_of(st.integers(low, low + spec.steps), st.sampled_from((low, low + spec.steps)))
        case Kind.FLAG:
            return st.booleans()
        case Kind.CHOICE:
            return st.sampled_from(spec.choices)
        case Kind.TEXT:
            return st.text(max_size=min(spec.max_bytes, 40))


def bodies_of(message: Message) -> st.SearchStrategy[Any]:
    """Instances of an input class."""
    assert message.cls is not None  # noqa: S101 - a plan's schema is made from the game's classes
    return st.builds(message.cls, **{wire.name: values_of(wire.spec) for wire in message.fields})


def inputs_of(schema: Schema) -> st.SearchStrategy[Any]:
    """Any input of the game."""
    return st.one_of([bodies_of(message) for message in schema.inputs])
