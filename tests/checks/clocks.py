"""Time is an argument: only the two clock modules read a clock or sleep.

Import contracts cannot see `loop.time()` or `call_later`, so this looks at the calls and references themselves. It
does not follow a clock through variables; reviewers do. `asyncio.sleep(0)` is a yield, not a wait, and is allowed.
"""

import ast
from collections.abc import Iterator

from tests.checks.tree import Finding, Module, Tree

CLOCKS = {"server/clock.py", "clients/python/clock.py"}

FORBIDDEN = {
    "asyncio.sleep",
    "datetime.date.today",
    "datetime.datetime.now",
    "datetime.datetime.today",
    "datetime.datetime.utcnow",
    "django.utils.timezone.localdate",
    "django.utils.timezone.localtime",
    "django.utils.timezone.now",
    "django.db.models.functions.Now",
    "uuid.uuid1",
    "os.times",
}
FORBIDDEN_MODULES = ("time.",)
ALLOWED = {"time.struct_time", "time.strptime"}
# Methods by name, whatever the object is called: event loops and threads.
FORBIDDEN_METHODS = {"call_later", "call_at"}
DJANGO_AUTO = {"auto_now", "auto_now_add"}
HINT = "take the time as an argument, or use server/clock.py (clients/python/clock.py)"


def _is_zero_sleep(name: str, call: ast.Call) -> bool:
    if name != "asyncio.sleep" or len(call.args) != 1:
        return False
    return isinstance(call.args[0], ast.Constant) and call.args[0].value == 0


def _is_loop_time(name: str) -> bool:
    """`loop.time`, `self._loop.time`, `asyncio.get_running_loop().time`."""
    owner, _, method = name.rpartition(".")
    return method == "time" and owner.rpartition(".")[2].lower().removesuffix("()").endswith("loop")


def _is_forbidden(name: str) -> bool:
    if name in ALLOWED:
        return False
    return name in FORBIDDEN or name.startswith(FORBIDDEN_MODULES) or _is_loop_time(name)


def _in_module(module: Module) -> Iterator[Finding]:
    excused = {
        id(node.func)
        for node in ast.walk(module.syntax)
        if isinstance(node, ast.Call) and _is_zero_sleep(module.dotted(node.func), node)
    }
    for node in ast.walk(module.syntax):
        if isinstance(node, (ast.Attribute, ast.Name)) and isinstance(node.ctx, ast.Load) and id(node) not in excused:
            name = module.dotted(node)
            if _is_forbidden(name):
                yield module.find(node, f"{name} reads a clock or sleeps: {HINT}")
            elif isinstance(node, ast.Attribute) and node.attr in FORBIDDEN_METHODS:
                yield module.find(node, f"{node.attr} is a clock of its own: {HINT}")
        elif isinstance(node, ast.keyword) and node.arg in DJANGO_AUTO:
            yield module.find(node.value, f"{node.arg} reads Django's clock: write default=wall_now of server/clock.py")


def check(tree: Tree) -> list[Finding]:
    """Every clock and sleep of the product outside the two clock modules."""
    return [found for module in tree.modules() if module.path not in CLOCKS for found in _in_module(module)]
