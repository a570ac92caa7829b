"""Kicks as a gateway process asks for them: which loop holds the room, the request on its link, the answer awaited.

What a kick does is `server.rooms.kicks`'. The lobby's view and `python -m server kick` call it.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from attrs import define, field

from server.relay import envelope as e
from server.relay.hub import Hub

log = structlog.get_logger()

ANSWER_WITHIN_S = 5.0
WAITING_MAX = 100


@define(eq=False)
class Kicks:
    """``find`` asks the directory for a code's open room; ``listen_for`` waits until a loop process was heard."""

    hub: Hub
    find: Callable[[str], Awaitable[Any]]
    listen_for: Callable[[str], Awaitable[None]]
    now: Callable[[], float]
    _waiting: dict[str, asyncio.Future[e.Kicked]] = field(factory=dict)

    async def kick(self, code: str, seat: int | None, identity: str, reason: str, by: str) -> e.Kicked:
        """Removes whoever holds ``seat``, or ``identity``, from the open room of that code; ``by`` is for the log.

        Never raises for what the request names: the answer's ``problem`` tells. A request that finds ``no_answer`` may have
        been carried out all the same; asking again is safe.
        """
        request = secrets.token_hex(8)
        try:
            row = await self.find(code)
        except Exception as error:  # noqa: BLE001 - a database that is away
            log.warning("room.kick", code=code, by=by, problem="no_answer", error=repr(error)[:300])
            return e.Kicked(request, "no_answer", "a database that answers; another try in a moment")
        if row is None:
            return e.Kicked(request, "no_such_room", "the code of an open room")
        if not row.holder:
            return e.Kicked(request, "not_here", "a room that somebody has come into")
        await self.listen_for(row.holder)
        if not self.hub.loops.is_alive(row.holder, self.now()) or len(self._waiting) >= WAITING_MAX:
            return e.Kicked(request, "no_answer", "a loop process that answers; another try in a moment")
        answer = await self._ask(row, e.Kick(row.incarnation, request, seat, identity, reason))
        log.info(
            "room.kick",
            code=code,
            by=by,
            reason=reason,
            problem=answer.problem,
            identity=answer.identity,
            seats=answer.seats,
        )
        return answer

    def on_answer(self, answer: e.Kicked) -> None:
        """The loop's answer; nobody may wait for it any more."""
        future = self._waiting.pop(answer.request, None)
        if future is not None and not future.done():
            future.set_result(answer)

    async def _ask(self, row: Any, item: e.Kick) -> e.Kicked:
        future: asyncio.Future[e.Kicked]
        future = self._waiting[item.request] = asyncio.get_running_loop().create_future()
        self.hub.loops.link_to(row.holder, row.holder_channel, self.now())
        self.hub.push(row.holder, item)
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                return await future
        except TimeoutError:
            return e.Kicked(item.request, "no_answer", "an answer of the loop process; another try in a moment")
        finally:
            self._waiting.pop(item.request, None)
