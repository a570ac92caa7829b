"""Metrics: one table, printed whole; a name that it lacks is a bug."""

import pytest
from django.test import AsyncClient

from server.ops.metrics import REGISTRY, TABLE, count, gauge, observe


@pytest.mark.django_db(transaction=True)
async def test_the_page_has_every_metric_of_the_table(async_client: AsyncClient):
    count("closes_total", code="4430")
    gauge("rooms", 3, room_type="x")
    observe("step_seconds", 0.01, room_type="x")
    page = (await async_client.get("/metrics")).content.decode()
    for metric in TABLE:
        assert f"# HELP roomwright_{metric.name} {metric.text}" in page
    assert 'roomwright_closes_total{code="4430"} 1.0' in page
    assert 'roomwright_rooms{room_type="x"} 3.0' in page


def test_counting_adds():
    before = REGISTRY.get_sample_value("roomwright_frames_sent_total") or 0.0
    count("frames_sent_total", 5)
    assert REGISTRY.get_sample_value("roomwright_frames_sent_total") == before + 5


def test_what_the_table_lacks_is_a_bug():
    with pytest.raises(KeyError):
        count("nothing_total")
    with pytest.raises(ValueError, match="label"):
        count("closes_total", colour="red")
    with pytest.raises(TypeError, match="expected a gauge"):
        gauge("frames_sent_total", 1)
