"""Repeated log lines, summed up: the first at once, then one each few seconds with how many there were.

Two lines are the same that come from one logger, with one event and one content; numbers in the words of an error do not count,
so that a port or an address makes no new one. A new content is written at once, up to CONTENTS_KEPT of one event in a
period; what is beyond is counted with the event's next line. Pure: time comes in.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import define, field

PERIOD_S = 5.0
TRACEBACK_EVERY_S = 60.0
KINDS_KEPT = 300
CONTENTS_KEPT = 20
TEXT_LENGTH_KEPT = 500

_NUMBERS = re.compile(r"0x[0-9a-fA-F]+|\d+")
_NOT_CONTENT = {"event", "level", "logger", "timestamp", "exc_info", "stack_info", "repeated"}
_NORMALISED = {"error", "why", "reason"}


def normalised(text: str) -> str:
    """The words of an error without its numbers."""
    return _NUMBERS.sub("#", text)[:TEXT_LENGTH_KEPT]


def content_of(event: Mapping[str, Any]) -> str:
    """What makes an event another one: who and what it is about, but no measured numbers."""
    parts = []
    for key, value in sorted(event.items()):
        if key in _NOT_CONTENT or key.startswith("_") or isinstance(value, int | float):
            continue
        text = str(value)
        parts.append(f"{key}={normalised(text) if key in _NORMALISED else text[:TEXT_LENGTH_KEPT]}")
    return " ".join(parts)


def error_of(error: BaseException) -> str:
    """An exception by its type, place and words."""
    place = ""
    trace = error.__traceback__
    while trace is not None:
        place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__} {place} {normalised(str(error))}"


@define
class _Seen:
    said_at: float
    held: int = 0
    last: Any = None


@define(eq=False)
class Repeats:
    """What was written lately, by kind and content. Beyond KINDS_KEPT kinds the oldest is forgotten (overflow: drop_oldest)."""

    _kinds: dict[str, dict[str, _Seen]] = field(factory=dict)
    _tracebacks: dict[str, float] = field(factory=dict)

    def admit(self, kind: str, content: str, now: float, line: Any = None) -> int | None:
        """How many were held back since the last line of this content, where it is to be written; None where it is held back."""
        contents = self._kinds.pop(kind, None) or {}
        self._kinds[kind] = contents
        while len(self._kinds) > KINDS_KEPT:
            del self._kinds[next(iter(self._kinds))]
        if content not in contents and len(contents) >= CONTENTS_KEPT:
            self._forget_said(contents, now)
            if len(contents) >= CONTENTS_KEPT:
                content = ""  # too many different ones: what is beyond is one content
        seen = contents.get(content)
        if seen is None:
            contents[content] = _Seen(now)
            return 0
        if now - seen.said_at >= PERIOD_S:
            held, seen.held, seen.said_at, seen.last = seen.held, 0, now, None
            return held
        seen.held, seen.last = seen.held + 1, line
        return None

    def due(self, now: float) -> Iterator[tuple[Any, int]]:
        """The last line of each content that was held back for a period, and how many were."""
        for contents in self._kinds.values():
            for seen in contents.values():
                if seen.held and now - seen.said_at >= PERIOD_S:
                    line, held = seen.last, seen.held
                    seen.held, seen.said_at, seen.last = 0, now, None
                    yield line, held

    def wants_traceback(self, error: str, now: float) -> bool:
        """Whether this error's traceback is to be written: once a minute."""
        said_at = self._tracebacks.pop(error, None)
        is_wanted = said_at is None or now - said_at >= TRACEBACK_EVERY_S
        self._tracebacks[error] = now if said_at is None or is_wanted else said_at
        while len(self._tracebacks) > KINDS_KEPT:
            del self._tracebacks[next(iter(self._tracebacks))]
        return is_wanted

    @staticmethod
    def _forget_said(contents: dict[str, _Seen], now: float) -> None:
        for content in [c for c, seen in contents.items() if not seen.held and now - seen.said_at >= PERIOD_S]:
            del contents[content]
