"""What one machine needs per update, per input and per tick of a room: measured by the bench, or defaults that nobody measured.

The file is written by `make bench` (or `python -m tests.bench calibrate`); `routes check` reads it. Measures nothing itself.
"""

import json
import math
from pathlib import Path
from typing import Any

from attrs import frozen

DEFAULT_PATH = Path(".bench/calibration.json")
VERSION = 1
AGAIN = "run `make bench`, or remove the file"


class BadCalibrationError(Exception):
    """A calibration file that is not one: which key, what was expected, what came."""


@frozen
class Calibration:
    """CPU in microseconds of one core. ``room_numbers``: the moving numbers of the room whose tick was measured."""

    update_us: float
    input_us: float
    room_tick_us: float
    room_numbers: int
    origin: str
    is_measured: bool = True


# On the safe side of what small machines showed; a machine's own figures replace them.
DEFAULTS = Calibration(100.0, 200.0, 1000.0, 100, "uncalibrated defaults, not this machine", is_measured=False)


def read_calibration(path: Path) -> Calibration:
    """The file's figures; the defaults where there is no file. Raises BadCalibrationError."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return DEFAULTS
    except (OSError, UnicodeDecodeError) as error:
        raise BadCalibrationError(f"{path}: expected a readable text file, got {error}; {AGAIN}") from error
    try:
        data: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadCalibrationError(f"{path}: expected JSON, got {error}; {AGAIN}") from error
    if not isinstance(data, dict) or data.get("roomwright_calibration") != VERSION:
        got = data.get("roomwright_calibration") if isinstance(data, dict) else type(data).__name__
        raise BadCalibrationError(
            f"{path}: expected an object with roomwright_calibration {VERSION}, got {got!r:.60}; {AGAIN}"
        )
    words = [_word(path, data, key) for key in ("date", "source", "machine")]
    return Calibration(
        _number(path, data, "update_us"),
        _number(path, data, "input_us"),
        _number(path, data, "room_tick_us"),
        int(_number(path, data, "room_numbers")),
        f"this machine, measured {words[0]} by {words[1]} ({words[2]})",
    )


def _number(path: Path, data: dict[str, Any], key: str) -> float:
    value = data.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
        raise BadCalibrationError(f"{path}: {key}: expected a number above 0, got {value!r:.60}; {AGAIN}")
    return float(value)


def _word(path: Path, data: dict[str, Any], key: str) -> str:
    value = data.get(key)
    if not isinstance(value, str) or not value or len(value) > 200 or not value.isprintable():
        raise BadCalibrationError(f"{path}: {key}: expected a short text, got {value!r:.60}; {AGAIN}")
    return value
