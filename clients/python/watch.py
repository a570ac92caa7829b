"""A live view of any room in a terminal: what the schema names is what it shows. It knows no game.

`picture` makes one screen from a room and is what the tests read; `watch` shows it live or prints it once.
"""

from collections.abc import Iterable
from typing import Any

from rich import box
from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from clients.python import clock
from clients.python.braille import Canvas
from clients.python.room import Room
from game.fields import FieldSpec, Kind
from game.schema import NO_TEAM, Schema
from game.text import escaped
from game.view import Entity, View

MAP_COLUMNS, MAP_ROWS = 56, 20
ROWS_SHOWN = 12
FIELDS_SHOWN = 8
CHAT_SHOWN = 6
SHOW_HZ = 8.0
LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
STYLES = ("cyan", "yellow", "magenta", "green", "blue", "red", "white")
TEAM_STYLES = ("bold red", "bold blue", "bold green", "bold yellow")


async def watch(room: Room, console: Console) -> None:
    """Shows the room live until it ends."""
    with Live(picture(room), console=console, auto_refresh=False, screen=console.is_terminal) as live:
        while not room.is_over:
            live.update(picture(room), refresh=True)
            await clock.sleep_until(clock.monotonic() + 1.0 / SHOW_HZ)
    console.print(picture(room))


async def watch_frames(room: Room, console: Console, frames: int) -> None:
    """Prints the room as it is after so many frames."""
    async for _frame in room.frames():
        if room.metrics.frames >= frames:
            break
    console.print(picture(room))


def picture(room: Room) -> RenderableType:
    """One screen: header, map and roster, tables, chat."""
    view = room.view
    parts: list[RenderableType] = [_header(room)]
    pictures = [drawn for drawn in (_map(view), _roster(view)) if drawn is not None]
    parts.append(Columns(pictures, padding=(0, 2)))
    parts += [table for name in _collections(view.schema) if (table := _table(view, name)) is not None]
    if room.chat:
        parts.append(_chat(room))
    return Group(*parts)


def _header(room: Room) -> RenderableType:
    welcome, metrics, view = room.welcome, room.metrics, room.view
    phase = view.room.phase if "phase" in view.room.__dict__ else "?"
    state = "live" if room.is_live else "over" if room.is_over else "reconnecting"
    rtt = "–" if room.rtt_ms is None else f"{room.rtt_ms:.0f} ms"
    facts = [
        f"room {welcome.room}",
        welcome.route,
        welcome.role,
        phase,
        f"tick {room.tick}",
        state,
        f"{metrics.frames_per_s:.1f} fps",
        f"ping {rtt}",
        f"{metrics.frames} frames",
        f"{room.client.resyncs} resyncs",
    ]
    lines = [_text(" · ".join(facts), "bold")]
    world = _values(view.world)
    if world:
        lines.append(_text("  ".join(f"{name} {_shown(value)}" for name, value in world.items()), "dim"))
    if room.goodbye is not None:
        lines.append(_text(f"goodbye {room.goodbye.code} {room.goodbye.name} {room.goodbye.reason}", "red"))
    return Group(*lines)


def _roster(view: View) -> RenderableType:
    table = Table(box=box.SIMPLE, title="seats", title_justify="left")
    for heading in ("seat", "name", "team", ""):
        table.add_column(heading)
    for seat in view.roster[: 2 * ROWS_SHOWN]:
        marks = ("bot " if seat.is_bot else "") + ("" if seat.is_connected else "away")
        team = "" if seat.team == NO_TEAM else str(seat.team)
        table.add_row(_letter(seat.number), _text(seat.name), team, marks, style=_team_style(seat.team))
    return table


def _map(view: View) -> RenderableType | None:
    """Every collection with an x and a y: seats' letters for the first one that has owners, dots for the others."""
    placed = [name for name in _collections(view.schema) if {"x", "y"} <= _specs(view.schema, name).keys()]
    if not placed:
        return None
    specs = [_specs(view.schema, name)[axis] for name in placed for axis in ("x", "y")]
    low, high = min(spec.min for spec in specs), max(spec.min + spec.steps * spec.step for spec in specs)
    canvas = Canvas(MAP_COLUMNS, MAP_ROWS, low, high, low, high)
    owned = next((name for name in placed if _owner(view.schema, name) is not None), None)
    for index, name in reversed(list(enumerate(placed))):
        owner = _owner(view.schema, name) if name == owned else None
        for entity in view.all(name):
            _draw(canvas, entity, owner, STYLES[index % len(STYLES)])
    text = Text()
    for row in canvas.cells():
        for character, style in row:
            text.append(character, style)
        text.append("\n")
    text.right_crop(1)
    return Panel(text, width=MAP_COLUMNS + 2, padding=0, title=_text("  ".join(placed)), title_align="left")


def _draw(canvas: Canvas, entity: Entity, owner: str | None, style: str) -> None:
    values = entity.__dict__
    if "x" not in values or "y" not in values:
        return
    seat = values.get(owner) if owner else None
    if isinstance(seat, int) and values.get("is_alive", True):
        canvas.letter(values["x"], values["y"], _letter(seat), _team_style(values.get("team")) or f"bold {style}")
    else:
        canvas.dot(values["x"], values["y"], style)


def _table(view: View, name: str) -> RenderableType | None:
    entities = view.all(name)
    if not entities:
        return None
    fields = list(dict.fromkeys(key for entity in entities for key in _values(entity)))
    table = Table(box=box.SIMPLE, title=_text(f"{name} ({len(entities)})"), title_justify="left")
    for heading in ("id", *fields[:FIELDS_SHOWN]):
        table.add_column(_text(heading), no_wrap=True)
    for entity in entities[:ROWS_SHOWN]:
        shown = _values(entity)
        table.add_row(_text(str(entity.key)), *(_text(_shown(shown.get(f))) for f in fields[:FIELDS_SHOWN]))
    return table


def _chat(room: Room) -> RenderableType:
    lines = [Text.assemble((escaped(f"{line.who}: "), "bold"), escaped(line.text)) for line in room.chat[-CHAT_SHOWN:]]
    return Panel(Group(*lines), title="chat", title_align="left")


def _text(text: str, style: str = "") -> Text:
    """What a server says, as a terminal may show it: nothing in it is obeyed, nor read as markup."""
    return Text(escaped(text), style=style)


def _collections(schema: Schema) -> Iterable[str]:
    return [c.name for c in schema.collections if not c.name.startswith("_") and c.name != "world"]


def _specs(schema: Schema, collection: str) -> dict[str, FieldSpec]:
    tables = [table for table in schema.tables if table.collection == collection]
    numbers = (Kind.NUM, Kind.WHOLE)
    return {wire.name: wire.spec for table in tables for wire in table.fields if wire.spec.kind in numbers}


def _owner(schema: Schema, collection: str) -> str | None:
    spec = schema.collection(collection).entities
    return None if spec is None else spec.owner


def _values(entity: Entity) -> dict[str, Any]:
    return {name: value for name, value in entity.__dict__.items() if name != "key"}


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _letter(seat: int) -> str:
    return LETTERS[seat % len(LETTERS)]


def _team_style(team: Any) -> str:
    return TEAM_STYLES[team % len(TEAM_STYLES)] if isinstance(team, int) and 0 <= team < NO_TEAM else ""
