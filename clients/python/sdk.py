"""``connect``: the one function that a bot author needs.

It asks the lobby for a token and a room where none is given, opens the socket of the role's route, and gives a
:class:`~clients.python.room.Room` whose view already holds the first frame.
"""

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Literal

from clients.python.backoff import Backoff
from clients.python.errors import NotServedError
from clients.python.lobby import Lobby, Place, socket_url
from clients.python.room import Room, Target
from game.contract import Game
from game.rng import Rng
from game.schema import schema_of
from game.text import clean_name
from game.wire import messages as m
from game.wire.client import Client

Role = Literal["player", "bot", "spectator"]
DEFAULT_URL = "http://127.0.0.1:8000"
OPEN_FOR_S = 30.0
RECONNECT_FOR_S = 120.0


@asynccontextmanager
async def connect(
    url: str = DEFAULT_URL,
    *,
    game: str | None = None,
    room: str | None = None,
    path: str | None = None,
    options: Mapping[str, Any] | None = None,
    role: Role = "player",
    name: str | None = None,
    token: str | None = None,
    rules: type[Game] | None = None,
    slots: int = 1,
    subprotocol: Literal["bin", "json"] = "bin",
    open_for_s: float = OPEN_FOR_S,
    reconnect_for_s: float = RECONNECT_FOR_S,
) -> AsyncIterator[Room]:
    """Enters a room, and leaves it at the end of the block.

    Args:
        url: the server's http(s) address.
        game: the room type, such as "arena"; without a ``room`` the lobby picks the fullest with a free seat.
        room: a room's code. Without ``game``, the room must be live already.
        path: the socket's path, instead of ``game`` and ``room``.
        options: what is chosen at quick play, such as ``{"mode": "ffa"}``: values for options that the game's rooms are matched by.
        token: an identity's token; without one, a new guest called ``name`` is made.
        rules: the game's class: events are then its classes' instances, and a server with another version of the
            game is refused. Without it the server sends the schema, and any game works.
        open_for_s: how long to wait for the first frame.
        reconnect_for_s: how long a lost connection is tried again.

    Raises:
        UnreachableError: nobody answers. NotServedError: no such room, type or route, or a full server.
        RoomClosedError: the server refused to let this identity in.
    """
    lobby, name = Lobby(url), None if name is None else clean_name(name)
    if path is None:
        path = (await find_place(lobby, game, room, options)).path_for(role)
    if token is None:
        token = await lobby.guest_token(name)
    schema = None if rules is None else schema_of(rules)
    fingerprint = None if schema is None else schema.fingerprint
    hello = m.Hello(token=token, name=name, slots=slots, fingerprint=fingerprint, schema=schema is None)
    client = Client(hello, is_binary=subprotocol == "bin", schema=schema)
    spoken = m.BIN if subprotocol == "bin" else m.JSON
    target = Target(socket_url(url, path), spoken, reconnect_for_s, open_for_s)
    entered = Room(target, client, Backoff(Rng.from_seed(secrets.randbits(63))))
    await entered.enter()
    try:
        yield entered
    finally:
        await entered.leave()


async def find_place(
    lobby: Lobby, game: str | None, room: str | None, options: Mapping[str, Any] | None = None
) -> Place:
    """Where to go: the room of a code, or quick play of a type. Raises NotServedError where that is not clear."""
    if room is not None and options:
        raise NotServedError(f"expected a room's code or options for quick play, got both: {room} and {dict(options)}")
    if room is not None:
        return await lobby.find(room, game)
    if game is None:
        names = [str(kind.get("type")) for kind in await lobby.types()]
        if len(names) != 1:
            raise NotServedError(f"expected a game or a room's code; games here: {', '.join(names) or 'none'}")
        game = names[0]
    return await lobby.quick(game, options)
