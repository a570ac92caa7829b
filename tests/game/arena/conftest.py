"""Fixtures of the arena's tests."""

import pytest

from tests.game.arena.match import Match


@pytest.fixture
def duel() -> Match:
    """Two ships on the map without rocks, the fight just begun."""
    return Match.of(2, map="void").fight()
