"""What players may send (inputs) and what they may see and hear for a moment (events). Data only."""

from attrs import define

from game.fields import choice, flag, num, whole

SEAT_MAX = 255  # the highest seat number on the wire
KINDS = ("ammo", "health", "rapid", "shield")


@define
class Steer:
    """How the ship's controls are held, until the next one. ``turn`` is -1 (left) to 1 (right); keys send the ends."""

    turn: float = num(-1, 1, step=0.125)
    thrust: bool = flag()
    fire: bool = flag()
    boost: bool = flag()


@define
class Ping:
    """Marks a place for one's own team for a few seconds."""

    x: float = num(-1024, 1024, step=0.0625)
    y: float = num(-1024, 1024, step=0.0625)


@define
class Fired:
    """A ship fired."""

    seat: int = whole(0, SEAT_MAX)


@define
class DryFire:
    """The trigger clicked and there was no ammunition. Only the pilot hears it."""


@define
class Hit:
    """A shot struck a ship; ``by`` is the seat that fired it."""

    x: float = num(-1024, 1024, step=0.0625)
    y: float = num(-1024, 1024, step=0.0625)
    seat: int = whole(0, SEAT_MAX)
    by: int = whole(0, SEAT_MAX)


@define
class Boom:
    """A ship blew up; ``by`` is the seat that gets the kill, or -1."""

    x: float = num(-1024, 1024, step=0.0625)
    y: float = num(-1024, 1024, step=0.0625)
    seat: int = whole(0, SEAT_MAX)
    by: int = whole(-1, SEAT_MAX, default=-1)


@define
class Spawned:
    """A ship came into the round."""

    seat: int = whole(0, SEAT_MAX)


@define
class Taken:
    """A ship picked something up."""

    seat: int = whole(0, SEAT_MAX)
    kind: str = choice(KINDS)


@define
class RoundStart:
    """The countdown is over: fight."""

    round: int = whole(1, 20)


@define
class RoundOver:
    """A round has its winner: a seat, or a team, or neither (-1, -1: a draw)."""

    round: int = whole(1, 20)
    seat: int = whole(-1, SEAT_MAX, default=-1)
    team: int = whole(-1, 15, default=-1)


INPUTS = (Steer, Ping)
EVENTS = (Fired, DryFire, Hit, Boom, Spawned, Taken, RoundStart, RoundOver)
