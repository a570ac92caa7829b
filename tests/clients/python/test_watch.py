"""The terminal view shows any game: phase, roster, a map, tables, chat, and no markup that a player could smuggle in."""

import io

import pytest
from msgspec.structs import replace
from rich.console import Console

from clients.python import connect
from clients.python.braille import Canvas
from clients.python.watch import picture
from game.wire import messages as m
from tests.clients.python.dots import Move
from tests.clients.python.loopback import Loopback
from tests.support.waiting import until


def printed(room) -> str:
    console = Console(file=io.StringIO(), width=120, color_system=None)
    console.print(picture(room))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


async def test_the_picture_of_a_room(server: Loopback):
    async with (
        connect(server.url, game="dots", room="K7", name="Ann [bold]") as player,
        connect(server.url, room="K7", role="spectator") as room,
    ):
        await player.answer(await player.send(Move(60, 60)))
        await player.say("hello [red]there")
        await until("all of it", lambda: room.chat and room.view.all("dots")[0].x == 60)
        shown = printed(room)
        for expected in (
            "room K7",
            "dots.spectator",
            "playing",
            "Ann [bold]",
            "seat 0: hello [red]there",
            "moves 1",
            "60",
        ):
            assert expected in shown
        assert "ink" not in shown
        lines = [line for line in shown.splitlines() if line.startswith("│")][:20]
        assert [(row, line.index("0")) for row, line in enumerate(lines) if "0" in line[:57]] == [(16, 45)]


EVIL = "\x1b]0;owned\x07\x9b2J\u202e\u2066\ud83d\u2028"


async def test_what_a_server_passes_on_drives_no_terminal(server: Loopback):
    """This server cleans nothing."""
    async with (
        connect(server.url, game="dots", room="K7", name=f"Ann{EVIL}") as player,
        connect(server.url, room="K7", role="spectator") as room,
    ):
        await player.answer(await player.send(Move(60, 60)))
        await until("all of it", lambda: room.view.all("dots")[0].x == 60)
        room.client.chat.append(m.ChatLine(1, f"Ann{EVIL}", "player", f"hello [red]{EVIL}"))
        room.client.goodbye = m.Goodbye(4403, f"name{EVIL}", f"reason{EVIL}")
        room.client.welcome = replace(room.welcome, room=f"K7{EVIL}", route=f"[bold]{EVIL}")
        room.view.roster[0].__dict__["name"] = f"Ann{EVIL}"
        room.view.room.phase = f"playing{EVIL}"
        room.view.world.title = EVIL
        room.view.all("dots")[0].__dict__["label"] = f"[link]{EVIL}"
        shown = printed(room)
    assert not set(shown) & set(EVIL) - set("]0;owned2J")
    for expected in ("Ann\\x1b]0;owned\\x07", "hello [red]\\x1b]0", "reason\\x1b", "[bold]\\x1b", "[link]\\x1b"):
        assert expected in "".join(shown.split("\n")), shown


async def test_a_room_that_is_over_says_so(server: Loopback):
    async with connect(server.url, game="dots") as room:
        pass
    assert "over" in printed(room)
    assert "goodbye 1000 normal" in printed(room)


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [(0, 0, "⠁   "), (0.124, 0.26, "⠂   "), (0.13, 0.99, "⢀   "), (1, 1, "   ⢀"), (0.5, 0, "  ⠁ ")],
)
def test_dots_land_in_their_cell(x: float, y: float, expected: str):
    canvas = Canvas(4, 1, 0, 1, 0, 1)
    canvas.dot(x, y)
    assert "".join(character for character, _ in canvas.cells()[0]) == expected.replace("   ⢀", "   ⢀")


def test_what_is_outside_or_no_number_is_left_out():
    canvas = Canvas(2, 1, 0, 1, 0, 1)
    for x, y in ((-0.1, 0), (0, 1.1), (float("nan"), 0)):
        canvas.dot(x, y)
        canvas.letter(x, y, "A")
    assert canvas.cells() == [[(" ", ""), (" ", "")]]


def test_dots_of_one_cell_add_up_and_a_letter_covers_them():
    canvas = Canvas(1, 1, 0, 1, 0, 1)
    canvas.dot(0, 0)
    canvas.dot(0.9, 0.9, "red")
    assert canvas.cells() == [[("⢁", "red")]]
    canvas.letter(0.5, 0.5, "A", "blue")
    assert canvas.cells() == [[("A", "blue")]]
