"""Guests: tokens that cannot be forged, ids of the agreed form, names fit to show."""

import string

import pytest
from django.core.signing import TimestampSigner
from hypothesis import given
from hypothesis import strategies as st

from game.codes import is_identity
from game.text import NAME_LENGTH_MAX, clean_name
from server.accounts.identity import (
    TOKEN_LENGTH_MAX,
    Identity,
    Refused,
    issue_guest,
    new_guest,
    renamed,
    token_of,
    verify,
)

TOKEN_CHARACTERS = set(string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~")  # of a subprotocol's name, RFC 9110


@given(st.text(max_size=200))
def test_every_name_makes_a_guest_whose_token_comes_back(name: str):
    guest, token = issue_guest(name)
    assert verify(token) == guest
    assert is_identity(guest.id)
    assert guest.id.startswith("g")
    assert 0 < len(guest.name) <= NAME_LENGTH_MAX
    assert set(token) <= TOKEN_CHARACTERS
    assert len(token) <= TOKEN_LENGTH_MAX


@given(st.text(max_size=600))
def test_no_text_but_ours_verifies_and_none_raises(text: str):
    assert isinstance(verify(text), Refused)


@given(st.integers(0, 40), st.characters(codec="ascii", exclude_categories=["C"]))
def test_a_changed_token_is_forged(place: int, character: str):
    _, token = issue_guest("Ada")
    place %= len(token.rpartition(".")[0])
    changed = token[:place] + character + token[place + 1 :]
    if changed != token:
        assert isinstance(verify(changed), Refused)


def test_an_old_token_has_expired(settings):
    _, token = issue_guest("Ada")
    settings.GUEST_TOKEN_AGE_S = -1
    refused = verify(token)
    assert isinstance(refused, Refused)
    assert refused.reason == "expired"


def test_another_deployment_s_token_is_forged(settings):
    _, token = issue_guest("Ada")
    settings.SECRET_KEY = "another secret altogether"
    refused = verify(token)
    assert isinstance(refused, Refused)
    assert refused.reason == "forged"


@pytest.mark.parametrize("content", [["u1", 5], ["", "x"], ["a b", "x"], "x", {"id": "g1"}, ["g1"]])
def test_a_signed_token_of_another_shape_is_malformed(content: object):
    refused = verify(TimestampSigner(salt="roomwright.guest", sep=".").sign_object(content))
    assert isinstance(refused, Refused)
    assert refused.reason == "malformed"


@pytest.mark.parametrize(
    ("given_name", "shown"),
    [("  Ada   Lovelace ", "Ada Lovelace"), ("a\x00b\nc\u202ed", "ab cd"), ("x" * 99, "x" * 24), ("\x07", "")],
)
def test_names_are_cleaned(given_name: str, shown: str):
    assert clean_name(given_name) == shown


def test_renaming_keeps_the_id_and_needs_a_usable_name():
    guest = new_guest("Ada")
    assert renamed(guest, "Grace") == Identity(guest.id, "Grace", "guest")
    assert renamed(guest, "\x00") == guest


@pytest.mark.parametrize("kept", ["", "\u3164", "\x1b\u202e"])
def test_a_token_of_old_whose_name_shows_nothing_has_the_id_s(kept: str):
    token = TimestampSigner(salt="roomwright.guest", sep=".").sign_object(["gabcdef", kept])
    assert verify(token) == Identity("gabcdef", "guest-abcd", "guest")


def test_only_guests_get_tokens():
    with pytest.raises(ValueError, match="log"):
        token_of(Identity("u1", "root", "staff"))


def test_who_may_what():
    guest, account, staff = Identity("g1", "", "guest"), Identity("u1", "", "account"), Identity("u2", "", "staff")
    assert [guest.may(kind) for kind in ("guest", "account", "staff")] == [True, False, False]
    assert [account.may(kind) for kind in ("guest", "account", "staff")] == [True, True, False]
    assert [staff.may(kind) for kind in ("guest", "account", "staff")] == [True, True, True]
