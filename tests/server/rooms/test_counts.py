"""How many are in a loop's rooms, as its notes to the directory tell: what changed, once, and never more than fits a query."""

from typing import Any

from attrs import define, field

from server.relay import envelope as e
from server.rooms.counts import NOTED_AT_ONCE_MAX, CountNotes, Counts


@define(eq=False)
class Facts:
    incarnation: str
    epoch: int = 1


@define(eq=False)
class Held:
    """In a room's place."""

    facts: Facts
    players: int = 0
    bots: int = 0
    spectators: int = 0

    def info(self) -> e.RoomInfo:
        counts = self.players, self.bots, self.spectators
        return e.RoomInfo(self.facts.incarnation, "K7", "duel", *counts, 8, "open", 1)


@define(eq=False)
class Desk:
    """In the directory's place."""

    rooms: list[Held]
    written: list[Counts] = field(factory=list)
    is_broken: bool = False
    notes: CountNotes = field(init=False)

    def __attrs_post_init__(self) -> None:
        rooms: Any = lambda: self.rooms  # noqa: E731
        self.notes = CountNotes(rooms, self.write)

    async def write(self, counts: Counts) -> None:
        if self.is_broken:
            raise OSError("the database is away")
        self.written.append(dict(counts))


async def test_only_what_changed_is_written_and_all_of_it_at_once():
    desk = Desk([Held(Facts("a")), Held(Facts("b"), 3), Held(Facts("c", 2), 1, 2, 3)])
    await desk.notes.note()
    await desk.notes.note()
    assert desk.written == [{("b", 1): (3, 0, 0), ("c", 2): (1, 2, 3)}]
    desk.rooms[0].spectators, desk.rooms[1].players = 5, 0
    await desk.notes.note()
    assert desk.written[1:] == [{("a", 1): (0, 0, 5), ("b", 1): (0, 0, 0)}]


async def test_a_room_that_is_taken_anew_is_noted_under_its_new_epoch():
    desk = Desk([Held(Facts("a"), 2)])
    await desk.notes.note()
    desk.rooms[0].facts.epoch = 2
    await desk.notes.note()
    assert desk.written == [{("a", 1): (2, 0, 0)}, {("a", 2): (2, 0, 0)}]
    desk.rooms.clear()
    await desk.notes.note()
    assert desk.notes._noted == {}


async def test_what_could_not_be_written_is_written_the_next_time():
    desk = Desk([Held(Facts("a"), 2)], is_broken=True)
    await desk.notes.note()
    desk.is_broken = False
    await desk.notes.note()
    await desk.notes.note()
    assert desk.written == [{("a", 1): (2, 0, 0)}]


async def test_beyond_what_fits_a_query_the_rest_comes_next():
    desk = Desk([Held(Facts(f"room-{n}"), 1) for n in range(NOTED_AT_ONCE_MAX + 7)])
    for _ in range(3):
        await desk.notes.note()
    assert [len(counts) for counts in desk.written] == [NOTED_AT_ONCE_MAX, 7]
    assert len({key for counts in desk.written for key in counts}) == NOTED_AT_ONCE_MAX + 7
