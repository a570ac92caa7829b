"""Questions asked together: fewer jobs than questions, and never an answer that is older than its question."""

import asyncio
from collections.abc import Collection

import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from server import gathered
from server.database import DatabaseBusyError
from server.gathered import KEYS_MAX, Gathered


@define
class Source:
    """Answers with the version that it had when the job began, and no sooner than it is let."""

    version: int = 0
    asked: list[list[str]] = field(factory=list)
    gate: asyncio.Event = field(factory=asyncio.Event)

    async def ask(self, keys: Collection[str]) -> dict[str, int]:
        self.asked.append(list(keys))
        version = self.version
        await self.gate.wait()
        return dict.fromkeys(keys, version)


async def until(what) -> None:
    async with asyncio.timeout(5):
        while not what():
            await asyncio.sleep(0)


async def test_who_asks_during_a_job_waits_for_the_next_one():
    source = Source()
    rooms = Gathered(source.ask)
    first = asyncio.ensure_future(rooms.of("a"))
    await until(lambda: source.asked)
    source.version = 1
    later = [asyncio.ensure_future(rooms.of(key)) for key in ("a", "b", "a", "c", "b")]
    await asyncio.sleep(0)
    source.gate.set()
    assert await first == 0
    assert await asyncio.gather(*later) == [1] * 5
    assert source.asked == [["a"], ["a", "b", "c"]]


async def test_one_who_gives_up_costs_the_others_nothing():
    source = Source()
    rooms = Gathered(source.ask)
    impatient, patient = (asyncio.ensure_future(rooms.of("a")) for _ in range(2))
    await until(lambda: source.asked)
    impatient.cancel()
    source.gate.set()
    assert await patient == 0
    assert impatient.cancelled()


async def test_all_hear_of_a_failure_and_the_next_question_is_asked_anew():
    failures = [OSError("the database is away")]

    async def ask(keys: Collection[str]) -> dict[str, str]:
        if failures:
            raise failures.pop()
        return {key: key.upper() for key in keys}

    rooms = Gathered(ask)
    outcomes = await asyncio.gather(rooms.of("a"), rooms.of("b"), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [OSError, OSError]
    assert await rooms.of("a") == "A"


async def test_too_many_are_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gathered, "WAITING_MAX", 2)
    source = Source()
    rooms = Gathered(source.ask)
    asked = [asyncio.ensure_future(rooms.of("a"))]
    await until(lambda: source.asked)
    asked += [asyncio.ensure_future(rooms.of(key)) for key in "bcc"]  # "c" waits once, whoever asks
    await asyncio.sleep(0)
    with pytest.raises(DatabaseBusyError, match="fewer than 2"):
        await rooms.of("d")
    source.gate.set()
    assert await asyncio.gather(*asked) == [0] * 4


@given(st.lists(st.text("abcdef", min_size=1, max_size=4), max_size=3 * KEYS_MAX))
def test_everybody_gets_the_answer_to_their_own_question(keys: list[str]):
    async def play() -> None:
        sizes = []

        async def ask(asked: Collection[str]) -> dict[str, str]:
            sizes.append(len(asked))
            await asyncio.sleep(0)
            return {key: key[::-1] for key in asked}

        rooms = Gathered(ask)
        assert await asyncio.gather(*(rooms.of(key) for key in keys)) == [key[::-1] for key in keys]
        assert all(0 < size <= KEYS_MAX for size in sizes)
        assert sum(sizes) == len(set(keys))

    asyncio.run(play())


async def test_a_key_that_the_job_does_not_answer_costs_no_other_its_answer():
    """It raised in the middle of the answers: those behind it waited for ever, and so did whoever asked meanwhile."""

    async def ask(keys: Collection[str]) -> dict[str, int]:
        return {key: 1 for key in keys if key != "b"}

    rooms = Gathered(ask)
    answers = await asyncio.wait_for(asyncio.gather(*map(rooms.of, "abc"), return_exceptions=True), 5)
    assert answers[0] == answers[2] == 1 and isinstance(answers[1], LookupError)
    assert await asyncio.wait_for(rooms.of("d"), 5) == 1
