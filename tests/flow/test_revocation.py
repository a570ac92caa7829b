"""An account that is deactivated by another process is out of every gateway at once, and nobody else notices."""

import asyncio
import contextlib

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from game.wire import messages as m
from tests.flow.fleet import Fleet
from tests.flow.lab import Poke
from tests.flow.player import Player

pytestmark = pytest.mark.layers("pubsub", "core")

LOGIN = """
from server.django_setup import prepare; prepare()
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
user, _ = User.objects.get_or_create(username="ann")
User.objects.filter(pk=user.pk).update(is_active=True)
session = SessionStore()
session[SESSION_KEY], session[HASH_SESSION_KEY] = str(user.pk), user.get_session_auth_hash()
session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
session.create()
print("session", session.session_key)
"""
DEACTIVATE = """
from server.django_setup import prepare; prepare()
from django.contrib.auth.models import User
user = User.objects.get(username="ann")
user.is_active = False
user.save()
print("saved", user.pk)
"""


async def logged_in(fleet: Fleet, path: str, session: str, gateway: int) -> ClientConnection:
    """A JSON socket with the login's cookie, as a page of ours opens it; it has its welcome."""
    headers = {"Cookie": f"sessionid={session}", "Origin": fleet.gateways[gateway].url}
    socket = await connect(
        fleet.url(path, gateway), subprotocols=[Subprotocol(m.JSON)], additional_headers=headers, proxy=None
    )
    await socket.send(m.encode(m.Hello()))
    while not isinstance(message := m.decode_server(await socket.recv(decode=True)), m.Welcome):
        assert not isinstance(message, m.Goodbye), message
    return socket


async def test_a_deactivated_account_is_out_of_every_gateway_at_once(fleet: Fleet):
    code = fleet.code()
    path = f"/ws/lab/{code}"
    session = (await fleet.script(LOGIN).line(r"^session (\S+)"))[1]
    sockets = [await logged_in(fleet, path, session, gateway) for gateway in range(len(fleet.gateways))]
    other: Player = await (await fleet.player(path)).joined()
    await fleet.script(DEACTIVATE).line(r"^saved")
    for socket in sockets:
        goodbye = None
        async with asyncio.timeout(20.0):
            with contextlib.suppress(ConnectionClosed):
                while True:
                    text = await socket.recv(decode=True)
                    goodbye = m.decode_server(text) if '"goodbye"' in text else goodbye
        assert isinstance(goodbye, m.Goodbye) and goodbye.code == 4401 and "account" in goodbye.reason
        assert socket.close_code == 4401
    await other.until("their seats are free", lambda: len(list(other.view.roster)) == 1)
    assert other.goodbye is None
    await other.poke(Poke(1))
    await other.answered(1)
