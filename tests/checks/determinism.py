"""The rules give the same bytes everywhere: no libm, no global randomness, no order of a set or of memory in `game`.

libm's sin, cos and pow differ in the last bit between machines; `game.math` has tables. Iterating a set follows the
hash seed. Sets are recognised where they are written or annotated as such in the same file, no further.
"""

import ast
from collections.abc import Iterator

from tests.checks.tree import Finding, Module, Tree

EXACT_MATH = {
    "sqrt",
    "floor",
    "ceil",
    "trunc",
    "isfinite",
    "isnan",
    "isinf",
    "inf",
    "nan",
    "fabs",
    "gcd",
    "lcm",
    "isqrt",
}
EXACT_MATH |= {"copysign", "frexp", "ldexp", "comb", "factorial", "prod"}
# Where the tables are computed once, rounded, and pinned by a test.
TABLES = "game/math.py"
RANDOM_MODULES = ("random", "secrets", "uuid", "numpy.random")
MEMORY = {"id": "an address", "hash": "Python's seeded hash"}
SET_MAKERS = {"set", "frozenset"}
SET_METHODS = {"union", "intersection", "difference", "symmetric_difference"}
ORDERLESS_USES = {"sorted", "len", "sum", "min", "max", "any", "all", "set", "frozenset", "bool"}
ORDERED_USES = {"list", "tuple", "enumerate", "iter", "zip", "map", "filter", "dict", "reversed", "next"}


def _is_annotated_set(annotation: ast.expr) -> bool:
    target = annotation.value if isinstance(annotation, ast.Subscript) else annotation
    return isinstance(target, ast.Name) and target.id in SET_MAKERS


def _set_names(module: Module) -> set[str]:
    """Names and attributes that this file assigns or annotates as sets."""
    names: set[str] = set()
    for node in ast.walk(module.syntax):
        if isinstance(node, ast.AnnAssign) and _is_annotated_set(node.annotation):
            names.add(_name_of(node.target))
        elif isinstance(node, ast.arg) and node.annotation and _is_annotated_set(node.annotation):
            names.add(node.arg)
        elif isinstance(node, ast.Assign) and _is_set(node.value, set()):
            names.update(_name_of(target) for target in node.targets)
    return names - {""}


def _name_of(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _is_set(node: ast.AST, names: set[str]) -> bool:
    if isinstance(node, (ast.Set, ast.SetComp)):
        return True
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.BitOr, ast.BitAnd, ast.Sub, ast.BitXor)):
        return _is_set(node.left, names) or _is_set(node.right, names)
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and node.func.attr in SET_METHODS:
            return True
        return isinstance(node.func, ast.Name) and node.func.id in SET_MAKERS
    return _name_of(node) in names


def _iterated(tree: ast.Module) -> Iterator[ast.expr]:
    """Every expression whose order of iteration matters."""
    orderless = {
        id(argument)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _name_of(node.func) in ORDERLESS_USES
        for argument in node.args
    }
    for node in ast.walk(tree):
        if isinstance(node, (ast.For, ast.AsyncFor)):
            yield node.iter
        elif isinstance(node, (ast.ListComp, ast.GeneratorExp, ast.DictComp)) and id(node) not in orderless:
            yield from (part.iter for part in node.generators)
        elif isinstance(node, ast.Starred):
            yield node.value
        elif (isinstance(node, ast.Call) and _name_of(node.func) in ORDERED_USES) or (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in {"join", "extend"}
        ):
            yield from node.args


def _numbers(module: Module) -> Iterator[Finding]:
    for node in ast.walk(module.syntax):
        if isinstance(node, (ast.Attribute, ast.Name)) and isinstance(node.ctx, ast.Load):
            name = module.dotted(node)
            if name.startswith("math.") and name.removeprefix("math.") not in EXACT_MATH:
                yield module.find(node, f"{name} is libm's, which differs between machines: use game.math's tables")
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) and not _is_whole_power(node.right):
            yield module.find(
                node, "** with anything but a small whole exponent is libm's pow: multiply, or use math.sqrt"
            )


def _is_whole_power(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int)


def _sources_of_chance(module: Module) -> Iterator[Finding]:
    for node in ast.walk(module.syntax):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        for name in names:
            if name in RANDOM_MODULES or name.startswith(tuple(f"{each}." for each in RANDOM_MODULES)):
                yield module.find(node, f"{name} is not seeded by the match: use the rng that the rules are given")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MEMORY:
            yield module.find(node, f"{node.func.id}() is {MEMORY[node.func.id]}: it differs between processes")


def check(tree: Tree) -> list[Finding]:
    """What could make two runs of the same match differ."""
    findings: list[Finding] = []
    for module in tree.modules("game"):
        if module.path != TABLES:
            findings.extend(_numbers(module))
        findings.extend(_sources_of_chance(module))
        names = _set_names(module)
        findings.extend(
            module.find(iterated, "iterates a set, whose order follows the hash seed: wrap it in sorted()")
            for iterated in _iterated(module.syntax)
            if _is_set(iterated, names)
        )
    return findings
