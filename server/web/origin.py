"""Whether a browser's request comes from one of our own pages. Pure; used wherever a cookie would authenticate."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import validate_host

DEFAULT_PORTS = {"http": 80, "https": 443}


def origin_is_allowed(origin: str, host: str) -> bool:
    """Whether the Origin header names the very host (and port) asked for, and that host is one of ours."""
    try:
        parts = urlsplit(origin)
        asked = urlsplit(f"{parts.scheme}://{host}")
        origin_port, host_port = parts.port, asked.port
    except ValueError:
        return False
    default = DEFAULT_PORTS.get(parts.scheme)
    if default is None or not parts.hostname or parts.hostname != asked.hostname:
        return False
    return (origin_port or default) == (host_port or default) and host_is_ours(parts.hostname)


def host_is_ours(hostname: str) -> bool:
    """Whether `hostname` (no port) is among the allowed hosts."""
    return validate_host(f"[{hostname}]" if ":" in hostname else hostname, settings.ALLOWED_HOSTS)


def header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str:
    """One header of an ASGI scope, "" where absent; a header sent twice counts as absent, whichever was meant."""
    values = [value for key, value in headers if key.lower() == name]
    return values[0].decode("latin-1") if len(values) == 1 else ""
