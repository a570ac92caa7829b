"""How processes start and fail to start, and the stock ASGI servers around the same application."""

import pytest

from tests.flow.conftest import MakeFleet
from tests.flow.fleet import Fleet
from tests.flow.lab import Poke, Stall
from tests.flow.servers import STOCK, stock
from tests.support.redis import RedisServer


async def plays(fleet: Fleet, gateway: int = 0) -> None:
    code = fleet.code()
    player = await (await fleet.player(f"/ws/lab/{code}", gateway=gateway)).joined()
    watcher = await (await fleet.player(f"/ws/lab/{code}/watch", gateway=gateway, is_binary=False)).joined()
    await player.poke(Poke(3))
    await player.until("an answer", lambda: player.answers)
    await watcher.until("the poke", lambda: [piece.last for piece in watcher.view.all("pieces")] == [3])
    await player.say("hello")
    await watcher.until("the line", lambda: watcher.client.chat)
    player.drop()
    await player.is_closed(1006)
    await player.joined()
    assert player.welcome.seats[0].generation == 2
    await player.leave()
    await player.is_closed(1000)


@pytest.mark.parametrize("name", STOCK)
async def test_a_stock_server_in_one_process(new_fleet: MakeFleet, name: str):
    fleet = new_fleet("memory")
    stock(fleet, name)
    await plays(fleet)


@pytest.mark.redis
async def test_stock_servers_as_gateways(new_fleet: MakeFleet, redis_server: RedisServer):
    fleet = new_fleet("pubsub", redis_server)
    fleet.start_loop()
    for number, name in enumerate(STOCK):
        stock(fleet, name)
        await plays(fleet, number)


async def test_what_does_not_start_says_so(new_fleet: MakeFleet):
    """A port in use, a bad environment, a bad spec, a lone gateway: one clear line, no traceback, a status that is not 0."""
    fleet = new_fleet("memory").start()
    port = fleet.gateways[0].url.rpartition(":")[2]
    taken = fleet.processes.python("-m", "server", "run", env={**fleet.env, "ROOMWRIGHT_PORT": port})
    assert taken.wait() == 1
    assert taken.log().strip() == (
        f"port {port} on 127.0.0.1 is in use; choose another: ROOMWRIGHT_PORT={int(port) + 1} make run"
    )
    wrong = {**fleet.env, "ROOMWRIGHT_PORT": "http", "ROOMWRIGHT_LAYER": "carrier-pigeon://", "ROOMWRIGHT_PACING": "no"}
    bad = fleet.processes.python("-m", "server", "run", env=wrong)
    assert bad.wait() == 2
    assert [line.partition(":")[0] for line in bad.log().splitlines()] == [
        "ROOMWRIGHT_PORT",
        "ROOMWRIGHT_LAYER",
        "ROOMWRIGHT_PACING",
    ]
    lone = fleet.processes.python("-m", "server", "gateway", env=fleet.env)
    assert lone.wait() == 2
    assert "ROOMWRIGHT_LAYER" in lone.log()
    (fleet.folder / "bad.yaml").write_text("roomwright: 1\nrooms: {}\nroutes: {a: {path: nowhere}}\n")
    spec = fleet.processes.python(
        "-m", "server", "run", env={**fleet.env, "ROOMWRIGHT_ROUTING": str(fleet.folder / "bad.yaml")}
    )
    assert spec.wait() == 2
    assert "bad.yaml:3" in spec.log()
    for running in (taken, bad, lone, spec):
        assert "Traceback" not in running.log()


async def test_a_route_taken_out_has_no_url(new_fleet: MakeFleet):
    fleet = new_fleet("memory")
    spec = fleet.folder / "routing.yaml"
    text = spec.read_text()
    start = text.index("  lab.bot:")
    spec.write_text(text[:start] + text[text.index("  lab.strict:") :])
    fleet.start()
    code = fleet.code()
    await (await fleet.player(f"/ws/lab/{code}")).joined()
    bot = await (await fleet.player(f"/ws/lab/{code}/bot")).open()
    await bot.is_closed(4404)


async def test_rules_that_take_too_long_are_ended(new_fleet: MakeFleet):
    """Every step longer than its period: throttled, then ended with an incident; the neighbour goes on."""
    fleet = new_fleet("memory").start()
    neighbour = await (await fleet.player(f"/ws/crew/{fleet.code()}")).joined()
    slow = await (await fleet.player(f"/ws/stall/{fleet.code()}")).joined()
    await neighbour.frames(5)
    since = neighbour.frames_at[-1]
    await slow.poke(Stall())
    await slow.is_closed(4500, timeout_s=60.0)
    assert neighbour.gap_s_max(since) < 1.0
    incident = fleet.folder / "var" / "incidents" / slow.welcome.incarnation / "incident.json"
    await neighbour.until("the record", incident.is_file)
    assert "took longer" in incident.read_text()
    await neighbour.frames(5)
