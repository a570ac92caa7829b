"""Bots that fill seats: the game's policies, fed with exactly what their seat may see, without a socket."""

from collections.abc import Callable

import structlog
from attrs import define, field

from game.codec import Delta, body_of, quantize_all
from game.contract import Policy
from game.rng import Rng
from game.schema import Schema
from game.tracker import Section
from game.view import SectionState, View
from server.rooms.author_calls import author_calls
from server.rooms.seats import Hold, SeatTable

log = structlog.get_logger()

NAMES = (
    "Ada", "Blaise", "Chandra", "Dorothea", "Euler", "Fermat", "Grace", "Hypatia", "Ibn", "Joliot", "Kepler", "Lise",
    "Mae", "Noether", "Omar", "Pascal", "Quine", "Rosalind", "Sofia", "Turing", "Ulam", "Vera", "Wu", "Zu",
)  # fmt: skip


class BadBotInputError(TypeError):
    """A policy returned something that is no input of its game. ``where`` is file:line of its ``act``."""

    def __init__(self, message: str, where: str) -> None:
        super().__init__(message)
        self.where = where


@define
class _Bot:
    policy: Policy
    rng: Rng
    sections: tuple[Section, ...]


@define
class BotCrew:
    """The bots of one room. ``sections_of`` says what a seat may see."""

    policy: type[Policy]
    schema: Schema
    seed: int
    sections_of: Callable[[int], tuple[Section, ...]]
    _bots: dict[int, _Bot] = field(factory=dict)
    _states: dict[Section, SectionState] = field(factory=dict)
    _hired: int = 0

    def next_name(self) -> str:
        """A name for the next bot."""
        return f"{NAMES[self._hired % len(NAMES)]} (bot)"

    def hire(self, hold: Hold) -> None:
        """A policy for a seat."""
        self._hired += 1
        rng = Rng.from_seed(self.seed, 1000 + self._hired)
        with author_calls:
            policy = self.policy()
        self._bots[hold.number] = _Bot(policy, rng, self.sections_of(hold.number))

    def dismiss(self, seat: int) -> None:
        """The seat is a bot's no longer."""
        self._bots.pop(seat, None)

    def wanted_sections(self) -> set[Section]:
        """The sections that bots look at."""
        return {section for bot in self._bots.values() for section in bot.sections}

    def see(self, key_of: Callable[[Section], Delta]) -> None:
        """The world as of the last frame, section by section."""
        for bot_seat, bot in self._bots.items():
            bot.sections = self.sections_of(bot_seat)
        self._states = {}
        for section in self.wanted_sections():
            state = SectionState()
            state.apply(key_of(section))
            self._states[section] = state

    def act(self, tick: int, seats: SeatTable) -> list[tuple[int, object]]:
        """Each bot's input for this tick. A policy that raises plays on without an input, and is logged."""
        out: list[tuple[int, object]] = []
        for number in sorted(self._bots):
            bot = self._bots[number]
            if not seats.holds[number].is_bot or any(section not in self._states for section in bot.sections):
                continue
            view = View(self.schema, number, {section: self._states[section] for section in bot.sections})
            try:
                action = bot.policy.act(view, tick, bot.rng)
                if action is not None:
                    out.append((number, self._as_sent(bot.policy, action)))
            except Exception:
                log.exception("bot.failed", policy=type(bot.policy).__name__, seat=number, tick=tick)
        return out

    def _as_sent(self, policy: Policy, action: object) -> object:
        """The input as a socket would have carried it: quantized and within its bounds. Raises BadBotInputError for no input."""
        code = type(policy).act.__code__
        where = f"{code.co_filename}:{code.co_firstlineno}"
        for message in self.schema.inputs:
            if message.cls is type(action):
                try:
                    return body_of(message, quantize_all(message, action))
                except Exception as error:
                    raise BadBotInputError(
                        f"act() returned {action!r}, which cannot be sent: {error}", where
                    ) from error
        known = [message.name for message in self.schema.inputs]
        raise BadBotInputError(f"act() expected to return one of {known} or None, got {action!r}", where)
