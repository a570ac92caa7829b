"""Change tracking: what each section says, what it never says, and how long it remembers."""

from copy import deepcopy
from random import Random
from typing import Any, ClassVar

import attrs
import pytest
from attrs import define
from hypothesis import given, settings
from hypothesis import strategies as st

from game.codec import decode_delta, encode_delta
from game.contract import Event, Game
from game.fields import NOBODY, PUBLIC, SEAT, SPECTATORS, TEAM, FieldSpec, entities, spec_of, whole
from game.schema import RoomRow, schema_of
from game.tracker import HORIZON, PUBLIC_SECTION, Section, Tracker
from game.view import SectionState
from tests.game.strategies import AUDIENCES, Story, stories, wire_value
from tests.vectors.generate import Story as Told
from tests.vectors.generate import story as sample_story
from tests.vectors.sample import Boom, Card, Ship


@settings(max_examples=40)
@given(stories(), st.integers(2, 40), st.integers(0, 2**32))
def test_any_patch_leads_from_any_base_at_or_after_its_own_to_the_same_state(story: Story, frames: int, seed: int):
    random = Random(seed)
    states: dict[int, dict[Section, SectionState]] = {}
    for _ in range(frames):
        story.change()
        story.advance()
        seq = story.tracker.seq
        states[seq] = {}
        for section in story.sections:
            held = SectionState()
            held.apply(story.tracker.key(section))
            states[seq][section] = held
            base = random.randint(0, seq)
            start = random.randint(base, seq)
            state = states[start][section].copy() if start else SectionState()
            patch = story.tracker.patch(section, base)
            assert state.fits(patch)
            state.apply(patch)
            assert encode_delta(state.as_key(story.schema)) == story.held_at[seq][section]


@settings(max_examples=60)
@given(stories(), st.integers(1, 25), st.integers(0, 2**32))
def test_hidden_values_never_change_what_others_get(story: Story, frames: int, seed: int):
    """Non-interference: two worlds that differ only in what a section may not see give it the same bytes."""
    random = Random(seed)
    other = Tracker(story.schema)
    for _ in range(frames):
        story.change()
        events = story.events()
        sources = story.sources()
        twin = deepcopy(sources)
        for collection in story.schema.collections:
            if collection.entities is None or collection.name.startswith("_"):
                continue
            for thing in twin[collection.name].values():
                _disturb(thing, random)
            for ghost in range(random.randint(0, 2)):
                hidden = _ghost(collection.entities.entity, random)
                if collection.entities.audience_of or collection.entities.audience is NOBODY:
                    twin[collection.name][-1 - ghost] = hidden
        _disturb(twin["world"], random)
        story.tracker.advance(sources, events, is_forced=True)
        noise = [Event(e.body, SEAT, 99) for e in events] + [Event(e.body, NOBODY) for e in events]
        other.advance(twin, [*events, *noise], is_forced=True)
        seq = story.tracker.seq
        base = random.randint(0, seq)
        for cut in (lambda t: t.key(PUBLIC_SECTION), lambda t, base=base: t.patch(PUBLIC_SECTION, base)):
            assert encode_delta(cut(story.tracker)) == encode_delta(cut(other))


def _disturb(thing: Any, random: Random) -> None:
    """Changes every wire field that the public may not see."""
    for attribute in attrs.fields(type(thing)):
        spec = spec_of(attribute)
        if attribute.name[0] in "wf" and isinstance(spec, FieldSpec) and spec.audience is not PUBLIC:
            setattr(thing, attribute.name, wire_value(random, attribute))
    if hasattr(thing, "owner") and getattr(thing, "shown_to", None) is not None:
        thing.owner, thing.team = random.choice((1, 2, 3, None)), random.choice((0, 1, None))


def _ghost(cls: type, random: Random) -> object:
    ghost = cls()
    ghost.shown_to = random.choice([a for a in AUDIENCES if a is not PUBLIC])
    ghost.owner, ghost.team = random.choice((1, 2, None)), random.choice((0, 1, None))
    return ghost


def test_ids_of_one_space_tell_nothing_of_another_and_are_never_reused():
    told = sample_story()
    world = told.world
    for n in range(10, 14):
        world.cards[n] = Card(2, 1, NOBODY)
    world.cards[20] = Card(1, 0, PUBLIC)
    told.advance()
    assert _ids(told, PUBLIC_SECTION, "cards") == [5]  # after two seats and two ships
    del world.cards[20]
    world.cards[21] = Card(1, 0, PUBLIC)
    told.advance()
    assert _ids(told, PUBLIC_SECTION, "cards") == [6]
    world.cards[10].shown_to = PUBLIC
    told.advance()
    world.cards[10].shown_to = SEAT
    told.advance()
    world.cards[10].shown_to = PUBLIC
    told.advance()
    assert _ids(told, PUBLIC_SECTION, "cards") == [6, 8]
    assert _ids(told, Section(SEAT, 2), "cards") == [8]  # the holder's own field of a public card


def _ids(told: Told, section: Section, collection: str) -> list[int]:
    tables = told.tracker.key(section).tables
    return [i for part in tables if part.table.collection == collection for g in part.groups for i in g.ids]


def test_a_row_that_went_and_came_back_is_whole_and_has_no_tombstone():
    told = sample_story()
    ship, team = told.world.ships[1], Section(TEAM, 0)
    base = told.tracker.seq
    ship.team = 1
    told.advance()
    assert [list(part.gone) for part in told.tracker.patch(team, base).tables] == [[3]]
    ship.team = 0
    told.advance()
    (part,) = told.tracker.patch(team, base).tables
    assert (list(part.gone), [g.mask for g in part.groups]) == ([], [part.table.full_mask])


@define
class Scout:
    """Known to a team, and more of it to its own seat."""

    seat: int = 7
    team: int = 0
    food: int = whole(0, 9, audience=SEAT)


@define
class Land:
    """The scouts."""

    scouts: dict[int, Scout] = entities(Scout, audience=TEAM, owner="seat", team="team")


class Scouting(Game):
    """No rules."""

    World: ClassVar[type] = Land
    inputs: ClassVar[tuple[type, ...]] = ()


def test_a_seat_with_things_of_two_teams_sees_each_id_once_the_last_that_came():
    land, tracker, own = Land({1: Scout(7, 0, 3)}), Tracker(schema_of(Scouting)), Section(SEAT, 7)

    def held() -> list[tuple[list[int], list[list[object]]]]:
        tracker.advance({"_room": RoomRow(), "_seats": {}, "world": land, "scouts": land.scouts}, is_forced=True)
        for delta in (tracker.key(own), tracker.patch(own, tracker.seq - 1)):
            decode_delta(tracker.schema, encode_delta(delta))
        return [(list(g.ids), [list(c) for c in g.columns]) for part in tracker.key(own).tables for g in part.groups]

    assert held() == [([1], [[3]])]
    land.scouts[2] = Scout(7, 1, 5)
    assert held() == [([1], [[5]])]
    del land.scouts[1]
    assert held() == [([1], [[5]])]
    del land.scouts[2]
    assert held() == []


def test_tombstones_live_as_long_as_any_base():
    told = sample_story()
    for _ in range(HORIZON * 2 - 2):
        told.advance()
    base = told.tracker.seq
    del told.world.ships[2]
    for _ in range(HORIZON):
        told.advance()
        assert [list(p.gone) for p in told.tracker.patch(PUBLIC_SECTION, base).tables] == [[4]]
    told.advance()
    with pytest.raises(ValueError, match="expected a base from"):
        told.tracker.patch(PUBLIC_SECTION, base)
    with pytest.raises(ValueError, match="expected a base from"):
        told.tracker.patch(PUBLIC_SECTION, told.tracker.seq + 1)


def test_no_seq_is_spent_where_no_viewer_could_tell_a_difference():
    told = sample_story()
    sources = {"_room": RoomRow(phase="playing"), "_seats": told.seats, "world": told.world, **_collections(told)}
    seq = told.tracker.seq
    told.world.ships[1].mind = 0.7
    told.world.secret = -5
    told.world.ships[1].x += 0.01
    assert not told.tracker.advance(sources)
    assert told.tracker.seq == seq
    told.world.ships[1].x += 0.5
    assert told.tracker.advance(sources)
    assert told.tracker.seq == seq + 1
    assert told.tracker.advance(sources, [Event(Boom(1.0), PUBLIC)])


def _collections(told: Told) -> dict[str, object]:
    return {name: getattr(told.world, name) for name in ("ships", "cards", "mines")}


def test_out_of_range_values_are_clamped_and_counted():
    told = sample_story()
    told.world.ships[1].x = 1e9
    told.world.ships[2].name = "a name that is far too long"
    told.advance()
    assert told.tracker.clamped["ships", "x"] == 1
    assert told.tracker.clamped["ships", "name"] >= 1


def test_events_reach_their_audience_with_their_age_and_only_for_a_while():
    told = sample_story()
    told.advance(Event(Boom(2.0), PUBLIC), Event(Boom(3.0), TEAM, 0), Event(Boom(4.0)))
    told.advance()
    public = told.tracker.patch(PUBLIC_SECTION, 1).events
    assert [(e.age, e.values[0]) for e in public] == [(1, 204)]
    assert [e.values[0] for e in told.tracker.patch(Section(TEAM, 0), 1).events] == [206]
    assert told.tracker.patch(Section(TEAM, 1), 1).events == []
    assert told.tracker.patch(PUBLIC_SECTION, 2).events == []
    with pytest.raises(ValueError, match="needs of="):
        told.advance(Event(Boom(1.0), SEAT))
    with pytest.raises(TypeError, match="the game's events are"):
        told.advance(Event(Ship(), PUBLIC))


def test_a_spectator_who_sees_everything_sees_no_nobody():
    story = Story(Random(11), sees_everything=True)
    for table in story.schema.in_section(SPECTATORS):
        assert all(wire.spec.audience is not NOBODY for wire in table.fields)
