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
EXACT_MATH |= {"copysign", "ulp", "frexp", "ldexp", "comb", "factorial", "prod"}
# Where the tables are computed once, rounded, and pinned by a test.
TABLES = "game/math.py"
# Bytes on their way: a chain that a cache holds alive may be known there by its address, which reaches no byte.
PROTOCOL = "game/wire/"
RANDOM_MODULES = ("random", "secrets", "uuid", "numpy.random")
MEMORY = {"id": "an address", "hash": "Python's seeded hash"}
SET_MAKERS = {"set", "frozenset"}
SET_METHODS = {"union", "intersection", "difference", "symmetric_difference"}
ORDERLESS_USES = {"sorted", "len", "sum", "min", "max", "any", "all", "set", "frozenset", "bool"}
ORDERED_USES = {"list", "tuple", "enumerate", "iter", "zip", "map", "filter", "dict", ".join", ".extend"}


def _is_annotated_set(annotation: ast.expr) -> bool:
    target = annotation.value if isinstance(annotation, ast.Subscript) else annotation
    return isinstance(target, ast.Name) and target.id in SET_MAKERS


FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def _own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function or module, without those of the functions inside it."""
    for child in ast.iter_child_nodes(scope):
        yield child
        if not isinstance(child, FUNCTIONS):
            yield from _own_nodes(child)


def _scopes(scope: ast.AST, outer: set[str]) -> Iterator[tuple[ast.AST, set[str]]]:
    """Each function and the module, with the names that are sets in it; closures see those around them."""
    names = outer | _set_names(scope)
    yield scope, names
    for node in _own_nodes(scope):
        if isinstance(node, FUNCTIONS):
            yield from _scopes(node, names)


def _set_attributes(tree: ast.Module) -> set[str]:
    """Fields of classes, and `self.name`, that this file annotates or assigns as sets."""
    fields = {
        _name_of(node.target)
        for owner in ast.walk(tree)
        if isinstance(owner, ast.ClassDef)
        for node in owner.body
        if isinstance(node, ast.AnnAssign) and _is_annotated_set(node.annotation)
    }
    assigned = {name for name in _set_names(tree, every_depth=True) if name.startswith(".")}
    return assigned | {f".{name}" for name in fields}


def _set_names(scope: ast.AST, *, every_depth: bool = False) -> set[str]:
    """Names that `scope` itself assigns, annotates or takes as sets; attributes have a dot before them."""
    names: set[str] = set()
    if isinstance(scope, FUNCTIONS):
        arguments = [*scope.args.posonlyargs, *scope.args.args, *scope.args.kwonlyargs]
        names.update(each.arg for each in arguments if each.annotation and _is_annotated_set(each.annotation))
    for node in ast.walk(scope) if every_depth else _own_nodes(scope):
        if isinstance(node, ast.AnnAssign) and _is_annotated_set(node.annotation):
            names.add(_name_of(node.target))
        elif isinstance(node, ast.Assign) and _is_set(node.value, set()):
            names.update(_name_of(target) for target in node.targets)
    return names - {""}


def _name_of(node: ast.AST) -> str:
    """`alive` → "alive", `self.alive` → ".alive", anything else → ""."""
    if isinstance(node, ast.Attribute):
        return f".{node.attr}"
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


def _iterated(nodes: list[ast.AST]) -> Iterator[ast.expr]:
    """Every expression whose order of iteration matters."""
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    orderless = {id(argument) for call in calls if _name_of(call.func) in ORDERLESS_USES for argument in call.args}
    for call in calls:
        if _name_of(call.func) in ORDERED_USES:
            yield from call.args
    for node in nodes:
        if isinstance(node, (ast.For, ast.AsyncFor)):
            yield node.iter
        elif isinstance(node, (ast.ListComp, ast.GeneratorExp, ast.DictComp)) and id(node) not in orderless:
            yield from (part.iter for part in node.generators)
        elif isinstance(node, ast.Starred):
            yield node.value


def _set_iterations(module: Module) -> Iterator[Finding]:
    attributes = _set_attributes(module.syntax)
    for scope, names in _scopes(module.syntax, attributes):
        for iterated in _iterated(list(_own_nodes(scope))):
            if _is_set(iterated, names):
                yield module.find(iterated, "iterates a set, whose order follows the hash seed: wrap it in sorted()")


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


def _addresses(module: Module) -> Iterator[Finding]:
    for node in ast.walk(module.syntax):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MEMORY:
            yield module.find(node, f"{node.func.id}() is {MEMORY[node.func.id]}: it differs between processes")


def check(tree: Tree) -> list[Finding]:
    """What could make two runs of the same match differ."""
    findings: list[Finding] = []
    for module in tree.modules("game"):
        if module.path != TABLES:
            findings.extend(_numbers(module))
        if not module.path.startswith(PROTOCOL):
            findings.extend(_addresses(module))
        findings.extend(_sources_of_chance(module))
        findings.extend(_set_iterations(module))
    return findings
