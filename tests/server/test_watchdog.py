"""The watchdog's judgement look by look, and calls that are ended in the middle."""

import signal
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.rooms.author_calls import AuthorCalls, Overdue, RulesOverdueError
from server.watchdog import CALL_CPU_MAX_S, CALL_LOOKS_MAX, LOOK_EVERY_S, UNHEEDED_MAX, Patience, Verdict, Watchdog


def verdicts(patience: Patience, number: int, cpu_s: list[float], *, is_inside: bool = True) -> list[Verdict]:
    return [patience.look(number, at, is_inside=is_inside) for at in cpu_s]


def test_a_call_that_works_for_too_long_is_interrupted_until_it_is_over_or_the_process_is_ended():
    patience = Patience()
    assert verdicts(patience, 7, [0.0, CALL_CPU_MAX_S]) == [Verdict.WAIT] * 2
    found = verdicts(patience, 7, [CALL_CPU_MAX_S + 0.01 * n for n in range(1, UNHEEDED_MAX + 2)])
    assert found == [Verdict.INTERRUPT] * UNHEEDED_MAX + [Verdict.END_PROCESS]


def test_a_call_that_sleeps_is_interrupted_after_so_many_looks():
    found = verdicts(Patience(), 7, [1.0] * (CALL_LOOKS_MAX + 2))
    assert found == [Verdict.WAIT] * (CALL_LOOKS_MAX + 1) + [Verdict.INTERRUPT]


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=50))
def test_calls_that_end_are_never_blamed_however_long_the_process_stood_still(calls: list[tuple[int, bool]]):
    """Each look finds another call, or none: whatever the CPU clock says, nobody is interrupted."""
    patience = Patience()
    for number, (step, is_inside) in enumerate(calls, 1):
        assert patience.look(number, 100.0 * step, is_inside=is_inside) is Verdict.WAIT
        assert patience.look(number, 1000.0 * number, is_inside=False) is Verdict.WAIT


def test_an_interrupted_call_raises_what_an_ordinary_handler_sees_once_it_is_outside():
    calls = AuthorCalls()

    def step() -> None:
        with calls, calls:
            try:
                raise Overdue("line 3")
            except Exception:  # noqa: BLE001 - what an author may write
                pytest.fail("the rules could swallow it")

    with pytest.raises(RulesOverdueError, match="line 3"):
        step()
    assert calls.depth == 0


def test_no_exception_is_raised_but_inside_a_call():
    calls = AuthorCalls()
    assert not calls.may_be_ended_in(sys._getframe())
    with calls:
        assert calls.may_be_ended_in(sys._getframe())
        assert not calls.may_be_ended_in(None)
    assert not calls.may_be_ended_in(sys._getframe())


def test_a_loop_without_an_end_is_ended_by_the_thread_and_names_its_line():
    """The real thread and the real signal; afterwards nothing of them is left."""
    before = signal.getsignal(signal.SIGVTALRM)
    watchdog = Watchdog(AuthorCalls())
    assert watchdog.start()

    def endless_step() -> None:
        with watchdog.calls:
            while True:
                pass

    try:
        with pytest.raises(RulesOverdueError, match=r"test_watchdog\.py:\d+ in endless_step"):
            endless_step()
    finally:
        watchdog.stop()
    assert signal.getsignal(signal.SIGVTALRM) == before
    assert signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)
    assert LOOK_EVERY_S * CALL_LOOKS_MAX > CALL_CPU_MAX_S
