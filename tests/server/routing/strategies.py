"""Hypothesis strategies for specs: valid ones as values, texts near valid ones, and structured garbage.

A valid spec plays the games of `outside`; take the fixture `outside` where it is to be planned.
"""

import string
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from game.fields import Audience
from game.wire.limits import Overflow
from server.routing.spec import (
    AcceptSpec,
    AcceptsSpec,
    Admit,
    BotsSpec,
    ChatSpec,
    Durability,
    LadderSpec,
    MatchmakingSpec,
    Prefer,
    Role,
    RoomSpec,
    RouteSpec,
    RungSpec,
    SamePlayer,
    Sees,
    Spec,
    SpectatorSpec,
    StartSpec,
)
from server.routing.units import Rate

LETTERS = string.ascii_letters + string.digits

names = st.text(LETTERS + "-_", max_size=20).map(lambda text: f"r{text}")
team_names = st.text(LETTERS + "_", max_size=8).map(lambda text: f"t{text}")
rates = st.builds(Rate, st.integers(1, 100), st.sampled_from([0.5, 1.0, 10.0, 60.0]))
burst = st.none() | st.integers(1, 10_000)
sizes = st.none() | st.integers(16, 65_536)
accept = st.builds(AcceptSpec, st.none() | rates, burst, st.sampled_from(Overflow), sizes)
ladders = st.builds(
    lambda window, every, more, extra: LadderSpec(window, RungSpec(every, max(window, every) + more), every + extra),
    st.integers(1, 64),
    st.integers(1, 60),
    st.integers(1, 400),
    st.integers(0, 500),
)
chats = st.builds(ChatSpec, rates, st.integers(1, 2_000), st.integers(0, 1_000))
texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
options = st.fixed_dictionaries(
    {},
    optional={
        "size": st.integers(-(2**63) + 1, 2**63 - 1),
        "speed": st.floats(0.001, 1e300, allow_nan=False),
        "mode": texts,
        "inner": st.fixed_dictionaries({}, optional={"depth": st.integers(-5, 5)}),
    },
)


def milliseconds(high_s: int, low_ms: int = 0) -> SearchStrategy[float]:
    return st.integers(low_ms, high_s * 1_000).map(lambda ms: ms / 1_000)


@st.composite
def spectators(draw: st.DrawFn) -> SpectatorSpec:
    sees = draw(st.sampled_from(Sees))
    delay_s = draw(milliseconds(600, low_ms=1 if sees is Sees.EVERYTHING else 0))
    return SpectatorSpec(draw(st.integers(1, 100_000)), delay_s, sees)


@st.composite
def rooms(draw: st.DrawFn) -> RoomSpec:
    """A valid room of the game `Sample`."""
    send_hz = draw(st.integers(1, 60))
    seats = draw(st.integers(2, 64))
    bots = st.builds(BotsSpec, st.just("outside_games.sample:Still"), st.integers(1, seats))
    teams = draw(st.lists(team_names, min_size=2, max_size=min(8, seats), unique=True).map(tuple) | st.just(()))
    return RoomSpec(
        game="outside_games.sample:Sample",
        options=draw(options),
        tick_hz=send_hz * draw(st.integers(1, 240 // send_hz)),
        send_hz=send_hz,
        seats=seats,
        teams=teams,
        entities=draw(st.just({}) | st.just({"dots": 9})),
        spectators=draw(st.none() | spectators()),
        start=StartSpec(draw(st.integers(1, seats)), draw(st.none() | bots)),
        reconnect_grace_s=draw(milliseconds(3_600)),
        dispose_when_empty_s=draw(milliseconds(86_400)),
        frames=draw(ladders),
        durability=Durability.NONE,
        chat=draw(st.none() | chats),
        matchmaking=draw(
            st.none() | st.builds(MatchmakingSpec, st.just(("mode",)) | st.just(()), st.sampled_from(Prefer))
        ),
        same_player=draw(st.sampled_from(SamePlayer)),
    )


@st.composite
def routes(draw: st.DrawFn, name: str, room: RoomSpec, number: int) -> RouteSpec:
    """A valid route into a room; `number` makes its path its own."""
    role = draw(st.sampled_from([Role.PLAYER, Role.BOT] + ([Role.SPECTATOR] if room.spectators else [])))
    is_watching = role is Role.SPECTATOR
    groups: tuple[Audience, ...] = (
        (Audience.PUBLIC, Audience.SPECTATORS) if is_watching else (Audience.SEAT, Audience.PUBLIC)
    )
    if room.teams and not is_watching and draw(st.booleans()):
        groups = (*groups, Audience.TEAM)
    chat = draw(st.none() | accept) if room.chat else None
    accepts = AcceptsSpec(None if is_watching else draw(st.none() | accept), chat, draw(st.none() | accept))
    path = draw(st.sampled_from([f"/ws/{number}/{{room}}", f"/{{room}}/{number}", f"/ws/{name}/{{room}}/{number}"]))
    return RouteSpec(path, name, role, draw(st.sampled_from(Admit)), groups, accepts)


@st.composite
def specs(draw: st.DrawFn) -> Spec:
    """A valid spec."""
    found = draw(st.dictionaries(names, rooms(), min_size=1, max_size=3))
    into = draw(st.lists(st.sampled_from(sorted(found)), min_size=1, max_size=4))
    made = {f"{name}.{number}": draw(routes(name, found[name], number)) for number, name in enumerate(into)}
    return Spec(1, found, made)


atoms = st.none() | st.booleans() | st.integers() | st.floats() | texts | st.sampled_from(["{room}", "/", "1/s", "a:B"])
garbage: SearchStrategy[Any] = st.recursive(
    atoms, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts | atoms, inner, max_size=4), max_leaves=20
)


@st.composite
def mutated(draw: st.DrawFn, text: str) -> str:
    """A text with up to four lines or characters taken out, doubled, swapped or replaced."""
    for _ in range(draw(st.integers(1, 4))):
        text = draw(st.sampled_from([mutate_line, mutate_character]))(draw, text)
    return text


def mutate_line(draw: st.DrawFn, text: str) -> str:
    lines = text.split("\n")
    at, other = draw(st.integers(0, len(lines) - 1)), draw(st.integers(0, len(lines) - 1))
    changes = [lines[:at] + lines[at + 1 :], [*lines[:at], lines[other], *lines[at:]]]
    return "\n".join(draw(st.sampled_from(changes)))


def mutate_character(draw: st.DrawFn, text: str) -> str:
    at = draw(st.integers(0, len(text)))
    new = draw(
        st.sampled_from(
            ["", " ", "\t", "\n", ":", "-", "{", "}", "[", "]", "&a ", "*a", "!x ", "'", '"', "#", "0", "|"]
        )
    )
    return text[:at] + new + text[at + draw(st.integers(0, 2)) :]


@st.composite
def replaced(draw: st.DrawFn, data: Any) -> Any:
    """Plain data with one value somewhere in it replaced by garbage."""
    if isinstance(data, dict) and data and draw(st.integers(0, 5)):
        key = draw(st.sampled_from(sorted(data, key=str)))
        return {**data, key: draw(replaced(data[key]))}
    if isinstance(data, list) and data and draw(st.booleans()):
        at = draw(st.integers(0, len(data) - 1))
        return [*data[:at], draw(replaced(data[at])), *data[at + 1 :]]
    return draw(garbage)
