"""What a viewer should see, folded straight from the world by the audiences of its fields: no tracker, no deltas, no wire ids.

O6 compares it, now and then, with what clients show. An independent second opinion: it shares with the product only the
schema (which section a field belongs to) and the rounding of values. Fields that move by a rate are left out: what is shown
of them may be off by their tolerance (the properties of `tests/game` hold them to it).
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from game.fields import NOBODY, PUBLIC, SEAT, SPECTATORS, TEAM, Audience
from game.quantize import dequantize, quantize
from game.schema import Collection, Schema, placed_in
from game.tracker import PUBLIC_SECTION, SPECTATORS_SECTION, Section
from game.view import View

COMPARED_EVERY = 16  # frames; and every KEY that falls on one
Sections = tuple[Section, ...]
_encoder = msgspec.json.Encoder(order="sorted", enc_hook=repr)


def is_compared(seq: int) -> bool:
    """Whether this frame is looked at."""
    return seq % COMPARED_EVERY == 0


def due_to(schema: Schema, sources: Mapping[str, Any], sections: Iterable[Section]) -> str:
    """The digest of all entities that a viewer with these sections should see."""
    held = frozenset(sections)
    return _digest((c.name, list(_expected(schema, c, sources[c.name], held))) for c in schema.collections)


def shown_in(view: View) -> str:
    """The digest of all entities that a view shows."""
    rows = ((c.name, [_fields(entity, _moving(c)) for entity in view.all(c.name)]) for c in view.schema.collections)
    return _digest(rows)


def of_spectators(schema: Schema) -> tuple[Sections, ...]:
    """What spectators may have, whoever of them is there."""
    if schema.sees_everything:
        return ((SPECTATORS_SECTION,),)
    return (PUBLIC_SECTION,), (PUBLIC_SECTION, SPECTATORS_SECTION)


def _expected(
    schema: Schema, collection: Collection, source: Any, held: frozenset[Section]
) -> Iterator[dict[str, Any]]:
    spec = collection.entities
    for entity in [source] if spec is None else list(source.values()):
        exists, owner, team = PUBLIC, None, None
        if spec is not None:
            exists = getattr(entity, spec.audience_of) if spec.audience_of else spec.audience
            owner = getattr(entity, spec.owner) if spec.owner else None
            team = getattr(entity, spec.team) if spec.team else None
        is_all = schema.sees_everything and SPECTATORS_SECTION in held and exists is not NOBODY
        seen = {
            wire.name: dequantize(wire.spec, quantize(wire.spec, getattr(entity, wire.name)))
            for wire in collection.fields
            if wire.spec.rate is None
            if (is_all and wire.spec.audience is not NOBODY)
            or _holds(held, placed_in(wire.spec.audience, exists), owner, team)
        }
        if seen or (spec is not None and (is_all or _holds(held, exists, owner, team))):
            yield seen


def _holds(held: frozenset[Section], audience: Audience, owner: int | None, team: int | None) -> bool:
    if audience is NOBODY:
        return False
    if audience in (PUBLIC, SPECTATORS):
        return Section(audience) in held
    of = owner if audience is SEAT else team
    assert audience in (SEAT, TEAM)  # noqa: S101 - there are no others
    return of is not None and Section(audience, of) in held


def _moving(collection: Collection) -> set[str]:
    return {wire.name for wire in collection.fields if wire.spec.rate is not None}


def _fields(entity: Any, left_out: set[str]) -> dict[str, Any]:
    return {name: value for name, value in entity.__dict__.items() if name != "key" and name not in left_out}


def _digest(collections: Iterable[tuple[str, list[dict[str, Any]]]]) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for name, rows in collections:
        digest.update(f"{name} {len(rows)}\n".encode())
        for row in sorted(map(_encoder.encode, rows)):
            digest.update(row)
    return digest.hexdigest()
