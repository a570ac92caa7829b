"""Only `server/routing` reads YAML: the spec has one reader, and the rest is handed what it means."""

import ast
from collections.abc import Iterator

from tests.checks.tree import Finding, Module, Tree

READERS = ("server/routing/", "server/routing.py")
LIBRARIES = {"yaml", "_yaml", "ruamel", "strictyaml"}


def _imported(module: Module) -> Iterator[tuple[ast.AST, str]]:
    for node in ast.walk(module.syntax):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node, node.module or ""
        elif isinstance(node, ast.Call) and module.dotted(node.func) in {"importlib.import_module", "__import__"}:
            yield from ((node, str(a.value)) for a in node.args if isinstance(a, ast.Constant))


def check(tree: Tree) -> list[Finding]:
    """Every import of a YAML library outside `server/routing`."""
    return [
        module.find(node, f"imports {name}: only server/routing reads YAML; ask it for the spec or the plan")
        for module in tree.modules()
        if not module.path.startswith(READERS)
        for node, name in _imported(module)
        if name.partition(".")[0] in LIBRARIES
    ]
