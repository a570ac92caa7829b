"""Rules that do not return: their room ends with an incident that names the line; what cannot be interrupted ends its process."""

import json
import signal

import pytest

from server.watchdog import EXIT_STATUS
from tests.flow.conftest import MakeFleet
from tests.flow.fleet import Fleet
from tests.flow.lab import Hang
from tests.flow.player import Player


@pytest.mark.parametrize("how", ["loop", "sleep"])
@pytest.mark.layers("memory", "pubsub")
async def test_a_step_that_does_not_return_ends_its_room_alone(fleet: Fleet, how: str):
    neighbour = await (await fleet.player(f"/ws/crew/{fleet.code()}")).joined()
    code = fleet.code()
    player = await (await fleet.player(f"/ws/lab/{code}")).joined()
    await player.poke(Hang(how))
    await player.is_closed(4500, timeout_s=60.0)
    assert player.goodbye is not None
    assert "incident" in player.goodbye.reason
    incident = fleet.folder / "var" / "incidents" / player.welcome.incarnation / "incident.json"
    await neighbour.until("the record", incident.is_file)
    error = json.loads(incident.read_text())["error"]
    assert "did not return" in error
    assert "labgames/rules.py:" in error
    assert "_hang()" in error
    await neighbour.frames(20)
    assert neighbour.close_code is None
    again = await (await fleet.player(f"/ws/lab/{code}")).joined()
    assert again.welcome.incarnation != player.welcome.incarnation


async def hung(new_fleet: MakeFleet, how: str) -> tuple[Fleet, Player]:
    """A process of its own whose rules hang in a way that no signal handler can end."""
    fleet = new_fleet("memory").start()
    player = await (await fleet.player(f"/ws/lab/{fleet.code()}")).joined()
    await player.poke(Hang(how))
    return fleet, player


async def test_rules_that_catch_everything_end_their_process_with_the_stacks(new_fleet: MakeFleet):
    fleet, player = await hung(new_fleet, "deaf")
    await player.is_closed(1006, timeout_s=60.0)
    server = fleet.gateways[0]
    assert server.wait() == EXIT_STATUS
    assert "watchdog.process_ended" in server.log()
    assert "in _hang" in server.log()


async def test_c_code_that_keeps_pythons_lock_ends_its_process_with_the_stacks(new_fleet: MakeFleet):
    fleet, player = await hung(new_fleet, "c")
    await player.is_closed(1006, timeout_s=100.0)
    server = fleet.gateways[0]
    assert server.wait() == -signal.SIGPROF
    assert "in _hang" in server.log()
