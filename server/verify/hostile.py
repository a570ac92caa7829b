"""Hostile clients: what they do, drawn from a seed and a plan. One connection is a `Visit`: when it comes, what it sends, and when.

`server.verify.strangers` carries visits out. Odd messages come from the message structs themselves (`server.verify.extremes`).
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from random import Random

from attrs import frozen

from game.wire import messages as m
from server.rooms.pace import GRID_S
from server.sockets.connection import rules_of
from server.verify.extremes import NUMBER, Odd, bytes_extremes, json_extremes, oversized, truncated
from server.verify.world import CODE, World

FRONTS = ("fields", "order", "floods", "sizes", "hang-ups", "openings")
EACH_MAX = 14  # odd messages of one connection: fewer than the errors that it may make at once
SETTLED_S = 0.35  # from the hello until a connection is in, whatever it waits for
BETWEEN_S = 0.011
LONG = 1000
MAIN_EVERY = 9  # the seats of everybody's room are for all
VISITS_S = 3.0  # within which the connections of a front come
HANG_UP_EVERY_S = 0.004
HANG_UP_LAST_S = 0.22
OPENINGS = 10
OPENINGS_AT_S = 0.5
SAME = "SAME"  # the room that somebody else opens a moment before
SHARED_ROOMS = 12
OPENING_S = 0.085  # the room is being claimed by then
SAME_S = 0.01, 0.03, 0.04, 0.05, 0.065, 0.085, 0.105  # all along the way of who opened it
HELLO = Odd("hello", "all", "valid", m.encode(m.Hello()))
NOBODYS = m.encode(m.Input(NUMBER, {"type": "nonesuch"}))  # its number and place are right, its body is nobody's
FLOOD_BEYOND = 40  # so many more than any route takes at once

IN_MAIN = ("resyncs", "long lines", "odd inputs")  # floods of everybody's room

Move = tuple[float, str, Odd | None]


@frozen
class Step:
    """Something that a connection does ``at_s`` after it came. ``odd`` is None where it hangs up.

    ``is_inside``: it is to be said in a room; where the room was full, that was not reached.
    """

    at_s: float
    what: str
    odd: Odd | None
    is_inside: bool = False


@frozen
class Visit:
    """One connection, on its way ``begins_s`` after the first one. ``offers`` are its subprotocols."""

    name: str
    front: str
    role: str
    code: str
    gateway: str
    begins_s: float
    offers: tuple[str, ...]
    steps: tuple[Step, ...]


@frozen
class Draft:
    """A visit that has no name yet. ``room``: everybody's ("main"), one for some of the hostile ("shared"), or one that somebody else is
    just opening ("same"), or a "new" one.
    """

    front: str
    role: str
    offers: tuple[str, ...]
    room: str
    steps: Sequence[Step]


# ---- what they do


def visits_of(world: World, seed: int, fronts: Sequence[str], share: int = 1) -> list[Visit]:
    """The visits of a seed. ``share``: only each so many-th odd message is sent, another one for each seed."""
    random = Random(f"{seed} hostile")
    drawn: list[Draft] = []
    schema = world.plan.rooms[world.room].schema
    for front in fronts:
        match front:
            case "fields":
                odds = [*json_extremes(schema), *bytes_extremes(schema)]
                drawn += _odd_visits(front, odds[seed % share :: share])
            case "sizes":
                odds = [*truncated(schema), *oversized(size_max_of(world))]
                drawn += _odd_visits(front, odds[seed % share :: share])
            case "order":
                drawn += _odd_orders()
            case "floods":
                drawn += _floods(_flood_of(world))
            case "hang-ups":
                drawn += _hang_ups(seed, share)
            case "openings":
                drawn += _openings()
    return list(_placed(world, drawn, random))


def _placed(world: World, drawn: Sequence[Draft], random: Random) -> Iterator[Visit]:
    roles = [role for role in ("player", "spectator", "bot") if world.route_of(role) is not None]
    rooms = count(1)
    for number, draft in enumerate(drawn, 1):
        role = draft.role if draft.role in roles else roles[number % len(roles)]
        code = {"new": f"NEW{next(rooms)}", "shared": f"OWN{number % SHARED_ROOMS}", "same": SAME}.get(draft.room, CODE)
        is_at_once = draft.front == "openings"
        begins_s = OPENINGS_AT_S - 0.002 if is_at_once else random.uniform(0.0, VISITS_S)
        if draft.front == "floods":  # it arrives just before other people's messages do
            begins_s = round(begins_s / GRID_S) * GRID_S - 0.0031
        gateway = "gw1" if is_at_once else f"gw{1 + number % world.gateway_count}"
        yield Visit(f"h{number}", draft.front, role, code, gateway, begins_s, draft.offers, tuple(draft.steps))


def _after_hello(steps: Sequence[Move]) -> list[Step]:
    return [
        Step(0.0, "hello", HELLO),
        *(Step(SETTLED_S + at_s, what, odd, is_inside=True) for at_s, what, odd in steps),
    ]


def _odd_visits(front: str, odds: Sequence[Odd]) -> Iterator[Draft]:
    """Odd messages, some on each connection: those of a hello before any other, the rest from inside the room.

    Some connections are in a room of their own, which is older than what others open later; the rest in everybody's.
    """
    for number, mine in enumerate(_gathered(odds)):
        is_hello, is_binary = mine[0].kind == "hello", isinstance(mine[0].data, bytes)
        moves: list[Move] = [(n * BETWEEN_S, odd.name, odd) for n, odd in enumerate(mine)]
        moves.append((len(moves) * BETWEEN_S + 0.8, "hang up", None))
        steps = [Step(*move) for move in moves] if is_hello else _after_hello(moves)
        role = "any" if is_hello else "player"
        room = "main" if number % MAIN_EVERY == 0 and not is_hello else "shared"
        yield Draft(front, role, (m.BIN if is_binary else m.JSON,), room, steps)


def _gathered(odds: Sequence[Odd]) -> Iterator[Sequence[Odd]]:
    """What one connection says: a hello at most, or something that may close it for its length, or a few others of one form."""
    for form in (bytes, str):
        mine = [odd for odd in odds if isinstance(odd.data, form)]
        alone = [odd for odd in mine if odd.kind == "hello" or len(odd.data) > LONG]
        yield from ((odd,) for odd in alone)
        rest = [odd for odd in mine if odd not in alone]
        yield from (rest[at : at + EACH_MAX] for at in range(0, len(rest), EACH_MAX))


def _odd_orders() -> Iterator[Draft]:
    """Valid messages at the wrong time, of the wrong kind of connection, or twice."""
    leave, resync, ping = m.encode(m.Leave()), m.encode(m.Resync()), m.encode(m.Ping(1.0))
    say, ack = m.encode(m.Say("odd")), m.encode(m.Ack(1, 2**40))
    said = {"input": NOBODYS, "chat": say, "leave": leave, "resync": resync, "ack": ack, "ping": ping}
    odd = {what: Odd("order", what, "", data) for what, data in said.items()}
    for offers, room in (((m.BIN,), "main"), ((m.JSON,), "shared")):

        def visit(*steps: Step, role: str = "player", offers: tuple[str, ...] = offers, room: str = room) -> Draft:
            return Draft("order", role, offers, room, steps)

        def inside(*moves: Move, role: str = "player", visit: Callable[..., Draft] = visit) -> Draft:
            return visit(*_after_hello([*moves, (0.4, "hang up", None)]), role=role)

        for what, each in odd.items():
            yield visit(Step(0.0, f"{what} before hello", each))
        joining = [Step(0.005, f"{what} while joining", each) for what, each in odd.items() if what != "leave"]
        yield visit(Step(0.0, "hello", HELLO), *joining, Step(0.6, "hang up", None))
        yield visit(Step(0.0, "hello", HELLO), Step(0.005, "leave while joining", odd["leave"]))
        yield visit(Step(0.0, "hello", HELLO), Step(0.0, "hello twice at once", HELLO))
        yield inside((0.0, "hello twice", HELLO))
        yield inside((0.0, "leave", odd["leave"]), (0.0, "leave twice", odd["leave"]))
        yield inside(*((n * 0.02, "ack of the future", odd["ack"]) for n in range(12)))
        yield inside((0.0, "input of a spectator", odd["input"]), role="spectator")
        empty, bare = Odd("none", "all", "an empty text", ""), Odd("none", "all", "no bytes", b"")
        yield inside(
            (0.0, "an empty text", empty), (0.01, "no bytes", bare), (0.02, "bytes", Odd("ack", "all", "", b"\x12\0\0"))
        )
    yield Draft("order", "player", ("nonesuch",), "main", [Step(0.0, "another subprotocol", HELLO)])
    yield Draft("order", "player", (), "main", [Step(0.0, "no subprotocol", HELLO)])


def size_max_of(world: World) -> int:
    """The most bytes that any of the room's routes takes in one message."""
    routes = [route for route in world.plan.routes if route.room.name == world.room]
    return max(rules_of(route).size_max for route in routes)


def _flood_of(world: World) -> int:
    """More messages than a connection of the room's routes may send at once."""
    routes = [route for route in world.plan.routes if route.room.name == world.room]
    return max(rules_of(route).flood.burst for route in routes) + FLOOD_BEYOND


def _floods(number: int) -> Iterator[Draft]:
    """Very much at once, and much for long."""
    kinds = {
        "pings": m.encode(m.Ping(1.0)),
        "resyncs": m.encode(m.Resync()),
        "schemas": m.encode(m.WantSchema()),
        "acks of the future": m.encode(m.Ack(1, 2**40)),
        "empty lines": m.encode(m.Say(" ")),
        "long lines": m.encode(m.Say("y" * 900)),
        "chat again": m.encode(m.Say(since=0)),
        "notices seen": m.encode(m.Ack(0, 0, tuple(range(100)))),
        "what is no message": "{",
        "odd inputs": NOBODYS,
    }
    for what, data in kinds.items():
        odd = Odd("flood", what, "", data)
        at_once: list[Move] = [(0.0, f"{what} at once", odd)] * number
        for_long: list[Move] = [(n * 0.04, f"{what} for long", odd) for n in range(40)]
        yield Draft("floods", "player", (m.JSON,), "main" if what in IN_MAIN else "shared", _after_hello(at_once))
        yield Draft("floods", "player", (m.BIN,), "shared", _after_hello([*for_long, (1.8, "hang up", None)]))


def _hang_ups(seed: int, share: int) -> Iterator[Draft]:
    """Hang-ups all along the way in, HANG_UP_EVERY_S apart: in a room that is there, and in new ones."""
    rooms = ("new", "main", "new", "shared", "new", "shared")
    for number in range(round(HANG_UP_LAST_S / HANG_UP_EVERY_S)):
        if number % share == seed % share:
            nth = number // share
            offers = ((m.BIN,), (m.JSON,))[nth // 2 % 2]
            at_s = number * HANG_UP_EVERY_S + seed % 4 / 1000.0
            steps = [Step(0.0, "hello", HELLO), Step(at_s, "hang up", None)]
            yield Draft("hang-ups", "player", offers, rooms[nth % len(rooms)], steps)
    for offers in ((m.JSON,), (m.BIN,)):
        yield Draft("hang-ups", "player", offers, "main", [Step(0.0, "hang up", None)])
        yield Draft("hang-ups", "player", offers, "main", [Step(0.05, "hang up", None)])


def hanging_up(name: str, code: str, at_s: float, *, is_binary: bool) -> Visit:
    """A visit that says hello and hangs up a while later."""
    steps = Step(0.0, "hello", HELLO), Step(at_s, "hang up", None)
    return Visit(name, "hang-ups", "player", code, "", 0.0, (m.BIN if is_binary else m.JSON,), steps)


def _openings() -> Iterator[Draft]:
    """New rooms, all opened at once, by people who hang up before any of them is there."""
    for number in range(OPENINGS):
        steps = [Step(0.0, "hello", HELLO), Step(OPENING_S + number * 0.0002, "hang up", None)]
        yield Draft("openings", "player", (m.JSON,), "new", steps)
    for at_s in SAME_S:
        steps = [Step(0.0, "hello", HELLO), Step(at_s, "hang up", None)]
        yield Draft("openings", "player", (m.JSON,), "same", steps)
