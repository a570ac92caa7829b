"""Which deployment a process belongs to, and whose messages it hears that belong to another one on the same layer and prefix."""

import hashlib
from typing import Any

import structlog
from attrs import define, field

from server.clock import monotonic

log = structlog.get_logger()

ID_LENGTH = 12
SAY_EVERY_S = 60.0
HEARD_FOR_S = 10.0
STRANGERS_MAX = 20


def deployment_id(secret: str) -> str:
    """The same in all processes that share a secret and a database, however each of them reaches it. One query.

    The moment at which a database got its first table tells it from every other one.
    """
    from django.db.migrations.recorder import MigrationRecorder

    first = MigrationRecorder.Migration.objects.order_by("id").first()
    born = first.applied.isoformat() if first is not None else ""
    return hashlib.blake2b(born.encode(), key=secret.encode()[:64], digest_size=ID_LENGTH // 2).hexdigest()


@define(eq=False)
class Strangers:
    """What this process, of deployment ``own``, hears of other ones: at most STRANGERS_MAX nodes (overflow: drop_oldest)."""

    own: str = ""
    _heard: dict[str, float] = field(factory=dict)
    _said_at: float = -1e9

    def is_foreign(self, message: dict[str, Any]) -> bool:
        """Whether a loop's announcement is of another deployment; that is said once a minute. An older loop says nothing of itself."""
        of, now = message.get("of"), monotonic()
        if not of or not self.own or of == self.own:
            return False
        node = str(message.get("from"))[:80]
        self._heard.pop(node, None)
        self._heard[node] = now
        while len(self._heard) > STRANGERS_MAX:
            del self._heard[next(iter(self._heard))]
        if now - self._said_at >= SAY_EVERY_S:
            self._said_at = now
            log.error(
                "deployment.foreign",
                loop=node,
                deployment=str(of)[:80],
                own=self.own,
                expected="a ROOMWRIGHT_PREFIX of its own for each deployment on one Redis; and one secret and database in each",
            )
        return True

    def names(self, now: float) -> list[str]:
        """The foreign loops heard of in the last 10 s."""
        return sorted(node for node, at in self._heard.items() if now - at < HEARD_FOR_S)
