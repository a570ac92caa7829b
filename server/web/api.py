"""The manners of our small JSON API: what is refused and how, the same for every call.

Every refusal is `{error, expected, got}` with the status that fits; a body is a JSON object of at most 4 KiB or
nothing; a browser's POST must come from our own pages; POSTs are limited per client address. Used by the views.
"""

import functools
import json
import math
from collections.abc import Callable, Coroutine
from typing import Any

import structlog
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponseBase, JsonResponse

from game.wire.limits import Limit
from server import clock
from server.database import DatabaseBusyError
from server.web.address import address_of_request
from server.web.origin import origin_is_allowed
from server.web.ratelimit import RateLimit

log = structlog.get_logger()

BODY_LENGTH_MAX = 4096
PostView = Callable[[HttpRequest, dict[str, object]], Coroutine[Any, Any, HttpResponseBase]]
GetView = Callable[[HttpRequest], Coroutine[Any, Any, HttpResponseBase]]
View = Callable[..., Coroutine[Any, Any, HttpResponseBase]]


class BadRequestError(Exception):
    """Raised by a view or by `read_body`; answered as JSON with `status`."""

    def __init__(self, status: int, error: str, expected: str, got: str) -> None:
        super().__init__(error)
        self.status, self.error, self.expected, self.got = status, error, expected, got

    def response(self) -> JsonResponse:
        """The answer that the client reads."""
        return JsonResponse({"error": self.error, "expected": self.expected, "got": self.got[:100]}, status=self.status)


def api_get(view: GetView) -> View:
    """A view that answers GET (and HEAD) only."""

    @functools.wraps(view)
    async def checked(request: HttpRequest) -> HttpResponseBase:
        if request.method not in ("GET", "HEAD"):
            return _wrong_method(request, "GET")
        return await _answered(lambda: view(request))

    return checked


def api_post(limit: Limit, name: str) -> Callable[[PostView], View]:
    """A view that answers POST only, with its own limit per client address; what is beyond is counted by ``name``."""
    rates = RateLimit(limit)

    def decorate(view: PostView) -> View:
        @functools.wraps(view)
        async def checked(request: HttpRequest) -> HttpResponseBase:
            if request.method != "POST":
                return _wrong_method(request, "POST")
            wait_s = rates.wait_s(address_of_request(request), clock.monotonic())
            if wait_s > 0:
                return too_many(wait_s, limit, name)
            return await _answered(lambda: view(request, read_body(request)))

        return checked

    return decorate


def read_body(request: HttpRequest) -> dict[str, object]:
    """The JSON object in the body; no body at all is an empty object.

    Raises:
        BadRequestError: another site's page, too long, not JSON, or JSON but no object.
    """
    origin = request.headers.get("Origin")
    if origin is not None and not origin_is_allowed(origin, request.headers.get("Host", "")):
        raise BadRequestError(403, "foreign origin", "a request from our own pages, or without Origin", origin)
    try:
        raw = request.body
    except RequestDataTooBig:
        raise BadRequestError(413, "body too long", f"at most {BODY_LENGTH_MAX} bytes", "more") from None
    if len(raw) > BODY_LENGTH_MAX:
        raise BadRequestError(413, "body too long", f"at most {BODY_LENGTH_MAX} bytes", f"{len(raw)} bytes")
    if not raw.strip():
        return {}
    try:
        body: Any = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BadRequestError(400, "bad JSON", "a JSON object", str(error)) from None
    if not isinstance(body, dict):
        raise BadRequestError(400, "bad JSON", "a JSON object", f"a JSON {type(body).__name__}")
    return body


async def _answered(view: Callable[[], Coroutine[Any, Any, HttpResponseBase]]) -> HttpResponseBase:
    try:
        return await view()
    except BadRequestError as refusal:
        return refusal.response()
    except DatabaseBusyError as error:
        return BadRequestError(503, "busy", "another try in a moment", str(error)).response()
    except (OperationalError, InterfaceError) as error:
        log.warning("database.unavailable", what="http", error=repr(error)[:300])
        response = BadRequestError(503, "no database", "another try in a moment", "no answer").response()
        response["Retry-After"] = "1"
        return response


def _wrong_method(request: HttpRequest, allowed: str) -> JsonResponse:
    response = BadRequestError(405, "wrong method", allowed, str(request.method)).response()
    response["Allow"] = allowed
    return response


def too_many(wait_s: float, limit: Limit, name: str) -> JsonResponse:
    """The answer to a call beyond its limit, which is counted by ``name``."""
    from server.ops.metrics import count  # its page is one of our views

    count("limit_refusals_total", limit=name)
    expected = f"at most {limit.burst} calls at once and {limit.rate_per_s:g} a second from one address"
    response = BadRequestError(429, "too many requests", expected, "more").response()
    response["Retry-After"] = str(math.ceil(wait_s))
    return response
