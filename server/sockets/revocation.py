"""Who may no longer be here goes: accounts that were deactivated, deleted or lost their rank, guests whose token has expired.

A gateway asks for the account that it is told of, at once, and every CHECK_EVERY_S for everybody who is connected, by one query.
Whoever fails is closed with 4401, and the seats are free as after a kick; nobody else notices. Wiring runs it as a task.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from typing import Protocol

import structlog
from attrs import define, field

from server.accounts.kinds import RANK, Kind
from server.clock import monotonic, sleep_until
from server.ops.metrics import count
from server.routing.plan import RoutePlan
from server.sockets.who import Who

log = structlog.get_logger()

CHECK_EVERY_S = 60.0
RETRY_S = 5.0
SLICE = 50  # guests whose tokens are looked at in one go: 1 to 2 ms

Standings = Callable[[Collection[str]], Awaitable[Mapping[str, Kind]]]


class Known(Protocol):
    """A connection of somebody who has said who they are; ``who`` is None before."""

    route: RoutePlan

    @property
    def who(self) -> Who | None:
        """Who it is."""

    def revoke(self, reason: str) -> None:
        """Out, with 4401 and this reason."""


@define(eq=False)
class Revocation:
    """``standings`` gives the accounts that may log in, and as what; ``of_token`` reads a guest's token again."""

    connections: Callable[[], Iterable[Known]]
    standings: Standings
    of_token: Callable[[str], Who | str]
    _asked: set[str] = field(factory=set)
    _wake: asyncio.Event = field(factory=asyncio.Event)

    def ask(self, identity: str) -> None:
        """This account has changed; only that of somebody connected is kept in mind."""
        if any(each.who is not None and each.who.id == identity for each in self.connections()):
            self._asked.add(identity)
            self._wake.set()

    async def run(self) -> None:
        """Checks until cancelled."""
        check_at = monotonic() + CHECK_EVERY_S
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, check_at - monotonic())):
                    await self._wake.wait()
            self._wake.clear()
            asked, self._asked = self._asked, set()
            is_all = monotonic() >= check_at
            if is_all:
                check_at = monotonic() + CHECK_EVERY_S
            try:
                await self.check(None if is_all else asked)
            except Exception as error:  # noqa: BLE001 - the database's own errors: everybody stays, and is asked for again soon
                log.warning("revocation.check_failed", error=repr(error)[:200])
                check_at = min(check_at, monotonic() + RETRY_S)

    async def check(self, identities: Collection[str] | None = None) -> int:
        """Looks at these identities, or at all that are connected; how many connections had to go."""
        here = [each for each in self.connections() if each.who and (identities is None or each.who.id in identities)]
        accounts = {each.who.id for each in here if each.who and each.who.kind != "guest"}
        standings = await self.standings(accounts) if accounts else {}
        gone = 0
        for n, each in enumerate(here):
            if n % SLICE == SLICE - 1:
                await sleep_until(monotonic())
            reason = self._why(each, standings)
            if reason:
                gone += 1
                count("connections_revoked_total")
                log.info("connection.revoked", identity=each.who.id if each.who else "", reason=reason)
                each.revoke(reason)
        return gone

    def _why(self, known: Known, standings: Mapping[str, Kind]) -> str:
        """Why this connection may not go on; "" where it may."""
        who = known.who
        if who is None:
            return ""
        if who.kind == "guest":
            found = self.of_token(who.proof) if who.proof else who
            return found if isinstance(found, str) else ""
        kind = standings.get(who.id)
        if kind is None:
            return "this account may not play any longer"
        if RANK[kind] < RANK[known.route.admit.value]:
            return (
                f"route {known.route.name} admits {known.route.admit.value} and above, which this account is no longer"
            )
        return ""
