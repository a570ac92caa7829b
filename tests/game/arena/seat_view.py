"""A stand-in for what a seat may see, straight from the fields' audiences: entities without what they hide from the seat."""

from types import SimpleNamespace
from typing import Any

from attrs import fields

from game.contract import Game
from game.fields import PUBLIC, SEAT, TEAM, Audience, EntitiesSpec, FieldSpec, spec_of


class SeatView:
    """The View's interface over a living world: what is hidden from the seat is absent."""

    def __init__(self, game: Game, world: Any, seat: int) -> None:
        self._world = world
        self._game = game
        self.seat = seat
        self.world = _Shown(world, {PUBLIC})

    def all(self, collection: str) -> list[Any]:
        spec = spec_of(getattr(fields(type(self._world)), collection))
        assert isinstance(spec, EntitiesSpec)
        team = self._game.team_of(self._world, self.seat)
        shown = []
        for key, entity in getattr(self._world, collection).items():
            seen: set[Audience] = {PUBLIC}
            if team is not None and spec.team and getattr(entity, spec.team) == team:
                seen.add(TEAM)
            if spec.owner and getattr(entity, spec.owner) == self.seat:
                seen.add(SEAT)
            if spec.audience in seen:
                shown.append(_Shown(entity, seen, key))
        return shown

    def mine(self, collection: str) -> list[Any]:
        return [entity for entity in self.all(collection) if entity.seat == self.seat]


class _Shown(SimpleNamespace):
    def __init__(self, thing: Any, seen: set[Audience], key: int = 0) -> None:
        super().__init__(key=key)
        for attribute in fields(type(thing)):
            spec = spec_of(attribute)
            if isinstance(spec, FieldSpec) and spec.audience in seen:
                setattr(self, attribute.name, getattr(thing, attribute.name))
