"""Every limit stands in the limits table: a constant of `game/wire` or `server` that is named like one, or made by `Limit(…)`,
has a row in `server/limits.py` or a reason there why a stranger does not meet it.
"""

import ast
import re
from collections.abc import Iterator

from server.limits import EXCEPTIONS, TABLE
from tests.checks.tree import Finding, Module, Tree

FOLDERS = ("game/wire", "server")
NAMED_LIKE_A_LIMIT = re.compile(r"_?[A-Z][A-Z0-9_]*(_MAX(_[A-Z]+)?|_PER_[A-Z_]+|_EACH)|MAX_[A-Z_]+")
HINT = "give it a row in server/limits.py, with what the busiest honest client needs, or a reason in its EXCEPTIONS"
TOLD = {row.of.partition("[")[0] for row in TABLE}


def constants(module: Module) -> Iterator[tuple[ast.AST, str]]:
    """The module's constants that look like a limit, as ``module:NAME``."""
    dotted = module.path.removesuffix(".py").replace("/", ".")
    for node in module.syntax.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        called = getattr(getattr(node, "value", None), "func", None)
        is_limit = isinstance(called, ast.Name) and called.id == "Limit"
        named = [name for target in targets for name in (target.elts if isinstance(target, ast.Tuple) else [target])]
        for name in named:
            if isinstance(name, ast.Name) and (is_limit or NAMED_LIKE_A_LIMIT.fullmatch(name.id)):
                yield node, f"{dotted}:{name.id}"


def is_told(name: str) -> bool:
    """Whether the table, or one of its exceptions, has the constant."""
    return name in TOLD or any(name.startswith(start) for start in EXCEPTIONS)


def check(tree: Tree) -> list[Finding]:
    """Every constant that looks like a limit and that the table does not tell of."""
    return [
        module.find(node, f"{name} looks like a limit: {HINT}")
        for module in tree.modules(*FOLDERS)
        for node, name in constants(module)
        if not is_told(name)
    ]
