"""Unit tests of a room's small parts: inputs, deadlines, streams, the delay line, chat, bots."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from game.codec import decode_delta
from game.contract import Policy
from game.fields import SEAT
from game.schema import RoomRow
from game.tracker import PUBLIC_SECTION, Section
from game.view import SectionState
from game.wire.frames import Position
from game.wire.limits import EARLY_TICKS_MAX
from server.relay import envelope as e
from server.rooms.bots import BotCrew
from server.rooms.chat import REPAIR_LINES, ChatLog
from server.rooms.delay import DelayLine
from server.rooms.inputs import UNACKED_ANSWERS_MAX, WAITING_MAX, InputQueue, Pending
from server.rooms.outgoing import FrameOut, NewsOut
from server.rooms.pace import CATCH_UP_TICKS_MAX, Pace
from server.rooms.seats import SeatTable
from server.rooms.stream import CutFrame, Stream
from server.routing.plan import FramesSpec
from tests.server.rooms.parlour import Do, Guest, Salon
from tests.server.rooms.plans import plan_of

# ---- inputs


def pending(n: int, for_tick: int = 0, arrived: int = 0, reason: str = "") -> Pending:
    return Pending(n, for_tick, None if reason else object(), reason, arrived)


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 5), st.booleans()), max_size=60))
def test_inputs_are_taken_once_each_in_order_and_answered_once_each(arrivals):
    queue, taken, tick = InputQueue(), [], 0
    for n, wait, is_refused in arrivals:
        assert queue.receive(pending(n, tick + wait, tick, "rate" if is_refused else ""))
        tick += 1
        for due in queue.due(tick):
            queue.answer(due, tick, due.reason)
            taken.append(due.n)
    for late in range(tick, tick + EARLY_TICKS_MAX + 2):
        for due in queue.due(late):
            queue.answer(due, late, due.reason)
            taken.append(due.n)
    expected, through = [], 0
    for n, _, _ in arrivals:
        if n > through:
            expected.append(n)
            through = n
    assert taken == expected
    assert [given_.n for given_ in queue.to_send(1)] == expected


def test_an_early_input_waits_for_its_tick_and_none_overtakes_it():
    queue = InputQueue()
    queue.receive(pending(1, for_tick=5))
    queue.receive(pending(2))
    assert queue.due(4) == []
    assert [p.n for p in queue.due(5)] == [1, 2]


def test_an_input_for_the_far_future_is_taken_at_once():
    queue = InputQueue()
    queue.receive(pending(1, for_tick=EARLY_TICKS_MAX + 1))
    assert [p.n for p in queue.due(1)] == [1]


def test_answers_repeat_until_the_frame_that_carried_them_is_acknowledged():
    queue = InputQueue()
    for n in (1, 2):
        queue.receive(pending(n))
    for due in queue.due(1):
        queue.answer(due, 1, "")
    assert [g.n for g in queue.to_send(10)] == [1, 2]
    assert not InputQueue().has_answers and queue.has_answers
    queue.receive(pending(3))
    assert [a.n for a in queue.rows(0, (1, 1), 10).read()] == [1, 2]
    queue.answer(queue.due(2)[0], 2, "illegal")
    assert [(a.slot, a.n) for a in queue.rows(0, (1, 1), 11).read()] == [(0, 1), (0, 2), (0, 3)]
    assert [(a.slot, a.n) for a in queue.rows(1, (1, 1), 11).read()] == [(1, 1), (1, 2), (1, 3)], (
        "another connection's slot"
    )
    queue.acknowledge(Position(6, 11), epoch=7)
    assert [g.n for g in queue.to_send(12)] == [1, 2, 3], "another epoch's ack counts for nothing"
    queue.acknowledge(Position(7, 10), epoch=7)
    assert [(g.n, g.reason) for g in queue.to_send(12)] == [(3, "illegal")]
    assert [(a.n, a.reason) for a in queue.rows(1, (1, 1), 12).read()] == [(3, "illegal")]
    queue.acknowledge(Position(7, 11), epoch=7)
    assert not queue.has_answers


def test_the_margin_says_how_early_an_input_came():
    queue = InputQueue()
    queue.receive(pending(1, for_tick=8, arrived=5))
    queue.answer(queue.due(8)[0], 8, "")
    assert queue.to_send(1)[0].margin == 2


def test_a_full_queue_takes_nothing_and_forgets_no_answer():
    queue, is_taken = InputQueue(), True
    for n in range(1, UNACKED_ANSWERS_MAX + WAITING_MAX + 2):
        is_taken = queue.receive(pending(n))
        for due in queue.due(n):
            queue.answer(due, n, "")
    assert not is_taken and queue.received_through == UNACKED_ANSWERS_MAX + WAITING_MAX
    assert len(queue.to_send(1)) == UNACKED_ANSWERS_MAX
    queue.acknowledge(Position(7, 1), epoch=7)
    assert len(queue.due(10_000)) == min(WAITING_MAX, UNACKED_ANSWERS_MAX), "acks let the waiting ones go on"


# ---- deadlines


@given(st.lists(st.floats(0, 0.5), max_size=50), st.sampled_from((10, 20, 60)))
def test_deadlines_never_drift(waits, hz):
    pace, now, ran = Pace(50.0, 1 / hz), 50.0, 0
    for wait in waits:
        now += wait
        pace.skip(now)
        due = pace.due(now)
        assert 0 <= due <= CATCH_UP_TICKS_MAX
        ran += due
        pace.ticks += due
        assert pace.deadline > now - 1e-6
    assert abs((50.0 + ran / hz + pace.skipped_s) - now) <= 1 / hz + 1e-6


def test_a_stall_is_caught_up_by_eight_ticks_and_the_rest_is_skipped_by_name():
    pace = Pace(0.0, 0.05)
    assert pace.due(0.4) == 8 and pace.skip(0.4) == 0.0
    lost_s = pace.skip(1.0)
    assert lost_s == pytest.approx(0.6) and pace.due(1.0) == 8
    pace.ticks += 8
    assert pace.due(1.0) == 0 and pace.deadline == pytest.approx(1.05)


def test_a_clock_that_stands_still_or_goes_back_runs_nothing():
    pace = Pace(10.0, 0.05)
    assert pace.due(10.0) == 0 and pace.due(3.0) == 0 and pace.skip(3.0) == 0.0


# ---- streams


def cut_of(stream: Stream, sources: dict[str, Any], on_show=(), fresh=(), *, is_forced=False) -> CutFrame:
    """The frame, where there must be one."""
    cut = stream.cut(sources, (), on_show, fresh, is_forced=is_forced)
    assert cut is not None
    return cut


def stream_and_sources() -> tuple[Stream, dict[str, Any], Salon]:
    plan = plan_of().rooms["parlour"]
    world = Salon(guests={n: Guest(n, 0, f"hand-of-{n}", "plan", "", n % 2) for n in range(2)})
    sources = {"_room": RoomRow(), "_seats": {}, "world": world, "guests": world.guests, "cards": world.cards}
    return Stream(plan.schema, FramesSpec(3, 8, 32, 20)), sources, world


def test_bases_are_the_window_back_and_every_eighth_the_rung():
    stream, sources, world = stream_and_sources()
    bases, keys = {}, []
    for _ in range(80):
        world.lap += 1
        cut = cut_of(stream, sources, is_forced=False)
        bases[cut.seq] = cut.base
        keys += [cut.seq] if cut.public.key else []
    assert all(base == max(0, seq - (32 if seq % 8 == 0 else 3)) for seq, base in bases.items())
    assert keys == [1, 20, 40, 60, 80]


def test_nothing_new_spends_no_seq_and_what_is_forced_does():
    stream, sources, _world = stream_and_sources()
    assert cut_of(stream, sources, is_forced=False).seq == 1
    assert stream.cut(sources, (), (), (), is_forced=False) is None and stream.seq == 1
    assert cut_of(stream, sources, is_forced=True).seq == 2
    stream.is_key_wanted = True
    cut = cut_of(stream, sources, is_forced=False)
    assert cut.seq == 3 and cut.public.key and not stream.is_key_wanted


def test_a_fresh_section_comes_with_its_key_and_every_section_on_show_is_listed():
    stream, sources, _world = stream_and_sources()
    stream.cut(sources, (), (), (), is_forced=False)
    first, second = Section(SEAT, 0), Section(SEAT, 1)
    cut = cut_of(stream, sources, {first, second}, {second}, is_forced=False)
    assert set(cut.private) == {first, second}
    assert cut.private[first].key is None and cut.private[second].key is not None
    state = SectionState()
    state.apply(decode_delta(stream.schema, cut.private[second].key or b""))
    assert state.as_key(stream.schema).tables == stream.key(second).tables
    for _ in range(4):
        cut = cut_of(stream, sources, {first, second}, (), is_forced=True)
    assert cut.private[first].patch is None and cut.private[first].key is None, "unchanged, and listed all the same"


def test_any_patch_of_the_ladder_leads_from_its_base_to_the_newest():
    stream, sources, world = stream_and_sources()
    history: dict[int, SectionState] = {0: SectionState()}
    for n in range(1, 70):
        world.guests[n % 2].score = n
        world.lap = n // 3
        cut = cut_of(stream, sources, is_forced=True)
        whole = SectionState()
        whole.apply(stream.key(PUBLIC_SECTION))
        history[cut.seq] = whole.copy()
        patched = history[cut.base].copy()
        patched.apply(decode_delta(stream.schema, cut.public.patch or b""))
        assert patched.as_key(stream.schema) == whole.as_key(stream.schema)


# ---- the delay line


def frame_out(seq: int, *, is_key: bool) -> FrameOut:
    public = e.PublicFrame(
        "r", e.DELAYED_STREAM, 1, seq, seq, seq, 0, None if is_key else b"p", b"k" if is_key else None, (), (), "l", "c"
    )
    return FrameOut(public, {})


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=30))
def test_nothing_is_shown_younger_than_the_delay_and_the_order_stays(puts):
    line, now = DelayLine(2.0), 0.0
    at: dict[int, float] = {}
    shown: list[int] = []
    for seq, (wait, is_key) in enumerate(puts):
        now += wait
        at[seq] = now
        line.put(frame_out(seq, is_key=is_key), now)
        for out in line.due(now):
            assert isinstance(out, FrameOut) and now - at[out.public.seq] >= 2.0 - 1e-9
            shown.append(out.public.seq)
    shown += [out.public.seq for out in line.due(now + 2.0) if isinstance(out, FrameOut)]
    assert shown == list(range(len(puts))) and line.is_empty


def test_what_was_shown_since_the_last_key_is_kept_for_gateways_that_lack_it():
    line = DelayLine(1.0)
    for seq in range(1, 8):
        line.put(frame_out(seq, is_key=seq in (1, 4)), float(seq))
    line.due(7.0)
    assert [out.public.seq for out in line.again()] == [4, 5, 6]
    line.put(NewsOut(e.RoomNews("r", 1)), 7.0)
    line.due(9.0)
    assert [out.public.seq for out in line.again()] == [4, 5, 6, 7]


# ---- chat


def test_lines_are_numbered_without_holes_and_newcomers_get_the_history():
    log = ChatLog(3)
    for n in range(REPAIR_LINES + 20):
        assert log.add(e.WireLine(0, "ann", "player", str(n), 0, 1)).n == n + 1
    assert [line.n for line in log.for_newcomers()] == [118, 119, 120]
    assert len(log.lines) == REPAIR_LINES
    assert ChatLog(0).for_newcomers() == ()


# ---- bots


class Raises(Policy):
    """A policy that fails."""

    def act(self, view, tick, rng):
        raise RuntimeError("no idea")


class Nonsense(Policy):
    """A policy that returns what no player could send."""

    def act(self, view, tick, rng):
        return Guest(1)


class Wild(Policy):
    """A policy that goes beyond the bounds of its input's fields."""

    def act(self, view, tick, rng):
        return Do("score", 10**9)


@pytest.mark.parametrize(("policy", "expected"), [(Raises, []), (Nonsense, []), (Wild, [(1, Do("score", 1_000_000))])])
def test_a_policy_can_do_no_more_than_a_player(policy, expected):
    stream, sources, _ = stream_and_sources()
    stream.cut(sources, (), (), (), is_forced=False)
    table = SeatTable(2, 1.0)
    crew = BotCrew(policy, stream.schema, 1, lambda seat: (PUBLIC_SECTION, Section(SEAT, seat)))
    hold = table.fill(crew.next_name())
    assert hold is not None
    crew.hire(hold)
    assert crew.act(1, table) == [], "it has seen nothing yet"
    crew.see(stream.key)
    assert crew.act(1, table) == expected
