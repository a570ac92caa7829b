"""The targets of DESIGN §13, as data: which figure of which run is held against which other, and how much is enough."""

from collections.abc import Callable, Sequence

from attrs import frozen

from tests.bench.results import Results
from tests.bench.statistics import Spread, ratios

Run = tuple[str, str]  # scenario, peer


@frozen
class Target:
    """``must`` and ``aim`` bound ours ÷ theirs, or ours alone where ``theirs`` is None; from below where more is better."""

    title: str
    figure: str
    ours: Run
    theirs: Run | None
    must: float
    aim: float
    is_more_better: bool = False
    unit: str = ""


FIFTY, BUSY, PLAIN = "rooms of 50", "busy hands", "plain Channels"
OURS, REDIS, COLYSEUS = "roomwright", "roomwright-redis", "colyseus"
CPU = "cpu_us_per_update"

TARGETS = (
    Target("CPU per update, 400 clients", CPU, (FIFTY, OURS), (FIFTY, COLYSEUS), 0.75, 0.4, unit="µs"),
    Target("the same over Redis, all processes", CPU, (FIFTY, REDIS), (FIFTY, COLYSEUS), 1.0, 0.6, unit="µs"),
    Target("CPU per update, 200 clients × 20 inputs/s", CPU, (BUSY, OURS), (BUSY, COLYSEUS), 0.8, 0.5, unit="µs"),
    Target("CPU per update beside plain Channels", CPU, (PLAIN, OURS), (PLAIN, "plain"), 0.1, 0.1, unit="µs"),
    Target("bytes per update", "bytes_per_update", (FIFTY, OURS), (FIFTY, COLYSEUS), 0.75, 0.5, unit="B"),
    Target(
        "memory per connection beside bare Daphne", "rss_per_client_kb", (FIFTY, OURS), ("joins, bare", "bare"), 1.3, 1.3, unit="KB"
    ),
    Target("memory per connection beside Colyseus", "rss_per_client_kb", (FIFTY, OURS), (FIFTY, COLYSEUS), 1.0, 1.0, unit="KB"),
    Target("joins per second", "joins_per_s", (FIFTY, OURS), (FIFTY, COLYSEUS), 1.0, 1.3, is_more_better=True, unit="/s"),
    Target("frame gap p99, 400 clients", "gap_p99_ms", (FIFTY, OURS), (FIFTY, COLYSEUS), 1.0, 1.0, unit="ms"),
    Target("frame gap p99, 400 clients, by itself", "gap_p99_ms", (FIFTY, OURS), None, 60.0, 52.0, unit="ms"),
    Target("one room's tick, all that it costs", "room_tick_us", ("one room", OURS), ("one room", COLYSEUS), 0.5, 0.3, unit="µs"),
    Target("seconds behind at half the bandwidth", "behind_s", ("slow readers", OURS), None, 1.0, 0.5, unit="s"),
    Target("CPU per update, 1600 ÷ 100 clients", CPU, ("1600 clients", OURS), (PLAIN, OURS), 1.0, 0.9, unit="µs"),
    Target("CPU per update, rooms of 4 ÷ rooms of 50", CPU, ("rooms of 4", OURS), (FIFTY, OURS), 2.0, 1.5, unit="µs"),
    Target("a core's share for 1000 spectators in a room", "cpu_pct", ("spectators", OURS), None, 50.0, 50.0, unit="%"),
)  # fmt: skip


@frozen
class Outcome:
    """A target beside what was measured. ``ratio`` is of ours alone where there is nobody to compare with."""

    target: Target
    ours: Spread
    theirs: Spread | None
    ratio: Spread

    @property
    def verdict(self) -> str:
        """What the median says."""
        reached: Callable[[float], bool] = (
            (lambda bound: self.ratio.median >= bound)
            if self.target.is_more_better
            else (lambda bound: self.ratio.median <= bound)
        )
        return "aim" if reached(self.target.aim) else "must" if reached(self.target.must) else "missed"


def outcomes(results: Results, targets: Sequence[Target] = TARGETS) -> list[Outcome]:
    """Those for which both sides have runs that count, in the same repetition."""
    found = (outcome(results, target) for target in targets)
    return [each for each in found if each is not None]


def outcome(results: Results, target: Target) -> Outcome | None:
    """One target; None where a side is missing."""
    ours = results.values(*target.ours, target.figure)
    theirs = results.values(*target.theirs, target.figure) if target.theirs else None
    mine = [value for value in ours if value is not None]
    if not mine:
        return None
    if theirs is None:
        return Outcome(target, Spread.of(mine), None, Spread.of(mine))
    found = ratios(ours, theirs)
    if not found:
        return None
    return Outcome(
        target, Spread.of(mine), Spread.of([value for value in theirs if value is not None]), Spread.of(found)
    )
