"""`python -m tests.bench.generator PLAN.json RESULT.json`: one run of one plan; recordings go into the plan's folder."""

import asyncio
import gc
import json
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

from tests.bench.generator import meters
from tests.bench.generator.client import Client
from tests.bench.generator.crowd import Crowd
from tests.bench.statistics import quantile

RECORD_HEAD = struct.Struct("<dBI")  # when, the WebSocket opcode, how many bytes follow


async def run(plan: dict[str, Any]) -> dict[str, Any]:
    """Joins, warms up, measures; what was counted and what the kernel said."""
    pids: list[int] = plan["pids"]
    rss_idle = meters.rss_bytes(pids)
    crowd = Crowd.of(plan)
    before = meters.sample(pids)
    join_s = await crowd.join()
    joined = meters.sample(pids)
    crowd.start()
    await asyncio.sleep(plan["warmup_s"])
    gc.collect()
    gc.freeze()
    tally = crowd.tally
    for client in crowd.clients:
        client.last_at = client.last_at or monotonic()
    first, began = meters.sample(pids), monotonic()
    tally.is_open = True
    await asyncio.sleep(plan["seconds"])
    tally.is_open = False
    last, wall_s = meters.sample(pids), monotonic() - began
    rss_loaded = meters.rss_bytes(pids)
    crowd.end()
    save_recordings(crowd.clients, Path(plan["folder"]))
    servers_s = [b - a for a, b in zip(first.servers_s, last.servers_s, strict=True)]
    own_s = last.own_s - first.own_s
    return {
        "wall_s": wall_s,
        "servers_cpu_s": servers_s,
        "generator_cpu_s": own_s,
        "other_cpu_s": last.machine_s - first.machine_s - sum(servers_s) - own_s,
        "stolen_s": last.stolen_s - first.stolen_s,
        "join_s": join_s,
        "join_cpu_s": sum(joined.servers_s) - sum(before.servers_s),
        "join_each_s": spread_of(crowd.join_s),
        "rss_idle_bytes": rss_idle,
        "rss_loaded_bytes": rss_loaded,
        "updates": tally.updates,
        "updates_min": min(client.updates for client in crowd.clients),
        "updates_of_rooms": updates_of_rooms(crowd.clients),
        "payload_bytes": tally.payload_bytes,
        "wire_bytes": tally.wire_bytes,
        "gap_s": spread_of(tally.gaps_s),
        "rtt_s": spread_of(tally.rtts_s),
        "inputs_sent": tally.inputs_sent,
        "inputs_answered": tally.inputs_answered,
        "inputs_refused": tally.inputs_refused,
        "protocol_gaps": tally.protocol_gaps,
        "resyncs": tally.resyncs,
        "closes": tally.closes,
        "faults": tally.faults,
    }


def updates_of_rooms(clients: list[Client]) -> list[tuple[int, int]]:
    """For each room the number of its clients, and the most updates that any of them got: what the room sent."""
    rooms: dict[int, list[int]] = {}
    for client in clients:
        rooms.setdefault(client.room, []).append(client.updates)
    return [(len(updates), max(updates)) for _, updates in sorted(rooms.items())]


def spread_of(values_s: Any) -> dict[str, float]:
    """Median, 99th percentile and maximum."""
    ordered = sorted(values_s)
    return {"p50": quantile(ordered, 0.5), "p99": quantile(ordered, 0.99), "max": quantile(ordered, 1.0)}


def save_recordings(clients: list[Client], folder: Path) -> None:
    """What the recorded clients received, one file per room."""
    for client in clients:
        if client.recording is not None:
            with (folder / f"room-{client.room}.rec").open("wb") as out:
                for at, opcode, payload in client.recording:
                    out.write(RECORD_HEAD.pack(at, opcode, len(payload)) + payload)


def fastest_loop() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop's, where it is installed."""
    try:
        from uvloop import new_event_loop
    except ImportError:
        return asyncio.new_event_loop
    return new_event_loop


def main() -> None:
    """Reads the plan, runs it under uvloop where that is installed, writes the result."""
    plan = json.loads(Path(sys.argv[1]).read_text())
    with asyncio.Runner(loop_factory=fastest_loop()) as runner:
        result = runner.run(run(plan))
    Path(sys.argv[2]).write_text(json.dumps(result))


if __name__ == "__main__":
    main()
