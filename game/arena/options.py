"""What a room type may set under ``options:``. Wrong values raise ValueError or TypeError with the reason."""

from typing import Literal

from attrs import define, field, validators

Mode = Literal["ffa", "teams"]
MapName = Literal["nebula", "belt", "void"]


@define
class ArenaOptions:
    """``lives`` per round and ship; ``round_s`` is when the ring has closed, so no round lasts much longer."""

    mode: Mode = field(default="ffa", validator=validators.in_(("ffa", "teams")))
    rounds: int = field(default=1, validator=[validators.ge(1), validators.le(20)])
    map: MapName = field(default="nebula", validator=validators.in_(("nebula", "belt", "void")))
    lives: int = field(default=2, validator=[validators.ge(1), validators.le(9)])
    round_s: int = field(default=150, validator=[validators.ge(30), validators.le(900)])
