"""Prints what the random programs reached, whatever process ran them."""

import pytest

REPORT = "verification report"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Promise by promise: programs, faults, what was refused."""
    reports = terminalreporter.getreports("passed")
    texts = [str(text) for report in reports for name, text in report.user_properties if name == REPORT]
    for text in texts:
        terminalreporter.section("the promises under random programs")
        terminalreporter.line(text)
