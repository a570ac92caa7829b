"""Logging: structlog for ours, and the standard library's (Django, Twisted, redis) through the same renderer.

Called once by `__main__` and `asgi`, before anything logs.
"""

import io
import logging
import sys
import textwrap
from typing import Literal, TextIO

import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

from game.text import escaped

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
    handler = logging.StreamHandler(out)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=_rendering(chosen)))
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name, quiet_level in QUIET.items():
        logging.getLogger(name).setLevel(quiet_level)


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
