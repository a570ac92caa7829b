"""The server that the tests of the sockets run: all of it, in the test's own event loop."""

from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from tests.server.rooms.plans import plan_of
from tests.server.sockets.process import Process


@pytest.fixture
async def process() -> AsyncIterator[Process]:
    """A running server with a parlour."""
    opened = Process(plan_of())
    with capture_logs():
        await opened.open()
        yield opened
        await opened.close()
