"""Logins' sessions, found by what a key can be: a cookie may hold anything, and PostgreSQL raises at a zero byte."""

from django.conf import settings
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest

from game.codes import is_session_key


class KeyedSessions(SessionMiddleware):
    """Django's own, for which a cookie that is no key is no cookie."""

    def process_request(self, request: HttpRequest) -> None:
        """The session of the request: a new one where the cookie names none."""
        key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
        if key and not is_session_key(key):
            del request.COOKIES[settings.SESSION_COOKIE_NAME]
        super().process_request(request)
