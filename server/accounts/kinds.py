"""The kinds of identities and which may what. Apart from `identity`, for verify's workers import it without Django."""

from typing import Literal

Kind = Literal["guest", "account", "staff"]
RANK: dict[Kind, int] = {"guest": 0, "account": 1, "staff": 2}
