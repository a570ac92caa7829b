"""What is measured: the scenarios of `make bench` (the table of targets) and the rest, for `make bench-full`.

A scenario is one load, run on each of its peers in turn. Cells that several targets read are run once.
"""

from attrs import evolve, frozen

from tests.bench.cell import Cell

REPETITIONS = 3
ALL = ("roomwright", "roomwright-redis", "colyseus")
PAIR = ("roomwright", "colyseus")


@frozen
class Scenario:
    """``peers`` run in this order, again and again. ``figures`` are what its table shows."""

    name: str
    title: str
    load: Cell
    peers: tuple[str, ...]
    figures: tuple[str, ...] = ("cpu_us_per_update", "bytes_per_update", "gap_p99_ms", "rtt_p50_ms")
    repetitions: int = REPETITIONS

    def cells(self) -> list[Cell]:
        """One cell per peer."""
        return [evolve(self.load, peer=peer) for peer in self.peers]


def load(clients: int, rooms: int, inputs_hz: float = 2.0, seconds: float = 8.0, movers: int = 50) -> Cell:
    """A cell for any peer."""
    return Cell("", clients, rooms, inputs_hz, seconds, warmup_s=2.0, movers=movers)


MARGINAL = ("room_tick_us", "gap_p99_ms")
JOINING = ("joins_per_s", "join_p99_ms", "join_cpu_ms", "rss_per_client_kb")

TABLE: tuple[Scenario, ...] = (
    Scenario(
        "rooms of 50",
        "400 clients in rooms of 50, 2 inputs/s each",
        load(400, 8),
        ALL,
        (
            "cpu_us_per_update",
            "bytes_per_update",
            "gap_p50_ms",
            "gap_p99_ms",
            "rtt_p50_ms",
            "rtt_p99_ms",
            "joins_per_s",
            "rss_per_client_kb",
        ),
    ),
    Scenario("busy hands", "200 clients in rooms of 50, 20 inputs/s each", load(200, 4, 20.0), ALL),
    Scenario(
        "plain Channels",
        "100 clients in rooms of 50, 2 inputs/s each",
        load(100, 2),
        ("roomwright", "plain", "colyseus"),
    ),
    Scenario(
        "joins, bare", "400 sockets that an empty application accepts", load(400, 8, 0.0, 1.0), ("bare",), JOINING
    ),
    Scenario(
        "joins, as a newcomer",
        "400 clients in rooms of 50, each asking for its guest token first",
        evolve(load(400, 8, 0.0, 2.0), is_guest_asked=True),
        ("roomwright",),
        JOINING,
    ),
    Scenario(
        "one room",
        "40 rooms of one client: what a room's tick costs",
        evolve(load(40, 40, 0.0), idle_s=2.0),
        PAIR,
        MARGINAL,
    ),
    Scenario("1600 clients", "1600 clients in rooms of 50, 2 inputs/s each", load(1600, 32), PAIR),
    Scenario(
        "slow readers",
        "3 readers at half the bandwidth they need, for 60 s, beside 48 others",
        evolve(load(48, 3, seconds=60.0), slow_readers=3),
        PAIR,
        ("behind_s", "behind_max_s", "rss_growth_mb"),
        repetitions=1,
    ),
)

FULL: tuple[Scenario, ...] = (
    Scenario("rooms of 4", "400 clients in rooms of 4, 2 inputs/s each", load(400, 100), ALL),
    Scenario("rooms of 200", "400 clients in rooms of 200, of whom 50 play, 2 inputs/s each", evolve(load(400, 2), players_per_room=50), ALL),
    Scenario("room of 1000", "1000 clients in one room, of whom 50 play, 2 inputs/s each", evolve(load(1000, 1), players_per_room=50), ALL),
    Scenario("200 clients", "200 clients in rooms of 50, 2 inputs/s each", load(200, 4), ALL),
    Scenario("100 clients", "100 clients in rooms of 50, 2 inputs/s each", load(100, 2), (*ALL, "plain-redis")),
    Scenario("800 clients", "800 clients in rooms of 50, 2 inputs/s each", load(800, 16), ALL),
    Scenario("1600 clients, Redis", "1600 clients in rooms of 50, 2 inputs/s each", load(1600, 32), ("roomwright-redis",)),
    Scenario(
        "spectators", "one player and 1000 spectators in one room", evolve(load(1001, 1), players_per_room=1), ALL,
        ("cpu_pct", "cpu_us_per_update", "bytes_per_update", "gap_p99_ms"),
    ),
    Scenario(
        "join storm", "1000 clients in rooms of 50, all at once", evolve(load(1000, 20, 0.0, 2.0), joins_at_once=1000),
        (*PAIR, "bare"), JOINING,
    ),
    Scenario(
        "idle sockets", "1600 sockets in rooms of 50 that send no input", load(1600, 32, 0.0, 3.0),
        (*PAIR, "bare"), ("rss_per_client_kb", "rss_mb", "cpu_us_per_update"),
    ),
    *(
        Scenario(f"{movers} movers", f"10 rooms of one client with {movers} movers each", evolve(load(10, 10, 0.0, movers=movers), idle_s=2.0), PAIR,
                 (*MARGINAL, "bytes_per_update"))
        for movers in (10, 50, 200, 500, 1000, 2000)
    ),
    *(
        Scenario(f"{rooms} rooms", f"{rooms} rooms of one client in one process", evolve(load(rooms, rooms, 0.0), idle_s=2.0), PAIR, (*MARGINAL, "gap_max_ms"))
        for rooms in (20, 80, 160, 320)
    ),
)  # fmt: skip


def every() -> tuple[Scenario, ...]:
    """All of them."""
    return TABLE + FULL
