"""Whether a gateway and a loop may serve one room together: their terms compared, and who did not fit told once. Sans I/O.

Inputs are packed by the gateway's schema and read by the loop's; frames the other way round. With different ones a player would
be shown other numbers than those in the rules, and nothing would notice. So both say what they have, in announcements, Host,
Join and Joined, and neither serves what does not fit.
"""

import structlog
from attrs import define, field

from game.wire import messages as m
from server.ops.metrics import count
from server.relay.envelope import UNTOLD, Terms
from server.routing.plan import RoomPlan

log = structlog.get_logger()

TOLD_MAX = 1_000  # mismatches that are kept as logged (overflow: drop_oldest, which is logged again)


def terms_of(plan: RoomPlan) -> Terms:
    """The terms on which this process serves a room type."""
    return Terms(plan.schema.fingerprint, plan.fingerprint, m.PROTOCOL)


def difference(own: Terms, other: Terms) -> str:
    """Which of the terms differ: "" for none, else ``untold``, ``protocol``, ``schema`` or ``plan``."""
    if other == own:
        return ""
    if other == UNTOLD:
        return "untold"
    return "protocol" if other.protocol != own.protocol else "schema" if other.schema != own.schema else "plan"


def sentence(what: str, own: Terms, other: Terms) -> str:
    """The difference for people: what was expected, what came."""
    if what == "untold":
        return "an older version holds it, which does not say with which schema and plan"
    return f"expected {what} {getattr(own, what)}, the other process has {getattr(other, what)}"


@define(eq=False)
class Mismatches:
    """What did not fit: each refusal is counted, and each pair of process and room type is logged once, and again after a change."""

    where: str
    _told: dict[tuple[str, str], Terms] = field(factory=dict)

    def note(self, peer: str, room_type: str, own: Terms, other: Terms) -> str:
        """Counts and logs a difference, and returns it in words; "" where there is none."""
        what = difference(own, other)
        if not what:
            return ""
        text = sentence(what, own, other)
        count("mismatches_total", where=self.where, what=what)
        if self._told.get((peer, room_type)) != other:
            self._told.pop((peer, room_type), None)
            self._told[peer, room_type] = other
            if len(self._told) > TOLD_MAX:
                del self._told[next(iter(self._told))]
            hint = "start all gateways and loops with one routing file and one version of the games"
            log.warning("room.not_served", where=self.where, process=peer, room_type=room_type, why=text, hint=hint)
        return text
