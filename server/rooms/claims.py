"""Rooms that are being opened: who wants in waits until the claim is decided. Sans I/O; the holder owns it.

Nobody is in such a room yet, so only joins and kicks can wait; who hangs up meanwhile waits no longer.
"""

from attrs import define, field

from server.relay import envelope as e

CLAIMS_MAX = 500  # rooms that one process opens at the same time (overflow: refuse; the gateway asks again)
CLAIM_WAITING_MAX = 2_000  # who wait for one of them (overflow: refuse)

Waiting = tuple[str, e.Join | e.Kick]


@define(eq=False)
class Claims:
    """What waits, by the room's incarnation and by whose it is; each with the gateway that it came from."""

    _waiting: dict[str, dict[str, Waiting]] = field(factory=dict)

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, incarnation: str) -> bool:
        return incarnation in self._waiting

    def begin(self, incarnation: str) -> bool:
        """A room is to be opened; False, and it is not, where CLAIMS_MAX are being opened already."""
        if len(self._waiting) >= CLAIMS_MAX:
            return False
        self._waiting[incarnation] = {}
        return True

    def put(self, gateway: str, item: e.ToLoop) -> bool:
        """An item for a room that is being opened; False where it is one too many."""
        waiting = self._waiting[item.incarnation]  # type: ignore[union-attr]  # presence is of no room
        match item:
            case e.Join():
                return _keep(waiting, item.conn, (gateway, item))
            case e.Kick():
                return _keep(waiting, item.request, (gateway, item))
            case e.Part():
                waiting.pop(item.conn, None)
        return True  # the rest is said by who is in, and nobody is

    def lose_gateway(self, gateway: str) -> None:
        """A gateway fell silent: nobody of it waits any longer."""
        for incarnation, waiting in self._waiting.items():
            self._waiting[incarnation] = {whose: entry for whose, entry in waiting.items() if entry[0] != gateway}

    def end(self, incarnation: str) -> list[Waiting]:
        """The claim is decided; those who wait, in order."""
        return list(self._waiting.pop(incarnation).values())


def _keep(waiting: dict[str, Waiting], whose: str, entry: Waiting) -> bool:
    if len(waiting) >= CLAIM_WAITING_MAX and whose not in waiting:
        return False
    waiting[whose] = entry
    return True
