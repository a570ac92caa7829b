"""One run of one plan, from the first join to the last sample. Called by the command beside it and by the smoke test."""

import asyncio
import gc
import os
import struct
from pathlib import Path
from time import monotonic
from typing import Any

from tests.bench.generator import meters
from tests.bench.generator.client import Client
from tests.bench.generator.crowd import Crowd
from tests.bench.generator.slow import HZ, SlowReaders
from tests.bench.statistics import quantile

RECORD_HEAD = struct.Struct("<dBI")  # when, the WebSocket opcode, how many bytes follow
SETTLE_S = 0.5
SIZING_S = 2.0


async def run(plan: dict[str, Any]) -> dict[str, Any]:
    """Joins, warms up, measures; what was counted and what the kernel said."""
    idle = await idle_figures(plan)
    crowd = Crowd.of(plan)
    joins = await join_figures(crowd)
    crowd.start()
    slow = await slow_readers(crowd)
    await asyncio.sleep(plan["warmup_s"])
    gc.collect()
    gc.freeze()
    keep_to_one_core()
    for client in crowd.clients:
        client.last_at = client.last_at or monotonic()
    used = await window(crowd)
    late = slow.end() if slow else {}
    crowd.end()
    save_recordings(crowd.clients, Path(plan["folder"]))
    return {**idle, **joins, **used, **late, **counted(crowd)}


def keep_to_one_core() -> None:
    """The machine's last one, once everybody has joined, where the system lets us and there are several.

    Free to go anywhere, the generator took the core from under a server in mid-burst in every second tick, as nobody's
    clients do: 400 frames then left in 10 ms in place of 5. The servers may use all cores, this one too.
    """
    if hasattr(os, "sched_setaffinity"):
        cores = os.sched_getaffinity(0)
        if len(cores) > 1:
            os.sched_setaffinity(0, {max(cores)})


async def idle_figures(plan: dict[str, Any]) -> dict[str, Any]:
    """What the servers use while nobody is there; the window is as long as the plan wants it, perhaps nothing."""
    before = meters.sample(plan["pids"])
    await asyncio.sleep(plan["idle_s"])
    after = meters.sample(plan["pids"])
    used_s = sum(after.servers_s) - sum(before.servers_s)
    return {"idle_cpu_share": used_s / plan["idle_s"] if plan["idle_s"] else 0.0}


async def join_figures(crowd: Crowd) -> dict[str, Any]:
    """Two halves join; memory is what the second half adds, when rooms and caches are there already."""
    pids = crowd.plan["pids"]
    half = len(crowd.clients) // 2
    first, second = crowd.clients[:half], crowd.clients[half:]
    before = meters.sample(pids)
    join_s = await crowd.join(first) if first else 0.0
    await asyncio.sleep(SETTLE_S)
    rss_half = meters.rss_bytes(pids)
    join_s += await crowd.join(second)
    after = meters.sample(pids)
    await asyncio.sleep(SETTLE_S)
    return {
        "join_s": join_s,
        "join_cpu_s": sum(after.servers_s) - sum(before.servers_s),
        "join_each_s": spread_of(crowd.join_s),
        "rss_added_bytes": meters.rss_bytes(pids) - rss_half,
        "rss_added_clients": len(second),
    }


async def slow_readers(crowd: Crowd) -> SlowReaders | None:
    """The plan's readers on thin links; the links get their share of what the room's other clients are sent."""
    plan, tally = crowd.plan, crowd.tally
    if not plan["slow_readers"]:
        return None
    slow = await SlowReaders.joined(crowd)
    tally.is_open = True
    await asyncio.sleep(SIZING_S)
    bytes_per_s = HZ * tally.wire_bytes / max(1, tally.updates)
    crowd.count_anew()
    slow.throttle(plan["slow_share"] * bytes_per_s)
    return slow


async def window(crowd: Crowd) -> dict[str, Any]:
    """The measured window: what it cost, and what else the machine did meanwhile."""
    plan, tally = crowd.plan, crowd.tally
    pids = plan["pids"]
    rss_before = meters.rss_bytes(pids)
    first, began = meters.sample(pids), monotonic()
    tally.is_open = True
    await asyncio.sleep(plan["seconds"])
    tally.is_open = False
    last, wall_s = meters.sample(pids), monotonic() - began
    rss_after = meters.rss_bytes(pids)
    servers_s = [b - a for a, b in zip(first.servers_s, last.servers_s, strict=True)]
    own_s = last.own_s - first.own_s
    return {
        "wall_s": wall_s,
        "servers_cpu_s": servers_s,
        "generator_cpu_s": own_s,
        "other_cpu_s": last.machine_s - first.machine_s - sum(servers_s) - own_s,
        "stolen_s": last.stolen_s - first.stolen_s,
        "rss_bytes": rss_after,
        "rss_growth_bytes": rss_after - rss_before,
    }


def counted(crowd: Crowd) -> dict[str, Any]:
    """What the clients counted."""
    tally = crowd.tally
    return {
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
