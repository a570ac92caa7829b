"""What each layer backend can carry, for the budget and for the check that a spec fits its deployment.

Describes ROOMWRIGHT_LAYER; it opens no connection and builds no layer.
"""

from urllib.parse import urlsplit

from attrs import frozen

from server.routing.problems import Report, did_you_mean, quote

KNOWN = ("memory", "redis", "redis+core")


@frozen
class Layer:
    """A backend's ceilings.

    `group_sends_s`: publishes per second and process. `capacity`: messages one process may have unread before the
    layer drops, None where the limit is in bytes. `buffer_bytes`: bytes unread for `buffer_s` before it disconnects.
    """

    name: str
    group_sends_s: int
    capacity: int | None
    buffer_bytes: int | None
    buffer_s: int
    drops: str


IN_MEMORY = Layer("memory", 10_000, 1_000, None, 0, "the newest, silently")
PUBSUB = Layer("redis", 1_400, None, 8 * 1_048_576, 60, "the connection: a gap of about a second")
CORE = Layer("redis+core", 350, 1_000, None, 0, "the newest, with a log line")


def layer_of(url: str, report: Report) -> Layer | None:
    """The layer that ROOMWRIGHT_LAYER names, or None and a problem. A dotted path is taken on trust."""
    scheme = urlsplit(url).scheme if "://" in url else ""
    for layer in (IN_MEMORY, PUBSUB, CORE):
        if scheme == layer.name:
            return layer
    if "://" not in url and "." in url:
        return Layer(url.split(maxsplit=1)[0], 1_400, None, None, 0, "whatever that layer drops")
    expected = "memory://, redis://host:port/db, redis+core://host:port/db or a dotted path"
    report.problem(None, "ROOMWRIGHT_LAYER", expected, quote(url), did_you_mean(scheme or url, KNOWN))
    return None
