"""What people and operators say: one order for all, nothing early for delayed spectators, notices once each."""

import asyncio
import time

import pytest

from game.wire import messages as m
from tests.flow.fleet import Fleet
from tests.flow.lab import Poke
from tests.flow.player import Player

NOTIFY = (
    "from server.django_setup import prepare; prepare(); import sys;"
    "from server.social.audience import audience_of; from server.social.notices import notify;"
    "print('sent', notify(audience_of(sys.argv[1], sys.argv[2]), sys.argv[3]).id)"
)


async def notify(fleet: Fleet, kind: str, to: str, text: str) -> int:
    """An operator's script, as its own process."""
    run = fleet.script(NOTIFY, kind, to, text)
    found = await run.line(r"^sent (\d+)")
    return int(found[1])


async def test_chat_has_one_order(fleet: Fleet):
    code = fleet.code()
    players = [await (await fleet.player(f"/ws/lab/{code}", gateway=n, is_binary=n == 0)).joined() for n in range(2)]
    players.append(await (await fleet.player(f"/ws/lab/{code}/watch", gateway=1)).joined())
    for n in range(2):
        await asyncio.gather(*(player.say(f"line {n} of {i}") for i, player in enumerate(players)))
    for player in players:
        await player.shows_chat(6)
    assert len({tuple(player.client.chat) for player in players}) == 1
    assert [line.n for line in players[0].client.chat] == [1, 2, 3, 4, 5, 6]
    assert {line.role for line in players[0].client.chat} == {"player", "spectator"}
    late = await (await fleet.player(f"/ws/lab/{code}/watch")).joined()
    await late.until("the history of five", lambda: len(late.client.chat) == 5)
    assert late.client.chat == players[0].client.chat[1:]


async def test_chat_is_limited_by_name(fleet: Fleet):
    code = fleet.code()
    player = await (await fleet.player(f"/ws/lab/{code}")).joined()
    bot = await (await fleet.player(f"/ws/lab/{code}/bot")).joined()
    for text in ("", "   ", "x" * 41):
        await player.say(text)
    await player.until("three refusals", lambda: len(player.of_type(m.Refused)) == 3)
    assert {(r.what, r.reason) for r in player.of_type(m.Refused)} == {("chat", "length")}
    for n in range(9):
        await player.say(f"again {n}")
    await player.until("a refusal for the rate", lambda: "rate" in {r.reason for r in player.of_type(m.Refused)})
    await bot.say("beep")
    await bot.until("a bot's refusal", lambda: bot.of_type(m.Refused))
    assert bot.of_type(m.Refused)[0].reason == "not_accepted"
    await bot.until("the lines", lambda: len(bot.client.chat) >= 5)
    assert all(line.text.startswith("again") for line in bot.client.chat)


async def test_a_gap_in_the_chat_is_repaired(fleet: Fleet):
    code = fleet.code()
    player = await (await fleet.player(f"/ws/lab/{code}")).joined()
    reader = await (await fleet.player(f"/ws/lab/{code}", gateway=1)).joined()
    for n in range(3):
        await player.say(f"line {n}")
    await reader.until("three lines", lambda: len(reader.client.chat) == 3)
    del reader.client.chat[1:]  # as if two had been lost on the way
    await player.say("line 3")
    await reader.until("all four", lambda: [line.n for line in reader.client.chat] == [1, 2, 3, 4])


async def test_delayed_spectators_see_nothing_early(fleet: Fleet):
    """Frames, chat and goodbye of a delay of 2 s: each no earlier than 2 s after a player had it (minus its transport)."""
    code = fleet.code()
    player = await (await fleet.player(f"/ws/late/{code}")).joined()
    joined_at = time.monotonic()
    watcher = await (await fleet.player(f"/ws/late/{code}/watch", gateway=1)).open()
    player_at = await _ticks(player, 40)
    said_at = time.monotonic()
    await player.say("hush")
    await player.poke(Poke(7))
    await player.until("its own line", lambda: player.client.chat)
    watcher_at = await _ticks(watcher, 60)
    shared = set(player_at) & set(watcher_at)
    assert len(shared) > 10
    early = [tick for tick in shared if watcher_at[tick] - player_at[tick] < 1.9]
    assert early == [], "ticks that a spectator saw before their time"
    assert min(watcher_at.values()) - joined_at > 0
    await watcher.until("the line", lambda: watcher.client.chat)
    assert time.monotonic() - said_at >= 1.9
    assert [line.text for line in watcher.client.chat] == ["hush"]
    await watcher.until("the poke", lambda: watcher.view.all("pieces")[0].last == 7)
    assert watcher.welcome.delay_s == 2.0
    await watcher.say("mine")
    await watcher.until("its own line", lambda: [line.text for line in watcher.client.chat] == ["hush", "mine"])
    assert [line.text for line in player.client.chat] == ["hush"], "a delayed spectator's line must not reach players"


async def _ticks(player: Player, count: int) -> dict[int, float]:
    """When the player's view first showed each tick, over so many frames."""
    seen: dict[int, float] = {}

    def look() -> bool:
        if player.client.head.epoch >= 0:
            seen.setdefault(player.client.tick, player.frames_at[-1])
        return len(seen) >= count

    await player.until(f"{count} ticks", look, 60.0)
    return seen


@pytest.mark.layers("memory")
async def test_a_judge_sees_everything_late(fleet: Fleet):
    code = fleet.code()
    player = await (await fleet.player(f"/ws/judge/{code}")).joined()
    judge = await (await fleet.player(f"/ws/judge/{code}/watch")).joined()
    piece = await judge.until("a piece", lambda: judge.view.all("pieces"))
    assert piece[0].hand.startswith("hand-canary")
    assert piece[0].plan.startswith("plan-canary")
    assert b"vault-canary" not in judge.raw_text()
    assert player.client.tick - judge.client.tick >= 35


@pytest.mark.layers("pubsub", "core")
async def test_notices(fleet: Fleet):
    """To a user with two connections on both, once; to a room; to everybody; and to who was away, at the next hello."""
    code = fleet.code()
    who = await fleet.guest()
    tabs = [await (await fleet.player(f"/ws/lab/{code}", gateway=n, who=who)).joined() for n in range(2)]
    other = await (await fleet.player(f"/ws/lab/{code}/watch", gateway=1)).joined()
    outside = await (await fleet.player(f"/ws/lab/{fleet.code()}")).joined()

    async def texts(player: Player, *expected: str) -> None:
        await player.until(
            f"the notices {expected}", lambda: [n.text for n in player.of_type(m.NoticeMessage)] == list(expected)
        )

    await notify(fleet, "user", who.id, "to you")
    for tab in tabs:
        await texts(tab, "to you")
    await notify(fleet, "room", tabs[0].welcome.incarnation, "to the room")
    for tab in tabs:
        await texts(tab, "to you", "to the room")
    await texts(other, "to the room")
    notice = await notify(fleet, "everybody", "", "to all")
    for tab in tabs:
        await texts(tab, "to you", "to the room", "to all")
    await texts(other, "to the room", "to all")
    await texts(outside, "to all")
    seen = f"SELECT count(*) FROM social_noticereceipt WHERE notice_id = {notice}"  # noqa: S608
    await outside.until("three receipts", lambda: fleet.rows(seen) == [(3,)])
    away = await fleet.guest()
    await notify(fleet, "user", away.id, "you were away")
    back = await (await fleet.player(f"/ws/lab/{code}", who=away)).joined()
    await back.until("the notice", lambda: "you were away" in [n.text for n in back.of_type(m.NoticeMessage)])
    await back.frames(5)
    assert [n.text for n in back.of_type(m.NoticeMessage)].count("you were away") == 1
