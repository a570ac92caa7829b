"""Ends of matches for tests: a room in the directory, and what its loop would hand over."""

from datetime import UTC, datetime, timedelta
from typing import Any

from attrs import evolve

from server.history.match_end import MatchEnd, MatchPlayer
from server.lobby import directory

STARTED = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


def held_room() -> str:
    """A room at epoch 1; its incarnation."""
    room = directory.open_room("duel")
    assert directory.claim(room.incarnation, "loop", "chan") == 1
    return room.incarnation


def match_end(incarnation: str, **changes: Any) -> MatchEnd:
    """An end at epoch 1 with a replay."""
    end = MatchEnd(
        incarnation=incarnation,
        epoch=1,
        room_type="duel",
        game="some.game:Duel",
        rules_version="1",
        rules_hash="ab" * 16,
        seed=2**52 + 1,
        started=STARTED,
        ended=STARTED + timedelta(seconds=90),
        players=(MatchPlayer(0, "g1", "Ada", team=0), MatchPlayer(1, "", "Bot", is_bot=True)),
        winners=(0, "red"),
        scores={"0": 12.0, "1": 3.5},
        final_hash="cd" * 16,
        replay=bytes(range(256)) * 40,
        replay_format="roomwright.replay.1",
    )
    return evolve(end, **changes)
