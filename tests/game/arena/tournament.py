"""Headless arena matches between bots: how long rounds take, how often somebody is killed, which pilot wins.

    python -m tests.game.arena.tournament --rounds 200

prints the tables of docs/games/arena.md. No sockets, no clock but the one that measures the run itself.
"""

from collections.abc import Iterator, Sequence
from math import sqrt
from statistics import median

import click
from attrs import define, field

from game.arena import Arena
from game.arena.bots import Ace, Chaser, Drifter, Pilot
from game.arena.messages import Boom, RoundOver, Steer
from game.arena.options import ArenaOptions
from game.arena.tuning import COUNTDOWN_S
from game.contract import Seat
from game.rng import Rng
from tests.game.viewers import Viewers

Mind = type[Pilot]
TEAMS = ("red", "blue")


@define
class Played:
    """What came of one round: when it was decided, who won (-1: nobody), every death as (tick, killer seat or -1)."""

    winner_s: float
    winner: int
    deaths: list[tuple[int, int]] = field(factory=list)

    @property
    def kills(self) -> int:
        return sum(1 for _, by in self.deaths if by >= 0)


def play(
    minds: Sequence[Mind], seed: int, options: ArenaOptions | None = None, tick_hz: int = 60, send_hz: int = 20
) -> Played:
    """One match of one round, from the first tick of the fight to its winner (a seat, or in teams a team).

    Pilots see frames at ``send_hz``, cut by the real tracker, and answer each at once.
    """
    game = Arena(tick_hz=tick_hz, teams=TEAMS)
    rng, chance = Rng.from_seed(seed), Rng.from_seed(seed, stream=1)
    world = game.setup(options or ArenaOptions(), rng)
    pilots = {number: mind() for number, mind in enumerate(minds)}
    for number in pilots:
        game.join(world, Seat(number, f"bot {number}", is_bot=True), rng)
    viewers = Viewers(game, world)
    deaths: list[tuple[int, int]] = []
    for tick in range(600 * tick_hz):
        inputs: list[tuple[int, Steer]] = []
        if tick % (tick_hz // send_hz) == 0:
            viewers.show(pilots)
            inputs = ask(game, viewers, pilots, tick, chance)
        for event in game.step(world, inputs, tick, rng):
            if isinstance(event.body, Boom):
                deaths.append((tick, event.body.by))
            elif isinstance(event.body, RoundOver):
                winner = event.body.team if world.mode == "teams" else event.body.seat
                return Played(tick / tick_hz - COUNTDOWN_S, winner, deaths)
    raise AssertionError("no winner after ten minutes")


def ask(game: Arena, viewers: Viewers, pilots: dict[int, Pilot], tick: int, chance: Rng) -> list[tuple[int, Steer]]:
    """What each pilot does about its latest frame, less what the rules refuse."""
    answers = []
    for number, pilot in pilots.items():
        command = pilot.act(viewers.views[number], tick, chance)
        if command is not None and game.validate(viewers.world, number, command) is None:
            answers.append((number, command))
    return answers


def table(rounds: int, first_seed: int, only: str) -> Iterator[str]:
    """The measured figures as a Markdown table, line by line."""
    yield "| pilots | rounds | winner after s: min / median / max | s per death | s per kill | rounds won |"
    yield "|---|--:|--:|--:|--:|---|"
    for name, share, minds, options in FIELDS:
        if only in name:
            played = [play(minds, first_seed + n, options) for n in range(max(1, rounds // share))]
            yield _row(name, minds, options, played)


def _row(name: str, minds: Sequence[Mind], options: ArenaOptions, played: list[Played]) -> str:
    times = [one.winner_s for one in played]
    seconds = sum(times)
    deaths = sum(len(one.deaths) for one in played)
    kills = sum(one.kills for one in played)
    when = f"{min(times):.0f} / {median(times):.0f} / {max(times):.0f}"
    pace = f"{seconds / deaths:.1f} | {seconds / max(1, kills):.1f}"
    return f"| {name} | {len(played)} | {when} | {pace} | {_shares(minds, options, played)} |"


def _shares(minds: Sequence[Mind], options: ArenaOptions, played: list[Played]) -> str:
    """Each sort of pilot's share of the rounds, with the standard error of a share."""
    won: dict[str, int] = {}
    for one in played:
        who = "nobody" if one.winner < 0 else minds[one.winner].__name__
        if options.mode == "teams" and one.winner >= 0:
            who = TEAMS[one.winner]
        won[who] = won.get(who, 0) + 1
    n = len(played)
    shares = sorted(((count / n, who) for who, count in won.items()), reverse=True)
    return ", ".join(f"{who} {100 * p:.0f} ± {100 * sqrt(p * (1 - p) / n):.0f} %" for p, who in shares)


# a name, the part of the rounds to play (1: all, 8: an eighth), the pilots, the room type's options
FIELDS: tuple[tuple[str, int, tuple[Mind, ...], ArenaOptions], ...] = (
    ("8: 3 Ace, 3 Chaser, 2 Drifter", 1, (Ace, Chaser, Drifter, Ace, Chaser, Drifter, Ace, Chaser), ArenaOptions()),
    ("6 Chaser", 1, (Chaser,) * 6, ArenaOptions()),
    ("8: 4 Ace, 4 Drifter", 2, (Ace, Drifter) * 4, ArenaOptions()),
    ("8: 4 Ace, 4 Chaser", 8, (Ace, Chaser) * 4, ArenaOptions()),
    ("8: 4 Chaser, 4 Drifter", 8, (Chaser, Drifter) * 4, ArenaOptions()),
    ("duel: Ace, Drifter (void)", 8, (Ace, Drifter), ArenaOptions(map="void")),
    ("teams: 8 Chaser", 8, (Chaser,) * 8, ArenaOptions(mode="teams")),
    ("belt: 8 Chaser", 8, (Chaser,) * 8, ArenaOptions(map="belt")),
)


@click.command()
@click.option("--rounds", default=200, show_default=True, help="Rounds for each row.")
@click.option("--seed", default=1, show_default=True, help="The first round's seed; each round adds one.")
@click.option("--only", default="", help="Only the rows whose name contains this.")
def main(rounds: int, seed: int, only: str) -> None:
    """Prints the table of measured rounds."""
    for line in table(rounds, seed, only):
        click.echo(line)


if __name__ == "__main__":
    main()
