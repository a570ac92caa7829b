"""What a server answers to nonsense: a name for each mistake, a close code for those that end it, and never 1011."""

import asyncio
import json

import pytest
import websockets.exceptions
from websockets.asyncio.client import connect

from game.wire import messages as m
from game.wire.frames import AckMessage, Position, encode_ack
from tests.flow.fleet import Fleet
from tests.flow.lab import Poke
from tests.flow.player import Player

pytestmark = pytest.mark.layers("memory")

NONSENSE: tuple[bytes | str, ...] = (
    "{",
    "nonsense",
    "[]",
    "null",
    "{}",
    '{"type":"fly"}',
    '{"type":"ping"}',
    '{"type":"ping","t":"soon"}',
    '{"type":"ping","t":1,"extra":2}',
    '{"type":"input","n":' + "9" * 400 + ',"body":{}}',
    "[" * 3000,
    '{"type":"chat","text":"\\ud800"}',
    b"\x00",
    b"\xff" * 100,
    b"\x02",
    b"\x01\x00",
)


async def refused(player: Player, what: str, reason: str) -> None:
    await player.until(
        f"a refusal of {what}: {reason}",
        lambda: any((r.what, r.reason) == (what, reason) for r in player.of_type(m.Refused)),
    )


async def test_a_path_that_no_route_serves(fleet: Fleet):
    for path in ("/ws/lab", "/ws/nothing/K7", "/ws/lab/K7/watch/more", "/"):
        player = await (await fleet.player(path)).open()
        await player.is_closed(4404)
        assert player.goodbye is not None
        assert player.goodbye.name == "no_such_room"


async def test_a_room_that_is_not_there(fleet: Fleet):
    watcher = await (await fleet.player(f"/ws/lab/{fleet.code()}/watch")).open()
    await watcher.is_closed(4404)
    code = fleet.code()
    await (await fleet.player(f"/ws/lab/{code}")).joined()
    other_type = await (await fleet.player(f"/ws/crew/{code}")).open()
    await other_type.is_closed(4404)


async def test_who_may_not_come_in(fleet: Fleet):
    code = fleet.code()
    forged = Player(fleet.url(f"/ws/lab/{code}"), "ImZvcmdlZCI.x.y")
    nobody = Player(fleet.url(f"/ws/lab/{code}"), None)
    fleet.players += [forged, nobody]
    await (await forged.open()).is_closed(4401)
    await (await nobody.open()).is_closed(4401)
    guest = await (await fleet.player(f"/ws/lab/{code}/staff")).open()
    await guest.is_closed(4403)


async def closed_after(fleet: Fleet, path: str, protocol: str | None, *sent: bytes | str) -> int:
    """The close code of a bare socket that sends these messages."""
    protocols = [protocol] if protocol else None
    async with connect(fleet.url(path), subprotocols=protocols, proxy=None, ping_interval=None) as socket:  # type: ignore[arg-type]
        for data in sent:
            await socket.send(data)
        try:
            async with asyncio.timeout(30):
                while True:
                    await socket.recv()
        except websockets.exceptions.ConnectionClosed:
            return socket.close_code or 1006


async def test_the_opening(fleet: Fleet):
    """Versions, subprotocols, states, and a hello that never comes."""
    path, who = f"/ws/lab/{fleet.code()}", (await fleet.guest()).token
    hello = m.encode(m.Hello(token=who))
    codes = await asyncio.gather(
        closed_after(fleet, path, None),
        closed_after(fleet, path, "graphql-ws"),
        closed_after(fleet, path, m.JSON, m.encode(m.Hello(v=99, token=who))),
        closed_after(fleet, path, m.JSON, m.encode(m.Hello(token=who, fingerprint="0" * 16))),
        closed_after(fleet, path, m.JSON, m.encode(m.Hello(token=who, slots=99))),
        closed_after(fleet, path, m.JSON, m.encode(m.Ping(1.0))),
        closed_after(fleet, path, m.BIN, hello, hello),
        closed_after(fleet, path, m.BIN),
    )
    assert codes == [4426, 4426, 4426, 4426, 4400, 4405, 4405, 4408]


@pytest.mark.parametrize("is_binary", [True, False])
async def test_nonsense_is_refused_by_name(fleet: Fleet, is_binary: bool):
    player = await fleet.player(f"/ws/lab/{fleet.code()}", is_binary=is_binary)
    await player.joined()
    for data in NONSENSE:
        await player.send_raw(data)
    await player.until("every refusal", lambda: len(player.of_type(m.Refused)) >= len(NONSENSE))
    assert {refusal.reason for refusal in player.of_type(m.Refused)} == {"bad_message"}
    await player.poke(Poke(7))
    await player.until("an answer all the same", lambda: player.answers)
    assert player.close_code is None


async def test_bad_inputs_are_refused_by_name(fleet: Fleet):
    player = await (await fleet.player(f"/ws/lab/{fleet.code()}", is_binary=False)).joined()
    head = player.client.head
    await player.send_raw(json.dumps({"type": "input", "n": 1, "body": {"type": "Fly"}}))
    await refused(player, "input", "malformed")
    await player.send_raw(json.dumps({"type": "input", "n": 2, "slot": 3, "body": {"type": "Poke", "value": 1}}))
    await refused(player, "input", "wrong_state")
    future = [head.epoch, head.seq + 10_000]
    body = {"type": "input", "n": 3, "seen": future, "body": {"type": "Poke", "value": 1}}
    await player.send_raw(json.dumps(body))
    await player.until(
        "two refusals of state", lambda: sum(r.reason == "wrong_state" for r in player.of_type(m.Refused)) == 2
    )
    await player.send_raw(encode_ack(AckMessage(Position(head.epoch, head.seq + 10_000))))
    await refused(player, "message", "bad_message")  # binary in the JSON subprotocol
    await player.send_raw(m.encode(m.Ack(head.epoch, head.seq + 10_000)))
    await refused(player, "ack", "future")
    assert player.close_code is None


async def test_too_many_errors(fleet: Fleet):
    player = await (await fleet.player(f"/ws/lab/{fleet.code()}")).joined()
    for _ in range(40):
        await player.send_raw("{")
    await player.is_closed(4422)


async def test_a_flood(fleet: Fleet):
    player = await (await fleet.player(f"/ws/lab/{fleet.code()}/watch")).open()
    await player.is_closed(4404)
    player = await (await fleet.player(f"/ws/lab/{fleet.code()}")).joined()
    ping = m.encode(m.Ping(1.0))
    for _ in range(3000):
        await player.send_raw(ping)
    await player.is_closed(4429)


async def test_rates_by_their_overflow(fleet: Fleet):
    """`close` closes, `refuse` answers each input with `rate`, in order."""
    code = fleet.code()
    strict = await (await fleet.player(f"/ws/lab/{code}/strict")).joined()
    bot = await (await fleet.player(f"/ws/lab/{code}/bot")).joined()
    for value in range(1, 31):
        await bot.poke(Poke(value * 100))
    await bot.until("thirty answers", lambda: len(bot.answers) == 30)
    assert [answer.n for answer in bot.answers] == list(range(1, 31))
    assert {answer.reason for answer in bot.answers} == {"", "rate"}
    assert bot.mine().count == sum(not answer.reason for answer in bot.answers)
    for value in range(10):
        await strict.poke(Poke(value))
    await strict.is_closed(4429)


async def test_sizes(fleet: Fleet):
    code = fleet.code()
    who = await fleet.guest()
    text = m.encode(m.Say(text="x" * 300))
    for data in (text, "x" * 100_000, b"\x01" * 100_000):
        player = await (await fleet.player(f"/ws/lab/{code}/strict", who=who)).joined()
        await player.send_raw(data)
        await player.is_closed(4413)
        await player.close()
    player = await (await fleet.player(f"/ws/lab/{code}/strict", who=who)).joined()
    await player.send_raw("x" * (2 << 20))
    assert await player.is_closed() in (1009, 1006, 4413)
    again = await (await fleet.player(f"/ws/lab/{code}")).joined()
    await again.frames(3)
