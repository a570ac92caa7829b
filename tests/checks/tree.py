"""What every check works on: the project's Python files, parsed once, with names resolved to what they import.

A check is a function from a `Tree` to its findings. Nothing here knows what is forbidden.
"""

import ast
import tokenize
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

from attrs import define, field, frozen

PRODUCT = ("game", "server", "clients")
NOT_OURS = {"node_modules", "__pycache__", ".venv", "var", "migrations"}


@frozen(order=True)
class Finding:
    """One line that breaks a rule: where, and what to do instead."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}  {self.text}"


@define(slots=False)
class Module:
    """One parsed file. `path` is relative to the root, with forward slashes."""

    path: str
    source: str

    @cached_property
    def syntax(self) -> ast.Module:
        return ast.parse(self.source, filename=self.path)

    @cached_property
    def imports(self) -> dict[str, str]:
        """Local name → the dotted name that it stands for, from every import statement in the file."""
        return dict(_imported(self.syntax))

    def dotted(self, node: ast.AST) -> str:
        """`t.monotonic` → "time.monotonic" after `import time as t`; "" for what is not a plain chain of names."""
        if isinstance(node, ast.Name):
            return self.imports.get(node.id, node.id)
        if isinstance(node, ast.Attribute):
            owner = self.dotted(node.value)
            return f"{owner}.{node.attr}" if owner else f"?.{node.attr}"
        if isinstance(node, ast.Call):
            called = self.dotted(node.func)
            return f"{called}()" if called else ""
        return ""

    def find(self, node: ast.AST, text: str) -> Finding:
        """A finding at `node`."""
        return Finding(self.path, getattr(node, "lineno", 1), text)


def _imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.asname or alias.name.partition(".")[0]
                yield name, alias.name if alias.asname else name
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


@define(slots=False)
class Tree:
    """A project folder."""

    root: Path
    packages: tuple[str, ...] = PRODUCT
    _cache: dict[str, Module] = field(factory=dict)

    def files(self, folder: str, suffix: str = ".py") -> Iterable[Path]:
        """The files of ours below `folder`, sorted."""
        found = (self.root / folder).rglob(f"*{suffix}")
        return sorted(path for path in found if not NOT_OURS & set(path.relative_to(self.root).parts))

    def modules(self, *folders: str) -> Iterator[Module]:
        """The Python files below `folders`, or of the whole product."""
        for folder in folders or self.packages:
            for path in self.files(folder):
                name = path.relative_to(self.root).as_posix()
                if name not in self._cache:
                    with tokenize.open(path) as opened:
                        self._cache[name] = Module(name, opened.read())
                yield self._cache[name]
