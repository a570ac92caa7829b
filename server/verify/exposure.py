"""Hidden values that the rules copy to where others see them, found by changing them: a copy follows every change.

Before a step, one hidden value is replaced in a copy of the state, and the step is taken there. Where exactly that
value then stands in a section or event that does not carry the field itself, the rules have copied it. What merely
depends on hidden values is the game's own business. Copies on purpose (a card turned over) stand in `Game.reveals`.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import attrs
from attrs import define, field, frozen

from game.contract import Event
from game.fields import PUBLIC, EntitiesSpec, FieldSpec, Kind, spec_of
from game.replay import decode_state, encode_state
from game.schema import Collection
from game.tracker import Section, Tracker, _whereabouts
from server.verify.drill import Drill, Ruleset
from server.verify.effort import Effort
from server.verify.findings import Finding
from server.verify.second_run import script_of

CHECK = "hidden stays hidden"
STEPS = 150
LOOK_EVERY = 5
PROOFS = 3  # so many different changed values must turn up, each in the same place
AUDIENCES_WIDTH = {"nobody": 0, "seat": 1, "team": 2, "spectators": 2, "public": 3}

Seen = dict[tuple[Section, str, str], set[Any]]  # section, table or event, field → the values that stand there


@frozen
class Place:
    """One hidden value: a field of one entity of a collection, or (key None) of the world."""

    collection: str
    key: int | None
    owner: str
    name: str

    def of(self, world: Any) -> Any:
        """The object that holds it."""
        return world if self.key is None else getattr(world, self.collection).get(self.key)


@define(eq=False)
class Suspects:
    """How often each (hidden field, where it turned up) was shown, by different values."""

    ruleset: Ruleset
    tracker: Tracker
    effort: Effort
    proofs: dict[tuple[str, Section, str], set[Any]] = field(factory=dict)
    altered: dict[str, set[Any]] = field(factory=dict)
    born: dict[str, list[tuple[str, str]]] = field(factory=dict)

    def look(self, drill: Drill, inputs: Sequence[tuple[int, Any]]) -> None:
        """Takes the coming step again and again, each time with one hidden value changed."""
        self._note_audiences(drill.world)
        if drill.tick % LOOK_EVERY:
            return
        data = encode_state(drill.world, drill.rng)
        plain = self._after(data, inputs, drill.tick, None, None)
        for place, spec, value in hidden_values(self.ruleset, drill.world):
            for other in others(spec, value, drill.tick):
                changed = self._after(data, inputs, drill.tick, place, other)
                if plain is not None and changed is not None:
                    self.altered.setdefault(f"{place.owner}.{place.name}", set()).add(other)
                    self._compare(place, other, plain, changed)

    def _after(self, data: bytes, inputs: Any, tick: int, place: Place | None, value: Any) -> Seen | None:
        """What is on show after the step; None where the rules cannot take it with this value."""
        world, rng = decode_state(self.ruleset.kind.World, data)
        if place is not None:
            setattr(place.of(world), place.name, value)
        try:
            events = self.ruleset.game.step(world, inputs, tick, rng)
            return self._on_show(world, events)
        except Exception:  # noqa: BLE001 - a value that the rules never make themselves may break them in any way
            return None

    def _on_show(self, world: Any, events: Iterable[Event]) -> Seen:
        seen: Seen = {}
        for collection in self.ruleset.schema.collections:
            if collection.name.startswith("_"):
                continue
            members = [world] if collection.entities is None else getattr(world, collection.name).values()
            for entity in members:
                for table, section, _ in self.tracker._destinations(collection, _whereabouts(collection, entity)):
                    for wire in table.fields:
                        where = section, _owner_name(collection, self.ruleset), wire.name
                        seen.setdefault(where, set()).add(getattr(entity, wire.name))
        for event in events:
            for section in self.tracker._hearers(event):
                for attribute in attrs.fields(type(event.body)):
                    where = section, type(event.body).__name__, attribute.name
                    seen.setdefault(where, set()).add(getattr(event.body, attribute.name))
        return seen

    def _compare(self, place: Place, value: Any, plain: Seen, changed: Seen) -> None:
        own = {section for section, owner, name in changed if (owner, name) == (place.owner, place.name)}
        for (section, owner, name), values in changed.items():
            if (owner, name) == (place.owner, place.name) or section in own:
                continue
            before = plain.get((section, owner, name), set())
            if _holds(values, value) and not _holds(before, value):
                hidden = f"{place.owner}.{place.name}"
                self.proofs.setdefault((hidden, section, f"{owner}.{name}"), set()).add(value)

    def _note_audiences(self, world: Any) -> None:
        for collection in self.ruleset.schema.collections:
            spec = collection.entities
            if spec is not None and spec.audience_of:
                for entity in getattr(world, collection.name).values():
                    audience = getattr(entity, spec.audience_of)
                    self.born.setdefault(collection.name, []).append((audience.value, spec.audience.value))


def of_copies(ruleset: Ruleset, effort: Effort) -> Iterator[Finding]:
    """Hidden fields whose values the rules copy to a wider audience."""
    suspects = Suspects(ruleset, Tracker(ruleset.schema), effort)
    hidden_fields = list(_hidden_fields(ruleset))
    effort.needs += [name for name, _ in hidden_fields]
    Drill(ruleset, before_step=suspects.look).run(script_of(ruleset, STEPS))
    reveals, told = set(ruleset.kind.reveals), set()
    _note_effort(suspects, hidden_fields)
    for (hidden, section, shown), values in suspects.proofs.items():
        if len(values) < PROOFS or hidden in reveals or (hidden, shown) in told:
            continue
        told.add((hidden, shown))
        yield Finding(
            CHECK,
            f"the rules copy {hidden} to {shown}, which {section.audience.value} sees and {hidden} is hidden from "
            f"(followed {len(values)} changes); on purpose? name {hidden!r} in {ruleset.kind.__name__}.reveals",
            hidden,
        )
    yield from _audience_mistakes(ruleset, suspects.born)


def _note_effort(suspects: Suspects, hidden_fields: Iterable[tuple[str, str]]) -> None:
    """Which hidden fields were altered often enough for a copy to show, and why the others were not."""
    effort, reveals = suspects.effort, suspects.ruleset.kind.reveals
    for name, cannot in hidden_fields:
        altered = len(suspects.altered.get(name, ()))
        if name in reveals:
            effort.leave(name, "named in `reveals`: copies of it are looked for nowhere")
        elif cannot:
            effort.leave(name, cannot)
        elif altered < PROOFS:
            why = "nothing had it when the check looked, or the rules could not go on with another value"
            effort.leave(name, f"altered to {altered} other values, a proof takes {PROOFS}: {why}")
        else:
            effort.tried[name] += altered


def _hidden_fields(ruleset: Ruleset) -> Iterator[tuple[str, str]]:
    """(Class.field, why it cannot be altered, or "") of every field that not everybody sees, those of no entity too."""
    for collection in ruleset.schema.collections:
        if collection.name.startswith("_"):
            continue
        spec = collection.entities
        owner = spec.entity if spec is not None else ruleset.kind.World
        for attribute in attrs.fields(owner):
            wire = spec_of(attribute)
            if _is_hidden(attribute.name, wire, spec):
                yield f"{owner.__name__}.{attribute.name}", _why_unalterable(attribute, wire)


def _is_hidden(name: str, wire: FieldSpec | EntitiesSpec | None, spec: EntitiesSpec | None) -> bool:
    """Whether a field's value is a secret to anybody. Who an entity belongs to is what the audiences are made from."""
    roles = {spec.owner, spec.team, spec.audience_of} if spec else set()
    is_hidden_entity = spec is not None and (spec.audience is not PUBLIC or spec.audience_of is not None)
    if name in roles or isinstance(wire, EntitiesSpec):
        return False
    return is_hidden_entity or wire is None or wire.audience is not PUBLIC


def _why_unalterable(attribute: Any, wire: FieldSpec | EntitiesSpec | None) -> str:
    if isinstance(wire, FieldSpec):
        if wire.kind is Kind.FLAG:
            return "a flag: its one other value proves nothing"
        if wire.kind is not Kind.TEXT and wire.steps < PROOFS:
            return f"{wire.steps + 1} possible values: a proof takes {PROOFS} others"
        return ""
    kind = attribute.type
    name = getattr(kind, "__name__", str(kind))
    plain = {int: "", float: "", str: "", "int": "", "float": "", "str": ""}
    return plain.get(kind, f"of type {name}: the check alters numbers and texts only")


def _audience_mistakes(ruleset: Ruleset, born: dict[str, list[tuple[str, str]]]) -> Iterator[Finding]:
    for collection, pairs in born.items():
        width = AUDIENCES_WIDTH
        if all(width[audience] > width[declared] for audience, declared in pairs):
            spec = ruleset.schema.collection(collection).entities
            assert spec is not None  # noqa: S101 - only collections are noted
            name = f"{spec.entity.__name__}.{spec.audience_of}"
            text = (
                f"{collection} are declared for {pairs[0][1]}, but {name} was {pairs[0][0]} for every one, always: "
                f"all {len(pairs)} looks; set it to the audience that they begin with"
            )
            if name not in ruleset.kind.reveals:
                yield Finding(CHECK, text, name)


def hidden_values(ruleset: Ruleset, world: Any) -> Iterator[tuple[Place, FieldSpec | None, Any]]:
    """The hidden values of the world, those that not everybody sees: of two members of each collection, and the world's."""
    for collection in ruleset.schema.collections:
        if collection.name.startswith("_"):
            continue
        if collection.entities is None:
            yield from _hidden_of(world, collection.name, None)
            continue
        for key in list(getattr(world, collection.name))[:2]:
            yield from _hidden_of(getattr(world, collection.name)[key], collection.name, key, collection.entities)


def _hidden_of(
    entity: Any, collection: str, key: int | None, spec: EntitiesSpec | None = None
) -> Iterator[tuple[Place, FieldSpec | None, Any]]:
    for attribute in attrs.fields(type(entity)):
        wire = spec_of(attribute)
        value = getattr(entity, attribute.name)
        if not _is_hidden(attribute.name, wire, spec):
            continue
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            continue
        place = Place(collection, key, type(entity).__name__, attribute.name)
        yield place, wire if isinstance(wire, FieldSpec) else None, value


def others(spec: FieldSpec | None, value: Any, tick: int) -> list[Any]:
    """Two other values, new ones at each tick, within the field's range where it has one."""
    if isinstance(value, str):
        if spec is not None and spec.kind is Kind.CHOICE:
            return [each for each in spec.choices if each != value][:2]
        return [f"c{tick}", f"d{tick}"]
    if isinstance(value, float):
        low, high = (spec.min, spec.min + spec.steps * spec.step) if spec else (value, value + 97.0)
        return [low + (high - low) * ((tick * 0.0619 + part) % 1.0) for part in (0.217, 0.731)]
    if spec is None:
        return [value + 1_009 + tick, value + 2_003 + tick]
    low = int(spec.min)
    return [low + (tick * 7 + part) % (spec.steps + 1) for part in (3, 11)]


def _holds(values: set[Any], value: Any) -> bool:
    """Whether a value stands there, as it is or (a long enough one) within a text."""
    if value in values:
        return True
    text = str(value)
    return len(text) >= 3 and any(isinstance(each, str) and text in each for each in values)


def _owner_name(collection: Collection, ruleset: Ruleset) -> str:
    return collection.entities.entity.__name__ if collection.entities else ruleset.kind.World.__name__
