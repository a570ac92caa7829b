"""A schema's fingerprint tells whatever the bytes depend on: equal ones read and write the same, and each change of the wire shows."""

from collections.abc import Callable
from random import Random
from typing import Any

import attrs
import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from game.binary import BadBytes, Reader
from game.codec import put_values, read_values
from game.contract import Game
from game.fields import (
    NOBODY,
    PUBLIC,
    SEAT,
    SPECTATORS,
    TEAM,
    FieldSpec,
    Overflow,
    choice,
    entities,
    flag,
    num,
    text,
    whole,
)
from game.quantize import dequantize
from game.schema import Message, Schema, WireField, schema_of

Fields = dict[str, Any]


@define
class Described:
    """A game by its wire fields; each test changes one thing."""

    hull: Fields = field(
        factory=lambda: {
            "seat": whole(0, 9, audience=PUBLIC),
            "x": num(0, 100, step=0.5, audience=PUBLIC, rate="vx", tolerance=1.0),
            "vx": num(-50, 50, step=0.25, audience=PUBLIC),
            "ammo": whole(0, 20, audience=SEAT),
            "mood": choice(("calm", "angry"), audience=TEAM),
            "secret": whole(0, 9),
            "team": whole(0, 3, audience=PUBLIC),
        }
    )
    ships: Fields = field(factory=lambda: {"audience": PUBLIC, "owner": "seat", "team": "team"})
    collection: str = "ships"
    inputs: list[tuple[str, Fields]] = field(
        factory=lambda: [
            ("Steer", {"turn": num(-1, 1, step=0.125), "thrust": flag()}),
            ("Shout", {"text": text(20), "loud": choice(("low", "high", "shrill"))}),
        ]
    )
    events: list[tuple[str, Fields]] = field(factory=lambda: [("Bang", {"x": whole(0, 300)})])
    sees_everything: bool = False

    def schema(self) -> Schema:
        ship = attrs.make_class("Ship", dict(self.hull))
        world = attrs.make_class(
            "World", {self.collection: entities(ship, **self.ships), "wind": whole(0, 9, audience=PUBLIC)}
        )
        inputs = tuple(attrs.make_class(name, dict(fields)) for name, fields in self.inputs)
        events = tuple(attrs.make_class(name, dict(fields)) for name, fields in self.events)
        game = type("Described", (Game,), {"World": world, "inputs": inputs, "events": events})
        return schema_of(game, self.sees_everything)


CHANGES: dict[str, Callable[[Described], object]] = {
    "a finer step": lambda d: d.hull.update(x=num(0, 50, step=0.25, audience=PUBLIC, rate="vx", tolerance=1.0)),
    "a wider range": lambda d: d.hull.update(ammo=whole(0, 21, audience=SEAT)),
    "another minimum": lambda d: d.hull.update(ammo=whole(1, 21, audience=SEAT)),
    "a field moves no more": lambda d: d.hull.update(x=num(0, 100, step=0.5, audience=PUBLIC)),
    "a field moves by another": lambda d: d.hull.update(
        y=num(0, 9, step=1, audience=PUBLIC), x=num(0, 100, step=0.5, audience=PUBLIC, rate="y", tolerance=1.0)
    ),
    "the rate is rescaled": lambda d: d.hull.update(vx=num(-100, 100, step=0.5, audience=PUBLIC)),
    "another audience": lambda d: d.hull.update(ammo=whole(0, 20, audience=TEAM)),
    "a field is shown": lambda d: d.hull.update(secret=whole(0, 9, audience=PUBLIC)),
    "a field is hidden": lambda d: d.hull.update(ammo=whole(0, 20, audience=NOBODY)),
    "options in another order": lambda d: d.hull.update(mood=choice(("angry", "calm"), audience=TEAM)),
    "an option more": lambda d: d.hull.update(mood=choice(("calm", "angry", "gone"), audience=TEAM)),
    "an option's name": lambda d: d.hull.update(mood=choice(("calm", "cross"), audience=TEAM)),
    "another kind of as many steps": lambda d: d.hull.update(mood=flag(audience=TEAM)),
    "fields in another order": lambda d: setattr(d, "hull", dict(reversed(d.hull.items()))),
    "a field's name": lambda d: setattr(d, "hull", {{"ammo": "shots"}.get(k, k): v for k, v in d.hull.items()}),
    "who knows that they exist": lambda d: d.ships.update(audience=TEAM),
    "whose they are": lambda d: d.ships.update(owner="team"),
    "a collection's name": lambda d: setattr(d, "collection", "boats"),
    "spectators see everything": lambda d: setattr(d, "sees_everything", True),
    "a spectators' field": lambda d: d.hull.update(secret=whole(0, 9, audience=SPECTATORS)),
    "inputs in another order": lambda d: d.inputs.reverse(),
    "an input more": lambda d: d.inputs.append(("Wait", {})),
    "an input's name": lambda d: d.inputs.append(("Steer2", d.inputs.pop()[1])),
    "an input's field in other steps": lambda d: d.inputs[0][1].update(turn=num(-1, 1, step=0.25)),
    "an input's text may be longer": lambda d: d.inputs[1][1].update(text=text(21)),
    "an input's options in another order": lambda d: d.inputs[1][1].update(loud=choice(("high", "low", "shrill"))),
    "an event more": lambda d: d.events.append(("Boom", {})),
    "an event's range": lambda d: d.events[0][1].update(x=whole(0, 255)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_each_change_of_what_travels_changes_it(change: str):
    changed = Described()
    CHANGES[change](changed)
    assert changed.schema().fingerprint != Described().schema().fingerprint


def test_what_the_loop_alone_decides_does_not():
    other = Described()
    other.hull["x"] = num(
        0, 100, step=0.5, audience=PUBLIC, rate="vx", tolerance=7.0, default=3.0, overflow=Overflow.INCIDENT
    )
    other.hull["hidden"] = field(factory=list)
    assert other.schema().fingerprint == Described().schema().fingerprint


def any_field(random: Random) -> Any:
    match random.randrange(5):
        case 0:
            step = random.choice((0.25, 0.5))
            return num(0, step * random.choice((200, 255, 256)), step=step)
        case 1:
            low = random.choice((0, 1))
            return whole(low, low + random.choice((255, 256)))
        case 2:
            return flag()
        case 3:
            return choice(tuple(random.sample(("a", "b", "c"), random.choice((2, 3)))))
        case _:
            return text(random.choice((3, 4)))


def any_inputs(random: Random) -> Schema:
    names = random.sample(("One", "Two"), random.choice((1, 2)))
    inputs = [(name, {f"f{i}": any_field(random) for i in range(random.choice((1, 2)))}) for name in names]
    return Described(inputs=inputs).schema()


def shown(schema: Schema) -> list[object]:
    """Every input's least and largest values: its number and bytes, and what they mean."""
    return [
        (
            message.index,
            message.name,
            [wire.name for wire in message.fields],
            bytes(packed(message, values)),
            meaning(message, values),
        )
        for message in schema.inputs
        for values in ([extreme(wire, is_least) for wire in message.fields] for is_least in (True, False))
    ]


def extreme(wire: WireField, is_least: bool) -> Any:
    if wire.spec.max_bytes:
        return "" if is_least else "x" * wire.spec.max_bytes
    return 0 if is_least else wire.spec.steps


def packed(message: Message, values: list[Any]) -> bytearray:
    out = bytearray()
    put_values(out, message, values)
    return out


def meaning(message: Message, values: Any) -> list[Any]:
    return [dequantize(wire.spec, value) for wire, value in zip(message.fields, values, strict=True)]


@given(st.integers(0, 2**32), st.integers(0, 2**32))
def test_equal_ones_write_the_same_bytes_and_read_the_same_from_them(one: int, two: int):
    a, b = any_inputs(Random(one)), any_inputs(Random(two))
    assert (a.fingerprint == b.fingerprint) == (shown(a) == shown(b))
    for message in a.inputs:  # and what differs could have been read as something else without a word
        values = [extreme(wire, is_least=False) for wire in message.fields]
        try:
            read = read_values(Reader(bytes(packed(message, values))), b.inputs[message.index])
            told = meaning(b.inputs[message.index], read)
        except (BadBytes, IndexError):
            continue
        if told != meaning(message, values):
            assert a.fingerprint != b.fingerprint


def test_every_attribute_of_a_field_is_thought_of():
    told = {"kind", "min", "step", "steps", "choices", "max_bytes", "rate"}
    elsewhere = {"audience": "says in which table a field stands"}
    loops_own = {"overflow": "what the loop does before it quantizes", "tolerance": "when the loop sends"}
    assert {a.name for a in attrs.fields(FieldSpec)} == told | elsewhere.keys() | loops_own.keys()
