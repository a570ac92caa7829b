"""Inputs without the game's classes: built and checked from the schema that the server sent.

The room calls `build`; the swarm calls `random_input`, which can play any game, if badly.
"""

from typing import Any

import attrs

from clients.python.errors import BadInputError
from game.binary import BadBytes
from game.codec import body_of, values_from_json
from game.fields import FieldSpec, Kind
from game.quantize import dequantize
from game.rng import Rng
from game.schema import Message, Schema

_classes: dict[Message, type] = {}


def build(schema: Schema, name: str, fields: dict[str, Any]) -> Any:
    """An input of the game called ``name``. A field that is not given is zero, false, empty or the first choice.

    Raises BadInputError for an unknown name or field, and for a value of another type or outside its range.
    """
    message = message_called(schema, name)
    blank = {wire.name: _blank(wire.spec) for wire in message.fields}
    try:
        _, values = values_from_json(schema.inputs, {"type": name, **blank, **fields})
    except BadBytes as error:
        raise BadInputError(f"{name}: {error}") from error
    return body_of(attrs.evolve(message, cls=message.cls or _class_of(message)), values)


def random_input(schema: Schema, rng: Rng) -> Any:
    """Any input of the game, every field drawn from its whole range. Raises BadInputError where there is none."""
    if not schema.inputs:
        raise BadInputError("this game has no inputs")
    message = rng.choice(schema.inputs)
    return build(schema, message.name, {wire.name: _drawn(wire.spec, rng) for wire in message.fields})


def message_called(schema: Schema, name: str) -> Message:
    """The input of that name. Raises BadInputError."""
    for message in schema.inputs:
        if message.name == name:
            return message
    raise BadInputError(f"expected an input of {', '.join(m.name for m in schema.inputs) or 'none'}, got {name!r}")


def _blank(spec: FieldSpec) -> Any:
    if spec.kind is Kind.TEXT:
        return ""
    if spec.kind in (Kind.NUM, Kind.WHOLE):
        return dequantize(spec, max(0, min(spec.steps, round(-spec.min / spec.step))))
    return dequantize(spec, 0)


def _drawn(spec: FieldSpec, rng: Rng) -> Any:
    if spec.kind is Kind.TEXT:
        return "".join(rng.choice("abcdefghij") for _ in range(min(8, spec.max_bytes)))
    return dequantize(spec, rng.below(spec.steps + 1))


def _class_of(message: Message) -> type:
    """A class with the message's fields: the wire's client knows inputs by their class's name."""
    if message not in _classes:
        _classes[message] = attrs.make_class(message.name, [wire.name for wire in message.fields])
    return _classes[message]
