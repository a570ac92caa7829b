"""Who belongs together: one secret and one database; everybody else is a stranger, named once a minute."""

import pytest
from structlog.testing import capture_logs

from server import clock
from server.clock import Source
from server.deployment import STRANGERS_MAX, Strangers, deployment_id
from server.relay import envelope as e


@pytest.mark.django_db
def test_the_id_is_of_the_secret_and_the_database():
    from django.db.migrations.recorder import MigrationRecorder

    own = deployment_id("a secret of sixteen")
    assert own == deployment_id("a secret of sixteen")
    assert own != deployment_id("another secret, too")
    first = MigrationRecorder.Migration.objects.order_by("id").first()
    assert first is not None
    first.applied = clock.wall_now()
    first.save()
    assert own != deployment_id("a secret of sixteen"), "another database, born at another moment"


def announced(node: str, of: str) -> dict[str, object]:
    return e.layer_message(e.CONTROL, e.Announcement(node, "channel", ()), **{"kind": "loop", "from": node, "of": of})


def test_strangers_are_said_once_a_minute_and_forgotten_when_they_are_gone():
    now = [100.0]
    with clock.replaced(Source(lambda: now[0])), capture_logs() as logs:
        heard = Strangers("ours")
        assert not heard.is_foreign(announced("own-loop", "ours"))
        assert not heard.is_foreign(announced("older-loop", ""))
        for _ in range(119):
            assert heard.is_foreign(announced("their-loop", "theirs"))
            now[0] += 1.0
        assert [line["event"] for line in logs] == ["deployment.foreign"] * 2
        assert (logs[0]["loop"], logs[0]["deployment"]) == ("their-loop", "theirs")
        assert "ROOMWRIGHT_PREFIX" in logs[0]["expected"]
        assert heard.names(now[0]) == ["their-loop"]
        assert heard.names(now[0] + 10.0) == []
        for number in range(STRANGERS_MAX + 5):
            heard.is_foreign(announced(f"loop{number:03}", "theirs"))
        assert len(heard.names(now[0])) == STRANGERS_MAX
