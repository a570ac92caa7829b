"""No game's and no route's name stands anywhere under `server/`: code, comments and templates alike.

The names are not listed here: games are the folders of `game/` that hold rules, rooms and routes come from
`routing.yaml`. A room type that needed a line in the server would not be "YAML only".
"""

import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from tests.checks.tree import Finding, Tree

NOT_GAMES = {"wire"}
TEXTS = (".py", ".html", ".txt", ".js", ".css", ".json", ".yaml", ".toml", ".md")


def game_names(root: Path) -> set[str]:
    """The folders of `game/` that are games: packages with rules, not with the protocol."""
    folders = (path.parent.name for path in (root / "game").glob("*/__init__.py"))
    return {name for name in folders if name not in NOT_GAMES}


def spec_names(root: Path) -> set[str]:
    """The rooms and routes of `routing.yaml`; none when there is no such file."""
    path = root / "routing.yaml"
    if not path.exists():
        return set()
    spec = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    return {str(name) for part in ("rooms", "routes") for name in spec.get(part) or {}}


def pattern(names: set[str]) -> re.Pattern[str]:
    """The names as words or as parts of snake_case, CamelCase and CAPITALS."""
    forms = {form for name in names for form in (name, name.upper(), name.capitalize())}
    alternatives = "|".join(re.escape(form) for form in sorted(forms, key=lambda form: (-len(form), form)))
    return re.compile(rf"(?<![A-Za-z0-9])(?:{alternatives})(?![a-z0-9])")


def _in_file(tree: Tree, path: Path, names: re.Pattern[str]) -> Iterator[Finding]:
    where = path.relative_to(tree.root).as_posix()
    if found := names.search(where):
        yield Finding(where, 1, f"a path names {found[0]!r}: the server knows no game")
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if found := names.search(line):
            hint = "the server knows no game and no route by name; take it from the plan"
            yield Finding(where, number, f"names {found[0]!r}: {hint}")


def check(tree: Tree) -> list[Finding]:
    """Every line under `server/` that names a game, a room type or a route."""
    names = game_names(tree.root) | spec_names(tree.root)
    if not names:
        return []
    looked_for = pattern(names)
    texts = (path for suffix in TEXTS for path in tree.files("server", suffix))
    return sorted(found for path in texts for found in _in_file(tree, path, looked_for))
