"""An identity as sockets need it."""

from attrs import field, frozen


@frozen
class Who:
    """``proof`` is a guest's token, which is read again as long as it is connected; "" for an account."""

    id: str
    name: str
    kind: str
    proof: str = field(default="", repr=False)
