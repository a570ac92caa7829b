"""The reserve descriptor, and what is said and shown while it is needed."""

import errno
import os
import resource
from typing import Any

import pytest
from structlog.testing import capture_logs

from server.serving import descriptors
from server.serving.descriptors import CALM_S, LOG_EVERY_S, Descriptors


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(descriptors, "monotonic", lambda: now[0])
    return now


def test_a_flood_of_refusals_is_one_line_and_the_end_another(now: list[float]):
    reserve = Descriptors()
    reserve.reserve()
    with capture_logs() as logs:
        for _ in range(500):
            assert reserve.available()
            with reserve:
                pass
            now[0] += 1.5 * LOG_EVERY_S / 500
        assert not reserve.is_well()
        reserve.look(now[0])
        assert not reserve.is_well()
        now[0] += CALM_S + 0.1
        reserve.look(now[0])
    assert reserve.is_well()
    assert [entry["event"] for entry in logs] == [
        "server.descriptors_exhausted",
        "server.descriptors_exhausted",
        "server.descriptors_recovered",
    ]
    assert logs[-1]["turned_away"] == 500
    reserve.__enter__()  # gives it up


def test_without_a_reserve_the_ports_rest_until_they_accept_again(now: list[float], monkeypatch: pytest.MonkeyPatch):
    class Port:
        reads = True

        def stopReading(self) -> None:  # noqa: N802 - Twisted's name
            self.reads = False

        def startReading(self) -> None:  # noqa: N802 - Twisted's name
            self.reads = True

    def taken(*_: Any) -> int:
        raise OSError(errno.EMFILE, "too many open files")

    later: list[Any] = []
    monkeypatch.setattr(descriptors, "run_at", lambda _, call: later.append(call))
    monkeypatch.setattr(os, "open", taken)
    port = Port()
    reserve = Descriptors(ports=[port])
    reserve.reserve()
    assert not reserve.available()
    assert not port.reads
    later[0]()
    assert port.reads


def test_some_descriptors_are_the_server_s_own(monkeypatch: pytest.MonkeyPatch):
    for limit, highest in ((64, 55), (256, 223), (1024, 991)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, limit=limit: (limit, limit))
        assert descriptors.descriptors_max() == highest
