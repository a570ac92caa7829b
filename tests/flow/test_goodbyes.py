"""The end of the process reaches sockets that no room knows of: before the hello, and on the way into a room."""

import os
import signal

import pytest

from game.wire import messages as m
from game.wire.closecodes import Close
from tests.flow.fleet import Fleet
from tests.flow.raw import Dialer
from tests.flow.servers import serve


@pytest.mark.parametrize("name", ["ours", "ours behind TLS"])
async def test_sigterm_says_goodbye_to_who_has_not_said_hello(name: str, tmp_path_factory: pytest.TempPathFactory):
    fleet = Fleet.made(tmp_path_factory.mktemp("goodbyes"), "memory://", None)
    dial = Dialer(served := serve(fleet, name))
    try:
        strangers = [await dial.connect("/ws/lab/BYE", protocol) for protocol in (m.BIN, m.JSON)]
        os.kill(served.running.pid, signal.SIGTERM)
        for stranger in strangers:
            assert await stranger.closed() == stranger.goodbye["code"] == Close.MOVING.value.code
            assert stranger.goodbye["retry_after_s"] == 1.0
    finally:
        dial.close()
        fleet.stop()
