"""What a room gives its holder to send: a closed family, drained after each tick."""

from datetime import datetime

from attrs import frozen
from msgspec import Struct

from game.contract import Result
from server.relay.envelope import PrivateFrame, PublicFrame, RoomNews, ToGateway


class ToOne(Struct, frozen=True):
    """An item for one gateway, over its link."""

    gateway: str
    item: ToGateway


class FrameOut(Struct, frozen=True):
    """A frame: its public part for the group, its private parts by gateway."""

    public: PublicFrame
    private: dict[str, PrivateFrame]


class NewsOut(Struct, frozen=True):
    """News for all gateways of the room."""

    news: RoomNews


@frozen
class SeatAtEnd:
    """Who held a seat when the match ended."""

    number: int
    identity: str
    name: str
    team: int | None
    is_bot: bool


@frozen
class MatchOver:
    """The match has a result that must be written, with the seats as they were when it ended."""

    result: Result
    final_hash: str
    started: datetime
    replay: bytes
    seats: tuple[SeatAtEnd, ...]


Outgoing = ToOne | FrameOut | NewsOut | MatchOver
