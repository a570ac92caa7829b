"""Every list, dict, deque and set that outlives a call in what serves strangers has a bound, and the bound is written down here.

A bound with a constant of its own names it, and stands in the limits table (`server/limits.py`) with what happens beyond it; the
rest is bounded by something else, which is told. What a stranger can make grow is driven against its bound in the tests beside
each part (`test_claims`, `test_hanging_up`, `test_numbers`, `test_ring_bounds`, `test_outlet`, …).
"""

import ast
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (
    "game/wire", "server/accounts", "server/history", "server/lobby", "server/ops", "server/relay", "server/rooms",
    "server/social", "server/sockets", "server/web",
)  # fmt: skip
FILES = ("game/replay.py", "server/gathered.py")
NOT_SERVED = {"game/wire/client.py"}  # at the other end of the socket
CONTAINERS = {"dict", "list", "deque", "set", "OrderedDict"}

CONNECTIONS = "one entry a connection of this process, taken out by `Connection.lost` whatever fails meanwhile: CONNECTIONS_PER_ADDRESS, and the process's file descriptors"
SEATS = "one entry a seat, of which a plan has so many"
ROOMS = (
    "one entry a room of this process: ROOMS_MAX of the holder, and the streams of rooms that connections here are in"
)
PROCESSES = "one entry a gateway or loop process of the deployment: no stranger starts one"
SECTIONS = "one entry a section of the schema for each seat and team"
PLAN = "as the routing file says, made once"
DRAINED = "emptied in the same turn of the loop that filled it"

BOUNDS = {
    "game/replay.py": {
        "Recorder._changes": "game.replay:CHANGES_MAX",
        "Recorder._ticks": "game.replay:RECORD_BYTES_MAX",
        "Recorder._checkpoints": "game.replay:RECORD_BYTES_MAX",
    },
    "game/wire/limits.py": {
        "Allowance._brought": CONNECTIONS,
        "Allowance._buckets": "one entry a kind of message that a route accepts",
    },
    "game/wire/ring.py": {
        "Ring.answers": SEATS,
        "Ring._keys": SECTIONS,
        "Ring._hops": SECTIONS,
        "Ring._slices": "one entry a place that viewers of the newest frame stand at; cleared with each frame: no more than connections",
        "Ring._parts": "as the slices, cleared with each frame",
        "Ring._prefixes": "as the slices, cleared with each frame",
        "_Hops.recent": "game.wire.ring:RING_FRAMES_MAX",
    },
    "game/wire/session.py": {
        "SessionRules.sizes": PLAN,
        "SessionRules._brings": "one entry a number of seats that a connection may have: game.wire.messages:SLOTS_MAX",
        "Session.unacked": "game.wire.session:UNACKED_MAX",
        "Session._received_through": SEATS,
        "Session._buckets": "one entry a kind of message",
        "Session._waiting": "game.wire.session:WAITING_INPUTS_MAX",
        "Session._told": SEATS,
        "Session._out": f"{DRAINED}; before the socket is open, what the flood limit lets in is answered",
        "Session._commands": DRAINED,
    },
    "game/wire/showing.py": {
        "Showing._apart": CONNECTIONS,
        "Showing._cohorts": "cohorts without viewers are dropped at each frame: no more than connections",
        "Cohort.moments": "game.wire.session:UNACKED_MAX",
        "Cohort.viewers": CONNECTIONS,
        "Cohort._sends": CONNECTIONS,
        "Cohort._by_seat": SEATS,
        "Cohort._told": SEATS,
    },
    "server/gathered.py": {"Gathered._waiting": "server.gathered:WAITING_MAX"},
    "server/lobby/live.py": {
        "LiveRooms._rooms": "server.lobby.live:ROOMS_MAX",
        "LiveRoom.options": PLAN,
        "LiveRooms._promised": "places of rooms in the table, each for PROMISED_FOR_S; none is promised in a full room",
    },
    "server/lobby/registry.py": {
        "Lobby.checks": PLAN,
        "Lobby.notes": PLAN,
    },
    "server/ops/faults.py": {"Faults._logged": "server.ops.faults:LOGGED_MAX"},
    "server/ops/repeats.py": {
        "Repeats._kinds": "server.ops.repeats:KINDS_KEPT",
        "Repeats._tracebacks": "server.ops.repeats:KINDS_KEPT",
    },
    "server/relay/feed.py": {
        "Feed.chat": "server.relay.hub:CHAT_KEPT",
        "Feed._early": "server.relay.feed:PENDING_MAX",
        "Feed._private_sections": SECTIONS,
    },
    "server/relay/hub.py": {
        "Hub._watched": ROOMS,
        "Hub._joining": CONNECTIONS,
        "Hub._where": CONNECTIONS,
        "Hub._counted": f"{CONNECTIONS}; made anew each second",
    },
    "server/relay/link.py": {"Link._unacked": "server.relay.link:WINDOW_ITEMS_MAX"},
    "server/relay/loops.py": {
        "LoopSeen.carries": PLAN,
        "LoopSeen.codes": ROOMS,
        "Loops.seen": PROCESSES,
        "Loops.links": PROCESSES,
        "Loops._placed": "server.relay.loops:PLACED_MAX",
        "Loops._refused": "server.relay.loops:PLACED_MAX",
    },
    "server/relay/members.py": {"Watched.members": CONNECTIONS},
    "server/relay/notices.py": {"Users._users": CONNECTIONS},
    "server/relay/port.py": {
        "Port._queue": "server.relay.port:QUEUE_MAX",
        "Port._groups": f"one entry a room and a user that connections here belong to. {CONNECTIONS}",
        "Port._unsettled": "a group stands in it once, and no longer than it takes the layer",
        "Port._refused": "a group stands in it once, until the next look of the watch",
        "Port._tasks": PLAN,
    },
    "server/relay/terms.py": {"Mismatches._told": "server.relay.terms:TOLD_MAX"},
    "server/rooms/admission.py": {
        "Admission.viewers": "seats, and the spectators that the plan allows",
        "Admission.section_changes": PROCESSES,
        "Admission.kept_out": "server.rooms.kicks:KEPT_OUT_MAX",
    },
    "server/rooms/bots.py": {"BotCrew._bots": SEATS, "BotCrew._states": SECTIONS},
    "server/rooms/claims.py": {"Claims._waiting": "server.rooms.claims:CLAIMS_MAX"},
    "server/rooms/counts.py": {"CountNotes._noted": ROOMS},
    "server/rooms/delay.py": {
        "DelayLine._waiting": "what a room says in its delay: frames at its rate, chat at its people's",
        "DelayLine._released": "frames since the last KEY, which comes every ``keyframe_every``",
    },
    "server/rooms/dispatch.py": {
        "_Packing.private": "server.rooms.dispatch:PARCEL_BYTES_MAX",
        "_Packing.public": "server.rooms.dispatch:PARCEL_BYTES_MAX",
        "Dispatch._parcels": PROCESSES,
        "Dispatch._public": DRAINED,
        "Dispatch._streams": DRAINED,
    },
    "server/rooms/framing.py": {
        "Framer._answered": "frames of one ``rung_span``; older ones go at each cut",
        "Framer._shown": f"{SECTIONS}, and viewers; made anew with each coming and going",
    },
    "server/rooms/holder.py": {
        "Holder.rooms": "server.rooms.holder:ROOMS_MAX",
        "Holder._links": f"{PROCESSES}; silent for LINK_KEPT_S it goes",
        "Holder._frames_channel": PROCESSES,
        "Holder._silent": PROCESSES,
        "Holder._tasks": f"a claim, a result or an end of a room. {ROOMS}, and CLAIMS_MAX",
    },
    "server/rooms/inputs.py": {
        "InputQueue.waiting": "server.rooms.inputs:WAITING_MAX",
        "InputQueue._answers": "server.rooms.inputs:UNACKED_ANSWERS_MAX",
    },
    "server/rooms/match.py": {
        "Match.roster": SEATS,
        "Match.inputs": SEATS,
        "Match.events": "what the rules say between two frames",
        "Match.answered": SEATS,
        "Match.unsettled": SEATS,
        "Match._pending": SEATS,
    },
    "server/rooms/room.py": {
        "Room._pending": "server.rooms.room:PENDING_MAX",
        "Room._coming": "joins among what is pending",
        "Room._overrun": "connections that are in, until the next tick",
        "Room._out": DRAINED,
    },
    "server/rooms/seats.py": {
        "SeatTable._unconfirmed": "connections that hold seats, until they are heard from or lost",
        "SeatTable._credits": "server.rooms.seats:CREDITS_MAX",
    },
    "server/rooms/viewers.py": {"Viewer.seats": "game.wire.messages:SLOTS_MAX"},
    "server/rooms/voices.py": {"Voices._buckets": "server.rooms.voices:VOICES_MAX"},
    "server/sockets/allowances.py": {
        "Allowances._open": CONNECTIONS,
        "Allowances._kept": "server.sockets.allowances:KEPT_MAX",
        "Allowances._arrivals": "server.sockets.allowances:KEPT_MAX",
    },
    "server/sockets/caps.py": {
        "Caps._drawn": f"what connections and opened rooms hold, given back with them. {CONNECTIONS}",
        "Share._drawn": "a connection's few draws",
    },
    "server/sockets/connection.py": {
        "Connection._seen": "server.sockets.connection:SEEN_MAX",
        "Connection._tasks": "coming in, coming again at most ATTEMPTS times, and one that tells of notices",
    },
    "server/sockets/gateway.py": {
        "Gateway.connections": CONNECTIONS,
        "Gateway._opening": "server.sockets.gateway:OPENING_MAX",
    },
    "server/sockets/kicks.py": {"Kicks._waiting": "server.sockets.kicks:WAITING_MAX"},
    "server/sockets/known.py": {
        "KnownRooms._rows": "server.sockets.known:ROOMS_MAX",
        "KnownRooms._lost": "server.sockets.known:ROOMS_MAX",
    },
    "server/sockets/opened.py": {"OpenedRooms._rooms": "server.sockets.opened:ROOMS_MAX"},
    "server/sockets/outlet.py": {"AsgiOutlet._waiting": "server.sockets.outlet:OUT_MAX"},
    "server/sockets/revocation.py": {"Revocation._asked": CONNECTIONS},
    "server/web/ratelimit.py": {"RateLimit._buckets": "server.web.ratelimit:KEYS_MAX"},
}  # fmt: skip


def containers(file: Path) -> list[str]:
    """The fields of a module's classes that begin as an empty container."""
    found = []
    for kind in (
        node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.ClassDef)
    ):
        for field in kind.body:
            if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
                continue
            made = {node.id for node in ast.walk(field.value or ast.Pass()) if isinstance(node, ast.Name)}
            if made & CONTAINERS:
                found.append(f"{kind.name}.{field.target.id}")
    return found


def served() -> dict[str, list[str]]:
    """The containers of all that serves strangers, by file."""
    files = [file for folder in FOLDERS for file in sorted((ROOT / folder).glob("*.py"))]
    names = [file.relative_to(ROOT).as_posix() for file in files] + list(FILES)
    return {name: found for name in names if name not in NOT_SERVED and (found := containers(ROOT / name))}


def test_every_container_has_a_bound_that_is_written_down():
    there = {f"{file}:{name}" for file, names in served().items() for name in names}
    told = {f"{file}:{name}" for file, bounds in BOUNDS.items() for name in bounds}
    assert there - told == set(), "write down what bounds these: a constant with a name, or what else"
    assert told - there == set(), "these are not there any more"


@pytest.mark.parametrize(
    "bound", sorted({b for bounds in BOUNDS.values() for b in bounds.values() if ":" in b and " " not in b})
)
def test_a_bound_by_a_constant_names_one_that_there_is(bound: str):
    module, _, name = bound.partition(":")
    assert getattr(import_module(module), name) > 0


def test_what_is_a_container_is_found(tmp_path):
    file = tmp_path / "module.py"
    file.write_text("class A:\n    n: int = 0\n    a: dict[str, int] = field(factory=dict)\n    b: object = deque()\n")
    assert containers(file) == ["A.a", "A.b"]
