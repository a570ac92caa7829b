"""`POST /api/rooms/kick`: the staff remove somebody from a room. The loop that holds the room does it; see `server.rooms.kicks`.

`clean_kick` reads what a request names, for the view and for `python -m server kick`.
"""

import unicodedata

from attrs import frozen
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from game.codes import ROOM_CODE_EXPECTED, is_identity, is_room_code
from game.text import clean_line
from server.accounts.identity import identity_of_user
from server.lobby import registry
from server.web.api import BadRequestError, api_post
from server.web.ratelimit import KICKS

REASON_BYTES_MAX = 120
SEAT_MAX = 65_535
NO_REASON = "removed by the staff"
STATUS = {"no_such_room": 404, "no_such_seat": 404, "not_here": 404, "bot": 409}


@frozen
class Wanted:
    """Whom to remove from which room: ``seat``, or ``identity`` where that is None."""

    code: str
    seat: int | None
    identity: str
    reason: str


@csrf_exempt
@api_post(KICKS, "kicks_per_address")
async def kick(request: HttpRequest, body: dict[str, object]) -> JsonResponse:
    """`{code, seat | identity, reason?}` → `{code, identity, name, seats, connections}`: who is out, and stays out.

    For staff: a login of `/admin/` (its cookie counts from our own pages, and from programs that send no Origin).
    """
    who = identity_of_user(await request.auser())
    if who is None or not who.may("staff"):
        status, got = (401, "nobody who is logged in") if who is None else (403, f"the {who.kind} {who.name}")
        raise BadRequestError(status, "not allowed", "somebody of the staff, logged in at /admin/", got)
    wanted = clean_kick(body)
    ask = registry.current().kick
    if ask is None:
        raise BadRequestError(503, "no_answer", "a process with a gateway", "one without")
    answer = await ask(wanted.code, wanted.seat, wanted.identity, wanted.reason, who.id)
    if answer.problem:
        raise BadRequestError(STATUS.get(answer.problem, 503), answer.problem, answer.expected, named(wanted))
    found = {"identity": answer.identity, "name": answer.name, "seats": answer.seats}
    return JsonResponse({"code": wanted.code, **found, "connections": answer.connections})


def clean_kick(body: dict[str, object]) -> Wanted:
    """What a request names.

    Raises:
        BadRequestError: no code, not exactly one of seat and identity, or a reason that is none.
    """
    code, seat, identity = body.get("code"), body.get("seat"), body.get("identity")
    reason = body.get("reason", NO_REASON)
    if not isinstance(code, str) or not is_room_code(code):
        raise BadRequestError(400, "bad code", f"code: {ROOM_CODE_EXPECTED}", repr(code))
    if (seat is None) == (identity is None):
        raise BadRequestError(400, "whom?", "either seat or identity", "both" if seat is not None else "neither")
    if seat is not None and (type(seat) is not int or not 0 <= seat <= SEAT_MAX):
        raise BadRequestError(400, "bad seat", "seat: the seat's number", repr(seat))
    if identity is not None and not (isinstance(identity, str) and is_identity(identity)):
        raise BadRequestError(400, "bad identity", "identity: an id such as g… or u…", repr(identity))
    line = clean_line(reason) if isinstance(reason, str) and not any(map(_is_control, reason)) else ""
    if not 0 < len(line.encode()) <= REASON_BYTES_MAX:
        raise BadRequestError(
            400, "bad reason", f"reason: a line of 1 to {REASON_BYTES_MAX} bytes, or none at all", repr(reason)
        )
    return Wanted(code, seat if isinstance(seat, int) else None, str(identity or ""), line)


def _is_control(character: str) -> bool:
    """Nobody types one on purpose, so it is refused where other text would be cleaned of it."""
    return unicodedata.category(character) == "Cc"


def named(wanted: Wanted) -> str:
    """Whom a request named, for people."""
    whom = wanted.identity if wanted.seat is None else f"seat {wanted.seat}"
    return f"{whom} of room {wanted.code}"
