"""How much of this gateway one address and one identity may have at a time. Counts only: connections draw and give back.

Guests are free, so what is bounded for an identity is bounded for an address too. This machine's own addresses are free
unless the operator sets `ROOMWRIGHT_CONNECTIONS_PER_ADDRESS`: bots, benches and a reverse proxy beside us come from there.
What is drawn belongs to open connections and rooms, so the tables are as small as those are few.
"""

from attrs import define, field

from server.ops.metrics import count
from server.web.address import is_local

CONNECTIONS_PER_ADDRESS = 256
CONNECTIONS_PER_IDENTITY = 32
SEATS_PER_IDENTITY = 24
SPECTATORS_PER_ADDRESS = 64  # of one room
UNTOLD_FACTOR = 2  # times CONNECTIONS_PER_ADDRESS: beyond that the handshake itself is refused

Draw = tuple[str, str]


@define(eq=False)
class Caps:
    """``per_address`` is how many connections an address may have, this machine too: 0 for any number, None for
    CONNECTIONS_PER_ADDRESS and this machine free. The other bounds of an address grow with it.
    """

    per_address: int | None = None
    _drawn: dict[Draw, int] = field(factory=dict)

    def why_not(self, limit: str, key: str, most: int, amount: int = 1) -> str:
        """Why ``key`` may not draw that much more of what ``limit`` names; "" where it may. A refusal is counted."""
        held = self._drawn.get((limit, key), 0)
        if held + amount <= most:
            return ""
        count("limit_refusals_total", limit=limit)
        what, _, whose = limit.replace("_", " ").rpartition(" per ")
        return f"{limit}: one {whose} may have {most} {what} and has {held}"

    def draw(self, limit: str, key: str, amount: int = 1) -> None:
        """Counts what was let in; `give_back` takes it off again."""
        self._drawn[limit, key] = self._drawn.get((limit, key), 0) + amount

    def give_back(self, limit: str, key: str, amount: int = 1) -> None:
        """Somebody has less of it now."""
        left = self._drawn[limit, key] - amount
        if left:
            self._drawn[limit, key] = left
        else:
            del self._drawn[limit, key]

    def held(self, limit: str, key: str) -> int:
        """How much of it ``key`` has."""
        return self._drawn.get((limit, key), 0)

    def of_address(self, most: int, address: str) -> int | None:
        """How much of what is ``most`` by default an address may have; None for any number."""
        if self.per_address is None:
            return None if is_local(address) else most
        return max(1, most * self.per_address // CONNECTIONS_PER_ADDRESS) if self.per_address else None


@define(eq=False)
class Share:
    """What one connection has drawn. `give_back` comes once, when it is gone."""

    caps: Caps
    address: str
    _drawn: list[tuple[str, str, int]] = field(factory=list)

    def enter(self) -> str:
        """Why the connection has no place at its address, or "". It is counted anyway, until it is gone."""
        most = self.caps.of_address(CONNECTIONS_PER_ADDRESS, self.address)
        if most is None:
            return ""
        reason = self.caps.why_not("connections_per_address", self.address, most)
        self._draw("connections_per_address", self.address)
        return reason

    @property
    def is_far_beyond(self) -> bool:
        """Whether its address has so many, refused ones too, that not even a goodbye is in order."""
        most = self.caps.of_address(CONNECTIONS_PER_ADDRESS, self.address)
        return most is not None and self.caps.held("connections_per_address", self.address) > UNTOLD_FACTOR * most

    def join(self, identity: str, code: str, seats: int) -> str:
        """Why this identity may not join room ``code`` with so many seats (0: as a spectator), or ""."""
        wanted = [("connections_per_identity", identity, CONNECTIONS_PER_IDENTITY, 1)]
        if seats:
            wanted.append(("seats_per_identity", identity, SEATS_PER_IDENTITY, seats))
        else:
            most = self.caps.of_address(SPECTATORS_PER_ADDRESS, self.address)
            if most is not None:
                wanted.append(("spectators_per_address", f"{self.address} {code}", most, 1))
        reasons = (self.caps.why_not(limit, key, most, amount) for limit, key, most, amount in wanted)
        reason = next(filter(None, reasons), "")
        if not reason:
            for limit, key, _, amount in wanted:
                self._draw(limit, key, amount)
        return reason

    def give_back(self) -> None:
        """The connection is gone."""
        for limit, key, amount in self._drawn:
            self.caps.give_back(limit, key, amount)
        self._drawn.clear()

    def _draw(self, limit: str, key: str, amount: int = 1) -> None:
        self.caps.draw(limit, key, amount)
        self._drawn.append((limit, key, amount))
