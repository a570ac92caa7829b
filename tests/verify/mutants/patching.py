"""A broken build of the product: one line of one function replaced in memory, with a count of how often it ran.

The line is named by its text, which must stand in the function exactly once: where the product changes, the mutant fails
loudly instead of mutating nothing. The product's files stay as they are.
"""

import ast
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType
from typing import Any

from attrs import define, frozen

COUNTER = "_mutated_line_ran"


class MutantStale(Exception):
    """The product's line is not there any more: the mutant must be written anew."""


@define
class Ran:
    """How often the mutated line ran."""

    times: int = 0


@frozen
class Line:
    """``where`` is a class or a module, ``function`` its function or property; ``old`` becomes ``new`` in its source.

    ``new`` may have several statements; ``{}`` in neither is special. The indentation of ``old``'s line is kept.
    """

    where: Any
    function: str
    old: str
    new: str

    @property
    def place(self) -> str:
        """Where the line stands, for people."""
        module = self.where.__name__ if inspect.ismodule(self.where) else self.where.__module__
        owner = "" if inspect.ismodule(self.where) else f"{self.where.__name__}."
        return f"{module}: {owner}{self.function}"


@contextmanager
def mutated(line: Line) -> Iterator[Ran]:
    """Within it, the product runs with the other line."""
    module = line.where if inspect.ismodule(line.where) else sys.modules[line.where.__module__]
    original = inspect.getattr_static(line.where, line.function)
    ran = Ran()
    setattr(module, COUNTER, _counting(ran))
    try:
        setattr(line.where, line.function, _rebuilt(line, original, vars(module)))
        yield ran
    finally:
        setattr(line.where, line.function, original)
        delattr(module, COUNTER)


def _counting(ran: Ran) -> Callable[[], None]:
    def count() -> None:
        ran.times += 1

    return count


def _rebuilt(line: Line, original: Any, names: dict[str, Any]) -> Any:
    function = original.fget if isinstance(original, property) else original
    assert isinstance(function, FunctionType), f"{line.place} is no function of Python"
    tree, first = _replaced(line, textwrap.dedent(inspect.getsource(function)))
    node = tree.body[0]
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    node.decorator_list = []
    _count_at(node, first)
    made: dict[str, Any] = {}
    exec(compile(ast.fix_missing_locations(tree), f"<mutant of {line.place}>", "exec"), names, made)  # noqa: S102 - ours
    built = made[function.__name__]
    return property(built) if isinstance(original, property) else built


def _replaced(line: Line, source: str) -> tuple[ast.Module, int]:
    """The function with the other line, and the number of that line."""
    if source.count(line.old) != 1:
        raise MutantStale(f"{line.place}: expected {line.old!r} once, found it {source.count(line.old)} times")
    before, _, after = source.partition(line.old)
    indent = before.rpartition("\n")[2]
    new = line.new.replace("\n", "\n" + " " * (len(indent) - len(indent.lstrip(" "))))
    return ast.parse(before + new + after), before.count("\n") + 1


def _count_at(function: ast.AST, number: int) -> None:
    """Puts the count in front of the innermost statement that the line belongs to."""
    found: tuple[list[ast.stmt], int] | None = None
    for node in ast.walk(function):
        for name in ("body", "orelse", "finalbody"):
            statements = getattr(node, name, None)
            if not isinstance(statements, list):
                continue
            for at, statement in enumerate(statements):
                if statement.lineno <= number <= (statement.end_lineno or statement.lineno):
                    found = statements, at  # walked from the outside in: the last one found is the innermost
    assert found is not None
    statements, at = found
    call = ast.parse(f"{COUNTER}()").body[0]
    statements.insert(at, ast.copy_location(call, statements[at]))
