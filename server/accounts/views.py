"""`POST /api/guest`: become somebody. A browser keeps the cookie, a bot the token in the answer. And the staff's login."""

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from server import clock
from server.accounts.identity import Identity, new_guest, renamed, token_of, verify
from server.web.address import address_of_request
from server.web.api import BadRequestError, api_post, too_many
from server.web.ratelimit import GUESTS, LOGINS, RateLimit

logins = RateLimit(LOGINS)


@csrf_exempt
@api_post(GUESTS, "guests_per_address")
async def guest(request: HttpRequest, body: dict[str, object]) -> JsonResponse:
    """`{name?}` → `{id, name, token}` and the cookie; whoever brings a valid cookie stays the same guest."""
    name = body.get("name", "")
    if not isinstance(name, str):
        raise BadRequestError(400, "bad name", "a string, or no name at all", type(name).__name__)
    known = verify(request.COOKIES.get(settings.GUEST_COOKIE, ""))
    found = renamed(known, name) if isinstance(known, Identity) else new_guest(name)
    token = token_of(found)
    response = JsonResponse({"id": found.id, "name": found.name, "token": token})
    response.set_cookie(
        settings.GUEST_COOKIE,
        token,
        max_age=settings.GUEST_TOKEN_AGE_S,
        httponly=True,
        samesite="Lax",
        secure=request.is_secure(),
    )
    return response


def login(request: HttpRequest) -> HttpResponse:
    """`/admin/login/`: Django's own page, with a limit on passwords tried from one address."""
    if request.method == "POST":
        wait_s = logins.wait_s(address_of_request(request), clock.monotonic())
        if wait_s > 0:
            return too_many(wait_s, LOGINS, "logins_per_address")
    return admin.site.login(request)
