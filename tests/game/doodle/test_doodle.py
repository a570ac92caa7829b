"""The quickstart game: cursors, ink, the bound on dots, determinism, and its bot."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from game.contract import Seat
from game.doodle import Doodle
from game.doodle.bots import Scribbler
from game.doodle.rules import DoodleOptions, Move, Page
from game.rng import Rng
from tests.game.viewers import Viewers

QUARTERS = st.integers(0, 4000).map(lambda n: n / 4)
MOVES = st.lists(st.tuples(st.integers(0, 4), st.builds(Move, QUARTERS, QUARTERS, st.booleans())), max_size=40)


def page_of(seats: int, dots: int = 600) -> tuple[Doodle, Page, Rng]:
    game, rng = Doodle(), Rng.from_seed(1)
    page = game.setup(DoodleOptions(dots), rng)
    for number in range(seats):
        game.join(page, Seat(number, f"hand {number}"), rng)
    return game, page, rng


def test_a_cursor_moves_and_draws_only_with_its_pen_down() -> None:
    game, page, rng = page_of(2)
    game.step(page, [(0, Move(10.0, 20.0, False)), (1, Move(30.0, 40.0, True))], 0, rng)
    assert (page.cursors[0].x, page.cursors[0].y) == (10.0, 20.0)
    assert [(dot.x, dot.y, dot.colour) for dot in page.dots.values()] == [(30.0, 40.0, 1)]


def test_the_oldest_dots_make_room() -> None:
    game, page, rng = page_of(1, dots=3)
    for n in range(5):
        game.step(page, [(0, Move(float(n), 0.0, True))], n, rng)
    assert [dot.x for dot in page.dots.values()] == [2.0, 3.0, 4.0]


def test_who_leaves_takes_the_cursor_and_not_the_ink() -> None:
    game, page, rng = page_of(2)
    game.step(page, [(0, Move(1.0, 1.0, True))], 0, rng)
    game.leave(page, 0, "left")
    game.step(page, [(0, Move(2.0, 2.0, True))], 1, rng)
    assert list(page.cursors) == [1]
    assert len(page.dots) == 1


def test_everybody_sees_every_cursor_and_knows_their_own() -> None:
    game, page, _ = page_of(3)
    viewers = Viewers(game, page)
    viewers.show(range(3))
    assert [cursor.name for cursor in viewers.views[1].all("cursors")] == ["hand 0", "hand 1", "hand 2"]
    assert [cursor.seat for cursor in viewers.views[1].mine("cursors")] == [1]


@given(moves=MOVES)
def test_a_decoded_page_steps_like_the_original(moves: list[tuple[int, Move]]) -> None:
    game, page, rng = page_of(3, dots=5)
    game.step(page, moves[:20], 0, rng)
    copy = msgspec.msgpack.decode(msgspec.msgpack.encode(page), type=Page)
    game.step(page, moves[20:], 1, rng)
    game.step(copy, moves[20:], 1, rng)
    assert msgspec.msgpack.encode(copy) == msgspec.msgpack.encode(page)
    assert len(page.dots) <= 5


def test_the_scribbler_draws_all_over_the_page() -> None:
    game, page, rng = page_of(1)
    viewers, bot, chance = Viewers(game, page), Scribbler(), Rng.from_seed(2)
    for tick in range(600):
        viewers.show([0])
        move = bot.act(viewers.views[0], tick, chance)
        assert move is not None
        game.step(page, [(0, move)], tick, rng)
    assert len(page.dots) > 100
    assert max(dot.x for dot in page.dots.values()) - min(dot.x for dot in page.dots.values()) > 300.0
    assert viewers.tracker.clamped == {}
