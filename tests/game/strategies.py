"""Hypothesis strategies: any schema, any world, any history of it. Reused by every test that wants more than the samples.

A :class:`Story` is a world of random classes with seats that switch teams, entities that are born, change hands, are
revealed, hidden and gone. All its chance comes from one drawn seed, so that an example is small and replays.
"""

from random import Random
from typing import Any, ClassVar

import attrs
from attrs import define, field
from hypothesis import strategies as st

from game.codec import encode_delta
from game.contract import Event, Game
from game.fields import (
    NOBODY,
    PUBLIC,
    SEAT,
    SPECTATORS,
    TEAM,
    Audience,
    FieldSpec,
    Kind,
    choice,
    entities,
    flag,
    num,
    spec_of,
    text,
    whole,
)
from game.schema import RoomRow, Schema, SeatRow, schema_of
from game.tracker import PUBLIC_SECTION, SPECTATORS_SECTION, Section, Tracker

AUDIENCES = tuple(Audience)
SEATS = (1, 2, 3)
TEAMS = (0, 1)


def wire_field(random: Random, audience: Audience) -> Any:
    """A field of any kind and width."""
    match random.choice(tuple(Kind)):
        case Kind.NUM:
            low = random.uniform(-1000, 1000)
            step = random.choice((0.001, 0.1, 0.5, 1.0, 3.7))
            return num(low, low + step * random.choice((1, 7, 255, 256, 70_000)), step=step, audience=audience)
        case Kind.WHOLE:
            low = random.randint(-300, 300)
            return whole(low, low + random.choice((1, 255, 256, 65_535, 65_536, 2**32 - 1)), audience=audience)
        case Kind.FLAG:
            return flag(audience=audience)
        case Kind.CHOICE:
            return choice(tuple(f"c{i}" for i in range(random.choice((1, 2, 5)))), audience=audience)
        case Kind.TEXT:
            return text(random.choice((1, 3, 40)), audience=audience)


def wire_value(random: Random, attribute: "attrs.Attribute[Any]") -> Any:
    """A value for a wire field: mostly within its range, sometimes far out of it."""
    spec = spec_of(attribute)
    assert isinstance(spec, FieldSpec)
    match spec.kind:
        case Kind.NUM:
            inside = spec.min + random.random() * spec.steps * spec.step
            return random.choice((inside, inside, inside, spec.min, inside * 1e6, float("nan"), float("-inf")))
        case Kind.WHOLE:
            low, high = int(spec.min), int(spec.min) + spec.steps
            return random.choice((low, high, random.randint(low, high), 10**400))
        case Kind.FLAG:
            return random.random() < 0.5
        case Kind.CHOICE:
            return random.choice(spec.choices)
        case Kind.TEXT:
            return "".join(random.choices("abc é👋\ud800", k=random.randint(0, 6)))


def _class(name: str, fields: dict[str, Any]) -> type:
    return attrs.make_class(name, fields, eq=False)


def entity_class(random: Random, name: str) -> type:
    """An entity with up to five fields of any audience, an owner, a team and a say in who may see it."""
    fields: dict[str, Any] = {
        "owner": field(default=None),
        "team": field(default=None),
        "shown_to": field(default=PUBLIC),
    }
    for i in range(random.randint(0, 5)):
        fields[f"f{i}"] = wire_field(random, random.choice(AUDIENCES))
    if random.random() < 0.6:
        fields |= moving_fields(random)
    return _class(name, fields)


def moving_fields(random: Random) -> dict[str, Any]:
    """A field that moves by another one, which stands before it or after."""
    audience = random.choice(AUDIENCES)
    step = random.choice((0.001, 0.1, 1.0, 3.7))
    speed = step * random.choice((0.3, 10, 1000))
    made = {
        "f_at": num(
            -50 * step, 2000 * step, step=step, audience=audience, rate="f_by", tolerance=step * random.randint(1, 9)
        ),
        "f_by": random.choice(
            (num(-speed, speed, step=speed / 64, audience=audience), whole(-3, 12, audience=audience))
        ),
    }
    return dict(sorted(made.items(), reverse=random.random() < 0.5))


def random_game(random: Random) -> type[Game]:
    """A game class whose World, inputs and events are random; it has no rules."""
    fields: dict[str, Any] = {
        f"w{i}": wire_field(random, random.choice((PUBLIC, SPECTATORS, NOBODY))) for i in range(random.randint(0, 3))
    }
    for i in range(random.randint(1, 3)):
        fields[f"things{i}"] = entities(
            entity_class(random, f"Thing{i}"),
            audience=random.choice(AUDIENCES),
            owner="owner",
            team="team",
            audience_of=random.choice((None, "shown_to")),
        )
    messages = [
        _class(f"Message{i}", {f"m{j}": wire_field(random, NOBODY) for j in range(random.randint(0, 4))})
        for i in range(4)
    ]

    class RandomGame(Game):
        World: ClassVar[type] = _class("World", fields)
        inputs: ClassVar[tuple[type, ...]] = tuple(messages[:2])
        events: ClassVar[tuple[type, ...]] = tuple(messages[2:])

    return RandomGame


def filled(random: Random, cls: type) -> Any:
    """An instance with random values in its wire fields."""
    made = cls()
    for attribute in attrs.fields(cls):
        if attribute.name[0] in "wmf" and spec_of(attribute) is not None:
            setattr(made, attribute.name, wire_value(random, attribute))
    return made


@define
class Story:
    """A random world over time, the tracker that follows it, and what every section held at every seq."""

    random: Random
    sees_everything: bool = False
    schema: Schema = field(init=False)
    game: type[Game] = field(init=False)
    world: Any = field(init=False)
    tracker: Tracker = field(init=False)
    seats: dict[int, SeatRow] = field(init=False)
    team_of: dict[int, int | None] = field(init=False)
    held_at: dict[int, dict[Section, bytes]] = field(factory=dict)
    _next: int = 1

    def __attrs_post_init__(self) -> None:
        self.game = random_game(self.random)
        self.schema = schema_of(self.game, self.sees_everything)
        self.world = filled(self.random, self.game.World)
        self.tracker = Tracker(self.schema)
        self.seats = {n: SeatRow(n, f"seat {n}") for n in SEATS}
        self.team_of = {n: self.random.choice((*TEAMS, None)) for n in SEATS}

    @property
    def sections(self) -> list[Section]:
        """Every section that anybody could have."""
        every = [PUBLIC_SECTION, SPECTATORS_SECTION]
        every += [Section(TEAM, t) for t in TEAMS] + [Section(SEAT, n) for n in SEATS]
        return [s for s in every if self.schema.has_section(s.audience)]

    def sections_of(self, seat: int | None) -> list[Section]:
        """The sections of a seat's viewer now, or of a spectator."""
        if seat is None:
            wanted = [SPECTATORS_SECTION] if self.sees_everything else [PUBLIC_SECTION, SPECTATORS_SECTION]
        else:
            team = self.team_of[seat]
            wanted = [PUBLIC_SECTION, Section(SEAT, seat), *([] if team is None else [Section(TEAM, team)])]
        return [s for s in wanted if self.schema.has_section(s.audience)]

    def collections(self) -> list[dict[int, Any]]:
        """The world's collections."""
        return [getattr(self.world, a.name) for a in attrs.fields(type(self.world)) if a.name.startswith("things")]

    def change(self) -> None:
        """A few random things happen."""
        random = self.random
        self._move()
        for _ in range(random.randint(0, 4)):
            things = random.choice(self.collections())
            match random.randint(0, 6):
                case 0:
                    name = next(a.name for a in attrs.fields(type(self.world)) if getattr(self.world, a.name) is things)
                    spec = spec_of(getattr(attrs.fields(type(self.world)), name))
                    things[self._next] = self._owned(filled(random, spec.entity))  # type: ignore[union-attr]
                    self._next += 1
                case 1 if things:
                    del things[random.choice(list(things))]
                case 2 if things:
                    self._owned(random.choice(list(things.values())))
                case 3 | 4 if things:
                    self._set(random.choice(list(things.values())))
                case 5:
                    self._set(self.world)
                case _:
                    self.team_of[random.choice(SEATS)] = random.choice((*TEAMS, None))

    def _move(self) -> None:
        """What has a rate moves by it, most of the time and not quite."""
        for thing in [thing for things in self.collections() for thing in things.values() if hasattr(thing, "f_at")]:
            if abs(thing.f_by) < 1e6 and abs(thing.f_at) < 1e6 and self.random.random() < 0.9:
                thing.f_at += thing.f_by / 20.0 * self.random.choice((1.0, 1.0, 1.0, 1.02, 0.9))

    def events(self) -> list[Event]:
        """Sometimes something to hear."""
        random = self.random
        if random.random() < 0.7:
            return []
        audience = random.choice(AUDIENCES)
        of = {SEAT: random.choice(SEATS), TEAM: random.choice(TEAMS)}.get(audience)
        return [Event(filled(random, random.choice(self.game.events)), audience, of)]

    def advance(self, *, is_forced: bool = True) -> bool:
        """Cuts the next frame of the world as it is, and notes what every section holds then."""
        moved = self.tracker.advance(self.sources(), self.events(), is_forced=is_forced)
        self.held_at[self.tracker.seq] = {s: encode_delta(self.tracker.key(s)) for s in self.sections}
        return moved

    def sources(self) -> dict[str, Any]:
        """What the tracker scans."""
        known = {"_room": RoomRow(), "_seats": self.seats, "world": self.world}
        return {
            c.name: known.get(c.name) or getattr(self.world, c.name)
            for c in self.schema.collections
            if c.name not in known
        } | known

    def _owned(self, thing: Any) -> Any:
        random = self.random
        thing.owner, thing.team = random.choice((*SEATS, None)), random.choice((*TEAMS, None))
        thing.shown_to = random.choice(AUDIENCES)
        return thing

    def _set(self, thing: Any) -> None:
        wire = [a for a in attrs.fields(type(thing)) if a.name[0] in "wf" and spec_of(a) is not None]
        if wire:
            attribute = self.random.choice(wire)
            setattr(thing, attribute.name, wire_value(self.random, attribute))


def stories(*, sees_everything: bool | None = None) -> st.SearchStrategy[Story]:
    """A fresh world of random classes."""
    whether = st.booleans() if sees_everything is None else st.just(sees_everything)
    return st.builds(Story, st.integers(0, 2**32).map(Random), whether)
