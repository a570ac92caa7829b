"""The opening request of a WebSocket (RFC 6455, section 4.2.1), the plain cases only: whole, and each header once.

Everything else is Twisted's and autobahn's: what is not read here goes to them as it came. What is read here is what they
would accept, and read the same (`tests/server/serving/test_handshake.py` holds it to that). Pure. Called by `door`.
"""

import re

from attrs import frozen

SIZE_MAX = 4096

_REQUEST = re.compile(rb"GET (/(?!/)[A-Za-z0-9_.~/-]*|/) HTTP/1\.1\r\n((?:[A-Za-z0-9-]+:[\t ]*[\x20-\x7e]*\r\n)+)\r\n")
_HOST = re.compile(r"[A-Za-z0-9.-]+(?=:[0-9]{1,5}\Z|\Z)")
_KEY = re.compile(r"[A-Za-z0-9+/]{22}==")
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(?::[1-5]?[0-9]{1,4})?")
_PROTOCOLS = re.compile(r"[A-Za-z0-9._~+=-]+(?:, ?[A-Za-z0-9._~+=-]+)*")
_NEEDED = ("host", "upgrade", "connection", "sec-websocket-version", "sec-websocket-key")
# A body, an answer before the answer, another root: no plain case.
_UNUSUAL = ("content-length", "transfer-encoding", "expect", "daphne-root-path")


@frozen
class Handshake:
    """A request that autobahn would accept. ``headers`` by their names in lower case, in the order in which they came."""

    path: str
    host: str
    headers: dict[str, str]
    key: str
    origin: str
    protocols: list[str]


def read_handshake(data: bytes) -> Handshake | None:
    """The request that ``data`` is, to its last byte; None for everything that needs another eye."""
    found = _REQUEST.fullmatch(data) if len(data) <= SIZE_MAX else None
    if found is None:
        return None
    lines = [line.split(":", 1) for line in found[2].decode("ascii").split("\r\n")[:-1]]
    headers = {name.lower(): value.strip(" \t") for name, value in lines}
    if len(headers) < len(lines) or not _is_upgrade(headers):
        return None
    host, key, origin = _HOST.match(headers["host"]), headers["sec-websocket-key"], headers.get("origin")
    protocols = _protocols(headers.get("sec-websocket-protocol"))
    if host is None or not _KEY.fullmatch(key) or protocols is None:
        return None
    if origin is not None and not _ORIGIN.fullmatch(origin):
        return None
    return Handshake(found[1].decode("ascii"), host[0], headers, key, origin or "", protocols)


def _is_upgrade(headers: dict[str, str]) -> bool:
    is_plain = all(name in headers for name in _NEEDED) and not any(name in headers for name in _UNUSUAL)
    return (
        is_plain
        and headers["upgrade"].lower() == "websocket"
        and headers["sec-websocket-version"] == "13"
        and "upgrade" in [word.strip() for word in headers["connection"].lower().split(",")]
    )


def _protocols(offered: str | None) -> list[str] | None:
    """The subprotocols offered, none where there is no such header; None where one is repeated or oddly spelled."""
    if offered is None:
        return []
    names = [name.strip() for name in offered.split(",")] if _PROTOCOLS.fullmatch(offered) else [""]
    return names if all(names) and len(set(names)) == len(names) else None
