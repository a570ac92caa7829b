"""The spec: routing.yaml as frozen values, valid in itself. Games are still names here; `plan` imports them."""

from collections.abc import Mapping
from enum import Enum

from attrs import field, frozen

from game.fields import Audience
from game.wire.limits import Overflow
from server.routing.units import Rate


class Role(Enum):
    """As what a route's connections take part."""

    PLAYER = "player"
    BOT = "bot"
    SPECTATOR = "spectator"


class Admit(Enum):
    """Whom a route lets in: anybody with a guest token, people with an account, staff."""

    GUEST = "guest"
    ACCOUNT = "account"
    STAFF = "staff"


class Sees(Enum):
    """What spectators may see: public sections only, or everything (delayed)."""

    PUBLIC = "public"
    EVERYTHING = "everything"


class Durability(Enum):
    """What survives the death of the loop process that holds a room."""

    NONE = "none"
    JOURNAL = "journal"


class SamePlayer(Enum):
    """What becomes of a player who comes into a room where it has a seat, without that seat's resume token."""

    NEW_SEAT = "new_seat"
    TAKE_OVER = "take_over"
    REFUSE = "refuse"


class Prefer(Enum):
    """Which of several fitting rooms matchmaking picks."""

    FULLEST = "fullest"
    EMPTIEST = "emptiest"
    NEWEST = "newest"


@frozen
class SpectatorSpec:
    limit: int
    delay_s: float
    sees: Sees


@frozen
class BotsSpec:
    """Bots that fill seats: `policy` is `module:Class`, `fill_to` counts people and bots together."""

    policy: str
    fill_to: int


@frozen
class StartSpec:
    min_players: int
    bots: BotsSpec | None


@frozen
class RungSpec:
    every: int
    span: int


@frozen
class LadderSpec:
    """Which base each frame has: `seq - window`, every `rung.every`-th frame `seq - rung.span`, then KEYs."""

    window: int
    rung: RungSpec
    keyframe_every: int


@frozen
class ChatSpec:
    """`length` in characters, `history` in lines."""

    rate: Rate
    length: int
    history: int


@frozen
class MatchmakingSpec:
    """`by` names options of the game: rooms match when those are equal."""

    by: tuple[str, ...]
    prefer: Prefer


@frozen
class RoomSpec:
    """A room type. `game` is `module:Class`, `options` the plain data that becomes the game's Options.

    `entities` says how many of a collection there are at most, for the budget.
    """

    game: str
    options: Mapping[str, object] = field(hash=False)
    tick_hz: int
    send_hz: int
    seats: int
    teams: tuple[str, ...]
    entities: Mapping[str, int] = field(hash=False)
    spectators: SpectatorSpec | None
    start: StartSpec
    reconnect_grace_s: float
    dispose_when_empty_s: float
    frames: LadderSpec
    durability: Durability
    chat: ChatSpec | None
    matchmaking: MatchmakingSpec | None
    same_player: SamePlayer = SamePlayer.NEW_SEAT


@frozen
class AcceptSpec:
    """Limits of one kind of message. What is None takes its value from the room (`plan` says which)."""

    rate: Rate | None
    burst: int | None
    overflow: Overflow
    size: int | None


@frozen
class AcceptsSpec:
    """What a route's connections may send; None means refused."""

    input: AcceptSpec | None
    chat: AcceptSpec | None
    leave: AcceptSpec | None


@frozen
class RouteSpec:
    path: str
    room: str
    role: Role
    admit: Admit
    groups: tuple[Audience, ...]
    accepts: AcceptsSpec


@frozen
class Spec:
    """A whole routing.yaml, valid in itself."""

    roomwright: int
    rooms: Mapping[str, RoomSpec] = field(hash=False)
    routes: Mapping[str, RouteSpec] = field(hash=False)
