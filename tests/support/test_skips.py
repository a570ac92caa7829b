"""The rule against skips, tried in a pytest session of its own."""

from pathlib import Path

import pytest

from tests.support import skips
from tests.support.skips import SkipRule, SkipsFileError, read_skips

pytest_plugins = ["pytester"]

PLAIN = ("-p", "no:django", "-p", "no:asyncio")


TESTS = """
import pytest

@pytest.mark.skip(reason="planted")
def test_skipped(): ...

@pytest.mark.xfail(reason="known")
def test_expected_to_fail(): assert False

def test_fine(): ...
"""


def test_an_unlisted_skip_fails(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TESTS)
    result = pytester.inline_run(*PLAIN, plugins=[SkipRule({})])
    result.assertoutcome(passed=1, failed=2)


def test_a_listed_skip_does_not(pytester: pytest.Pytester) -> None:
    path = pytester.makepyfile(TESTS)
    rule = SkipRule({f"{path.name}::test_skipped": "planted", f"{path.name}::test_expected_to_fail": "planted"})
    pytester.inline_run(*PLAIN, plugins=[rule]).assertoutcome(passed=1, skipped=2)


def test_a_module_that_skips_itself_fails(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import pytest\npytest.importorskip('no_such_module')")
    result = pytester.inline_run(*PLAIN, plugins=[SkipRule({})])
    assert result.ret == pytest.ExitCode.INTERRUPTED


def test_an_entry_without_a_reason_is_refused(tmp_path: Path) -> None:
    listed = tmp_path / "skips.toml"
    listed.write_text('[[skip]]\nnodeid = "tests/test_x.py"\n')
    with pytest.raises(SkipsFileError, match="expected `nodeid` and `reason`"):
        read_skips(listed)


def test_the_shipped_list_reads() -> None:
    assert all(reason.strip() for reason in read_skips(skips.LIST).values())
