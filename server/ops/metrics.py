"""Every metric of the server, declared in one table, and `/metrics`, which prints them for Prometheus.

Any part of the server counts here by name; a name or label that the table lacks is a bug and raises at once.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from attrs import frozen
from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from server.web.api import api_get

T = TypeVar("T", Counter, Gauge, Histogram)

REGISTRY = CollectorRegistry()


@frozen
class Metric:
    """One row of the table; `buckets` (seconds) make it a histogram."""

    name: str
    kind: type[Counter] | type[Gauge] | type[Histogram]
    text: str
    labels: tuple[str, ...] = ()


TABLE = (
    Metric("connections", Gauge, "Open sockets of this process.", ("role",)),
    Metric("rooms", Gauge, "Rooms that this process's loop holds.", ("room_type",)),
    Metric("loops", Gauge, "Loop processes that this gateway hears, by what they take of new ones.", ("takes",)),
    Metric("loop_takes", Gauge, "What this process's loop takes of new ones: 2 rooms and joins, 1 joins, 0 nothing."),
    Metric("late_turns_total", Counter, "Rooms' turns that had LATE_TICKS ticks or more to run."),
    Metric(
        "socket_work",
        Gauge,
        "What peers made this process do since its start: frame headers, messages, bytes, reads.",
        ("what",),
    ),
    Metric(
        "socket_work_beat_max", Gauge, "The most of it in one beat of 17 ms, by one connection or all.", ("what", "by")
    ),
    Metric("frames_sent_total", Counter, "Frames written to sockets."),
    Metric("frames_skipped_total", Counter, "Frames that paced sockets went without."),
    Metric("inputs_total", Counter, "Inputs by what became of them.", ("outcome",)),
    Metric("resyncs_total", Counter, "Keyframes asked for, by why.", ("why",)),
    Metric("closes_total", Counter, "Sockets that we closed, by code.", ("code",)),
    Metric("queue_overflows_total", Counter, "What a bounded queue did when full.", ("queue", "policy")),
    Metric("limit_refusals_total", Counter, "What was refused for its number, by limit.", ("limit",)),
    Metric("ticks_total", Counter, "Ticks stepped.", ("room_type",)),
    Metric("ticks_skipped_total", Counter, "Ticks given up after a stall.", ("room_type",)),
    Metric("step_seconds", Histogram, "Time of one step of the rules.", ("room_type",)),
    Metric("layer_probe_seconds", Histogram, "Round trip of the probe through the layer.", ("alias",)),
    Metric("layer_revivals_total", Counter, "Layers replaced by the watchdog.", ("alias",)),
    Metric("layer_failures_total", Counter, "Sends that a layer refused or that took too long.", ("alias",)),
    Metric(
        "mismatches_total",
        Counter,
        "Rooms, joins and messages refused for another schema, plan or version.",
        ("where", "what"),
    ),
    Metric(
        "database_failures_total",
        Counter,
        "Questions of sockets that the database did not answer, by what was asked.",
        ("what",),
    ),
    Metric("process_slept_seconds_total", Counter, "Seconds in which the process did not run, as under SIGSTOP."),
    Metric("faults_total", Counter, "Exceptions that were contained, by where.", ("where",)),
    Metric("room_crashes_total", Counter, "Rooms ended by an exception in their rules.", ("room_type",)),
    Metric("connections_revoked_total", Counter, "Connections of identities that may not be here any longer."),
    Metric("seats_yielded_total", Counter, "Seats in grace that a newcomer to a full room got.", ("room_type",)),
    Metric("outbox_done_total", Counter, "Outbox rows by what became of them.", ("outcome",)),
    Metric("outbox_failures_total", Counter, "Attempts at an outbox row that failed."),
)

_metrics = {row.name: row.kind(f"roomwright_{row.name}", row.text, row.labels, registry=REGISTRY) for row in TABLE}


_series: dict[tuple[str, ...], Any] = {}  # finding a labelled series costs more than counting


def count(name: str, amount: float = 1.0, **labels: str) -> None:
    """Add to a counter."""
    _of(Counter, name, labels).inc(amount)


def gauge(name: str, value: float, **labels: str) -> None:
    """Set a gauge."""
    _of(Gauge, name, labels).set(value)


def follow(name: str, value: Callable[[], float], **labels: str) -> None:
    """Have a gauge ask for its value whenever somebody looks at it."""
    _of(Gauge, name, labels).set_function(value)


def observe(name: str, seconds: float, **labels: str) -> None:
    """Put one duration into a histogram."""
    _of(Histogram, name, labels).observe(seconds)


def _of(kind: type[T], name: str, labels: dict[str, str]) -> T:
    key = (name, *labels, *labels.values())
    found = _series.get(key)
    if found is None:
        metric = _metrics[name]
        found = _series[key] = metric.labels(**labels) if labels else metric
    if not isinstance(found, kind):
        raise TypeError(f"expected a {kind.__name__.lower()}, got {name}")
    return found


@api_get
async def page(_request: HttpRequest) -> HttpResponse:
    """`GET /metrics`."""
    return HttpResponse(generate_latest(REGISTRY), content_type=CONTENT_TYPE_LATEST)
