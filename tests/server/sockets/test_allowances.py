"""What a person may send belongs to the person and the room: no resume, second tab, other route or new join renews it."""

import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from game.wire import messages as m
from game.wire import session as s
from game.wire.closecodes import Close
from game.wire.limits import Limit
from server.ops.metrics import REGISTRY
from server.rooms.voices import Voices
from server.routing.plan import Deployment, Plan, load_plan
from server.sockets import allowances
from server.sockets.allowances import Allowances
from tests.server.rooms.parlour import Do
from tests.server.rooms.plans import TEXT, plan_of
from tests.server.sockets.process import Player, Process
from tests.vectors.generate import SCHEMA, welcome

SLOW = {"chat: {{rate: 50/s}}": "chat: {{rate: 5/10s, burst: 5}}", "chat: {{rate: 50/s, ": "chat: {{rate: 5/10s, "}
SLOW |= {"input: {{rate: 200/s, burst: 400}}": "input: {{rate: 1/10s, burst: 6, overflow: refuse}}"}


def slow_plan() -> Plan:
    """The parlour with 5 lines and one input per 10 s."""
    text = TEXT
    for old, new in SLOW.items():
        assert old in text
        text = text.replace(old, new)
    filled = text.format(
        seats=6, teams="[red, blue]", delay="0s", sees="public", grace="30s", history=50, min_players=1, bots="", tick_hz=40,
        send_hz=20,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "routing.yaml"
        path.write_text(filled, encoding="utf-8")
        plan = load_plan(path, Deployment())
    assert isinstance(plan, Plan), plan
    return plan


@pytest.fixture
async def slow() -> AsyncIterator[Process]:
    opened = Process(slow_plan())
    with capture_logs():
        await opened.open()
        yield opened
        await opened.close()


async def say(player: Player, prefix: str, count: int = 6) -> int:
    """Says so many lines; how many were refused."""
    refused: list[m.Refused] = []
    player.client.chat.clear()
    for n in range(count):
        player.client.say(f"{prefix} {n}")
    said = f"{prefix} "

    def is_answered() -> bool:
        refused.extend(news for news in player.client.news() if isinstance(news, m.Refused) and news.what == "chat")
        heard = [line for line in player.client.chat if line.text.startswith(said)]
        return len(heard) + len(refused) >= count

    await player.until(is_answered)
    return len(refused)


async def hang_up(player: Player) -> None:
    await player.socket.disconnect()


async def test_chat_is_not_renewed_by_resuming(slow: Process):
    resume, said = None, 0
    for n in range(6):
        ann = await slow.joined("/ws/K7", "ann", resume=resume)
        said += 6 - await say(ann, f"line {n}")
        resume = ann.welcome.resume
        await hang_up(ann)
    assert 5 <= said <= 7, "5 at once; two more would be 4 s later"


@pytest.mark.parametrize("way", ["second tab", "leave and join", "another route"])
async def test_chat_is_not_renewed_by(way: str, slow: Process):
    ann = await slow.joined("/ws/K7", "ann")
    assert await say(ann, "first") == 1
    if way == "leave and join":
        ann.client.leave()
        await ann.until(lambda: False)
        await hang_up(ann)
    again = await slow.joined("/ws/K7/watch" if way == "another route" else "/ws/K7", "ann")
    assert await say(again, "second", 4) >= 3


async def test_inputs_are_not_renewed_by_resuming_and_a_second_seat_has_its_own(slow: Process):
    resume, applied = None, Counter[str]()
    for n in range(5):
        ann = await slow.joined("/ws/K7", "ann", resume=resume)
        for i in range(6):
            ann.client.send_input(Do("score", 100 * n + i))
        await ann.until(lambda: not ann.client.unanswered)  # noqa: B023 - awaited within the round
        resume = ann.welcome.resume
        await hang_up(ann)
    room = next(iter(slow.holder.rooms.values())).room
    applied.update(str(seat) for seat, _ in room.match.world.applied)
    assert applied == {"0": 6}, "six at once, and one more in ten seconds"


async def test_what_is_full_again_is_forgotten_with_nobody_there(slow: Process):
    ann = await slow.joined("/ws/K7", "ann")
    await say(ann, "first")
    await hang_up(ann)
    kept = slow.gateway.allowances
    assert len(kept) == 2  # what ann has left in the room, and how often ann may come
    kept.sweep(slow.gateway.now() + 1000.0)
    assert len(kept) == 0


async def test_an_identity_that_comes_too_often_is_told_to_wait(process: Process, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(allowances, "ARRIVALS_EACH", Limit(0.01, 3))
    for _ in range(3):
        await hang_up(
            await process.joined("/ws/K7/watch", "ann") if process.rows else await process.joined("/ws/K7", "ann")
        )
    turned_away = await process.joined("/ws/K7", "ann")
    assert turned_away.code == Close.OVERLOADED.value.code
    assert turned_away.client.goodbye is not None and turned_away.client.goodbye.retry_after_s
    assert (await process.joined("/ws/K7", "bob")).code is None, "nobody else is meant"


# ---- the table, in its own time


def test_the_table_is_bounded_and_counts_what_it_forgets(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(allowances, "KEPT_MAX", 10)
    table, before = Allowances(), forgotten()
    for n in range(30):
        table.of("inc", f"p{n}").enter("c", {"chat": Limit(1.0, 5)}, 0.0)
        table.of("inc", f"p{n}").bucket("chat").take(0.0)
        table.leave("inc", f"p{n}", "c", 0.0)
        assert table.may_come(f"p{n}", 0.0)
    assert len(table) == 20
    table.leave("inc", "never was", "c", 0.0)
    assert forgotten() - before == 20


def forgotten() -> float:
    labels = {"queue": "allowances", "policy": "drop_oldest"}
    return REGISTRY.get_sample_value("roomwright_queue_overflows_total", labels) or 0.0


def test_four_slots_on_one_keyboard_send_four_times_the_inputs_and_are_no_flood():
    rules = s.SessionRules("sample.play", "player", SCHEMA, {"input": Limit(40.0, 80), "chat": None})
    one, four = rules.brings(1), rules.brings(4)
    assert four["input"] == Limit(160.0, 320)
    assert four["flood"].rate_per_s >= 2 * four["input"].rate_per_s and four["flood"].burst >= four["input"].burst
    assert four["chat"] == one["chat"] and four["errors"] == one["errors"]


def test_a_closed_flood_is_still_a_flood_after_the_resume():
    rules = s.SessionRules("sample.play", "player", SCHEMA, {"input": Limit(40.0, 80)})
    table, opened = Allowances(), 0
    for n in range(5):
        session = s.Session(rules, is_binary=True, opened_at=0.0)
        session.receive(m.encode(m.Hello()), 0.0)
        session.share(table.of("inc", "ann"), f"c{n}", 0.0)
        session.attached(welcome(), (), 0, 0.0)
        for _ in range(400):
            opened += session.close is None
            session.receive(m.encode(m.Ping(1.0)), 0.0)
        assert session.close is Close.RATE
        table.leave("inc", "ann", f"c{n}", 0.0)
    assert opened <= rules.flood.burst + 5


def test_errors_are_counted_over_resumes():
    rules = s.SessionRules("sample.play", "player", SCHEMA, {})
    table, errors = Allowances(), 0
    for n in range(6):
        session = s.Session(rules, is_binary=True, opened_at=0.0)
        session.receive(m.encode(m.Hello()), 0.0)
        session.share(table.of("inc", "ann"), f"c{n}", 0.0)
        session.attached(welcome(), (), 0, 0.0)
        for _ in range(10):
            errors += session.close is None
            session.receive("no JSON at all", 0.0)
        table.leave("inc", "ann", f"c{n}", 0.0)
    assert errors <= s.ERRORS.burst + 6


# ---- the room, which sees all gateways


def test_the_room_counts_a_persons_lines_over_all_gateways_and_takes_what_an_outage_held_back():
    voices = Voices(Limit(0.5, 5))
    assert all(voices.may_speak("ann", 0.0) for _ in range(10)), "5 at once, and those of 10 s without a layer"
    assert not voices.may_speak("ann", 0.0)
    assert voices.may_speak("bob", 0.0)
    said = sum(voices.may_speak("ann", t / 10) for t in range(1000))
    assert said <= 50, "100 s at 0.5/s, whatever gateways they came by"


def test_who_is_remembered_as_having_spoken_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("server.rooms.voices.VOICES_MAX", 5)
    voices = Voices(Limit(0.5, 1))
    for n in range(20):
        voices.may_speak(f"p{n}", 0.0)
    assert len(voices._buckets) == 5
    voices.may_speak("late", 100.0)
    assert list(voices._buckets) == ["late"]
    assert Voices(None).may_speak("anybody", 0.0)


def test_the_room_knows_the_most_that_a_route_lets_a_person_say():
    room = slow_plan().rooms["parlour"]
    assert room.chat_limit is not None
    assert (room.chat_limit.rate_per_s, room.chat_limit.burst) == (0.5, 5)
    assert plan_of().rooms["parlour"].chat_limit == Limit(50.0, 100)
