"""The identity behind a WebSocket: from its cookies, or from the token in its hello.

A cookie counts only where the Origin is one of our pages (another site's page would send it too); a token needs no
Origin, since only its owner can have put it there. Called by the sockets' shell, once per connection.
"""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest, parse_cookie

from game.codes import is_session_key
from server.accounts.identity import Identity, Refused, identity_of_user, verify
from server.database import on_database_thread
from server.web.origin import header, origin_is_allowed


async def identity_of_scope(scope: Mapping[str, Any]) -> Identity | Refused:
    """Who the cookies of an ASGI websocket (or http) scope say it is: a login first, else a guest."""
    cookies = parse_cookie(header(scope["headers"], b"cookie"))
    session_key = cookies.get(settings.SESSION_COOKIE_NAME)
    guest_token = cookies.get(settings.GUEST_COOKIE)
    if not session_key and not guest_token:
        return Refused("missing", "expected a token in the hello, or a cookie from POST /api/guest")
    if not origin_is_allowed(header(scope["headers"], b"origin"), header(scope["headers"], b"host")):
        return Refused("origin", "cookies count only from our own pages; send a token in the hello instead")
    found = await identity_of_session(session_key) if session_key and is_session_key(session_key) else None
    if found is not None:
        return found
    return verify(guest_token) if guest_token else Refused("expired", "the login has ended; log in again")


def guest_token_of_scope(scope: Mapping[str, Any]) -> str:
    """The guest's token in the cookies, or ""."""
    return parse_cookie(header(scope["headers"], b"cookie")).get(settings.GUEST_COOKIE, "")


def _identity_of_session(session_key: str) -> Identity | None:
    request = HttpRequest()
    request.session = SessionStore(session_key)
    return identity_of_user(get_user(request))


identity_of_session = on_database_thread(_identity_of_session)
