"""Games and policies by name: imported, and held to the contract, with an error that says what to mend.

An author's module is found as Python finds any module: an installed package, PYTHONPATH, or the directory that
`python -m server` is started from. Nothing else is added to the path.
"""

import inspect
import traceback
from importlib import import_module
from typing import Any

import attrs
from attrs import frozen

from game.contract import Game, Policy
from game.schema import Schema, schema_of
from server.routing.problems import did_you_mean, quote

VERSION_LENGTH_MAX = 64  # as the table of matches has it
REFERENCE_LENGTH_MAX = 200
REQUIRED_METHODS = ("setup", "join", "leave", "step")
METHODS = {"setup": 2, "join": 3, "leave": 3, "validate": 3, "step": 4, "result": 1, "team_of": 2, "connected": 3}


@frozen
class Mismatch:
    """What an author's module has, and what it should have."""

    expected: str
    got: str
    hint: str = ""


def import_game(reference: str) -> "type[Game] | list[Mismatch]":
    """The game class at `module:Class`, or everything that is wrong with it."""
    found = import_reference(reference)
    if isinstance(found, Mismatch):
        return [found]
    if not (isinstance(found, type) and issubclass(found, Game)):
        return [Mismatch("a subclass of game.contract.Game", describe(found))]
    return contract_mismatches(found) or found


def read_schema(game: type[Game], *, sees_everything: bool = False) -> Schema:
    """The schema of a game class. Raises game.schema.SchemaError."""
    return schema_of(game, sees_everything)


def import_policy(reference: str) -> type[Policy] | Mismatch:
    """The policy class at `module:Class`; it must be made without arguments, once per seat."""
    found = import_reference(reference)
    if isinstance(found, Mismatch):
        return found
    if not (isinstance(found, type) and issubclass(found, Policy)):
        return Mismatch("a subclass of game.contract.Policy", describe(found))
    if found.act is Policy.act:
        return Mismatch("a policy with act(view, tick, rng)", f"{found.__name__} without it")
    try:
        found()
    except Exception as error:
        return Mismatch(f"{found.__name__}() without arguments", last_line(error), raised_at(error))
    return found


def import_reference(reference: str) -> Any:
    """Whatever stands at `module:Class`, or the Mismatch that says why nothing does."""
    module_name, _, name = reference.partition(":")
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            hint = "install its package, or put its directory on PYTHONPATH"
            return Mismatch("a module that can be imported", f"no module {error.name!r}", hint)
        return broken_module(module_name, error)
    except (Exception, SystemExit) as error:
        return broken_module(module_name, error)
    if not hasattr(module, name):
        known = [key for key, value in vars(module).items() if isinstance(value, type)]
        return Mismatch(f"a class in {module_name}", f"no {name!r} there", did_you_mean(name, known))
    return getattr(module, name)


def broken_module(module_name: str, error: BaseException) -> Mismatch:
    return Mismatch("a module that can be imported", f"{module_name} raised {last_line(error)}", raised_at(error))


def contract_mismatches(game: type[Game]) -> list[Mismatch]:
    """Every member of the contract that is missing or of the wrong type."""
    found = [members_mismatch(game, name) for name in ("World", "Options")]
    found += [messages_mismatch(game, "inputs", is_required=True), messages_mismatch(game, "events", is_required=False)]
    found += [method_mismatch(game, name, count) for name, count in METHODS.items()]
    version: object = game.version
    if not (isinstance(version, str) and version):
        found.append(Mismatch(f"{game.__name__}.version, a text", describe(version)))
    elif len(version) > VERSION_LENGTH_MAX or not version.isprintable():
        expected = f"{game.__name__}.version, a printable text of at most {VERSION_LENGTH_MAX} characters"
        found.append(Mismatch(expected, describe(version), "matches are recorded under it"))
    if len(f"{game.__module__}:{game.__qualname__}") > REFERENCE_LENGTH_MAX:
        expected = f"a module and class of at most {REFERENCE_LENGTH_MAX} characters"
        found.append(Mismatch(expected, describe(game.__qualname__), "matches are recorded under it"))
    return [mismatch for mismatch in found if mismatch is not None]


def members_mismatch(game: type[Game], name: str) -> Mismatch | None:
    member = getattr(game, name, None)
    if member is None:
        return Mismatch(f"{game.__name__}.{name}, an attrs class", "none", f"write `{name} = YourClass` in the class")
    if not (isinstance(member, type) and attrs.has(member)):
        return Mismatch(f"{game.__name__}.{name}, an attrs class", describe(member), "decorate it with attrs.define")
    return None


def messages_mismatch(game: type[Game], name: str, *, is_required: bool) -> Mismatch | None:
    members = getattr(game, name, None)
    expected = f"{game.__name__}.{name}, a tuple of attrs classes"
    if not isinstance(members, tuple):
        return Mismatch(expected, "none" if members is None else describe(members))
    wrong = next((member for member in members if not (isinstance(member, type) and attrs.has(member))), None)
    if wrong is not None:
        return Mismatch(expected, f"{describe(wrong)} in it")
    return Mismatch(expected, "an empty tuple", "nobody could do anything") if is_required and not members else None


def method_mismatch(game: type[Game], name: str, count: int) -> Mismatch | None:
    method = getattr(game, name, None)
    expected = f"{game.__name__}.{name}{signature_text(name)}"
    if name in REQUIRED_METHODS and method is getattr(Game, name):
        return Mismatch(expected, "no such method")
    if not callable(method):
        return Mismatch(expected, describe(method))
    if inspect.iscoroutinefunction(method):
        return Mismatch(expected, "an async method", "rules are plain functions; the loop never awaits them")
    try:
        inspect.signature(method).bind(*range(count + 1))
    except TypeError:
        return Mismatch(expected, f"{name}{inspect.signature(method)}")
    except ValueError:  # a callable without a signature to look at
        return None
    return None


def signature_text(name: str) -> str:
    names = list(inspect.signature(getattr(Game, name)).parameters)[1:]
    return f"({', '.join(names)})"


def describe(value: object) -> str:
    if isinstance(value, type):
        return f"the class {value.__name__}"
    return f"{quote(value)} ({type(value).__name__})"


def last_line(error: BaseException) -> str:
    """The exception as Python's own traceback ends."""
    text = traceback.format_exception_only(error)[-1].strip()
    if isinstance(error, ValueError) and len(error.args) > 1 and isinstance(error.args[0], str):
        text = f"{type(error).__name__}: {error.args[0]}"  # attrs' validators carry their field along
    return text if len(text) <= 300 else text[:299] + "…"


def raised_at(error: BaseException) -> str:
    """`at file:line`, where the exception was raised in the author's code."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"at {error.filename}:{error.lineno}"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith("<frozen")]
    mine = [frame for frame in frames if frame.filename != __file__]
    return f"at {mine[-1].filename}:{mine[-1].lineno}" if mine else ""
