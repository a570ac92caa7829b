"""Views without a wire: one tracker follows a world, and each seat's view gets the patches of its own sections, no others."""

from collections.abc import Iterable
from typing import Any

from attrs import define, field

from game.contract import Event, Game
from game.fields import SEAT, TEAM
from game.schema import RoomRow, schema_of
from game.tracker import PUBLIC_SECTION, Section, Tracker
from game.view import View


@define
class Viewers:
    """The seats of one headless match and what each of them sees."""

    game: Game
    world: Any
    tracker: Tracker = field(init=False)
    views: dict[int, View] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.tracker = Tracker(schema_of(type(self.game)))

    def show(self, seats: Iterable[int], events: Iterable[Event] = ()) -> None:
        """Cuts a frame and brings the views of these seats up to date; a newcomer gets keys."""
        self.tracker.advance(self._sources(), events, is_forced=True)
        base = self.tracker.seq - 1
        cut: dict[Section, Any] = {}
        seats = list(seats)
        for left_out in self.views.keys() - set(seats):
            del self.views[left_out]  # it would miss this frame, and the next one's patch begins there
        for seat in seats:
            view = self.views.setdefault(seat, View(self.tracker.schema, seat))
            sections = self._sections(seat)
            view.keep_only(sections)
            for section in sections:
                if section not in view.sections:
                    view.apply(section, self.tracker.key(section))
                    continue
                if section not in cut:
                    cut[section] = self.tracker.patch(section, base)
                view.apply(section, cut[section])

    def _sections(self, seat: int) -> list[Section]:
        team = self.game.team_of(self.world, seat)
        return [PUBLIC_SECTION, Section(SEAT, seat), *([] if team is None else [Section(TEAM, team)])]

    def _sources(self) -> dict[str, Any]:
        sources: dict[str, Any] = {"_room": RoomRow(), "_seats": {}, "world": self.world}
        for collection in self.tracker.schema.collections:
            if collection.name not in sources:
                sources[collection.name] = getattr(self.world, collection.name)
        return sources
