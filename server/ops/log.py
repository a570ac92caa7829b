"""Logging: structlog for ours, and the standard library's (Django, Twisted, redis) through the same renderer.

Called once by `__main__` and `asgi`, before anything logs.
"""

import copy
import io
import logging
import math
import sys
import textwrap
from contextlib import nullcontext, suppress
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

from game.text import escaped
from server.clock import monotonic, run_at
from server.ops.repeats import PERIOD_S, Repeats, content_of, error_of, normalised

QUIET_S = 1.5 * PERIOD_S  # a flood that goes on says its number itself, with its next line

Style = Literal["json", "console"]

# Its one INFO line per dropped message would be a flood exactly when there is trouble; we count instead.
QUIET = {"channels_redis.core": logging.WARNING, "asyncio": logging.WARNING}


def configure_logging(style: Style | None = None, level: str = "INFO", stream: TextIO | None = None) -> None:
    """Write one line per event to `stream` (standard error): JSON, or for people where it is a terminal.

    Raises:
        ValueError: no such level.
    """
    out = stream or sys.stderr
    if level.upper() not in logging.getLevelNamesMapping():
        raise ValueError(f"expected a level such as INFO or DEBUG, got {level!r}")
    chosen: Style = style or ("console" if out.isatty() else "json")
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,  # module-level loggers are made before this runs
    )
    handler = SummingHandler(out)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=_rendering(chosen)))
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name, quiet_level in QUIET.items():
        logging.getLogger(name).setLevel(quiet_level)


class SummingHandler(logging.StreamHandler[TextIO]):
    """Writes what is new at once, and sums up warnings and errors that repeat: ours and the standard library's alike."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._repeats = Repeats()
        self._wakes_at = -math.inf

    def handle(self, record: logging.LogRecord) -> bool:
        """Writes the record, or counts it."""
        now = monotonic()
        with self.lock or nullcontext():
            is_written = self._handle(record, now)
            self._write_due(now)
            return is_written

    def close(self) -> None:
        """Says what was held back until now."""
        with self.lock or nullcontext():
            self._write_due(math.inf)
        super().close()

    def _handle(self, record: logging.LogRecord, now: float) -> bool:
        if record.levelno < logging.WARNING:
            return super().handle(record)
        error = _error_of(record)
        text = error_of(error) if error is not None else ""
        if isinstance(record.msg, dict):
            kind, content = str(record.msg.get("event")), content_of(record.msg)
        else:
            kind, content = normalised(str(record.msg).partition("\n")[0]), normalised(record.getMessage())
        kind = f"{record.name} {record.levelno} {kind}"
        bare = _without_traceback(record, error)
        held = self._repeats.admit(kind, f"{content} {text}", now, bare)
        if held is None:
            self._wake_later(now)
            return False
        has_traceback = error is None or self._repeats.wants_traceback(f"{kind} {text}", now)
        return super().handle(_with_count(record if has_traceback else bare, held))

    def _write_due(self, now: float) -> None:
        for line, held in list(self._repeats.due(now)):
            super().handle(_with_count(line, held))

    def _wake_later(self, now: float) -> None:
        """Where an event loop runs, what was held back is said though nothing else is logged."""
        if now >= self._wakes_at:
            with suppress(RuntimeError):
                run_at(now + QUIET_S, self._on_timer)
                self._wakes_at = now + QUIET_S

    def _on_timer(self) -> None:
        with self.lock or nullcontext():
            self._write_due(monotonic())


def _error_of(record: logging.LogRecord) -> BaseException | None:
    found: Any = record.msg.get("exc_info") if isinstance(record.msg, dict) else record.exc_info
    if found is True:
        found = sys.exc_info()
    if isinstance(found, tuple):
        found = found[1]
    return found if isinstance(found, BaseException) else None


def _without_traceback(record: logging.LogRecord, error: BaseException | None) -> logging.LogRecord:
    """The same line with an error's words alone; it keeps no frame alive."""
    bare = copy.copy(record)
    bare.exc_info = bare.exc_text = None
    if isinstance(record.msg, dict):
        bare.msg = {key: value for key, value in record.msg.items() if key != "exc_info"}
        if error is not None:
            bare.msg.setdefault("error", _words(error))
    else:
        bare.msg, bare.args = record.getMessage() + (f": {_words(error)}" if error is not None else ""), ()
    return bare


def _words(error: BaseException) -> str:
    """Its type and what it says; the repr of some (redis-py's) has only a code."""
    return f"{type(error).__name__}: {error}"


def _with_count(record: logging.LogRecord, held: int) -> logging.LogRecord:
    if not held:
        return record
    counted = copy.copy(record)
    if isinstance(record.msg, dict):
        counted.msg = {**record.msg, "repeated": held}
    else:
        counted.msg, counted.args = f"{record.getMessage()} (repeated {held} times)", ()
    return counted


def _rendering(style: Style) -> list[Processor]:
    strip: Processor = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if style == "console":
        # The default would print every local of every frame: a whole room, for many seconds, in the loop's only thread.
        return [strip, _for_terminals, structlog.dev.ConsoleRenderer(colors=True, exception_formatter=_plain_traceback)]
    return [
        strip,
        structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False)),
        structlog.processors.JSONRenderer(),
    ]


def _for_terminals(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Texts of strangers (a path, a reason, an error's words) drive no terminal and forge no line. JSON escapes by itself."""
    return {
        escaped(key): escaped(value, "\n\t" if key in ("exception", "stack") else "")
        if isinstance(value, str)
        else value
        for key, value in event.items()
    }


def _plain_traceback(out: TextIO, exc_info: ExcInfo) -> None:
    """Indented, so that an error of several lines is no line of the log's."""
    whole = io.StringIO()
    structlog.dev.plain_traceback(whole, exc_info)
    out.write(textwrap.indent(escaped(whole.getvalue(), "\n\t"), "  "))
