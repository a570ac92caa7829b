"""`POST /api/guest`: become somebody. A browser keeps the cookie, a bot the token in the answer."""

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from server.accounts.identity import Identity, new_guest, renamed, token_of, verify
from server.web.api import BadRequestError, api_post
from server.web.ratelimit import GUESTS


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
