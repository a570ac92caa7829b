"""One cell: a peer, a load, and how long. What is measured is a row of figures; whether it counts is `void_reasons`."""

from statistics import median
from typing import Any

from attrs import asdict, frozen

DUE_MIN = 0.99
PACE_MIN = 0.95
HZ = 20


@frozen
class Cell:
    """A peer's name (`tests.bench.arrangements`) and its load. ``players_per_room``: the rest watch; None: all play."""

    peer: str
    clients: int = 400
    rooms: int = 8
    inputs_hz: float = 2.0
    seconds: float = 10.0
    warmup_s: float = 3.0
    movers: int = 50
    players_per_room: int | None = None
    joins_at_once: int = 50
    idle_s: float = 0.0  # how long the server is watched before anybody joins
    slow_readers: int = 0  # one more client in each of so many rooms, on a link that passes ...
    slow_share: float = 0.5  # ... this share of what the room sends to each
    is_guest_asked: bool = False  # Roomwright only: each client asks for its guest token as a part of its join

    @property
    def is_idle(self) -> bool:
        """Whether the peer sends no state at all: it is there for its memory and joins."""
        return self.peer == "bare"

    @property
    def per_room(self) -> int:
        """Clients of a full room."""
        return -(-self.clients // self.rooms)

    @property
    def due(self) -> float:
        """Updates per second that the clients should get together."""
        return 0.0 if self.is_idle else float(self.clients * HZ)

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @property
    def load(self) -> str:
        """The cell without its peer, in a few words."""
        words = [f"{self.clients} clients in {self.rooms} room{'s' if self.rooms > 1 else ''}"]
        words += [f"{self.inputs_hz:g} inputs/s"] if self.inputs_hz else []
        words += [f"{self.movers} movers"] if self.movers != 50 else []
        return ", ".join(words)


def void_reasons(cell: Cell, run: dict[str, Any]) -> list[str]:
    """Why a run counts for nothing; empty where it counts. ``run`` is the generator's result with the witness' verdict."""
    reasons = []
    if not cell.is_idle:
        sent = due_of(run)
        pace = sent / (cell.due * run["wall_s"])
        if pace < PACE_MIN:
            reasons.append(f"the rooms sent {100 * pace:.1f} % of {HZ} frames a second")
        if run["updates"] < DUE_MIN * sent:
            reasons.append(f"{100 * run['updates'] / max(1, sent):.1f} % of the frames that the rooms sent arrived")
    reasons += [f"{count} sockets closed: {why}" for why, count in run["closes"].items()]
    answered = run["inputs_answered"] + run["inputs_refused"]
    if run["inputs_sent"] and answered < 0.95 * run["inputs_sent"]:
        reasons.append(f"{answered} of {run['inputs_sent']} inputs answered")
    reasons += [f"{run['inputs_refused']} inputs refused"] if run["inputs_refused"] else []
    reasons += [f"state: {problem}" for problem in run.get("state_problems", ())]
    return reasons


def due_of(run: dict[str, Any]) -> int:
    """The frames that all clients should have got: of each room the most that any of its clients got.

    A room's own pace may differ a little from 20 Hz (a peer's timer drifts on a busy machine); that is `PACE_MIN`'s matter.
    """
    return sum(clients * most for clients, most in run["updates_of_rooms"])


def figures(run: dict[str, Any], clients: int, rooms: int) -> dict[str, float | None]:
    """The figures that tables show, with their units in their names.

    ``room_tick_us``: all that a room costs in one tick beyond the idle process, its clients' updates included.
    """
    updates, wall_s = run["updates"], run["wall_s"]
    cpu_s = sum(run["servers_cpu_s"])
    return {
        "cpu_us_per_update": 1e6 * cpu_s / updates if updates else None,
        "cpu_pct": 100 * cpu_s / wall_s,
        "bytes_per_update": run["payload_bytes"] / updates if updates else None,
        "wire_bytes_per_update": run["wire_bytes"] / updates if updates else None,
        "gap_p50_ms": 1e3 * run["gap_s"]["p50"],
        "gap_p99_ms": 1e3 * run["gap_s"]["p99"],
        "gap_max_ms": 1e3 * run["gap_s"]["max"],
        "rtt_p50_ms": 1e3 * run["rtt_s"]["p50"],
        "rtt_p99_ms": 1e3 * run["rtt_s"]["p99"],
        "joins_per_s": clients / run["join_s"] if run["join_s"] else None,
        "join_cpu_ms": 1e3 * run["join_cpu_s"] / clients,
        "join_p99_ms": 1e3 * run["join_each_s"]["p99"],
        "rss_per_client_kb": run["rss_added_bytes"] / run["rss_added_clients"] / 1024,
        "rss_mb": run["rss_bytes"] / 1024 / 1024,
        "rss_growth_mb": run["rss_growth_bytes"] / 1024 / 1024,
        "behind_s": median(run["behind_s"]) if run.get("behind_s") else None,
        "behind_max_s": max(run["behind_max_s"]) if run.get("behind_max_s") else None,
        "room_tick_us": 1e6 * (cpu_s - run["idle_cpu_share"] * wall_s) * clients / rooms / updates if updates else None,
        "delivered_pct": 100 * run["updates"] / (due_of(run) or 1),
        "pace_hz": due_of(run) / clients / wall_s,
        "generator_pct": 100 * run["generator_cpu_s"] / wall_s,
        "other_pct": 100 * run["other_cpu_s"] / wall_s,
        "stolen_pct": 100 * run["stolen_s"] / wall_s,
    }
