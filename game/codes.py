"""Codes: what a room's code, an identity and an incarnation look like, in one place. A text that does not fit is refused.

Codes name things in paths, groups, columns and folders, so they are plain ASCII, and never cleaned into what was not
said; text that people read is `game.text`. `sdk/codes.mjs` has the room's code for browsers. Pure.
"""

import re
from collections.abc import Mapping, Sequence

ROOM_CODE_MAX = 40  # characters
IDENTITY_MAX = 64
ROOM_CODE = rf"[A-Za-z0-9_-]{{1,{ROOM_CODE_MAX}}}"
ROOM_CODE_EXPECTED = f"a room code of 1 to {ROOM_CODE_MAX} letters, digits, - or _"
IDENTITY = rf"[A-Za-z0-9_-]{{1,{IDENTITY_MAX}}}"
INCARNATION = r"[a-z0-9]{12,32}"
SESSION_KEY = r"[a-z0-9]{8,40}"

_room_code, _identity, _session_key = re.compile(ROOM_CODE), re.compile(IDENTITY), re.compile(SESSION_KEY)


def is_room_code(text: str) -> bool:
    """Whether a room may have this code."""
    return _room_code.fullmatch(text) is not None


def is_identity(text: str) -> bool:
    """Whether an identity may have this id (`g…` of a guest, `u…` of a login)."""
    return _identity.fullmatch(text) is not None


def is_session_key(text: str) -> bool:
    """Whether a login's session may have this key; a cookie can hold anything, a zero byte among it."""
    return _session_key.fullmatch(text) is not None


def with_dashed_code(arguments: Sequence[str], options: Mapping[str, bool]) -> list[str]:
    """A command line on which a code that begins with a dash is no option: it is put behind a ``--``.

    ``options`` maps the command's own options to whether they take a value. What is none of them counts as the code
    where there is no other: beside one it is a misspelt option, and left for the command to refuse.
    """
    kept: list[str] = []
    codes: list[str] = []
    has_other = False
    rest = iter(arguments)
    for argument in rest:
        name, has_value, _ = argument.partition("=")
        if name in options:
            kept.append(argument)
            value = next(rest, None) if options[name] and not has_value else None
            kept += [] if value is None else [value]
        elif argument.startswith("-") and argument != "--" and is_room_code(argument):
            codes.append(argument)
            kept.append(argument)
        else:
            has_other = True
            kept.append(argument)
    if has_other or len(codes) != 1:
        return list(arguments)
    kept.remove(codes[0])
    return [*kept, "--", *codes]
