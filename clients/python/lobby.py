"""The lobby over HTTP: who am I (a guest's token), which rooms are there, and where is a room played.

The standard library's client in a thread: three short calls before a socket is opened need no more. `Lobby` turns
every failure into a `RoomError` that says what to do.
"""

import asyncio
import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from attrs import field, frozen

from clients.python import clock
from clients.python.errors import NotServedError, RoomError, UnreachableError
from game.codes import ROOM_CODE_EXPECTED, is_room_code

TIMEOUT_S = 10.0
BODY_MAX_BYTES = 4 << 20
PATIENCE_S = 60.0  # with a lobby that has too many callers just now
LOOPBACK = ("localhost", "127.0.0.1", "::1")
ROLES = {"player": "play_path", "bot": "bot_path", "spectator": "watch_path"}


@frozen
class Place:
    """A room that can be joined: its code and type, and the socket's path for each role that it admits."""

    code: str
    room_type: str
    paths: dict[str, str]

    def path_for(self, role: str) -> str:
        """The socket's path for a role. A bot takes the players' path where there is none for bots.

        Raises NotServedError where the role has no route.
        """
        path = self.paths.get(ROLES[role]) or (self.paths.get("play_path") if role == "bot" else None)
        if path is None:
            raise NotServedError(f"room {self.code} ({self.room_type}) has no route for the role {role!r}")
        return path


def is_loopback(url: str) -> bool:
    """Whether the address is this machine's, where no proxy of the environment belongs in between."""
    return urlsplit(url).hostname in LOOPBACK


def socket_url(url: str, path: str) -> str:
    """The WebSocket address of a path on a server given by its http(s) address. Raises RoomError for another scheme."""
    parts = urlsplit(url)
    schemes = {"http": "ws", "https": "wss"}
    if parts.scheme not in schemes or not parts.netloc:
        raise RoomError(f"expected an address such as http://127.0.0.1:8000, got {url!r}")
    return f"{schemes[parts.scheme]}://{parts.netloc}{path}"


@frozen
class Lobby:
    """One server's lobby. ``url`` is its http(s) address."""

    url: str
    _opener: urllib.request.OpenerDirector = field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        socket_url(self.url, "")
        proxies = urllib.request.ProxyHandler({} if is_loopback(self.url) else None)
        object.__setattr__(self, "_opener", urllib.request.build_opener(proxies))

    async def guest_token(self, name: str | None = None) -> str:
        """A new guest's token."""
        answer = await self._call("/api/guest", {} if name is None else {"name": name})
        return str(answer.get("token", ""))

    async def quick(self, room_type: str, options: Mapping[str, Any] | None = None) -> Place:
        """The preferred room of a type with a free seat, or a new one. ``options``: values for those that its rooms are matched by.

        Raises NotServedError for options that are not chosen at quick play, or that the game does not take.
        """
        answer = await self._call("/api/rooms/quick", {"type": room_type, "options": dict(options or {})})
        return _place(answer, room_type)

    async def rooms(self) -> list[Place]:
        """The live rooms, fullest first."""
        answer = await self._call("/api/rooms")
        return [_place(row, str(row.get("room_type"))) for row in answer.get("rooms", ())]

    async def types(self) -> list[dict[str, Any]]:
        """The room types: type, seats, and the paths with ``{room}`` in them where the server tells them."""
        return list((await self._call("/api/rooms")).get("types", ()))

    async def find(self, code: str, room_type: str | None) -> Place:
        """The room of a code; of a type that is named, it need not be live yet. Raises NotServedError."""
        if not is_room_code(code):
            raise NotServedError(f"expected {ROOM_CODE_EXPECTED}, got {code[:60]!r}")
        answer = await self._call("/api/rooms")
        live = [_place(row, str(row.get("room_type"))) for row in answer.get("rooms", ())]
        for place in live:
            if place.code == code and room_type in (None, place.room_type):
                return place
        for kind in answer.get("types", ()):
            if (
                room_type is not None
                and room_type == kind.get("type")
                and any(isinstance(kind.get(key), str) for key in ROLES.values())
            ):
                return _place({**_filled(kind, code), "code": code}, room_type)
        shown = ", ".join(f"{place.code} ({place.room_type})" for place in live[:10]) or "none"
        raise NotServedError(f"no room {code!r} at {self.url}; live rooms: {shown}")

    async def _call(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        give_up_at = clock.monotonic() + PATIENCE_S
        while True:
            try:
                return await asyncio.to_thread(self._fetch, path, body)
            except urllib.error.HTTPError as error:
                wait_s = _retry_after_s(error)
                if wait_s is None or clock.monotonic() + wait_s > give_up_at:
                    raise NotServedError(f"{self.url}{path}: {_refusal(error)}") from error
                await clock.sleep_until(clock.monotonic() + wait_s)
            except (OSError, ValueError, http.client.HTTPException) as error:
                raise UnreachableError(
                    f"no Roomwright server answers at {self.url}: {_cause(error)}; start one with `make run`, or name another with --url"
                ) from error

    def _fetch(self, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - the scheme was checked to be http or https
            self.url.rstrip("/") + path, data, {"Content-Type": "application/json"}
        )
        with self._opener.open(request, timeout=TIMEOUT_S) as response:
            answer = json.loads(response.read(BODY_MAX_BYTES))
        if not isinstance(answer, dict):
            raise NotServedError(f"{self.url}{path}: expected a JSON object, got {type(answer).__name__}")
        return answer


def _place(row: dict[str, Any], room_type: str) -> Place:
    if not isinstance(row.get("code"), str):
        raise NotServedError(f"expected a room with a code, got {str(row)[:100]}")
    paths = {key: row[key] for key in ROLES.values() if isinstance(row.get(key), str)}
    return Place(row["code"], room_type, paths)


def _filled(kind: dict[str, Any], code: str) -> dict[str, Any]:
    return {key: value.replace("{room}", code) for key, value in kind.items() if isinstance(value, str)}


def _retry_after_s(error: urllib.error.HTTPError) -> float | None:
    if error.code not in (429, 503):
        return None
    given = error.headers.get("Retry-After", "1")
    return min(10.0, float(given)) if given.isdigit() else 1.0


def _refusal(error: urllib.error.HTTPError) -> str:
    try:
        told = json.loads(error.read(4096))
        return f"{told['error']}: expected {told['expected']}, got {told['got']}"
    except (OSError, ValueError, KeyError, TypeError):
        return f"HTTP {error.code}"


def _cause(error: Exception) -> str:
    reason = getattr(error, "reason", error)
    return str(reason) or type(reason).__name__
