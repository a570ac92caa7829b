"""Plans of parlour rooms, made by the compiler's own stages from a routing file."""

import tempfile
from functools import cache
from pathlib import Path

from server.routing.plan import Deployment, Plan, load_plan

TEXT = """
roomwright: 1
rooms:
  parlour:
    game: tests.server.rooms.parlour:Parlour
    tick_hz: {tick_hz}
    send_hz: {send_hz}
    seats: {seats}
    teams: {teams}
    entities: {{guests: 8, cards: 8}}
    spectators: {{limit: 20, delay: {delay}, sees: {sees}}}
    start: {{min_players: {min_players}{bots}}}
    reconnect_grace: {grace}
    dispose_when_empty: 3s
    frames: {{window: 3, rung: {{every: 8, span: 32}}, keyframe_every: 60}}
    chat: {{rate: 50/s, length: 40, history: {history}}}
routes:
  play:
    path: /ws/{{room}}
    room: parlour
    role: player
    groups: [public, team, seat]
    accepts: {{input: {{rate: 200/s, burst: 400}}, chat: {{rate: 50/s}}, leave: {{}}}}
  bot:
    path: /ws/{{room}}/bot
    room: parlour
    role: bot
    groups: [public, team, seat]
    accepts: {{input: {{rate: 200/s, burst: 400}}, leave: {{}}}}
  watch:
    path: /ws/{{room}}/watch
    room: parlour
    role: spectator
    groups: [public, spectators]
    accepts: {{chat: {{rate: 50/s}}, leave: {{}}}}
"""


@cache
def plan_of(
    *,
    seats: int = 6,
    teams: str = "[red, blue]",
    delay: str = "0s",
    sees: str = "public",
    bots: int = 0,
    policy: str = "tests.server.rooms.parlour:Clerk",
    grace: str = "2s",
    history: int = 50,
    min_players: int = 1,
    tick_hz: int = 40,
    send_hz: int = 20,
    same_player: str = "new_seat",
) -> Plan:
    """The plan of one parlour room with three routes."""
    filled = TEXT.format(
        seats=seats, teams=teams, delay=delay, sees=sees, grace=grace, history=history, min_players=min_players,
        bots=f", bots: {{policy: '{policy}', fill_to: {bots}}}" if bots else "", tick_hz=tick_hz, send_hz=send_hz,
    ).replace("    dispose_when_empty", f"    same_player: {same_player}\n    dispose_when_empty")  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "routing.yaml"
        path.write_text(filled, encoding="utf-8")
        plan = load_plan(path, Deployment())
    assert isinstance(plan, Plan), plan
    return plan
