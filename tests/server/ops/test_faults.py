"""Faults that are contained: each is counted, the log has each place and whom once, and the next one's turn comes."""

from structlog.testing import capture_logs

from server import clock
from server.ops.faults import LOGGED_MAX, LOGS, Faults
from server.ops.metrics import REGISTRY


def counted(where: str) -> float:
    return REGISTRY.get_sample_value("roomwright_faults_total", {"where": where}) or 0.0


def test_each_one_gets_its_turn_whoever_fails():
    faults, turns = Faults(), []

    def take(n: int) -> None:
        turns.append(n)
        if n % 2:
            raise ValueError(n)

    before = counted("test_each")
    with capture_logs() as logs:
        faults.each(range(6), take, "test.failed", "test_each", room="r1")
    assert turns == [0, 1, 2, 3, 4, 5] and counted("test_each") == before + 3 and faults.noted == 3
    assert [(line["event"], line["room"], line["where"]) for line in logs] == [("test.failed", "r1", "test_each")]


def test_what_fails_at_every_frame_is_logged_once_for_each_place_room_and_connection():
    faults = Faults()
    with capture_logs() as logs:
        for _ in range(100):
            for room, conn in (("r1", "a"), ("r1", "b"), ("r2", "a")):
                faults.note(ValueError("x"), "test.failed", "test_once", room=room, conn=conn)
    assert sorted((line["room"], line["conn"]) for line in logs) == [("r1", "a"), ("r1", "b"), ("r2", "a")]
    assert faults.noted == 300


def test_strangers_who_come_and_fail_fill_neither_the_log_nor_the_memory(monkeypatch):
    monkeypatch.setattr("server.ops.faults.monotonic", lambda: 5.0)
    faults = Faults()
    with capture_logs() as logs:
        for n in range(LOGGED_MAX + 50):
            faults.note(ValueError("x"), "test.failed", "test_flood", conn=f"c{n}")
        assert len(logs) == LOGS.burst and len(faults._logged) == LOGGED_MAX
        monkeypatch.setattr("server.ops.faults.monotonic", lambda: 5.0 + 1.0 / LOGS.rate_per_s)
        faults.note(ValueError("x"), "test.failed", "test_flood", conn="one more")
    assert logs[-1]["unlogged"] == LOGGED_MAX + 50 - LOGS.burst
    assert clock.monotonic() > 0


def test_the_stack_is_that_of_the_fault_also_where_it_is_noted_later():
    faults, kept = Faults(), []
    try:
        raise ValueError("far away")
    except ValueError as error:
        kept.append(error)
    with capture_logs() as logs:
        faults.note(kept[0], "test.failed", "test_stack")
    assert logs[0]["exc_info"] and "far away" in str(kept[0]) and kept[0].__traceback__ is not None
