"""The limits table: every bound that a stranger can meet, and beside each what the busiest honest client needs of it.

A row names the constant, which stays in the module that obeys it; its value is read from there. `python -m server docs`
prints the table to docs/generated/limits.md. `tests/server/test_limits.py` holds each row to its need, and finds constants
that look like a limit and have no row. A new limit is a constant where it is used, a counter, and a row here.
"""

import os
from collections.abc import Iterator
from enum import Enum
from importlib import import_module

import django
from attrs import frozen

from game.wire.limits import Limit


class Per(Enum):
    """Whose limit it is. What is counted per process is counted by each gateway or loop process for itself."""

    CONNECTION = "connection"
    SEAT = "seat"
    IDENTITY = "identity"
    ADDRESS = "address"
    ROOM = "room"
    PROCESS = "process"


@frozen(kw_only=True)
class Row:
    """One limit.

    ``of`` is the constant, as ``module:NAME`` or ``module:NAME[key]``; ``unit`` what it counts. ``beyond`` begins with the policy
    (`POLICIES`) and tells the close code or HTTP status; ``counted`` is a metric of `server.ops.metrics`, or "" where nothing
    is lost. ``need`` is what the busiest honest client needs, which ``why`` explains.
    """

    of: str
    limits: str
    unit: str
    per: Per
    beyond: str
    counted: str
    need: float | Limit
    why: str

    @property
    def value(self) -> float | Limit:
        """The constant's value."""
        module, _, name = self.of.partition(":")
        name, _, key = name.removesuffix("]").partition("[")
        found = getattr(import_module(module), name)
        value: float | Limit = found[key] if key else found
        return value

    @property
    def is_enough(self) -> bool:
        """Whether the limit leaves the busiest honest client what it needs."""
        value, need = self.value, self.need
        if isinstance(value, Limit):
            return isinstance(need, Limit) and need.rate_per_s <= value.rate_per_s and need.burst <= value.burst
        return not isinstance(need, Limit) and need <= value


POLICIES = ("drop_oldest", "drop_newest", "refuse", "close", "wait", "ignore")


WIRE = (
    Row(
        of="game.wire.session:HELLO_WITHIN_S",
        limits="time from the accepted socket to the hello",
        unit="s",
        per=Per.CONNECTION,
        beyond="close: 4408",
        counted='closes_total{code="4408"}',
        need=3.0,
        why="a phone on a link of 1 s there and back sends it with its first packet, once more if that is lost",
    ),
    Row(
        of="game.wire.session:SILENT_FOR_S",
        limits="time without a word of the client",
        unit="s",
        per=Per.CONNECTION,
        beyond="close: 4408",
        counted='closes_total{code="4408"}',
        need=15.0,
        why="a spectator in an idle room is heard once in 10 s at least: the SDKs ping",
    ),
    Row(
        of="game.wire.session:CLOSE_AFTER_S",
        limits="time for which frames stay unacknowledged",
        unit="s",
        per=Per.CONNECTION,
        beyond="close: 4430",
        counted='closes_total{code="4430"}',
        need=5.0,
        why="a phone that changes from Wi-Fi to cellular and keeps its address is away for 2 to 5 s",
    ),
    Row(
        of="game.wire.session:SIZE_MAX",
        limits="a message of a kind for which the route states no size",
        unit="bytes",
        per=Per.CONNECTION,
        beyond="close: 4413",
        counted='closes_total{code="4413"}',
        need=2200,
        why="a chat line of CHAT_MAX_BYTES as JSON; a hello with two tokens has 1,100",
    ),
    Row(
        of="game.wire.session:FLOOD_SLACK",
        limits="messages beside twice what the route accepts",
        unit="messages",
        per=Per.CONNECTION,
        beyond="close: 4429",
        counted='closes_total{code="4429"}',
        need=Limit(22.0, 40),
        why="an ack for each of 20 frames a second, a ping a second, resyncs; after a stall of 2 s all at once",
    ),
    Row(
        of="game.wire.session:ERRORS",
        limits="refused messages",
        unit="messages",
        per=Per.CONNECTION,
        beyond="close: 4422",
        counted='closes_total{code="4422"}',
        need=Limit(0.5, 10),
        why="a person who goes on chatting too fast is refused a line or two a minute",
    ),
    Row(
        of="game.wire.session:CONTROL",
        limits="pings, wishes for the schema, and the like",
        unit="messages",
        per=Per.CONNECTION,
        beyond="refuse: `refused` with reason rate",
        counted='closes_total{code="4422"}',
        need=Limit(2.0, 6),
        why="a ping a second, and five at once to measure a new link",
    ),
    Row(
        of="game.wire.session:RESYNC",
        limits="wishes for a KEY",
        unit="messages",
        per=Per.CONNECTION,
        beyond="refuse: `refused` with reason rate",
        counted='closes_total{code="4422"}',
        need=Limit(2.0, 2),
        why="a client with a hole asks every half second at most",
    ),
    Row(
        of="game.wire.session:DEFAULT_LIMITS[input]",
        limits="inputs, where the route states no rate",
        unit="inputs",
        per=Per.CONNECTION,
        beyond="drop_oldest: answered with reason rate (the route's choice)",
        counted='inputs_total{outcome="refused"}',
        need=Limit(20.0, 40),
        why="a bot sends 20 a second, and after a stall of 2 s what it would have sent; faster games state a rate",
    ),
    Row(
        of="game.wire.session:DEFAULT_LIMITS[chat]",
        limits="chat lines, where neither route nor room states a rate",
        unit="lines",
        per=Per.CONNECTION,
        beyond="refuse: `refused` with reason rate",
        counted='closes_total{code="4422"}',
        need=Limit(0.5, 5),
        why="a quick typist in an argument",
    ),
    Row(
        of="game.wire.session:DEFAULT_LIMITS[leave]",
        limits="leaves",
        unit="messages",
        per=Per.CONNECTION,
        beyond="refuse: `refused` with reason rate",
        counted='closes_total{code="4422"}',
        need=Limit(0.1, 1),
        why="one ends the connection",
    ),
    Row(
        of="game.wire.session:WAITING_INPUTS_MAX",
        limits="inputs that wait for their rate, where the route says drop_oldest",
        unit="inputs",
        per=Per.CONNECTION,
        beyond="drop_oldest: answered with reason rate",
        counted='inputs_total{outcome="refused"}',
        need=2,
        why="whoever keeps the rate waits for none; two are the jitter of one frame",
    ),
    Row(
        of="game.wire.session:UNACKED_MAX",
        limits="frames on the way to a client",
        unit="frames",
        per=Per.CONNECTION,
        beyond="wait: the next frame is shown when one is acknowledged",
        counted="frames_skipped_total",
        need=30,
        why="1.5 s of 20 frames a second: what a link that keeps up may leave unacknowledged",
    ),
    Row(
        of="game.wire.limits:INPUTS_KEPT",
        limits="inputs without an answer",
        unit="inputs",
        per=Per.SEAT,
        beyond="close: 4503",
        counted='queue_overflows_total{queue="inputs",policy="close"}',
        need=200,
        why="10 s without a link at 20 inputs a second, all sent again after the resume",
    ),
    Row(
        of="game.wire.messages:SLOTS_MAX",
        limits="seats that one hello asks for",
        unit="seats",
        per=Per.CONNECTION,
        beyond="close: 4400",
        counted='closes_total{code="4400"}',
        need=4,
        why="four people on one keyboard",
    ),
    Row(
        of="game.wire.messages:CHAT_MAX_BYTES",
        limits="a chat line in UTF-8",
        unit="bytes",
        per=Per.CONNECTION,
        beyond="refuse: `refused` with reason length",
        counted='closes_total{code="4422"}',
        need=960,
        why="the usual 240 characters of four bytes each",
    ),
    Row(
        of="game.wire.ring:RING_FRAMES_MAX",
        limits="frames of a stream that a gateway keeps for those who lost some",
        unit="frames",
        per=Per.ROOM,
        beyond="drop_oldest: who is behind further gets a KEY",
        counted='resyncs_total{why="ring"}',
        need=100,
        why="5 s of 20 frames a second, behind which a client is closed or gets a KEY anyway",
    ),
    Row(
        of="game.wire.ring:RING_BYTES_MAX",
        limits="the same in bytes, of each section",
        unit="bytes",
        per=Per.ROOM,
        beyond="drop_oldest: who is behind further gets a KEY",
        counted='resyncs_total{why="ring"}',
        need=500_000,
        why="2 s of frames of 12 kB, ten times what a room of 16 sends",
    ),
)

ROOMS = (
    Row(
        of="game.wire.limits:MARGIN_MAX",
        limits="the margin of an answer, early or late",
        unit="ticks",
        per=Per.SEAT,
        beyond="ignore: the margin is cut to it, the input is taken and answered",
        counted="",
        need=1_200,
        why="a client whose clock is 20 s off learns by how much",
    ),
    Row(
        of="server.rooms.inputs:UNACKED_ANSWERS_MAX",
        limits="answers that wait for their acknowledgement",
        unit="answers",
        per=Per.SEAT,
        beyond="wait: further inputs are taken when some are acknowledged",
        counted="",
        need=80,
        why="a second of 80 inputs, acknowledged by the next frame but one",
    ),
    Row(
        of="game.wire.limits:EARLY_TICKS_MAX",
        limits="how far ahead of its arrival an input's tick is waited for",
        unit="ticks",
        per=Per.SEAT,
        beyond="ignore: applied at once",
        counted="",
        need=30,
        why="half a second at 60 Hz; predicting clients aim 2 to 8 ticks ahead",
    ),
    Row(
        of="server.rooms.room:PENDING_MAX",
        limits="items that wait for a room's next tick",
        unit="items",
        per=Per.ROOM,
        beyond="refuse: a join 4503; close: an input's connection 4503; drop_newest: acknowledgements",
        counted='queue_overflows_total{queue="room",policy="refuse"}',
        need=1_000,
        why="64 seats at 80 inputs a second and 500 spectators' acks, over a stall of 0.1 s; 600 joins in one tick",
    ),
    Row(
        of="server.rooms.claims:CLAIM_WAITING_MAX",
        limits="items that wait while a room opens",
        unit="items",
        per=Per.ROOM,
        beyond="refuse: 4503",
        counted='queue_overflows_total{queue="claim",policy="refuse"}',
        need=600,
        why="a room of 64 and its 500 spectators, all of whom come back in the same moment",
    ),
    Row(
        of="server.rooms.claims:CLAIMS_MAX",
        limits="rooms that are being opened at the same time",
        unit="rooms",
        per=Per.PROCESS,
        beyond="refuse: 4504, and the gateway asks again after 0.5 s",
        counted='queue_overflows_total{queue="claims",policy="refuse"}',
        need=60,
        why="two classes of 30 that open a room each while the database takes a second",
    ),
    Row(
        of="game.replay:CHANGES_MAX",
        limits="who came, went and was lost before one tick, in a match's record",
        unit="changes",
        per=Per.ROOM,
        beyond="ignore: the record ends there, as it does at 32 MiB",
        counted="",
        need=10_000,
        why="a room of 64 that waits an hour for its last player, everybody with a bad link",
    ),
    Row(
        of="server.rooms.holder:OVERRUN_TICKS_MAX",
        limits="ticks that took longer than their period, those in time counted back",
        unit="ticks",
        per=Per.ROOM,
        beyond="close: the room ends with 4500 and an incident",
        counted="room_crashes_total",
        need=60,
        why="a second of a busy machine",
    ),
    Row(
        of="server.rooms.holder:ROOMS_MAX",
        limits="rooms of one loop process",
        unit="rooms",
        per=Per.PROCESS,
        beyond="refuse: gateways choose another loop; where there is none 4503 or HTTP 503, retry after 3 s",
        counted='limit_refusals_total{limit="rooms_per_loop"}',
        need=400,
        why="1,600 players in rooms of four",
    ),
    Row(
        of="server.rooms.load:NO_ROOMS_SHARE",
        limits="rooms' turns of a window of 0.5 s that begin LATE_TICKS ticks late or more, for new rooms",
        unit="of the turns",
        per=Per.PROCESS,
        beyond="refuse: gateways choose another loop; where there is none 4503 or HTTP 503, retry after 3 s",
        counted='limit_refusals_total{limit="rooms_when_late"}',
        need=0.1,
        why="a stall of the machine now and then makes a turn of each room late",
    ),
    Row(
        of="server.rooms.load:NO_JOINS_SHARE",
        limits="the same, in a window after that, for newcomers; who comes back to a seat is let in",
        unit="of the turns",
        per=Per.PROCESS,
        beyond="refuse: 4503, retry after 3 s",
        counted='limit_refusals_total{limit="joins_when_late"}',
        need=0.1,
        why="a stall of the machine now and then makes a turn of each room late",
    ),
    Row(
        of="server.rooms.admission:SPECTATORS_PER_IDENTITY",
        limits="places of spectators in one room",
        unit="places",
        per=Per.IDENTITY,
        beyond="close: 4403",
        counted='limit_refusals_total{limit="spectators_per_identity"}',
        need=6,
        why="two tabs, each of which came back twice before its dead sockets were noticed",
    ),
    Row(
        of="server.rooms.kicks:KEPT_OUT_MAX",
        limits="identities that a room keeps out",
        unit="identities",
        per=Per.ROOM,
        beyond="drop_oldest: the one kicked first may come back",
        counted='queue_overflows_total{queue="kept_out",policy="drop_oldest"}',
        need=100,
        why="a moderator who removes somebody every minute, for as long as a room lives",
    ),
    Row(
        of="server.rooms.chat:HISTORY_MAX",
        limits="chat lines kept",
        unit="lines",
        per=Per.ROOM,
        beyond="drop_oldest: newcomers do not get it",
        counted="",
        need=50,
        why="the default history",
    ),
)

GATEWAY = (
    Row(
        of="server.sockets.caps:CONNECTIONS_PER_ADDRESS",
        limits="sockets open at once (ROOMWRIGHT_CONNECTIONS_PER_ADDRESS; unset, this machine is free)",
        unit="sockets",
        per=Per.ADDRESS,
        beyond="close: 4403, and HTTP 403 from UNTOLD_FACTOR times as many on",
        counted='limit_refusals_total{limit="connections_per_address"}',
        need=180,
        why="a class of 30 behind one IPv4, two tabs each, all of which came back twice before their dead sockets were noticed",
    ),
    Row(
        of="server.sockets.caps:UNTOLD_FACTOR",
        limits="how many times its sockets an address may have open, those included that are being told goodbye",
        unit="times",
        per=Per.ADDRESS,
        beyond="refuse: HTTP 403 instead of a goodbye",
        counted='limit_refusals_total{limit="connections_per_address"}',
        need=1,
        why="nobody honest comes near",
    ),
    Row(
        of="server.sockets.caps:CONNECTIONS_PER_IDENTITY",
        limits="sockets that have said hello",
        unit="sockets",
        per=Per.IDENTITY,
        beyond="close: 4403",
        counted='limit_refusals_total{limit="connections_per_identity"}',
        need=24,
        why="eight tabs of one browser, each of which came back twice before its dead sockets were noticed",
    ),
    Row(
        of="server.sockets.caps:SEATS_PER_IDENTITY",
        limits="seats over all rooms that its open sockets asked for",
        unit="seats",
        per=Per.IDENTITY,
        beyond="close: 4403",
        counted='limit_refusals_total{limit="seats_per_identity"}',
        need=16,
        why="four people on one keyboard in two tabs, each of which came back before its dead socket was noticed",
    ),
    Row(
        of="server.rooms.seats:ROOM_SEATS_PER_IDENTITY",
        limits="seats of one room, those that wait out their grace too",
        unit="seats",
        per=Per.IDENTITY,
        beyond="refuse: 4403, or its own lost seat comes back",
        counted='closes_total{code="4403"}',
        need=4,
        why="four people on one keyboard, or a player with four tabs",
    ),
    Row(
        of="server.rooms.seats:YIELD_AFTER_S",
        limits="time without a connection, in a full room, of a player who was hardly ever connected",
        unit="s",
        per=Per.SEAT,
        beyond="drop_oldest: a newcomer gets the seat, a resume 4440",
        counted="seats_yielded_total",
        need=4.0,
        why="a page that reloads on a slow phone right after it joined; every second connected adds EARNING to it",
    ),
    Row(
        of="server.rooms.seats:CREDITS_MAX",
        limits="players without a seat whose used-up grace is remembered",
        unit="identities",
        per=Per.ROOM,
        beyond="drop_oldest: that one has the whole grace again",
        counted='queue_overflows_total{queue="seat_credits",policy="drop_oldest"}',
        need=64,
        why="all the seats of a room, lost in one minute",
    ),
    Row(
        of="server.sockets.caps:SPECTATORS_PER_ADDRESS",
        limits="sockets that watch one room (grows with ROOMWRIGHT_CONNECTIONS_PER_ADDRESS; unset, this machine is free)",
        unit="sockets",
        per=Per.ADDRESS,
        beyond="close: 4403",
        counted='limit_refusals_total{limit="spectators_per_address"}',
        need=60,
        why="a class of 30 that watches a match in two tabs each",
    ),
    Row(
        of="server.sockets.opened:NEW_ROOMS",
        limits="rooms opened by joining a code that is not there",
        unit="rooms",
        per=Per.PROCESS,
        beyond="refuse: 4503, retry after 5 s",
        counted='limit_refusals_total{limit="new_rooms"}',
        need=Limit(1.0, 30),
        why="a class of 30 in which everybody opens a room of their own at once",
    ),
    Row(
        of="server.sockets.opened:NEW_ROOMS_EACH",
        limits="the same by one identity",
        unit="rooms",
        per=Per.IDENTITY,
        beyond="refuse: 4503, retry after 5 s",
        counted='limit_refusals_total{limit="new_rooms_per_identity"}',
        need=Limit(0.1, 5),
        why="somebody who tries five codes, then opens a room every ten seconds",
    ),
    Row(
        of="server.sockets.opened:NEW_ROOMS_PER_ADDRESS",
        limits="the same from one address, quick play's rooms too (this machine is free)",
        unit="rooms",
        per=Per.ADDRESS,
        beyond="refuse: 4503 or HTTP 503, retry after 5 s",
        counted='limit_refusals_total{limit="new_rooms_per_address"}',
        need=Limit(0.5, 30),
        why="a class of 30 in which everybody opens a room of their own at once, and a new one every minute",
    ),
    Row(
        of="server.sockets.opened:ROOMS_PER_IDENTITY",
        limits="rooms it opened that are still there",
        unit="rooms",
        per=Per.IDENTITY,
        beyond="refuse: 4403",
        counted='limit_refusals_total{limit="rooms_per_identity"}',
        need=6,
        why="a teacher who opens one for each of six groups",
    ),
    Row(
        of="server.sockets.opened:ROOMS_PER_ADDRESS",
        limits="rooms opened from there that are still there (grows with ROOMWRIGHT_CONNECTIONS_PER_ADDRESS; unset, this machine is free)",
        unit="rooms",
        per=Per.ADDRESS,
        beyond="refuse: 4403 or HTTP 429",
        counted='limit_refusals_total{limit="rooms_per_address"}',
        need=36,
        why="a class of 30 in which everybody has a room of their own, six of whom have just begun another",
    ),
    Row(
        of="server.sockets.opened:ROOMS_MAX",
        limits="rooms that one gateway opened and that are still there",
        unit="rooms",
        per=Per.PROCESS,
        beyond="refuse: 4503 or HTTP 503, retry after 5 s",
        counted='limit_refusals_total{limit="rooms_per_gateway"}',
        need=400,
        why="1,600 players of a full gateway in rooms of four",
    ),
    Row(
        of="server.sockets.opened:CREATORS_MAX",
        limits="identities with less than a full bucket of new rooms",
        unit="identities",
        per=Per.PROCESS,
        beyond="refuse: newcomers without a place share one bucket until somebody's is full again",
        counted="",
        need=1_600,
        why="all players of a full process",
    ),
    Row(
        of="server.sockets.known:ROOMS_MAX",
        limits="rooms whose place is remembered for a second",
        unit="rooms",
        per=Per.PROCESS,
        beyond="drop_oldest: the directory is asked again",
        counted="",
        need=200,
        why="more rooms than a process has players for",
    ),
    Row(
        of="game.wire.messages:NOTICES_ACKED_MAX",
        limits="notices that one ack names",
        unit="notices",
        per=Per.CONNECTION,
        beyond="refuse: `refused` with reason bad_message",
        counted='closes_total{code="4422"}',
        need=50,
        why="all that are shown at a login, in one ack; the SDKs acknowledge each by itself",
    ),
    Row(
        of="server.sockets.connection:SEEN_MAX",
        limits="notices that were shown and are not yet noted as such",
        unit="notices",
        per=Per.CONNECTION,
        beyond="drop_newest: they are shown again at the next login",
        counted='queue_overflows_total{queue="notices_seen",policy="drop_newest"}',
        need=50,
        why="all that are shown at a login",
    ),
    Row(
        of="server.sockets.outlet:OUT_MAX",
        limits="messages that wait for a socket, over plain ASGI",
        unit="messages",
        per=Per.CONNECTION,
        beyond="close: 4430",
        counted='queue_overflows_total{queue="socket",policy="close"}',
        need=64,
        why="as many frames as may be unacknowledged",
    ),
    Row(
        of="server.sockets.outlet:OUT_BYTES_MAX",
        limits="bytes that wait for a socket",
        unit="bytes",
        per=Per.CONNECTION,
        beyond="close: 4430",
        counted='queue_overflows_total{queue="socket",policy="close"}',
        need=1_000_000,
        why="a KEY of half a MB, and the frames behind it",
    ),
    Row(
        of="server.relay.feed:PENDING_MAX",
        limits="private parts that came before their public ones",
        unit="frames",
        per=Per.ROOM,
        beyond="drop_oldest: the next patch covers it",
        counted="",
        need=4,
        why="0.2 s of frames",
    ),
    Row(
        of="server.relay.link:WINDOW_ITEMS_MAX",
        limits="items on the way between a gateway and a loop",
        unit="items",
        per=Per.PROCESS,
        beyond="close: the link is made anew, its connections get 4504 and resume",
        counted='closes_total{code="4504"}',
        need=8_000,
        why="1,600 players at 20 inputs a second over a Redis restart of 0.25 s",
    ),
    Row(
        of="server.relay.port:QUEUE_MAX",
        limits="layer messages that wait for the layer",
        unit="messages",
        per=Per.PROCESS,
        beyond="drop_oldest: links send again, frames are repaired by the next",
        counted='queue_overflows_total{queue="layer.frames",policy="drop_oldest"}',
        need=4_000,
        why="100 rooms at 20 frames a second over 2 s of a layer that stands still",
    ),
    Row(
        of="server.gathered:WAITING_MAX",
        limits="questions to the database that wait for an answer",
        unit="keys",
        per=Per.PROCESS,
        beyond="refuse: 4500",
        counted='closes_total{code="4500"}',
        need=1_600,
        why="everybody of a full process comes back at once",
    ),
    Row(
        of="server.database:JOBS_MAX",
        limits="database jobs that wait",
        unit="jobs",
        per=Per.PROCESS,
        beyond="refuse: HTTP 503, or 4500",
        counted='closes_total{code="4500"}',
        need=100,
        why="quick plays and page views of a hundred people at once; joins share jobs",
    ),
)

SERVING = (
    Row(
        of="server.serving.door:SILENT_MAX_S",
        limits="time from the connection to its first bytes",
        unit="s",
        per=Per.CONNECTION,
        beyond="close: the connection is reset",
        counted="",
        need=10.0,
        why="a browser opens connections ahead of their use",
    ),
    Row(
        of="server.serving.handshake:SIZE_MAX",
        limits="an opening request that is read in one go",
        unit="bytes",
        per=Per.CONNECTION,
        beyond="ignore: autobahn reads it, slower",
        counted="",
        need=1_500,
        why="a browser's headers with a login's cookies",
    ),
    Row(
        of="server.serving.protocol:HELD_MAX",
        limits="bytes of a peer that does not wait for the handshake's answer",
        unit="bytes",
        per=Per.CONNECTION,
        beyond="wait: nothing is read until the socket is accepted",
        counted="",
        need=4_096,
        why="a hello sent with the opening request",
    ),
    Row(
        of="server.serving.protocol:READ_MAX",
        limits="bytes read from a socket in one go",
        unit="bytes",
        per=Per.CONNECTION,
        beyond="wait: read in the next round",
        counted="",
        need=4_096,
        why="80 inputs of 20 bytes in a round",
    ),
    Row(
        of="server.serving.frames:EARLY_MAX",
        limits="a message that is read without autobahn",
        unit="bytes",
        per=Per.CONNECTION,
        beyond="ignore: autobahn reads it, slower",
        counted="",
        need=2_200,
        why="the longest chat line as JSON",
    ),
    Row(
        of="server.serving.inbox:COUNT_MAX",
        limits="events that wait for the application, over plain ASGI",
        unit="events",
        per=Per.CONNECTION,
        beyond="wait: nothing is read from the socket",
        counted="",
        need=20,
        why="a quarter of a second of 80 inputs",
    ),
    Row(
        of="server.serving.inbox:BYTES_MAX",
        limits="the same in bytes",
        unit="bytes",
        per=Per.CONNECTION,
        beyond="wait: nothing is read from the socket",
        counted="",
        need=8_192,
        why="20 inputs as JSON",
    ),
    Row(
        of="server.serving.protocol:ENDING_MAX_S",
        limits="time from a close to the end of the connection",
        unit="s",
        per=Per.CONNECTION,
        beyond="close: the connection is dropped",
        counted="",
        need=5.0,
        why="a closing handshake has 5 s",
    ),
    Row(
        of="server.serving.descriptors:KEPT_FREE",
        limits="descriptors that no connection may have (an eighth of all, where that is less)",
        unit="descriptors",
        per=Per.PROCESS,
        beyond="close: before anything is read; the process is unready",
        counted='limit_refusals_total{limit="descriptors"}',
        need=0,
        why="they are the server's: database, Redis, files, epolls are 20",
    ),
)

WEB = (
    Row(
        of="server.web.ratelimit:GUESTS",
        limits="calls of POST /api/guest",
        unit="calls",
        per=Per.ADDRESS,
        beyond="refuse: HTTP 429",
        counted='limit_refusals_total{limit="guests_per_address"}',
        need=Limit(5.0, 200),
        why="`swarm --n 200` makes 200 guests at once; a class of 30 opens its pages in the same minute",
    ),
    Row(
        of="server.web.ratelimit:QUICK_PLAYS",
        limits="calls of POST /api/rooms/quick",
        unit="calls",
        per=Per.ADDRESS,
        beyond="refuse: HTTP 429",
        counted='limit_refusals_total{limit="quick_plays_per_address"}',
        need=Limit(3.0, 60),
        why="a class of 30 with two tabs each; a new match every ten seconds for each of them",
    ),
    Row(
        of="server.web.ratelimit:KICKS",
        limits="calls of POST /api/rooms/kick",
        unit="calls",
        per=Per.ADDRESS,
        beyond="refuse: HTTP 429",
        counted='limit_refusals_total{limit="kicks_per_address"}',
        need=Limit(1.0, 10),
        why="two moderators who clear a room",
    ),
    Row(
        of="server.web.ratelimit:LOGINS",
        limits="logins tried at /admin/login/, also those that succeed",
        unit="logins",
        per=Per.ADDRESS,
        beyond="refuse: HTTP 429",
        counted='limit_refusals_total{limit="logins_per_address"}',
        need=Limit(0.1, 10),
        why="five of the staff behind one address, each of whom mistypes once",
    ),
    Row(
        of="server.web.ratelimit:KEYS_MAX",
        limits="addresses or identities with less than a full bucket, of each rate",
        unit="keys",
        per=Per.PROCESS,
        beyond="refuse: newcomers without a place share one bucket until somebody's is full again",
        counted="",
        need=1_600,
        why="everybody of a full process calls at once, each from an address of their own",
    ),
    Row(
        of="server.web.api:BODY_LENGTH_MAX",
        limits="the body of a call",
        unit="bytes",
        per=Per.CONNECTION,
        beyond="refuse: HTTP 413",
        counted="",
        need=1_024,
        why="a kick with a reason of 120 bytes",
    ),
    Row(
        of="game.text:NAME_LENGTH_MAX",
        limits="a name, cleaned",
        unit="code points",
        per=Per.IDENTITY,
        beyond="ignore: the rest is cut off, between two characters where that can be",
        counted="",
        need=20,
        why="two words; what longer names lose shows in the welcome",
    ),
    Row(
        of="game.text:NAME_BYTES_MAX",
        limits="a name, cleaned, in UTF-8",
        unit="bytes",
        per=Per.IDENTITY,
        beyond="ignore: the rest is cut off",
        counted="",
        need=60,
        why="20 Chinese characters, or two families of emoji; the roster has 64 with a second slot's number",
    ),
    Row(
        of="game.text:MARKS_MAX",
        limits="combining marks on one character of a name or chat line",
        unit="marks",
        per=Per.IDENTITY,
        beyond="ignore: the others are taken out",
        counted="",
        need=5,
        why="Hebrew with points and accents",
    ),
    Row(
        of="game.text:RAW_LENGTH_MAX",
        limits="a name before it is cleaned",
        unit="code points",
        per=Per.IDENTITY,
        beyond="ignore: the rest is not read",
        counted="",
        need=168,
        why="24 characters, each taken apart and with six marks on it",
    ),
    Row(
        of="server.accounts.identity:TOKEN_LENGTH_MAX",
        limits="a guest's token",
        unit="characters",
        per=Per.CONNECTION,
        beyond="close: 4401",
        counted='closes_total{code="4401"}',
        need=300,
        why="ours, with a name of 24 characters of four bytes",
    ),
    Row(
        of="server.lobby.live:PROMISES_PER_ADDRESS",
        limits="places that quick play has given away in the last 5 s (this machine is free)",
        unit="places",
        per=Per.ADDRESS,
        beyond="ignore: the room is told, and no place is kept in it",
        counted="",
        need=60,
        why="a class of 30, two tabs each, who all press the button within 5 s",
    ),
    Row(
        of="server.lobby.live:ROOMS_MAX",
        limits="rooms in the lobby's table",
        unit="rooms",
        per=Per.PROCESS,
        beyond="drop_oldest: it is not listed",
        counted="",
        need=1_000,
        why="a fleet of ten full loops",
    ),
)

SECTIONS = {
    "What one client sends and gets": WIRE,
    "Rooms": ROOMS,
    "Gateways": GATEWAY,
    "Sockets": SERVING,
    "HTTP": WEB,
}
TABLE = tuple(row for rows in SECTIONS.values() for row in rows)

# Constants that are named like a limit and have no row, by their beginning; and why a stranger does not meet them.
EXCEPTIONS = {
    "server.verify.": "a tool of authors and of our tests, in no serving process",
    "server.routing.": "the routing file's own, met by its author at start; routes.md tells each route's limits",
    "server.layers:": "how a layer is shut down",
    "server.locks:ABOUT_LENGTH_MAX": "what a process writes about itself",
    "server.watchdog:": "what the rules may take; their author meets it",
    "server.ops.incidents:KEPT_MAX": "how many records of crashed rooms are kept on disk",
    "server.history.match_end:REPLAY_BYTES_MAX": "made by the rules, not by a stranger; a longer replay is left out",
    "server.history.results:ATTEMPTS_MAX": "the worker's own attempts at an outbox row",
    "server.lobby.views:SHOWN_MAX": "the room list shows the fullest; nobody is refused",
    "server.lobby.moderation:": "what the staff may write",
    "server.social.": "what the staff may write, and how many of it are shown",
    "server.sockets.kicks:WAITING_MAX": "the staff's",
    "server.rooms.kicks:LISTED_MAX": "the staff's",
    "server.rooms.pace:CATCH_UP_TICKS_MAX": "what the loop itself catches up after a stall",
    "server.rooms.dispatch:PARCEL_BYTES_MAX": "how frames travel together; a larger one travels alone",
    "server.rooms.match:REASON_MAX": "what the rules may write into a refusal",
    "server.rooms.inputs:WAITING_MAX": "is INPUTS_KEPT",
    "server.relay.link:RESEND_AFTER_MAX_S": "how often links repeat themselves",
    "server.relay.link:BATCH_ITEMS_MAX": "how items travel together",
    "server.gathered:KEYS_MAX": "how questions travel together; the others wait for the next job",
    "server.serving.defaults:_OF_EACH": "names of attributes",
    "server.settings:WHITENOISE_MAX_AGE": "how long browsers keep a file",
    "server.serving.serve:YOUNG_OBJECTS_MAX": "the garbage collector's",
    "game.wire.client:": "the client's own",
    "game.wire.frames:REASON_MAX_BYTES": "what the server itself writes",
    "game.wire.session:SLOW_FOR_MAX_S": "how long a client that fell behind is paced; it loses nothing by it",
}


def page() -> str:
    """The table as Markdown. Modules with Django models are read too, so Django is set up; its database stays shut."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "server.settings")
    django.setup()
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield from (
        "# Limits",
        "",
        "Generated by `make docs` from the constants themselves (`server/limits.py`); do not edit. What a route accepts is in",
        "[routes.md](routes.md). What is counted per process, identity or address is counted by each gateway (or loop) process",
        "for itself: two gateways together let through twice as much.",
        "",
        "What happens beyond a limit: *drop_oldest* and *drop_newest* lose one of those that wait, *refuse* answers no, *close* ends",
        "the connection with a [close code](../protocol.md#close-codes), *wait* takes the rest later, *ignore* goes on without.",
    )
    for title, rows in SECTIONS.items():
        yield from (
            "",
            f"## {title}",
            "",
            "| constant | limits | value | per | beyond | counted by | the busiest honest client needs |",
        )
        yield "|---|---|---|---|---|---|---|"
        for row in rows:
            counted = f"`{row.counted}`" if row.counted else "–"
            need = f"{_shown(row.need, row.unit)}: {row.why}"
            cells = (f"`{row.of}`", row.limits, _shown(row.value, row.unit), row.per.value, row.beyond, counted, need)
            yield f"| {' | '.join(cells)} |"


def _shown(value: float | Limit, unit: str) -> str:
    if isinstance(value, Limit):
        return f"{value.rate_per_s:g} {unit}/s, {value.burst:,} at once"
    return f"{value:,} {unit}".replace(".0 ", " ")
