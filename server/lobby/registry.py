"""What the lobby's views know of the rest of the server: room types, their paths, the live table, readiness checks.

Wiring installs one `Lobby` per process, before the first request; the views ask `current()`. Nothing else is global.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

from attrs import field, frozen

from server.lobby.live import LiveRooms
from server.routing.choices import Choice, Chosen
from server.routing.options import OptionFault
from server.routing.problems import quote
from server.routing.spec import Prefer


def _nothing_to_choose(wish: object) -> Chosen | list[OptionFault]:
    return {} if wish == {} else [OptionFault((), "no options: nothing is chosen for this room type", quote(wish))]


@frozen
class RoomType:
    """What quick play and the room list need of one room type.

    `play_path`, `watch_path` and `bot_path` are the WebSocket paths of its routes with `{room}` in them, None where the
    spec has no such route. `page` is the folder of its pages below `clients/browser/games/`. `choices` are the options that
    people choose at quick play, and `read_wish` reads theirs: what is equal in all rooms that fit, or every mistake in it.
    """

    name: str
    seats: int
    play_path: str | None
    watch_path: str | None
    page: str = ""
    bot_path: str | None = None
    prefer: Prefer = Prefer.FULLEST
    choices: tuple[Choice, ...] = ()
    read_wish: Callable[[object], Chosen | list[OptionFault]] = _nothing_to_choose

    @property
    def socket_paths(self) -> dict[str, str | None]:
        """The sockets' paths by role, `{room}` in them."""
        return {"play_path": self.play_path, "watch_path": self.watch_path, "bot_path": self.bot_path}

    def paths(self, code: str) -> dict[str, str | None]:
        """Where room `code` is played and watched: the sockets' paths, and the pages for people."""
        return {
            **{role: path and path.replace("{room}", code) for role, path in self.socket_paths.items()},
            "play_page": f"/play/{self.name}/{code}" if self.play_path else None,
            "watch_page": f"/watch/{self.name}/{code}" if self.watch_path else None,
        }


class KickAnswer(Protocol):
    """What came of a kick: who is out, or the problem's name and what would do."""

    @property
    def problem(self) -> str:
        """Why nobody was removed; "" where somebody was."""

    @property
    def expected(self) -> str:
        """What would do."""

    @property
    def identity(self) -> str:
        """Who is out."""

    @property
    def name(self) -> str:
        """What others called them."""

    @property
    def seats(self) -> tuple[int, ...]:
        """Seats that are free now."""

    @property
    def connections(self) -> int:
        """How many were told goodbye."""


class AskKick(Protocol):
    """Asks the loop that holds a room to remove somebody from it."""

    async def __call__(self, code: str, seat: int | None, identity: str, reason: str, by: str, /) -> KickAnswer:
        """`by` is for the log."""


@frozen
class Refusal:
    """Why no room is opened, as an HTTP status, words, and when to ask again."""

    status: int
    reason: str
    retry_after_s: float | None = None


@frozen
class Lobby:
    """The lobby's view of the server; `checks` say by name whether a part is well, for `/healthz`; `notes` what is worth
    a look there, too.

    `why_not_open(address, room_type)` tells whether an address may open such a room now, and `note_opened(incarnation, address)` that it did.

    `kick` is there in processes with a gateway. `turn` is for who chooses a room: who comes meanwhile shall find the room that is
    being opened, not open another.
    """

    types: Mapping[str, RoomType]
    live: LiveRooms = field(factory=LiveRooms)
    checks: Mapping[str, Callable[[], bool]] = field(factory=dict)
    kick: AskKick | None = None
    notes: Mapping[str, Callable[[], object]] = field(factory=dict)
    turn: asyncio.Lock = field(factory=asyncio.Lock)
    why_not_open: Callable[[str, str], Refusal | None] = lambda address, room_type: None
    note_opened: Callable[[str, str], None] = lambda _, __: None


_installed = Lobby({})


def install(lobby: Lobby) -> Lobby:
    """Make `lobby` the process's own; returns the one before it, for tests to put back."""
    global _installed
    before, _installed = _installed, lobby
    return before


def current() -> Lobby:
    """The installed lobby; one without room types where wiring has not run."""
    return _installed
