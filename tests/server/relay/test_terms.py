"""What a gateway and a loop must have in common: which settings are compared, and that a difference is told once."""

from typing import Any

import attrs
import pytest
from attrs import evolve
from structlog.testing import capture_logs

from game.wire import messages as m
from game.wire.limits import Limit
from server.relay import envelope as e
from server.relay.terms import Mismatches, difference, terms_of
from server.routing.plan import LOOPS_OWN, RELIED_ON, RoomPlan
from server.routing.spec import Durability, MatchmakingSpec, Prefer, SamePlayer
from tests.server.rooms.plans import plan_of

PLAN = plan_of().rooms["parlour"]
assert PLAN.spectators is not None
assert PLAN.chat is not None
CHANGED: dict[str, Any] = {
    "name": "salon",
    "tick_hz": 80,
    "send_hz": 10,
    "seats": 7,
    "teams": ("blue", "red"),
    "spectators": evolve(PLAN.spectators, delay_s=1.0),
    "reconnect_grace_s": 3.0,
    "frames": evolve(PLAN.frames, window=4),
    "durability": Durability.JOURNAL,
    "chat": evolve(PLAN.chat, length=41),
    "game_class": object,
    "options": {"a": 1},
    "start": evolve(PLAN.start, min_players=2),
    "dispose_when_empty_s": 9.0,
    "matchmaking": MatchmakingSpec((), Prefer.NEWEST),
    "same_player": SamePlayer.REFUSE,
    "chat_limit": Limit(7.0, 7),
}


def test_every_setting_of_a_room_is_compared_or_the_loop_s_own():
    apart = {"schema": "has a fingerprint of its own", "line": "where it stands", "fingerprint": "is made of them"}
    assert {a.name for a in attrs.fields(RoomPlan)} == {*RELIED_ON, *LOOPS_OWN, *apart}
    assert CHANGED.keys() == {*RELIED_ON, *LOOPS_OWN}


@pytest.mark.parametrize("name", RELIED_ON)
def test_what_a_gateway_relies_on_changes_the_fingerprint(name: str):
    other = evolve(PLAN, **{name: CHANGED[name]})
    assert other.fingerprint != PLAN.fingerprint
    assert difference(terms_of(PLAN), terms_of(other)) == "plan"


@pytest.mark.parametrize("name", [*LOOPS_OWN, "line"])
def test_what_is_the_loop_s_own_does_not(name: str):
    assert evolve(PLAN, **{name: CHANGED.get(name, 7)}).fingerprint == PLAN.fingerprint


def test_the_same_file_has_the_same_fingerprint_and_another_spectators_delay_another():
    plan_of.cache_clear()
    again = plan_of().rooms["parlour"]
    assert again is not PLAN
    assert terms_of(again) == terms_of(PLAN)
    assert terms_of(plan_of(delay="2s").rooms["parlour"]).plan != PLAN.fingerprint


def test_a_difference_has_a_name_and_an_older_process_too():
    own = terms_of(PLAN)
    assert own == e.Terms(PLAN.schema.fingerprint, PLAN.fingerprint, m.PROTOCOL)
    others = [own, e.UNTOLD, e.Terms(own.schema, own.plan, 2), e.Terms("x", own.plan, 1), e.Terms(own.schema, "x", 1)]
    assert [difference(own, other) for other in others] == ["", "untold", "protocol", "schema", "plan"]


def test_messages_of_an_older_process_are_read():
    older = [["host", "i1", "K7", "parlour", 5], ["join", "i1", "c1", "g1", "Ann", "player", ["public"], 1, None]]
    host, join = e.unpack_to_loop(e.pack(older))
    assert isinstance(host, e.Host)
    assert isinstance(join, e.Join)
    assert host.terms == join.terms == e.UNTOLD
    told = e.announcement_decoder.decode(e.pack(["loop", "channel", []]))
    assert (told.carries, told.load, told.is_draining) == ({}, 0.0, False)
    (joined,) = e.unpack_to_gateway(e.pack([["joined", "i1", "c1", [], [], 0, 1, 1, None, "Ann", []]]))
    assert isinstance(joined, e.Joined)
    assert joined.terms == e.UNTOLD


def test_a_difference_is_logged_once_for_each_loop_and_type_and_again_after_a_change():
    mismatches, own = Mismatches("gateway"), terms_of(PLAN)
    with capture_logs() as logs:
        for _ in range(50):
            assert mismatches.note("loop-1", "parlour", own, e.UNTOLD)
            assert mismatches.note("loop-2", "parlour", own, e.Terms("x", own.plan, 1))
            assert mismatches.note("loop-1", "parlour", own, own) == ""
        mismatches.note("loop-2", "parlour", own, e.Terms("y", own.plan, 1))
    assert [(line["process"], line["event"]) for line in logs] == [
        ("loop-1", "room.not_served"),
        ("loop-2", "room.not_served"),
        ("loop-2", "room.not_served"),
    ]
    assert "schema" in logs[1]["why"]
