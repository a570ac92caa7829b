"""Each check sees the violation that is planted for it, and nothing in what is honest. Then: this project keeps them."""

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from tests.checks import clocks, determinism, limits, names, yaml_readers
from tests.checks.__main__ import CHECKS
from tests.checks.tree import Finding, Tree

ROOT = Path(__file__).resolve().parents[2]
Plant = Callable[..., Tree]


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    """A function that writes files, given as path → source, into a temporary project."""

    def write(files: dict[str, str]) -> Tree:
        for path, source in files.items():
            target = tmp_path / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(dedent(source))
        return Tree(tmp_path)

    return write


@pytest.mark.parametrize(
    "source",
    [
        "import time\nstart = time.monotonic()",
        "import time as t\nt.sleep(1)",
        "from time import perf_counter as now\nnow()",
        "import time\nclock = time.time",
        "import asyncio\nasync def f(): await asyncio.sleep(0.1)",
        "from asyncio import sleep\nasync def f(): await sleep(1)",
        "import asyncio\nnow = asyncio.get_running_loop().time()",
        "class A:\n    def f(self): return self._loop.time()",
        "def f(loop): loop.call_later(1, print)",
        "from datetime import datetime\ndatetime.now()",
        "import datetime as d\nd.datetime.utcnow()",
        "from datetime import date\ndate.today()",
        "from django.utils import timezone\ntimezone.now()",
        "from django.utils.timezone import now\nfield(default=now)",
        "from django.db import models\nat = models.DateTimeField(auto_now_add=True)",
    ],
)
def test_a_clock_outside_the_clock_module_is_seen(plant: Plant, source: str) -> None:
    tree = plant({"server/rooms/room.py": source, "server/clock.py": "import time\nmonotonic = time.monotonic"})
    assert [found.path for found in clocks.check(tree)] == ["server/rooms/room.py"]


def test_time_as_an_argument_is_no_clock(plant: Plant) -> None:
    source = """
        import asyncio
        from datetime import datetime, timedelta
        from server.clock import monotonic, wall_now
        async def step(now: float, frame):
            await asyncio.sleep(0)
            return now + timedelta(seconds=1).total_seconds() + monotonic() + frame.time
    """
    assert clocks.check(plant({"server/rooms/room.py": source})) == []


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("import math\nx = math.sin(1)", "math.sin is libm's"),
        ("from math import cos\nx = cos(1)", "math.cos is libm's"),
        ("import math\nf = math.pow", "math.pow is libm's"),
        ("def f(a, b): return a ** b", "libm's pow"),
        ("def f(a): return a ** 0.5", "libm's pow"),
        ("import random", "random is not seeded by the match"),
        ("from random import choice", "random is not seeded by the match"),
        ("import uuid", "uuid is not seeded"),
        ("def f(a): return hash(a)", "hash() is Python's seeded hash"),
        ("for x in {1, 2}: print(x)", "iterates a set"),
        ("def f(alive: set[int]): return [a for a in alive]", "iterates a set"),
        ("class W:\n    alive: frozenset[int]\n    def f(self): return list(self.alive)", "iterates a set"),
        ("seen = set()\nfor x in seen | {1}: print(x)", "iterates a set"),
        ("a = set('ab')\nprint(', '.join(a))", "iterates a set"),
    ],
)
def test_what_could_differ_between_two_runs_is_seen(plant: Plant, source: str, says: str) -> None:
    findings = determinism.check(plant({"game/planted/rules.py": source}))
    assert len(findings) == 1
    assert says in findings[0].text


def test_exact_numbers_and_sorted_sets_are_fine(plant: Plant) -> None:
    source = """
        import math
        def f(world, alive: set[int], rng):
            alive.add(1)
            total = sum(x for x in alive) + len(alive) + math.sqrt(2.0) + math.floor(1.5) + 3 ** 2
            return [x for x in sorted(alive)], 1 in alive, total, rng.below(3)
        def g(alive: tuple[int, ...], names):
            return [x for x in alive], [*names]
        def h():
            names = {1, 2}
            return {x + 1 for x in names}
    """
    assert determinism.check(plant({"game/planted/rules.py": source, "server/x.py": "import random"})) == []


@pytest.mark.parametrize(
    "line",
    [
        "room = 'planet'",
        "# as in planet",
        "PLANET_SEATS = 3",
        "class PlanetRoom: ...",
        "path = '/ws/planet/K7'",
        "x = 'orbit.watch'",
    ],
)
def test_a_game_or_route_named_in_the_server_is_seen(plant: Plant, line: str) -> None:
    tree = plant(
        {
            "game/planet/__init__.py": "",
            "game/wire/__init__.py": "",
            "routing.yaml": "rooms: {orbit: {}}\nroutes: {orbit.watch: {}}",
            "server/sockets/consumer.py": f"import os\n{line}\n",
        }
    )
    assert [(found.path, found.line) for found in names.check(tree)] == [("server/sockets/consumer.py", 2)]


def test_a_template_that_names_a_game_is_seen(plant: Plant) -> None:
    tree = plant({"game/planet/__init__.py": "", "server/lobby/templates/lobby.html": "<a href='/planet'>"})
    assert len(names.check(tree)) == 1


def test_words_that_only_contain_a_name_are_fine(plant: Plant) -> None:
    tree = plant(
        {"game/planet/__init__.py": "", "server/a.py": "planetary = 'exoplanets'", "game/planet/rules.py": "planet = 1"}
    )
    assert names.check(tree) == []


@pytest.mark.parametrize(
    "source",
    [
        "import yaml",
        "from yaml import safe_load",
        "import yaml.nodes",
        "import importlib\nimportlib.import_module('yaml')",
    ],
)
def test_a_second_reader_of_yaml_is_seen(plant: Plant, source: str) -> None:
    tree = plant({"server/rooms/room.py": source, "server/routing/load.py": "import yaml"})
    assert [found.path for found in yaml_readers.check(tree)] == ["server/rooms/room.py"]


def test_a_limit_without_a_row_is_seen(plant: Plant) -> None:
    source = """\
        LINES_MAX = 3
        A_MAX, B_S = 1, 2
        ROOMS_EACH: int = 1
        QUICK = Limit(1.0, 2)
        TABS_PER_PERSON = 4
        RETRY_S = 1
        made = 1
        """
    tree = plant({"server/web/made.py": source, "game/wire/session.py": "SIZE_MAX = 4096", "game/arena/x.py": source})
    found = [finding.text.partition(" ")[0] for finding in limits.check(tree)]
    assert found == [
        f"server.web.made:{name}" for name in ("LINES_MAX", "A_MAX", "ROOMS_EACH", "QUICK", "TABS_PER_PERSON")
    ]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__module__.rpartition(".")[2])
def test_this_project_keeps_the_rule(check: Callable[[Tree], list[Finding]]) -> None:
    assert list(map(str, check(Tree(ROOT)))) == []
