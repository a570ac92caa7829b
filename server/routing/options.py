"""A room's `options:` → an instance of the game's Options class, by cattrs, strictly: no text becomes a number.

Each error comes back with the path of the option it is about, so that it can be shown at its line.
"""

import re
from collections.abc import Iterator
from typing import Any

import attrs
from attrs import frozen
from cattrs import ClassValidationError, Converter, IterableValidationError
from cattrs.errors import BaseValidationError, ForbiddenExtraKeysError

from server.routing.nodes import Path
from server.routing.problems import did_you_mean, quote

VALIDATED = re.compile(r"'(\w+)' ")


@frozen
class OptionFault:
    """One wrong option. `is_key` where the key itself is the mistake."""

    path: Path
    expected: str
    got: str
    hint: str = ""
    is_key: bool = False


def make_options(options_class: type, data: object) -> Any:
    """An instance of `options_class`, or a list of OptionFault when the data does not fit it."""
    try:
        return strict_converter().structure(data, options_class)
    except BaseValidationError as error:
        return list(faults(error, (), data))
    except Exception as error:
        return [OptionFault((), f"options for {options_class.__name__}", f"{type(error).__name__}: {error}"[:200])]


def strict_converter() -> Converter:
    converter = Converter(forbid_extra_keys=True, detailed_validation=True)
    for plain in (bool, int, float, str):
        converter.register_structure_hook(plain, strictly)
    return converter


def strictly(value: object, wanted: type) -> Any:
    """The value itself where it is of the wanted type; a whole number is a float too. Raises TypeError."""
    if type(value) is wanted:
        return value
    if wanted is float and type(value) is int:
        return float(value)
    raise TypeError(f"expected {PLAIN_NAMES[wanted]}")


PLAIN_NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def faults(error: BaseException, path: Path, data: object) -> Iterator[OptionFault]:
    """The leaves of a tree of cattrs errors, each with its path."""
    match error:
        case ClassValidationError() | IterableValidationError():
            located, rest = error.group_exceptions()
            for inner, note in located:
                step = note.name if hasattr(note, "name") else note.index
                if isinstance(inner, KeyError) and isinstance(data, dict) and step not in data:
                    yield OptionFault((*path, step), "a value for this option", "nothing", is_key=True)
                else:
                    yield from faults(inner, (*path, step), child(data, step))
            for inner in rest:
                yield from faults(inner, path, data)
        case ForbiddenExtraKeysError():
            known = [field.name for field in attrs.fields(error.cl)] if attrs.has(error.cl) else []
            for key in sorted(error.extra_fields):
                expected = "one of " + ", ".join(known) if known else "no options"
                yield OptionFault((*path, key), expected, quote(key), did_you_mean(key, known), is_key=True)
        case _:
            yield leaf_fault(error, path, data)


def leaf_fault(error: BaseException, path: Path, data: object) -> OptionFault:
    text = str(error)
    if isinstance(error, TypeError) and text.startswith("expected "):
        return OptionFault(path, text.removeprefix("expected "), quote(data))
    text = str(error.args[0]) if error.args else text
    named = VALIDATED.match(text)  # attrs' own validators begin so
    if named and isinstance(data, dict) and named[1] in data:
        path, data = (*path, named[1]), data[named[1]]
    return OptionFault(path, "a value that the game takes", quote(data), f"{type(error).__name__}: {text}"[:200])


def child(data: object, step: str | int) -> object:
    try:
        return data[step]  # type: ignore[index]  # whatever the author wrote
    except (KeyError, IndexError, TypeError):
        return None
