"""Identities and the signed tokens that carry a guest's.

A guest is nothing but its token: no row is kept. Pure apart from the clock and key inside `django.core.signing`.
Called by the guest view, by `accounts.scope` and, for the token in a hello, by the sockets.
"""

import secrets
from typing import Any, Literal

from attrs import frozen
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.core.signing import BadSignature, SignatureExpired, TimestampSigner

from game.codes import is_identity
from game.text import clean_name
from server.accounts.kinds import RANK, Kind

TOKEN_LENGTH_MAX = 512


@frozen
class Identity:
    """Who: `id` is `g…` for a guest and `u<pk>` for a login; `name` is what others see."""

    id: str
    name: str
    kind: Kind

    def may(self, admit: Kind) -> bool:
        """Whether a route that admits `admit` lets this identity in; staff may what accounts may, and so on down."""
        return RANK[self.kind] >= RANK[admit]


@frozen
class Refused:
    """Why no identity came of it: a short code and a sentence with what to do."""

    reason: Literal["malformed", "forged", "expired", "missing", "origin"]
    text: str


def _signer() -> TimestampSigner:
    # "." is allowed in a subprotocol name (a native client may send its token there); the default ":" is not.
    return TimestampSigner(salt="roomwright.guest", sep=".")


def new_guest(name: str = "") -> Identity:
    """A guest nobody has met yet; without a usable name it is called after its id."""
    guest_id = f"g{secrets.token_hex(10)}"
    return _guest(guest_id, name)


def renamed(guest: Identity, name: str) -> Identity:
    """The same guest under another name; an unusable one changes nothing."""
    return Identity(guest.id, clean_name(name) or guest.name, guest.kind)


def token_of(guest: Identity) -> str:
    """A signed token (URL-safe characters and dots) that `verify` turns back into `guest` until it expires.

    Raises:
        ValueError: for an account or staff: those log in.
    """
    if guest.kind != "guest":
        raise ValueError(f"expected a guest, got kind {guest.kind!r}: accounts authenticate by their login")
    return _signer().sign_object([guest.id, guest.name])


def issue_guest(name: str = "") -> tuple[Identity, str]:
    """A new guest and its token."""
    guest = new_guest(name)
    return guest, token_of(guest)


def verify(token: str) -> Identity | Refused:
    """The guest whose token this is; never raises, whatever the text."""
    if not token or len(token) > TOKEN_LENGTH_MAX or not token.isascii():
        return Refused("malformed", "expected a guest token from POST /api/guest")
    try:
        signed: Any = _signer().unsign_object(token, max_age=settings.GUEST_TOKEN_AGE_S)
    except SignatureExpired:
        return Refused("expired", "the token has expired; get another from POST /api/guest")
    except BadSignature:
        return Refused("forged", "the token was not signed by this deployment; get another from POST /api/guest")
    match signed:
        case [str(guest_id), str(name)] if is_identity(guest_id):
            return _guest(guest_id, name)
    return Refused("malformed", "expected a guest token from POST /api/guest")


def _guest(guest_id: str, name: str) -> Identity:
    """A token may be older than today's rule for names."""
    return Identity(guest_id, clean_name(name) or f"guest-{guest_id[1:5]}", "guest")


def identity_of_user(user: AbstractBaseUser | AnonymousUser) -> Identity | None:
    """The identity of a logged-in Django user; None for nobody or a deactivated one."""
    if isinstance(user, AnonymousUser) or not user.is_active:
        return None
    name = clean_name(str(user.get_username())) or f"user-{user.pk}"
    return Identity(f"u{user.pk}", name, "staff" if getattr(user, "is_staff", False) else "account")
