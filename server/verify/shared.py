"""State that two rooms share: two matches in alternation must be what they are alone, and no module or class may change.

A game's modules, classes, defaults of its functions and defaults of its fields are looked at before and after a match;
whatever mutable thing changed is named. All this happens in a fresh process: `python -m server.verify.shared`.
"""

import inspect
import json
import pickle
import sys
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from types import FunctionType
from typing import Any

import attrs

from server.verify.determinism import STEPS, elsewhere
from server.verify.difference import difference
from server.verify.drill import Drill, OnTick, Ruleset, RulesRaised, hashes, modules_of, random_script
from server.verify.effort import Effort
from server.verify.findings import Finding
from server.verify.oddities import note_played
from server.verify.second_run import request_of, ruleset_of, script_of, state_at, tree_of

CHECK = "separate rooms"
MUTABLE = (list, dict, set, bytearray)
HINT = "rooms share it: keep it in the world (what is only a cache: functools.cache)"


def of_shared_state(ruleset: Ruleset, effort: Effort) -> Iterator[Finding]:
    """What `main` finds in a process of its own: here, earlier matches may have left their traces already."""
    drill = Drill(ruleset).run(script_of(ruleset, STEPS))
    note_played(drill, effort)
    answer = elsewhere(request_of(ruleset, STEPS), 0, module="server.verify.shared")
    if "findings" not in answer:
        yield Finding(CHECK, str(answer.get("raised") or answer.get("failed")))
    for text, where in answer.get("findings", ()):
        yield Finding(CHECK, text, where)


def changes(ruleset: Ruleset) -> Iterator[Finding]:
    """Things outside the world that a match changed; then whether a neighbour's match changes one."""
    before = {name: (place, _print(value)) for name, place, value in places(ruleset)}
    alone = hashes(ruleset, script_of(ruleset, STEPS))
    changed = []
    for name, place, value in places(ruleset):
        if name not in before or before[name][1] != _print(value):
            changed.append(name)
            yield Finding(CHECK, f"{name} changed while a match was played; {HINT}", place)
    if (tick := _first_disturbed(ruleset, alone)) is not None:
        yield _disturbed(ruleset, tick, changed)


def places(ruleset: Ruleset) -> Iterator[tuple[str, str, Any]]:
    """(name, file:line or file, value) of every mutable thing that all rooms of a game share."""
    for module in modules_of(ruleset.kind):
        path = str(module.__file__)
        for name, value in list(vars(module).items()):
            if name.startswith("__"):
                continue
            if isinstance(value, type) and value.__module__ == module.__name__:
                yield from _of_class(value, path)
            elif isinstance(value, FunctionType) and value.__module__ == module.__name__:
                yield from _of_function(value, value.__qualname__)
            elif isinstance(value, MUTABLE) or _is_instance(value):
                yield f"{module.__name__}.{name}", f"{path}:{_line_of(path, name)}", value
    yield f"the {ruleset.kind.__name__} object", f"{inspect.getsourcefile(ruleset.kind)}", ruleset.game


def _of_class(owner: type, path: str) -> Iterator[tuple[str, str, Any]]:
    for name, value in list(vars(owner).items()):
        if isinstance(value, FunctionType):
            yield from _of_function(value, value.__qualname__)
        elif isinstance(value, MUTABLE) and not name.startswith("__"):
            yield f"{owner.__qualname__}.{name}", f"{path}:{_line_of(path, name, owner)}", value
    for attribute in attrs.fields(owner) if attrs.has(owner) else ():
        if isinstance(attribute.default, MUTABLE):
            line = _line_of(path, attribute.name, owner)
            yield f"the default of {owner.__qualname__}.{attribute.name}", f"{path}:{line}", attribute.default


def _of_function(function: FunctionType, name: str) -> Iterator[tuple[str, str, Any]]:
    if function.__code__.co_filename.startswith("<attrs"):
        return  # its defaults are the fields', which are told with their line
    place = f"{function.__code__.co_filename}:{function.__code__.co_firstlineno}"
    for n, value in enumerate((*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())):
        if isinstance(value, MUTABLE):
            yield f"default {n + 1} of {name}()", place, value
    for cell in function.__closure__ or ():
        if isinstance(cell.cell_contents, MUTABLE):
            yield f"a variable around {name}()", place, cell.cell_contents


def _is_instance(value: object) -> bool:
    """An object of the author's own making that can change."""
    kind = type(value)
    return hasattr(value, "__dict__") and not isinstance(value, type | FunctionType) and kind.__module__ not in (
        "builtins", "functools", "typing", "types", "enum", "logging",
    ) and not inspect.ismodule(value) and not inspect.isroutine(value)  # fmt: skip


def _print(value: Any) -> bytes:
    """A value's content, such that a change shows."""
    try:
        return pickle.dumps(value)
    except Exception:  # noqa: BLE001 - an author's object may refuse in any way
        return repr(value).encode()


def _line_of(path: str, name: str, owner: type | None = None) -> int:
    """Where a name is assigned: the first line that begins with it; 1 where none does."""
    try:
        lines, first = inspect.getsourcelines(owner) if owner else (Path(path).read_text("utf-8").splitlines(), 1)
    except (OSError, TypeError):
        return 1
    for n, line in enumerate(lines):
        rest = line.strip().removeprefix(name)
        if line.strip().startswith(name) and rest[:1] in (" ", ":", "="):
            return n + max(first, 1)
    return max(first, 1)


def _beside(ruleset: Ruleset, on_tick: OnTick) -> None:
    """A match with a second room of the game played beside it, move by move."""
    room = Drill(ruleset, on_tick=on_tick)
    other = Drill(attrs.evolve(ruleset, seed=ruleset.seed + 1))
    neighbours = random_script(ruleset.schema, ruleset.game.seats, ruleset.seed + 1, STEPS)
    for mine, theirs in zip_longest(script_of(ruleset, STEPS), neighbours):
        if mine is not None:
            room.do(mine)
        if theirs is not None:
            other.do(theirs)


def _first_disturbed(ruleset: Ruleset, alone: list[str]) -> int | None:
    found: list[str] = []
    _beside(ruleset, lambda now, _: found.append(now.hash()))
    return next((tick for tick, (one, two) in enumerate(zip(alone[1:], found, strict=False), 1) if one != two), None)


def _disturbed(ruleset: Ruleset, tick: int, changed: list[str]) -> Finding:
    states: list[Any] = []
    _beside(ruleset, lambda now, _: states.append(tree_of(now)) if now.tick == tick else None)
    where, _, values = difference(state_at(ruleset, STEPS, tick), states[0] if states else {}).partition(": ")
    why = f" through {', '.join(changed)}" if changed else ""
    text = f"a second room, played beside this one, changes its state in tick {tick} ({values or 'one time of several'}){why}"
    return Finding(CHECK, text, where)


def main() -> None:
    """One request of `request_of` on stdin; {"findings": [[text, where], …]} on stdout."""
    try:
        found: dict[str, Any] = {"findings": [[f.text, f.where] for f in changes(ruleset_of(json.load(sys.stdin)))]}
    except RulesRaised as error:
        found = {"raised": str(error)}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
