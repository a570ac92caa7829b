"""What a room gives its holder to send: a closed family, drained after each tick."""

from datetime import datetime

from attrs import frozen

from game.contract import Result
from server.relay.envelope import PrivateFrame, PublicFrame, RoomNews, ToGateway


@frozen
class ToOne:
    """An item for one gateway, over its link."""

    gateway: str
    item: ToGateway


@frozen
class FrameOut:
    """A frame: its public part for the group, its private parts by gateway."""

    public: PublicFrame
    private: dict[str, PrivateFrame]


@frozen
class NewsOut:
    """News for all gateways of the room."""

    news: RoomNews


@frozen
class MatchOver:
    """The match has a result that must be written."""

    result: Result
    final_hash: str
    started: datetime
    replay: bytes


Outgoing = ToOne | FrameOut | NewsOut | MatchOver
