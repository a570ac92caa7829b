"""The small server that these tests play on."""

from collections.abc import AsyncIterator

import pytest

from tests.clients.python.dots import DotsGame
from tests.clients.python.loopback import Loopback, loopback


@pytest.fixture
async def server() -> AsyncIterator[Loopback]:
    """A running server of the game of dots."""
    async with loopback(DotsGame()) as running:
        yield running
