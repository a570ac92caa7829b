"""Drives a game's own bot policies over the public protocol, like any other player.

`drive` plays one seat; `play` fills rooms with several until told to stop. The policies are the game's (`Policy.act`);
the server's own bots are the same classes without a socket.
"""

import asyncio
import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import define, field

from clients.python.errors import BadInputError, RoomClosedError, RoomError
from clients.python.room import Room
from clients.python.sdk import connect
from game.contract import Policy
from game.rng import Rng
from game.text import NAME_BYTES_MAX, NAME_LENGTH_MAX, clean_line, cut

JOINING_AT_ONCE = 8


class BadPolicyError(RoomError):
    """A policy that cannot be loaded, or that breaks while it plays."""


@define
class Tally:
    """What became of the bots, by name: for the summary and the exit code."""

    joined: int = 0
    failures: list[str] = field(factory=list)

    @property
    def is_clean(self) -> bool:
        return not self.failures


def load_policy(spec: str) -> type[Policy]:
    """The policy class of ``module:Class``. Raises BadPolicyError."""
    module_name, _, class_name = spec.partition(":")
    if not module_name or not class_name:
        raise BadPolicyError(f"expected a policy as module:Class, such as game.arena.bots:Chaser, got {spec!r}")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        raise BadPolicyError(f"policy {spec!r}: the module does not import: {type(error).__name__}: {error}") from error
    found = getattr(module, class_name, None)
    if not (isinstance(found, type) and issubclass(found, Policy)):
        known = ", ".join(policy.__name__ for policy in _policies_in(module_name)) or "none"
        raise BadPolicyError(
            f"policy {spec!r}: expected a subclass of game.contract.Policy; {module_name} has: {known}"
        )
    return found


def default_policies(game: str) -> list[type[Policy]]:
    """Those of ``game/<name>/bots.py`` that no other one there builds upon. Raises BadPolicyError."""
    module_name = f"game.{game}.bots"
    try:
        importlib.import_module(module_name)
    except ImportError as error:
        raise BadPolicyError(f"{game!r} has no module {module_name}: name one with --policy module:Class") from error
    policies = _policies_in(module_name)
    leaves = [p for p in policies if not any(other is not p and issubclass(other, p) for other in policies)]
    if not leaves:
        raise BadPolicyError(f"{module_name} has no policies: name one with --policy module:Class")
    return leaves


def _policies_in(module_name: str) -> list[type[Policy]]:
    module = importlib.import_module(module_name)
    classes = [c for _, c in inspect.getmembers(module, inspect.isclass) if issubclass(c, Policy)]
    return [c for c in classes if c.__module__ == module_name and not c.__name__.startswith("_")]


async def drive(room: Room, policy: Policy, rng: Rng) -> None:
    """Plays until the room ends. Raises BadPolicyError where the policy breaks, RoomError where the connection does."""
    async for tick in room.ticks():
        try:
            wanted = policy.act(room.view, tick, rng)
        except Exception as error:
            name = type(policy).__name__
            raise BadPolicyError(f"{name}.act() failed at tick {tick}: {type(error).__name__}: {error}") from error
        if wanted is not None:
            try:
                await room.send(wanted)
            except BadInputError as error:
                raise BadPolicyError(f"{type(policy).__name__}.act(): {error}") from error


@define
class Crew:
    """Which bots to send where. ``policies`` are given to the seats in turn; ``options`` are those of quick play."""

    url: str
    game: str | None
    room: str | None
    policies: Sequence[type[Policy]]
    seed: int
    options: Mapping[str, Any] = field(factory=dict)

    async def play(self, n: int, stop: asyncio.Event, report: Callable[[str], None]) -> Tally:
        """Plays with ``n`` bots until ``stop``, or until none is left. One bot's trouble does not end the others."""
        tally = Tally()
        gate = asyncio.Semaphore(JOINING_AT_ONCE)
        bots = [asyncio.create_task(self._one(i, gate, tally, report)) for i in range(n)]
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait([stopped, asyncio.create_task(_all_done(bots))], return_when=asyncio.FIRST_COMPLETED)
        for task in (stopped, *bots):
            task.cancel()
        for result in await asyncio.gather(*bots, return_exceptions=True):
            if isinstance(result, RoomError):
                tally.failures.append(str(result))
            elif isinstance(result, Exception):
                raise result
        return tally

    async def _one(self, index: int, gate: asyncio.Semaphore, tally: Tally, report: Callable[[str], None]) -> None:
        policy = self.policies[index % len(self.policies)]
        name = bot_name(policy, index + 1)
        await gate.acquire()
        is_waiting = True
        try:
            async with connect(
                self.url, game=self.game, room=self.room, options=self.options, role="bot", name=name
            ) as room:
                gate.release()
                is_waiting = False
                tally.joined += 1
                report(f"{name} took seat {room.seat} in room {room.code}")
                await drive(room, policy(), Rng.from_seed(self.seed, index))
                report(f"{name}: the room is closed")
        except RoomClosedError as error:
            report(f"{name}: {error}")
            raise
        finally:
            if is_waiting:
                gate.release()


def bot_name(policy: type[Policy], number: int) -> str:
    """The policy's name and the bot's number, which stays where the two are longer than a name may be."""
    end = f" {number}"
    return cut(clean_line(policy.__name__), NAME_LENGTH_MAX - len(end), NAME_BYTES_MAX - len(end)) + end


async def _all_done(tasks: Sequence[asyncio.Task[None]]) -> None:
    await asyncio.wait(tasks)
