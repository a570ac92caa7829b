"""What a viewer makes of several sections."""

from typing import Any

from game.contract import Seat
from game.fields import SEAT
from game.rng import Rng
from game.schema import RoomRow, schema_of
from game.tracker import PUBLIC_SECTION, Section, Tracker
from game.view import View
from tests.server.rooms.parlour import Parlour


def test_two_slots_see_the_hidden_entities_of_both_seats():
    """Found by the oracle of O6: each seat's section counts its own wire ids, and equal ones were taken for one entity."""
    schema, game = schema_of(Parlour), Parlour(20, 4, ())
    world: Any = game.setup(None, Rng(1, 1))
    for number in (2, 3):
        game.join(world, Seat(number, "Ada", None, False), Rng(1, 1))
    tracker = Tracker(schema)
    tracker.advance(
        {"_room": RoomRow("playing", ""), "_seats": {}, "world": world, "guests": world.guests, "cards": world.cards}
    )
    view = View(schema, 2)
    for section in (PUBLIC_SECTION, Section(SEAT, 2), Section(SEAT, 3)):
        view.apply(section, tracker.key(section))
    assert {card.key: card.face for card in view.all("cards")} == {"seat:2/1": "face-2-1", "seat:3/1": "face-3-2"}
    view.keep_only((PUBLIC_SECTION, Section(SEAT, 3)))
    assert {card.key: card.face for card in view.all("cards")} == {"seat/1": "face-3-2"}
