"""Which call of an author's code the loop is in, so that one that does not return can be ended.

Passive and cheap: a call's begin and end are noted, and nothing else happens here. `server.watchdog` looks at it from
another thread, and has the main thread interrupted by a signal where a call takes far too long.
"""

from types import CodeType, FrameType, TracebackType


class Overdue(BaseException):
    """Raised in the middle of a call of the author's code that did not return; no ``except Exception`` stops it."""


class RulesOverdueError(Exception):
    """The rules did not return in time. The text names the author's line."""


class AuthorCalls:
    """A context manager around each call of the rules or of a policy. ``number`` changes with each of them.

    Calls may stand in each other. An `Overdue` leaves the outermost one as a `RulesOverdueError`.
    """

    __slots__ = ("depth", "number")

    def __init__(self) -> None:
        self.depth = 0
        self.number = 0

    def __enter__(self) -> None:
        self.number += 1
        self.depth += 1

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.depth -= 1
        if kind is Overdue and not self.depth:
            raise RulesOverdueError(str(error)) from error

    def may_be_ended_in(self, frame: FrameType | None) -> bool:
        """Whether an exception raised in that frame of the main thread would stay inside a call."""
        return self.depth > 0 and frame is not None and frame.f_code not in _OWN

    def forget(self) -> None:
        """No call is running: for whoever starts to look."""
        self.depth = 0


_OWN: frozenset[CodeType] = frozenset({AuthorCalls.__enter__.__code__, AuthorCalls.__exit__.__code__})

author_calls = AuthorCalls()  # of the process: its rooms are stepped one after the other, on the main thread
