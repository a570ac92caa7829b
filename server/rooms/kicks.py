"""Kicks: the staff remove somebody from a room, at once and for the rest of its life. Sans I/O; the room calls it between ticks.

A kick is of a person: all connections and seats that the identity has in this room go, with a named goodbye and no grace, and
it is refused from then on. The next room lets it in again; who may not come to any is the business of accounts.
"""

from itertools import islice

from game.tracker import PUBLIC_SECTION
from game.wire.closecodes import Close
from server.ops.metrics import count
from server.relay import envelope as e
from server.rooms.admission import Admission
from server.rooms.outgoing import ToOne

KEPT_OUT_MAX = 1_000
LISTED_MAX = 50


def kick(admission: Admission, gateway: str, item: e.Kick, now: float) -> None:
    """Removes whom the item names and tells the asker; or tells why nobody was removed."""
    found = _named(admission, item)
    if isinstance(found, e.Kicked):
        admission.out.append(ToOne(gateway, found))
        return
    viewers = [viewer for viewer in admission.viewers.values() if viewer.identity == found]
    holds = [hold for hold in admission.match.seats.humans() if hold.identity == found]
    name = [*(hold.name for hold in holds), *(viewer.name for viewer in viewers)][0]
    seats = tuple(hold.number for hold in holds)
    _keep_out(admission, found, item.reason)
    for hold in holds:
        admission.match.vacate(hold, "kicked")
    for viewer in viewers:
        admission.dismiss(viewer.conn, Close.NOT_ALLOWED, item.reason, now)
        if viewer.stream == e.LIVE_STREAM and viewer.sections != (PUBLIC_SECTION,):
            # The seat may be another's in the next frame, and frames may be faster than the dismissal. So the gateway
            # shows private parts of this room again when it has heard of this.
            admission.change_sections(viewer, ())
    admission.out.append(ToOne(gateway, e.Kicked(item.request, "", "", found, name, seats, len(viewers))))


def _named(admission: Admission, item: e.Kick) -> str | e.Kicked:
    """The identity that is meant, or what is wrong with the request."""
    seats = admission.match.seats
    if item.seat is None:
        here = _people(admission)
        return item.identity if item.identity in here else e.Kicked(item.request, "not_here", _listed(here))
    if not 0 <= item.seat < seats.size:
        return e.Kicked(item.request, "no_such_seat", f"a seat from 0 to {seats.size - 1}")
    hold = seats.holds[item.seat]
    if hold.is_bot:
        return e.Kicked(item.request, "bot", "a person's seat; the server's own bots make way for people")
    return hold.identity if hold.is_human else e.Kicked(item.request, "not_here", "a seat that somebody has")


def _people(admission: Admission) -> dict[str, str]:
    """Everybody who is in, by identity: what others know them by. Of a spectator nobody else can tell the identity."""
    held = {hold.identity: f"seat {hold.number} {hold.name}" for hold in admission.match.seats.humans()}
    return {viewer.identity: f"{viewer.role} {viewer.name}" for viewer in admission.viewers.values()} | held


def _listed(here: dict[str, str]) -> str:
    first = [f"{identity} ({known_by})" for identity, known_by in islice(here.items(), LISTED_MAX)]
    more = f" and {len(here) - LISTED_MAX} more" if len(here) > LISTED_MAX else ""
    return f"one of {', '.join(first)}{more}" if here else "a room that somebody is in"


def _keep_out(admission: Admission, identity: str, reason: str) -> None:
    admission.kept_out[identity] = reason
    if len(admission.kept_out) > KEPT_OUT_MAX:
        count("queue_overflows_total", queue="kept_out", policy="drop_oldest")
        del admission.kept_out[next(iter(admission.kept_out))]
