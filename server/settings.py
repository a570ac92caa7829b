"""Django's settings, from the environment variables that `server.environment` reads and checks.

A bad value prints one line and exits 2. Importing this also makes `var/` and, where no secret is given, `var/secret`.
"""

import os
import sys
from pathlib import Path
from typing import Any

from server.environment import BadEnvironmentError, Environment, kept_secret, make_directory, read_environment

BASE_DIR = Path(__file__).resolve().parent.parent


def _read() -> tuple[Environment, str]:
    try:
        found = read_environment(os.environ, BASE_DIR)
        make_directory(found.var, "ROOMWRIGHT_VAR")
        if found.database["ENGINE"].endswith("sqlite3"):
            make_directory(Path(found.database["NAME"]).parent, "DATABASE_URL")
        return found, found.secret or kept_secret(found.var / "secret")
    except BadEnvironmentError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from None


ROOMWRIGHT, SECRET_KEY = _read()
VAR_DIR = ROOMWRIGHT.var

DEBUG = False
ALLOWED_HOSTS = list(ROOMWRIGHT.allowed_hosts)
ROOT_URLCONF = "server.urls"
ASGI_APPLICATION = "server.asgi.application"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "server.accounts",
    "server.lobby",
    "server.social",
    "server.history",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "server.web.security.content_security_policy",
    "server.web.static.StaticFiles",
    "server.web.sessions.KeyedSessions",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES: dict[str, dict[str, Any]] = {"default": ROOMWRIGHT.database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CHANNEL_LAYERS = ROOMWRIGHT.layer.channel_layers()

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
USE_I18N = False

STATIC_URL = "/static/"
BROWSER_DIR = BASE_DIR / "clients" / "browser"
STATICFILES_DIRS = [BROWSER_DIR]
WHITENOISE_USE_FINDERS = True  # serves the checkout as it is: no collectstatic, no build step
WHITENOISE_AUTOREFRESH = True  # an edited page shows at the next reload; a page loads a few dozen files, once
WHITENOISE_MAX_AGE = 0  # a deploy's pages and modules must match each other; ETags keep it cheap

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
DATA_UPLOAD_MAX_MEMORY_SIZE = 64 * 1024  # the largest body is an admin form

GUEST_TOKEN_AGE_S = 30 * 86_400
GUEST_COOKIE = "roomwright_guest"

LOGGING_CONFIG = None  # `server.ops.log.configure_logging` owns it
