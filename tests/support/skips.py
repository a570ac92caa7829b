"""A pytest plugin: a skip or an expected failure that `tests/skips.toml` does not list is a failure.

A test that silently stops running proves nothing; one missing program must not turn half the suite off.
"""

import tomllib
from collections.abc import Generator
from pathlib import Path

import pytest

LIST = Path(__file__).resolve().parents[1] / "skips.toml"


class SkipsFileError(Exception):
    """`tests/skips.toml` is not what it should be."""


def read_skips(path: Path) -> dict[str, str]:
    """Node id → reason; raises `SkipsFileError` for an entry that lacks either."""
    entries = tomllib.loads(path.read_text(encoding="utf-8")).get("skip", [])
    for number, entry in enumerate(entries, start=1):
        if sorted(entry) != ["nodeid", "reason"] or not all(entry.values()):
            raise SkipsFileError(
                f"{path.name}: expected `nodeid` and `reason` in [[skip]] number {number}, got {entry}"
            )
    return {entry["nodeid"]: entry["reason"] for entry in entries}


def is_listed(nodeid: str, skips: dict[str, str]) -> bool:
    """Whether `nodeid`, its test without parameters, or its file is in the list."""
    test, _, _ = nodeid.partition("[")
    file, _, _ = nodeid.partition("::")
    return any(name in skips for name in (nodeid, test, file))


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    if expected := getattr(report, "wasxfail", ""):
        return f"expected to fail: {expected}"
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2])
    return str(report.longrepr)


def _fail_if_unlisted(report: pytest.TestReport | pytest.CollectReport, skips: dict[str, str]) -> None:
    if report.outcome == "skipped" and not is_listed(report.nodeid, skips):
        reason = _reason(report)
        if hasattr(report, "wasxfail"):
            del report.wasxfail
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} was skipped and tests/skips.toml does not list it. {reason}"


class SkipRule:
    """The two hooks, around the list that this session goes by."""

    def __init__(self, skips: dict[str, str]) -> None:
        self.skips = skips

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        _fail_if_unlisted(report, self.skips)
        return report

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_make_collect_report(self) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        report = yield
        _fail_if_unlisted(report, self.skips)
        return report


def pytest_configure(config: pytest.Config) -> None:
    """Read the list and put the rule in force."""
    try:
        skips = read_skips(LIST)
    except SkipsFileError as error:
        raise pytest.UsageError(str(error)) from error
    config.pluginmanager.register(SkipRule(skips), "roomwright-skips")
