"""Why a connection ends: one table of codes, names and what a client should do about each.

44xx is the client's fault: do not retry unchanged. 45xx: retry with back-off. A connection that fell silent or behind
(4408, 4430) comes back to its seat, with back-off too. `docs/protocol.md` prints this table.
"""

from enum import Enum

from attrs import frozen


class Retry(Enum):
    """What a client does after a close."""

    NEVER = "never"
    FRESH = "join afresh"
    BACKOFF = "retry with back-off"


@frozen
class CloseCode:
    """One row of the table."""

    code: int
    name: str
    retry: Retry
    meaning: str


class Close(Enum):
    """Every way the server ends a connection on purpose."""

    NORMAL = CloseCode(1000, "normal", Retry.NEVER, "the client left")
    BAD_MESSAGE = CloseCode(4400, "bad_message", Retry.NEVER, "a message that the protocol does not know")
    UNAUTHENTICATED = CloseCode(4401, "unauthenticated", Retry.NEVER, "no valid identity, or not any longer")
    NOT_ALLOWED = CloseCode(4403, "not_allowed", Retry.NEVER, "this identity may not do that")
    NO_SUCH_ROOM = CloseCode(4404, "no_such_room", Retry.NEVER, "no such room")
    WRONG_STATE = CloseCode(4405, "wrong_state", Retry.NEVER, "a message that is not for this moment")
    TIMEOUT = CloseCode(4408, "timeout", Retry.BACKOFF, "no hello, or nothing for too long")
    REPLACED = CloseCode(4409, "replaced", Retry.NEVER, "a newer connection took this seat")
    ROOM_CLOSED = CloseCode(4410, "room_closed", Retry.NEVER, "the match is over, or the room was empty")
    TOO_BIG = CloseCode(4413, "too_big", Retry.NEVER, "a message beyond the size limit")
    TOO_MANY_ERRORS = CloseCode(4422, "too_many_errors", Retry.NEVER, "too many refused messages")
    TOO_OLD = CloseCode(4426, "too_old", Retry.NEVER, "a protocol version or schema that is not served")
    RATE = CloseCode(4429, "rate", Retry.NEVER, "far more messages than the route accepts")
    TOO_SLOW = CloseCode(4430, "too_slow", Retry.BACKOFF, "frames stayed unacknowledged for too long")
    CANNOT_RESUME = CloseCode(4440, "cannot_resume", Retry.FRESH, "the seat is gone or the token was used")
    INTERNAL = CloseCode(4500, "internal", Retry.BACKOFF, "a fault on the server; an incident was recorded")
    OVERLOADED = CloseCode(4503, "overloaded", Retry.BACKOFF, "no room, no seat or no capacity now")
    MOVING = CloseCode(4504, "moving", Retry.BACKOFF, "the server drains or the room moves")


BY_CODE = {close.value.code: close for close in Close}


@frozen
class BareClose:
    """A close that no goodbye came before, and what it means then."""

    code: int
    retry: Retry
    meaning: str


# What an application never says about a client that keeps to the protocol. All others, 1001 and 1006 to 1015 among them, are
# broken lines.
BARE = {
    bare.code: bare
    for bare in (
        BareClose(1000, Retry.BACKOFF, "somebody between closed the line; after the client's own leave: never"),
        BareClose(1002, Retry.NEVER, "what the client sent was no WebSocket: the same again would be none either"),
        BareClose(1007, Retry.NEVER, "a text of the client's was no UTF-8"),
        BareClose(1009, Retry.NEVER, "a message of the client's was beyond any size limit"),
    )
}


def retry_of(code: int, *, is_told: bool = True) -> Retry:
    """What to do after a close with this code; one that is not in the table (1006: the network broke) is retried.

    ``is_told``: a goodbye with the code came before. A 1000 that none came before is a broken line.
    """
    if code in BARE and not (is_told and code in BY_CODE):
        return BARE[code].retry
    return BY_CODE[code].value.retry if code in BY_CODE else Retry.BACKOFF


def table_markdown() -> str:
    """The table as docs/protocol.md prints it: closes with a goodbye, then those without."""
    rows = [f"| {c.value.code} | `{c.value.name}` | {c.value.meaning} | {c.value.retry.value} |" for c in Close]
    bare = [f"| {b.code} | without a goodbye | {b.meaning} | {b.retry.value} |" for b in BARE.values()]
    return "\n".join(["| code | name | meaning | the client |", "|---|---|---|---|", *rows, *bare]) + "\n"
