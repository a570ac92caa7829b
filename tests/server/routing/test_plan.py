"""What the runtime gets: games imported, options built, limits filled in, routes in order."""

from pathlib import Path

import pytest
from attrs.exceptions import FrozenInstanceError

from game.fields import Audience
from game.wire.limits import Overflow
from server.routing.plan import Accept, Deployment, Plan, load_plan
from server.routing.problems import Problems
from server.routing.spec import Admit, Role, Sees
from server.routing.units import Rate

SPEC = """
roomwright: 1
rooms:
  demo:
    game: outside_games.sample:Sample
    options: {size: 7, inner: {depth: 2}}
    teams: [red, blue]
    spectators: {limit: 9, delay: 1500ms, sees: everything}
    start: {min_players: 2, bots: {policy: outside_games.sample:Still, fill_to: 6}}
    chat: {rate: 2/s}
    matchmaking: {by: [mode]}
routes:
  demo.play:
    path: /ws/demo/{room}
    room: demo
    role: player
    admit: account
    groups: [team, seat]
    accepts: {input: {rate: 40/s, burst: 80, overflow: close, size: 2KiB}, chat: {}, leave: {}}
  demo.watch:
    path: /ws/demo/{room}/watch
    room: demo
    role: spectator
    groups: [spectators]
    accepts: {chat: {rate: 1/5s}}
"""


@pytest.fixture
def plan(outside: Path, tmp_path: Path) -> Plan:
    path = tmp_path / "spec.yaml"
    path.write_text(SPEC, encoding="utf-8")
    plan = load_plan(path, Deployment())
    assert isinstance(plan, Plan), str(plan)
    return plan


def test_a_room_is_ready_to_run(plan: Plan) -> None:
    room = plan.rooms["demo"]
    game = room.game_class(tick_hz=room.tick_hz, seats=room.seats, teams=room.teams)
    assert type(game).__name__ == "Sample"
    assert (room.options.size, room.options.speed, room.options.inner.depth) == (7, 1.0, 2)
    assert (room.tick_hz, room.send_hz, room.seats, room.teams) == (60, 20, 16, ("red", "blue"))
    assert room.spectators is not None
    assert (room.spectators.limit, room.spectators.delay_s, room.spectators.sees) == (9, 1.5, Sees.EVERYTHING)
    assert room.schema.sees_everything
    assert room.start.bots is not None
    assert (room.start.min_players, room.start.bots.fill_to) == (2, 6)
    assert room.start.bots.policy().act(None, 0, None) is None  # type: ignore[arg-type]  # it looks at nothing
    frames = room.frames
    assert (frames.window, frames.rung_every, frames.rung_span, frames.keyframe_every) == (3, 8, 32, 60)


def test_routes_stand_in_the_order_of_the_file(plan: Plan) -> None:
    play, watch = plan.routes
    assert (play.name, play.role, play.admit, play.room) == (
        "demo.play",
        Role.PLAYER,
        Admit.ACCOUNT,
        plan.rooms["demo"],
    )
    assert play.groups == (Audience.PUBLIC, Audience.TEAM, Audience.SEAT)
    assert watch.groups == (Audience.PUBLIC, Audience.SPECTATORS)
    assert play.match("/ws/demo/K7") == {"room": "K7"}
    found = plan.match("/ws/demo/K7/watch")
    assert found is not None
    assert found[0] is watch


def test_limits_are_filled_in(plan: Plan) -> None:
    play, watch = plan.routes
    assert play.accepts["input"] == Accept(Rate(40, 1.0), 80, Overflow.CLOSE, 2_048)
    assert play.accepts["chat"] == Accept(Rate(2, 1.0), 4, Overflow.REFUSE, 8_192)
    assert play.accepts["leave"] == Accept(Rate(1, 1.0), 2, Overflow.REFUSE, 1_024)
    assert watch.accepts.keys() == {"chat"}
    assert watch.accepts["chat"].burst == 1


def test_a_plan_does_not_change(plan: Plan) -> None:
    with pytest.raises(FrozenInstanceError):
        plan.rooms["demo"].seats = 3  # type: ignore[misc]


def test_the_environment_names_the_deployment() -> None:
    environ = {"ROOMWRIGHT_LAYER": "redis://localhost:6379/0", "ROOMWRIGHT_PREFIX": "eu"}
    assert Deployment.from_environ(environ) == Deployment("redis://localhost:6379/0", "eu")
    assert Deployment.from_environ({"ROOMWRIGHT_LAYER": ""}) == Deployment("memory://", "roomwright")


def test_the_file_s_directory_is_not_on_the_path(tmp_path: Path) -> None:
    (tmp_path / "neighbour.py").write_text("class Game: pass\n", encoding="utf-8")
    path = tmp_path / "spec.yaml"
    path.write_text(SPEC.replace("outside_games.sample:Sample", "neighbour:Game"), encoding="utf-8")
    plan = load_plan(path, Deployment())
    assert isinstance(plan, Problems)
    assert "no module 'neighbour'" in str(plan)
