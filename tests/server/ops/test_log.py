"""Logging: one JSON object per line, ours and the standard library's alike."""

import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from typing import Any, Literal

import pytest
import structlog

from server import clock
from server.ops import log as log_module
from server.ops import repeats as repeats_module
from server.ops.log import configure_logging
from server.ops.repeats import CONTENTS_KEPT, KINDS_KEPT, Repeats
from tests.support.waiting import until


@pytest.fixture(autouse=True)
def _put_logging_back() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_ours_and_the_standard_library_s_come_out_as_json():
    out = io.StringIO()
    configure_logging("json", stream=out)
    structlog.get_logger("server.x").info("room.opened", code="AB")
    logging.getLogger("django.y").warning("slow %s", "query")
    try:
        raise ValueError("boom")
    except ValueError:
        structlog.get_logger("server.x").exception("room.crashed")
    first, second, third = (json.loads(line) for line in out.getvalue().splitlines())
    assert (first["event"], first["code"], first["level"], first["logger"]) == ("room.opened", "AB", "info", "server.x")
    assert (second["event"], second["level"], second["logger"]) == ("slow query", "warning", "django.y")
    assert third["exception"][0]["exc_value"] == "boom"
    assert first["timestamp"].endswith("Z")


def test_a_level_silences_what_is_below():
    out = io.StringIO()
    configure_logging("console", level="warning", stream=out)
    structlog.get_logger("server.x").info("quiet")
    structlog.get_logger("server.x").warning("loud")
    assert "loud" in out.getvalue()
    assert "quiet" not in out.getvalue()


@pytest.mark.parametrize("style", ["console", "json"])
def test_what_strangers_write_drives_no_terminal_and_forges_no_line(style: Literal["console", "json"]):
    evil = "\x1b]0;owned\x07\x9b2J\u202e\u2066\ud83d\n2026-11-28 [error] forged \u2028 \U000e0041"
    out = io.StringIO()
    configure_logging(style, stream=out)
    log = structlog.get_logger("server.x")
    log.info("room.kick", reason=evil, seats=(evil,), **{evil: 1})
    log.info(evil)
    logging.getLogger("django.y").warning("Not Found: %s", evil)
    try:
        raise ValueError(evil)
    except ValueError:
        log.exception("connection.failed")
        logging.getLogger("django.y").exception("failed")
    written = out.getvalue()
    written.encode("utf-8")
    plain = re.sub(r"\x1b\[[0-9;]*m", "", written)  # the renderer's own colours
    assert not set(plain) & set("\x1b\x07\x9b\u202e\u2066\ud83d\u2028\U000e0041")
    assert [line for line in plain.splitlines() if line.startswith("2026-11-28 [error] forged")] == []
    assert "forged" in plain and "ValueError" in plain


def test_a_file_gets_json_without_being_asked():
    out = io.StringIO()
    configure_logging(stream=out)
    structlog.get_logger("server.x").info("hello")
    assert json.loads(out.getvalue())["event"] == "hello"


def test_an_unknown_level_is_refused():
    with pytest.raises(ValueError, match="expected a level"):
        configure_logging(level="LOUD")


def test_a_traceback_for_people_leaves_out_the_locals():
    out = io.StringIO()
    configure_logging("console", stream=out)
    whole_room = ["canary"] * 3
    try:
        raise ValueError(len(whole_room))
    except ValueError:
        structlog.get_logger("server.x").exception("room.crashed")
    assert "ValueError" in out.getvalue() and "canary" not in out.getvalue()


@pytest.fixture
def lines() -> Iterator[tuple[list[float], Callable[[], list[dict[str, Any]]]]]:
    """A clock that the test moves, and what has been written by now."""
    now, out = [1000.0], io.StringIO()
    with clock.replaced(clock.Source(lambda: now[0])):
        configure_logging("json", stream=out)
        yield now, lambda: [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_flood_is_a_line_each_few_seconds_with_a_count(lines):
    """463 lines in ten seconds from two aliases: the first of each at once, then each five seconds how many there were."""
    now, written = lines
    log = structlog.get_logger("server.relay.port")
    for n in range(1000):
        for alias in ("frames", "control"):
            log.warning("layer.send_failed", alias=alias, error=f"ConnectionError('Error 111 connecting to :{n}')")
        now[0] += 0.01
    assert [(line["alias"], line.get("repeated")) for line in written()[:2]] == [("frames", None), ("control", None)]
    assert len(written()) == 4
    now[0] += 5.0
    log.info("layer.back", alias="frames")
    counts = [line.get("repeated", 0) + 1 for line in written() if line["event"] == "layer.send_failed"]
    shown = len([line for line in written() if line["event"] == "layer.send_failed" and "repeated" not in line])
    summed = sum(line.get("repeated", 0) for line in written())
    assert len(counts) <= 6
    assert 1990 <= shown + summed <= 2000, "every line is counted once"


def test_an_error_with_new_content_is_never_lost(lines):
    now, written = lines
    log = structlog.get_logger("server.x")
    for _ in range(50):
        log.error("result.record_failed", incarnation="aaaa", error="locked")
        now[0] += 0.01
    log.error("result.record_failed", incarnation="aaaa", error="disk is full")
    log.error("result.record_failed", incarnation="bbbb", error="disk is full")
    log.error("room.crashed", incarnation="aaaa")
    for _ in range(5):
        log.info("room.opened", code="K7")
    found = [(line["event"], line.get("incarnation"), line.get("error")) for line in written()]
    assert found[:4] == [
        ("result.record_failed", "aaaa", "locked"),
        ("result.record_failed", "aaaa", "disk is full"),
        ("result.record_failed", "bbbb", "disk is full"),
        ("room.crashed", "aaaa", None),
    ]
    assert len(found) == 9, "what is no trouble is written each time"


def raised(log: Any, message: str, words: str) -> None:
    try:
        raise ConnectionError(words)
    except ConnectionError:
        log.exception(message)


@pytest.mark.parametrize("make", [structlog.get_logger, logging.getLogger])
def test_a_traceback_is_written_once_a_minute(lines, make: Callable[[str], Any]):
    """Ours and the standard library's, channels_redis' own above all; what comes between says the error in a line."""
    now, written = lines
    log = make("channels_redis.pubsub")
    for _ in range(130):
        raised(log, "receive task failed", "Connection closed by server.")
        now[0] += 1.0
    with_traceback = [line for line in written() if "exception" in line]
    assert len(with_traceback) == 3
    assert len(written()) == 26
    assert all("Connection closed" in json.dumps(line) for line in written())
    raised(log, "receive task failed", "NOPERM")
    (news,) = (line for line in written() if "NOPERM" in json.dumps(line))
    assert "exception" in news, "another error is news"


def test_what_differs_each_time_is_bounded(lines):
    """A stranger who makes each line another one gets so many of a kind, and the rest is a number; nothing grows without end."""
    now, written = lines
    log = structlog.get_logger("server.x")
    for n in range(1000):
        log.warning("join.refused", who=f"guest{n}x")
        now[0] += 0.001
    assert len(written()) == CONTENTS_KEPT + 1
    repeats = Repeats()
    for n in range(10_000):
        repeats.admit(f"kind{n}", "content", now[0])
        repeats.wants_traceback(f"error{n}", now[0])
    assert len(repeats._kinds) == len(repeats._tracebacks) == KINDS_KEPT


async def test_a_flood_that_ends_is_counted_though_nothing_else_is_logged(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(log_module, "QUIET_S", 0.05)
    monkeypatch.setattr(repeats_module, "PERIOD_S", 0.02)
    out = io.StringIO()
    configure_logging("json", stream=out)
    for _ in range(20):
        structlog.get_logger("server.x").warning("layer.deaf", alias="frames")
    await until("the count", lambda: '"repeated"' in out.getvalue())


def test_what_was_held_back_is_said_at_the_end(lines):
    _, written = lines
    for _ in range(7):
        structlog.get_logger("server.x").warning("layer.deaf", alias="frames")
    logging.getLogger().handlers[0].close()
    assert [line.get("repeated") for line in written()] == [None, 6]
