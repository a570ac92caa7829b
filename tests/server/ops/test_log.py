"""Logging: one JSON object per line, ours and the standard library's alike."""

import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Literal

import pytest
import structlog

from server.ops.log import configure_logging


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
