"""The outside package on the path for every routing test."""

import sys
from collections.abc import Iterator
from importlib import invalidate_caches
from pathlib import Path

import pytest

from tests.server.routing.outside import forget_package, write_package


@pytest.fixture(scope="session")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The directory that holds `outside_games`, importable for the whole session."""
    directory = write_package(tmp_path_factory.mktemp("outside"))
    sys.path.insert(0, str(directory))
    invalidate_caches()
    yield directory
    sys.path.remove(str(directory))
    forget_package()
