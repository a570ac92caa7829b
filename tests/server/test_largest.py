"""What the documents allow at its largest fits wherever it goes: layer groups, database columns, the wire's roster."""

import attrs
import pytest
from channels.layers import BaseChannelLayer
from django.db.models import CharField

from game.codes import IDENTITY_MAX, ROOM_CODE_MAX, is_identity
from game.contract import Game
from game.fields import FieldSpec, spec_of
from game.quantize import quantize
from game.schema import SeatRow
from game.text import NAME_BYTES_MAX, clean_name
from game.wire.messages import SLOTS_MAX
from server.history.models import Match
from server.lobby.models import Room
from server.relay import envelope as e
from server.routing.games import REFERENCE_LENGTH_MAX, VERSION_LENGTH_MAX, contract_mismatches
from server.routing.groups import INCARNATION_LENGTH, longest_group
from server.routing.groups import NAME_LENGTH_MAX as GROUP_MAX
from server.social.models import Notice, NoticeReceipt


@pytest.mark.parametrize(
    "group",
    [
        e.user_group("x" * IDENTITY_MAX),
        e.user_group("-" * IDENTITY_MAX),
        e.room_group("0" * INCARNATION_LENGTH, e.DELAYED_STREAM),
        e.LOBBY_GROUP,
    ],
)
def test_channels_takes_the_longest_groups(group: str):
    assert BaseChannelLayer().require_valid_group_name(group)


def test_the_longest_prefix_leaves_room_for_a_room_type():
    assert len(longest_group("x" * 20, "p" * 32)) <= GROUP_MAX


def test_columns_hold_the_longest():
    longest = {
        (Room, "code"): ROOM_CODE_MAX,
        (Room, "incarnation"): INCARNATION_LENGTH,
        (Room, "room_type"): GROUP_MAX - len(longest_group("", "p")),
        (Match, "incarnation"): INCARNATION_LENGTH,
        (Match, "room_type"): GROUP_MAX - len(longest_group("", "p")),
        (Match, "game"): REFERENCE_LENGTH_MAX,
        (Match, "rules_version"): VERSION_LENGTH_MAX,
        (Notice, "audience_id"): max(IDENTITY_MAX, INCARNATION_LENGTH),
        (NoticeReceipt, "user_id"): IDENTITY_MAX,
    }
    for (model, name), length in longest.items():
        column = model._meta.get_field(name)
        assert isinstance(column, CharField)
        assert column.max_length is not None and column.max_length >= length, (model, name)


def test_the_roster_holds_the_longest_name_with_a_slot_s_number():
    spec = spec_of(attrs.fields(SeatRow).name)
    assert isinstance(spec, FieldSpec)
    longest = clean_name("\u6f22" * NAME_BYTES_MAX) + f" {SLOTS_MAX}"
    assert quantize(spec, longest) == longest


def test_the_longest_identity_is_one():
    assert is_identity("u" + "9" * (IDENTITY_MAX - 1))


@pytest.mark.parametrize("version", ["x" * (VERSION_LENGTH_MAX + 1), "1\x00", "1\n2", "\u202e1"])
def test_a_version_that_no_table_keeps_is_told_at_the_start(version: str):
    game = type("Odd", (Game,), {"version": version})
    assert any("printable text of at most 64" in mismatch.expected for mismatch in contract_mismatches(game))
    assert not any("version" in m.expected for m in contract_mismatches(type("Fine", (Game,), {"version": "v" * 64})))


def test_a_class_whose_name_no_table_keeps_is_told_at_the_start():
    game = type("O" * REFERENCE_LENGTH_MAX, (Game,), {})
    assert any("a module and class of at most 200" in mismatch.expected for mismatch in contract_mismatches(game))
