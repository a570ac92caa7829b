"""A pytest plugin: one test per room type and check, from a routing file. Named by `roomwright_routing` in pytest's settings.

Loaded by pytest where Roomwright is installed, or with ``-p server.verify.plugin``. The checks of the rules come first;
then each promise of the server, from ``roomwright_programs`` programs that all promises of a room share. It imports the
server only once there is something to collect.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from server.routing.plan import Plan, RoomPlan
    from server.verify.ledger import Ledger
    from server.verify.rules import Check

PROGRAMS = 20
OPTION = "roomwright_routing"


class RulesFault(Exception):
    """A check or a promise failed; the message is for the author."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The settings: in pytest's section of pyproject.toml, or on the command line."""
    group = parser.getgroup("roomwright")
    group.addoption("--roomwright-routing", dest=OPTION, default=None, help="routing file whose games are verified")
    parser.addini(OPTION, "routing file whose games are verified, from the folder of pytest's settings", default="")
    parser.addini("roomwright_programs", f"programs per room for the promises ({PROGRAMS})", default=str(PROGRAMS))
    parser.addini("roomwright_seed", "the first seed of checks and programs (1)", default="1")


def pytest_configure(config: pytest.Config) -> None:
    """Adds the routing file to what is collected, unless the caller chose what to run."""
    path = routing_of(config)
    is_chosen = config.args_source is pytest.Config.ArgsSource.ARGS and config.getoption(OPTION) is None
    if path is not None and not is_chosen and str(path) not in config.args:
        config.args.append(str(path))


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """The routing file is a file of tests."""
    if file_path != routing_of(parent.config):
        return None
    collected: RoutingFile = RoutingFile.from_parent(parent, path=file_path)
    return collected


def routing_of(config: pytest.Config) -> Path | None:
    """The routing file that the settings name."""
    chosen = config.getoption(OPTION)
    if chosen:
        return Path(config.invocation_params.dir, chosen).resolve()
    named = config.getini(OPTION)
    return (config.rootpath / named).resolve() if named else None


class RoutingFile(pytest.File):
    """The tests of a routing file."""

    def collect(self) -> Iterator[pytest.Item]:
        """One item per room type and check, then per room type and promise."""
        from server.verify.promises import TABLE as PROMISES
        from server.verify.rules import TABLE as CHECKS

        plan = self._plan()
        for name, room in plan.rooms.items():
            for check in CHECKS:
                yield RulesItem.from_parent(self, name=f"{name}::{check.id}", room=room, check=check)
            programs = Programs(plan, name, int(self.config.getini("roomwright_programs")), seed_of(self.config))
            for promise in PROMISES:
                if promise.check is not None:
                    yield PromiseItem.from_parent(
                        self, name=f"{name}::{promise.id}", programs=programs, promise=promise.id
                    )
            yield IsolationItem.from_parent(self, name=f"{name}::O25", programs=programs)

    def _plan(self) -> "Plan":
        import os

        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "server.settings")
        import django

        django.setup()
        from server.routing.plan import Deployment, load_plan
        from server.routing.problems import Problems

        plan = load_plan(self.path, Deployment())
        if isinstance(plan, Problems):
            raise self.CollectError(str(plan))
        return plan


def seed_of(config: pytest.Config) -> int:
    """The first seed."""
    return int(config.getini("roomwright_seed"))


class RulesItem(pytest.Item):
    """One check of one game's rules."""

    def __init__(self, *, room: "RoomPlan", check: "Check", **rest: Any) -> None:
        super().__init__(**rest)
        self.room, self.check = room, check

    def runtest(self) -> None:
        """Fails with every finding; notes, and what was not tried, go to the report's own sections. On nothing, it is skipped."""
        from server.verify.rules import ruleset_of, run_check
        from server.watchdog import watching

        with watching():
            checked = run_check(self.check, ruleset_of(self.room, seed_of(self.config)))
        for note in checked.notes:
            self.add_report_section("call", "notes", str(note))
        untried = [f"{name}: {why}" for name, why in checked.effort.untried.items()]
        for line in untried:
            self.add_report_section("call", "not tried", line)
        if checked.faults:
            raise RulesFault("\n".join(map(str, checked.faults)))
        if checked.verdict == "not tried":
            pytest.skip(f"not tried: {'; '.join(untried)}")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The message alone: the traceback would be ours, not the author's."""
        return str(excinfo.value) if isinstance(excinfo.value, RulesFault) else super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where it stands: the room in the routing file."""
        return self.path, self.room.line - 1, self.name


class Programs:
    """The programs of one room, run once, when the first promise asks."""

    def __init__(self, plan: "Plan", room: str, examples: int, seed: int) -> None:
        self.plan, self.room, self.examples, self.seed = plan, room, examples, seed
        self._broken: dict[str, str] | None = None
        self._tried: Mapping[str, int] = {}

    @property
    def line(self) -> int:
        """The room's line in the routing file."""
        return self.plan.rooms[self.room].line

    def why_untried(self, promise: str) -> str:
        """Why the programs say nothing of a promise; "" where they do."""
        from server.verify.evidence import does_not_apply

        self.broken()
        if self._tried.get(promise):
            return ""
        return does_not_apply(self.plan, self.room).get(promise, f"nothing of it happened in {self.examples} programs")

    def broken(self) -> dict[str, str]:
        """Promise → how it was broken."""
        if self._broken is None:
            from server.verify.ledger import Ledger

            ledger = Ledger()
            self._broken = self._run(ledger)
            self._tried = ledger.tried
        return self._broken

    def _run(self, ledger: "Ledger") -> dict[str, str]:
        from server.verify.programs import PromiseBroken, Subject, run_programs

        try:
            run_programs(Subject(self.plan, self.room), ledger, seed_no=self.seed, examples=self.examples)
        except PromiseBroken as error:
            story = "\n".join(getattr(error, "__notes__", []))
            return {violation.promise: f"{violation}\n{story}" for violation in reversed(error.found)}
        return {}


class PromiseItem(pytest.Item):
    """One promise of the server, for one room type."""

    def __init__(self, *, programs: Programs, promise: str, **rest: Any) -> None:
        super().__init__(**rest)
        self.programs, self.promise = programs, promise

    def runtest(self) -> None:
        """Fails where a program broke this promise; where none of them tried it, it is skipped."""
        if broken := self.programs.broken().get(self.promise):
            raise RulesFault(broken)
        if why := self.programs.why_untried(self.promise):
            pytest.skip(f"not tried: {why}")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The violation alone."""
        return str(excinfo.value) if isinstance(excinfo.value, RulesFault) else super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where it stands: the room in the routing file."""
        return self.path, self.programs.line - 1, self.name


class IsolationItem(pytest.Item):
    """O25 for one room type: its experiment is none of the programs."""

    def __init__(self, *, programs: Programs, **rest: Any) -> None:
        super().__init__(**rest)
        self.programs = programs

    def runtest(self) -> None:
        """Fails with what hostile clients changed for others."""
        from server.verify.isolation import Isolation
        from server.verify.programs import Subject

        programs = self.programs
        found = Isolation(Subject(programs.plan, programs.room), programs.seed).violations()
        if found:
            raise RulesFault("\n".join(map(str, found)))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The violations alone."""
        return str(excinfo.value) if isinstance(excinfo.value, RulesFault) else super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where it stands: the room in the routing file."""
        return self.path, self.programs.line - 1, self.name
