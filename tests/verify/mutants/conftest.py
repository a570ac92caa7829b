"""Prints the table of the mutants that a run killed, whatever process tested them."""

import pytest

ROW = "killed mutant"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Mutant, predicate, seconds of CPU until it was found, and how often the mutated line ran."""
    reports = terminalreporter.getreports("passed")
    rows = sorted(str(text) for report in reports for name, text in report.user_properties if name == ROW)
    if rows:
        terminalreporter.section("mutants")
        terminalreporter.line(f"{'by':4} {'mutant':54} {'broken line in':58} {'found in':>8} {'line ran':>9}")
        for row in rows:
            terminalreporter.line(row)
