"""What each layer back end can carry, for the budget and for the check that a spec fits its deployment.

The capacities are those that `server.layers` sets; the rates are round trips measured on a small machine, rounded down.
Opens no connection and builds no layer.
"""

from attrs import frozen

from server.layers import CORE_CAPACITY, MEMORY_CAPACITY, BadLayerError, parse_layer
from server.routing.problems import Report

PUBSUB_BUFFER_BYTES = 8 * 1_048_576  # Redis' client-output-buffer-limit for pub/sub, the soft one


@frozen
class Ceiling:
    """A back end's limits.

    `group_sends_s`: publishes per second and process. `capacity`: messages that one process may have unread before the
    layer drops; `buffer_bytes` the same in bytes; None where there is no such limit, or none that we know.
    """

    name: str
    group_sends_s: int
    capacity: int | None
    buffer_bytes: int | None
    drops: str


IN_MEMORY = Ceiling("memory", 10_000, MEMORY_CAPACITY, None, "the newest messages, silently")
PUBSUB = Ceiling("redis", 1_400, None, PUBSUB_BUFFER_BYTES, "the connection, for about a second")
CORE = Ceiling("redis+core", 350, CORE_CAPACITY, None, "the newest messages, with a log line")
KNOWN = {"memory": IN_MEMORY, "pubsub": PUBSUB, "core": CORE}


def ceiling_of(layer: str, report: Report) -> Ceiling | None:
    """The ceiling of the back end that ROOMWRIGHT_LAYER names, or None and a problem.

    Of somebody else's back end nothing is known but its round trip, which is taken to be like Redis'.
    """
    try:
        spec = parse_layer(layer)
    except BadLayerError as error:
        expected, _, got = str(error).removeprefix("expected ").rpartition(", got ")
        report.problem(None, "ROOMWRIGHT_LAYER", expected, got)
        return None
    return KNOWN.get(spec.kind) or Ceiling(spec.backend, 1_400, None, None, "whatever that layer drops")
