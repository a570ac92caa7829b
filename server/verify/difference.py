"""Where two states differ: the path of the first field, for people. Two plain trees in, one sentence out."""

from collections.abc import Mapping
from typing import Any

SHOWN_MAX = 60


def difference(here: Any, there: Any, path: str = "") -> str:
    """`world.runners[3].x: 1.5 and 2.5`, or "" where both are the same. Dicts differ in their order too."""
    if isinstance(here, Mapping) and isinstance(there, Mapping):
        return _of_maps(here, there, path)
    if isinstance(here, list) and isinstance(there, list):
        for n, (one, other) in enumerate(zip(here, there, strict=False)):
            if found := difference(one, other, f"{path}[{n}]"):
                return found
        return "" if len(here) == len(there) else f"{path}: {len(here)} and {len(there)} members"
    if type(here) is type(there) and (here == there or (here != here and there != there)):  # noqa: PLR0124 - NaN
        return ""
    return f"{path}: {_shown(here)} and {_shown(there)}"


def _of_maps(here: Mapping[str, Any], there: Mapping[str, Any], path: str) -> str:
    mine, theirs = list(here), list(there)
    if only := [key for key in mine if key not in there] or [key for key in theirs if key not in here]:
        return f"{_under(path, only[0])}: only in one of them"
    for key in mine:
        if found := difference(here[key], there[key], _under(path, key)):
            return found
    return "" if mine == theirs else f"{path}: its keys come in another order, {_shown(mine)} and {_shown(theirs)}"


def _under(path: str, key: str) -> str:
    if not path:
        return key
    return f"{path}.{key}" if key.isidentifier() else f"{path}[{key}]"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN_MAX else text[: SHOWN_MAX - 1] + "…"
