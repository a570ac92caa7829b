"""Every key of routing.yaml: its kind, its default, and what it is for.

`validate` reads by these tables, `explain` writes by them, and the JSON Schema is printed from them. A new key is one
line here and one attribute in `spec`.
"""

from game.fields import Audience
from game.wire.limits import Overflow
from server.routing import spec
from server.routing.kinds import Plain, Text, Whole, Word, duration, rate, size
from server.routing.shapes import DEFAULTS, Key, ListOf, MapOf, Table
from server.routing.units import Rate

REFERENCE = r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*"
ROOM_NAME = Text("letters, digits, - and _, a letter first", pattern=r"[A-Za-z][A-Za-z0-9_-]*")
ROUTE_NAME = Text("letters, digits, - _ and ., a letter first", pattern=r"[A-Za-z][A-Za-z0-9_.-]*")
NAME = Text("a name (letters, digits, _; a letter first)", pattern=r"[A-Za-z][A-Za-z0-9_]{0,31}")

ENTITIES = MapOf(key=NAME, value=Whole(1, 65_536), may_be_empty=True)

SPECTATORS = Table(
    makes=spec.SpectatorSpec,
    keys=(
        Key("limit", Whole(1, 100_000), "How many may watch one room.", 500),
        Key("delay", duration("0s", "10m"), "How far behind the match they are.", 0.0, "delay_s"),
        Key("sees", Word(words=spec.Sees), "public, or everything (which needs a delay).", spec.Sees.PUBLIC),
    ),
)

BOTS = Table(
    makes=spec.BotsSpec,
    keys=(
        Key("policy", Text("module:Class", pattern=REFERENCE), "The bot's policy, as module:Class."),
        Key("fill_to", Whole(1, 64), "Bots join until so many seats are taken, and give way to people."),
    ),
)

START = Table(
    makes=spec.StartSpec,
    keys=(
        Key("min_players", Whole(1, 64), "A match starts when so many people are in.", 1),
        Key("bots", BOTS, "Bots that fill seats.", None),
    ),
)

RUNG = Table(
    makes=spec.RungSpec,
    keys=(
        Key("every", Whole(1, 1_000), "One patch in so many reaches further back.", 8),
        Key("span", Whole(1, 1_000), "How many frames it reaches back.", 32),
    ),
)

FRAMES = Table(
    makes=spec.LadderSpec,
    keys=(
        Key("window", Whole(1, 64), "How many frames back a patch's base is: losing fewer needs no resync.", 3),
        Key("rung", RUNG, "Now and then a patch from further back.", DEFAULTS),
        Key("keyframe_every", Whole(1, 10_000), "One frame in so many is whole, a KEY.", 60),
    ),
)

CHAT = Table(
    makes=spec.ChatSpec,
    keys=(
        Key("rate", rate(), "Lines per person.", Rate(5, 10.0)),
        Key("length", Whole(1, 2_000), "Characters per line.", 240),
        Key("history", Whole(0, 1_000), "Lines a newcomer gets.", 50),
    ),
)

MATCHMAKING = Table(
    makes=spec.MatchmakingSpec,
    keys=(
        Key(
            "by",
            ListOf(item=NAME, high=8),
            "Options of the game that people choose at quick play; rooms fit where they are equal.",
            (),
        ),
        Key("prefer", Word(words=spec.Prefer), "Which of several rooms.", spec.Prefer.FULLEST),
    ),
)

ROOM = Table(
    makes=spec.RoomSpec,
    keys=(
        Key("game", Text("module:Class", pattern=REFERENCE), "The rules, as module:Class from any installed package."),
        Key("options", Plain(), "What the game's Options class takes.", {}),
        Key("tick_hz", Whole(1, 240), "Steps of the rules per second; a multiple of send_hz.", 60),
        Key("send_hz", Whole(1, 60), "Frames per second.", 20),
        Key("seats", Whole(1, 64), "Seats of one room.", 16),
        Key("teams", ListOf(item=NAME, high=8), "Names of the teams; empty: everyone alone.", ()),
        Key("entities", ENTITIES, "How many of a collection at most, for the budget; absent: seats, or 64.", {}),
        Key("spectators", SPECTATORS, "Who may watch; absent: nobody.", None),
        Key("start", START, "When a match starts, and which bots fill it.", DEFAULTS),
        Key("reconnect_grace", duration("0s", "1h"), "How long a lost seat is kept.", 30.0, "reconnect_grace_s"),
        Key(
            "same_player",
            Word(words=spec.SamePlayer),
            "A player who comes again without its resume token: a new_seat, its own (take_over), or a refusal (refuse).",
            spec.SamePlayer.NEW_SEAT,
        ),
        Key("dispose_when_empty", duration("0s", "24h"), "When an empty room ends.", 60.0, "dispose_when_empty_s"),
        Key("frames", FRAMES, "Which frames are patches, from how far back, and which are whole.", DEFAULTS),
        Key("durability", Word(words=spec.Durability), "What survives a crash of its process.", spec.Durability.NONE),
        Key("chat", CHAT, "The room's chat; absent: none.", None),
        Key("matchmaking", MATCHMAKING, "How quick play picks a room; absent: the fullest with a place.", None),
    ),
)


def accept(default: Overflow) -> Table:
    """Limits of one kind of message."""
    return Table(
        makes=spec.AcceptSpec,
        keys=(
            Key("rate", rate(), "How many, on average; absent: see docs/routing.md.", None),
            Key("burst", Whole(1, 10_000), "How many at once; absent: twice the rate of a second.", None),
            Key("overflow", Word(words=Overflow), "What happens to one too many.", default),
            Key("size", size("16B", "64KiB"), "The largest message; absent: see docs/routing.md.", None),
        ),
    )


ACCEPTS = Table(
    makes=spec.AcceptsSpec,
    keys=(
        Key("input", accept(Overflow.DROP_OLDEST), "Inputs of the game.", None),
        Key("chat", accept(Overflow.REFUSE), "Chat lines.", None),
        Key("leave", accept(Overflow.REFUSE), "Giving up the seat, or leaving.", None),
    ),
)

ROUTE = Table(
    makes=spec.RouteSpec,
    keys=(
        Key("path", Text("a path", pattern=".{1,200}"), "The WebSocket's path; {room} stands for the room's code."),
        Key("room", Text("the name of a room"), "Which of `rooms` it leads to."),
        Key("role", Word(words=spec.Role), "As what its connections take part."),
        Key("admit", Word(words=spec.Admit), "Whom it lets in.", spec.Admit.GUEST),
        Key("groups", ListOf(item=Word(words=Audience), high=5), "The audiences it joins; public is everyone's."),
        Key("accepts", ACCEPTS, "What its connections may send; anything else is refused."),
    ),
)

SPEC = Table(
    makes=spec.Spec,
    keys=(
        Key("roomwright", Whole(1, 1, expected="1"), "The version of this format."),
        Key("rooms", MapOf(key=ROOM_NAME, value=ROOM), "Room types by name."),
        Key("routes", MapOf(key=ROUTE_NAME, value=ROUTE), "Routes by name; the first that matches a path serves it."),
    ),
)
