"""The README keeps its word: every command in it works, and its links lead somewhere."""

import re
from pathlib import Path

import pytest

from tests.support.processes import ROOT, Processes
from tests.support.redis import RedisServer
from tests.support.shell_blocks import Reader, copy_project, shell_commands

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_commands_are_read_as_a_person_reads_them() -> None:
    page = "text\n```sh\nmake run  # plays\n\n$ python -m server \\\n    routes\n```\n```yaml\nno: 1\n```\n```sh\nmake test\n```\n"
    assert shell_commands(page) == ["make run", "python -m server      routes", "make test"]


def test_the_first_two_commands_play_and_test() -> None:
    assert shell_commands(README)[:2] == ["make run", "make test"]


@pytest.mark.timeout(600)
def test_every_command_works(processes: Processes, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    def redis_url() -> str:
        server: RedisServer = request.getfixturevalue("redis_server")
        return server.url

    copy = tmp_path / "roomwright"
    copy.mkdir()
    copy_project(copy)
    reader = Reader(copy, processes, redis_url)
    for command in shell_commands(README):
        reader.type(command)


def test_every_local_link_leads_somewhere() -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", README)
    assert [target for target in targets if not (ROOT / target).exists()] == []
