"""The lobby over HTTP: the room list, quick play, health, and the pages that people open."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from attrs import asdict
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from game.codes import is_room_code
from server import clock
from server.health import database_health
from server.lobby import directory, registry
from server.lobby.live import LiveRoom
from server.lobby.registry import Refusal, RoomType
from server.routing.options import OptionFault
from server.web.address import address_of_request
from server.web.api import BadRequestError, api_get, api_post
from server.web.ratelimit import QUICK_PLAYS

SHOWN_MAX = 500
LOST_PAGE = "lost.html"


@api_get
async def rooms(request: HttpRequest) -> JsonResponse:
    """The room types, and the live rooms with their paths: fullest first, at most 500.

    `?type=NAME` shows rooms of that type only, `?options={"NAME": VALUE}` those that have these values.
    """
    lobby = registry.current()
    is_wanted = _filter(request)
    shown = [
        {
            **asdict(room, filter=lambda attribute, _: attribute.name not in ("seen", "expires")),
            **known.paths(room.code),
        }
        for room in lobby.live.rooms(clock.monotonic())
        if (known := lobby.types.get(room.room_type)) and is_wanted(room)
    ]
    types = [
        {
            "type": kind.name,
            "seats": kind.seats,
            "page": kind.page,
            "choices": [asdict(choice) for choice in kind.choices],
            **kind.socket_paths,
        }
        for kind in lobby.types.values()
    ]
    return JsonResponse({"types": types, "rooms": shown[:SHOWN_MAX]})


def _filter(request: HttpRequest) -> Callable[[LiveRoom], bool]:
    """Which rooms a query asks for. Raises BadRequestError for options that are no JSON object."""
    room_type, text = request.GET.get("type"), request.GET.get("options")
    try:
        options = msgspec.json.decode(text, type=dict[str, Any]) if text else {}
    except (msgspec.DecodeError, UnicodeError) as error:
        raise BadRequestError(400, "bad options", 'a JSON object such as {"mode": "ffa"}', repr(text)[:100]) from error
    return lambda room: (
        room_type in (None, room.room_type) and all(room.options.get(name) == value for name, value in options.items())
    )


@csrf_exempt
@api_post(QUICK_PLAYS, "quick_plays_per_address")
async def quick(request: HttpRequest, body: dict[str, object]) -> JsonResponse:
    """`{type, options}` → `{code, play_path, watch_path, bot_path, play_page, watch_page}`: the preferred room with a place, or a new one.

    `options` ({}) has values for names of `matchmaking.by`; the room has these, and the room type's own where none was given.
    """
    lobby = registry.current()
    name = body.get("type")
    kind = lobby.types.get(name) if isinstance(name, str) else None
    if kind is None or kind.play_path is None:
        playable = ", ".join(sorted(kind.name for kind in lobby.types.values() if kind.play_path))
        raise BadRequestError(
            404, "unknown room type", f"type: one of {playable or '(none is served here)'}", repr(name)
        )
    chosen = kind.read_wish(body.get("options", {}))
    if isinstance(chosen, list):
        raise _bad_options(chosen)
    address = address_of_request(request)
    async with lobby.turn:
        now = clock.monotonic()
        found = lobby.live.joinable(kind.name, now, kind.prefer, chosen)
        if found is None:
            refusal = lobby.why_not_open(address, kind.name)
            if refusal is not None:
                return _no_new_room(refusal)
            row = await directory.aopen_room(kind.name, options=chosen)
            lobby.live.opened(row.incarnation, row.code, row.room_type, kind.seats, now, chosen)
            lobby.note_opened(row.incarnation, address)
            code, incarnation = row.code, row.incarnation
        else:
            code, incarnation = found.code, found.incarnation
        lobby.live.promise(incarnation, now, address)
    return JsonResponse({"code": code, **kind.paths(code)})


def _bad_options(faults: list[OptionFault]) -> BadRequestError:
    """Every mistake in a wish, in the routing compiler's words."""

    def where(fault: OptionFault) -> str:
        return ".".join(("options", *map(str, fault.path)))

    expected = "; ".join(f"{where(fault)}: {fault.expected}" for fault in faults)
    got = "; ".join(f"{where(fault)}: {fault.got}{f' ({fault.hint})' if fault.hint else ''}" for fault in faults)
    return BadRequestError(400, "bad options", expected, got)


def _no_new_room(refusal: Refusal) -> JsonResponse:
    expected = "another try later, or a room of GET /api/rooms"
    response = BadRequestError(refusal.status, "no new room", expected, refusal.reason).response()
    if refusal.retry_after_s is not None:
        response["Retry-After"] = str(math.ceil(refusal.retry_after_s))
    return response


@api_get
async def healthz(_request: HttpRequest) -> JsonResponse:
    """`{ok, checks}` within a second or so; 503 while the database or a part that wiring named is unwell.

    What is worth knowing but makes nothing unwell stands beside them, where there is any.
    """
    lobby = registry.current()
    checks = {name: check() for name, check in lobby.checks.items()}
    checks["database"] = await database_health.is_well()
    is_well = all(checks.values())
    notes = {name: found for name, note in lobby.notes.items() if (found := note())}
    return JsonResponse({"ok": is_well, "checks": checks, **notes}, status=200 if is_well else 503)


@api_get
async def lobby_page(_request: HttpRequest) -> HttpResponseBase:
    """The lobby: `clients/browser/index.html`."""
    return _page("index.html")


async def play_page(request: HttpRequest, room_type: str, code: str) -> HttpResponseBase:
    """The page of a room type's game for players: `games/<page>/play.html`."""
    return await _game_page(request, room_type, code, "play.html")


async def watch_page(request: HttpRequest, room_type: str, code: str) -> HttpResponseBase:
    """The same for spectators: `games/<page>/watch.html`."""
    return await _game_page(request, room_type, code, "watch.html")


async def _game_page(request: HttpRequest, room_type: str, code: str, file: str) -> HttpResponseBase:
    @api_get
    async def page(_request: HttpRequest) -> HttpResponseBase:
        kind: RoomType | None = registry.current().types.get(room_type)
        if kind is None or not is_room_code(code):
            if _is_person(request):
                return _page(LOST_PAGE, status=404)
            raise BadRequestError(
                404, "no such room", "a room type and code from GET /api/rooms", f"{room_type}/{code}"
            )
        return _page(f"games/{kind.page or kind.name}/{file}")

    return await page(request)


def _is_person(request: HttpRequest) -> bool:
    """Whether the answer is for a browser's window: people get a page where programs get JSON."""
    return "text/html" in request.headers.get("Accept", "")


def _page(name: str, *, status: int = 200) -> HttpResponse:
    path = Path(settings.BROWSER_DIR) / name
    if not path.is_file():
        raise BadRequestError(404, "no page", f"a file {name} below clients/browser", "none")
    return HttpResponse(path.read_bytes(), status=status, headers={"Cache-Control": "no-cache"})


def favicon(_request: HttpRequest) -> HttpResponseBase:
    """Browsers ask for it by this name wherever a page names none."""
    return HttpResponseRedirect("/static/favicon.svg")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404."""
    if _is_person(request):
        return _page(LOST_PAGE, status=404)
    return BadRequestError(404, "not found", "a path of this server; / is the lobby", request.path).response()


def failed(_request: HttpRequest) -> JsonResponse:
    """Django's handler500: the traceback goes to the log, never to the client."""
    return BadRequestError(500, "server error", "nothing of you; the error has been logged", "an exception").response()
