"""O25 on the calm room: hostile clients change nothing for others; and each thing that they do was really reached."""

import ast
import inspect
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from itertools import product
from typing import Any

import pytest

from game.wire import messages as m
from game.wire.frames import AckMessage, InputMessage
from server.sockets.connection import Connection
from server.sockets.gateway import Gateway
from server.verify import trace as tr
from server.verify.extremes import bytes_extremes, client_structs, json_extremes, oversized, truncated
from server.verify.hostile import FRONTS, size_max_of
from server.verify.isolation import Isolation
from server.verify.promises import Violation
from server.verify.strangers import CLAIMING, INSIDE, LOOKING, UNKNOWN, UNTOLD, WAITING, WELCOMED
from server.verify.world import World
from tests.verify.subjects import calm

MESSAGES, REST = ("fields", "sizes"), tuple(front for front in FRONTS if front not in ("fields", "sizes"))
ON_THE_WAY_IN = (Connection._attach, Connection._find, Gateway.find, Gateway._look_up, Gateway._make)
WAITED_ELSEWHERE = (
    "self._identify(hello)",  # who shows no token: the simulated have one
    "self._listen_for(",  # a gateway that has just started
    "self.directory.close(",  # a room whose loop has died
)


@cache
def tried(fronts: tuple[str, ...]) -> tuple[list[Violation], Counter[str]]:
    """What the calm room's experiment found and reached."""
    isolation = Isolation(calm(), 1, fronts=fronts)
    return isolation.violations(), isolation.reached


@pytest.mark.parametrize("fronts", [MESSAGES, REST], ids=" ".join)
def test_hostile_clients_change_nothing_for_others(fronts):
    found, _ = tried(fronts)
    assert not found, "\n".join(map(str, found))


@pytest.mark.parametrize(("kind", "options"), [("pubsub", {}), ("core", {"delay": "2s", "bots": 2})])
def test_nor_on_other_layers_and_with_bots_and_delay(kind, options):
    found = Isolation(calm(**options), 2, kind).violations()
    assert not found, "\n".join(map(str, found))


def test_every_end_of_every_field_reaches_the_server():
    subject = calm()
    schema = subject.plan.rooms[subject.room].schema
    with World(subject.plan, subject.room) as world:
        size_max = size_max_of(world)
    expected = {f"fields: {odd.name}" for odd in (*json_extremes(schema), *bytes_extremes(schema))}
    expected |= {f"sizes: {odd.name}" for odd in (*truncated(schema), *oversized(size_max))}
    assert sorted(expected - set(tried(MESSAGES)[1])) == []


def test_the_extremes_cover_each_field_of_each_message_of_a_client():
    subject = calm()
    schema = subject.plan.rooms[subject.room].schema
    in_json = {(odd.kind, odd.field) for odd in json_extremes(schema)}
    assert set(client_structs()) == set(m.ClientMessage.__args__)
    for struct in client_structs():
        for name in struct.__struct_fields__:
            assert (struct.__struct_config__.tag, name) in in_json
    in_bytes = {odd.field.partition(".")[0] for odd in bytes_extremes(schema)}
    assert set(InputMessage.__struct_fields__) - {"values"} | set(AckMessage.__struct_fields__) <= in_bytes
    whats = {odd.what for odd in json_extremes(schema) if odd.field == "for_tick"}
    assert whats >= {"0", "1", "-1", "2^31", "2^53-1", "2^53", "2^63", "NaN", "Infinity"}


def test_each_kind_of_disorder_and_flood_reaches_the_server_in_both_subprotocols():
    reached = tried(REST)[1]
    said = ("input", "chat", "leave", "resync", "ack", "ping")
    expected = {f"order: {what} {when}" for what, when in product(said, ("before hello", "while joining"))}
    expected |= {f"order: {what}" for what in ("hello twice", "hello twice at once", "leave", "input of a spectator")}
    expected |= {
        "order: ack of the future",
        "order: another subprotocol",
        "order: no subprotocol",
        "order: an empty text",
    }
    floods = (
        "pings",
        "resyncs",
        "schemas",
        "acks of the future",
        "empty lines",
        "chat again",
        "notices seen",
        "odd inputs",
    )
    expected |= {f"floods: {what} {how}" for what, how in product(floods, ("at once", "for long"))}
    assert sorted(expected - set(reached)) == []
    assert reached["closed 4429"] and reached["closed 4430"] and reached["closed 4422"]


def test_hang_ups_at_every_place_of_the_way_in():
    reached = tried(REST)[1]
    for place in (UNKNOWN, LOOKING, CLAIMING, WAITING, UNTOLD, WELCOMED, INSIDE):
        assert reached[f"gone: {place}"], f"nobody hung up {place}"
    assert sum(reached[f"gone: {place}"] for place in (LOOKING, CLAIMING, WAITING)) > 20


def test_hang_ups_at_every_await_of_the_way_in():
    """A new `await` is asked for by itself: the hang-ups come so close together that one of them must meet it."""
    reached = {name.partition(": ")[2] for name in tried(REST)[1] if name.startswith("awaits: ")}
    missed = [
        f"{function.__qualname__}: {lines[0]}"
        for function in ON_THE_WAY_IN
        for expression, lines in awaits_of(function)
        if not any(name in expression for name in WAITED_ELSEWHERE)
        and not any(f"{function.__qualname__}: {line}" in reached for line in lines)
    ]
    assert missed == []


def awaits_of(function: Callable[..., Any]) -> Iterator[tuple[str, list[str]]]:
    """Each `await` of a function, and the lines that it stands on."""
    source = textwrap.dedent(inspect.getsource(function))
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Await):
            yield ast.unparse(node), [line.strip() for line in lines[node.lineno - 1 : node.end_lineno]]


def test_the_innocent_are_shown_something_in_each_room():
    isolation = Isolation(calm(), 1, fronts=("order",))
    played = isolation.run()
    welcomed = {event.client for event in played.world.trace.of(tr.Welcomed)}
    assert welcomed == set(played.world.clients) and len(played.apart) == 3
    assert all(len(sent) > 40 for sent in played.sent().values())
    assert {event.client for event in played.world.trace.of(tr.AnswerIn)} >= {"c1", "c2", "c3"}
